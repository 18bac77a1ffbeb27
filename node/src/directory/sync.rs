//! Synchronisation: asking a neighbour for what is newer, or for a node's whole record set, and answering that.
//!
//! Everything received is bounded by the message, by the node, and by the exchange, and is verified here, outside the
//! actor.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use atoll_protocol::{
    directory::{Heads, RecordSet, Summary, SyncReply, SyncRequest},
    identity::NodeId,
    limits,
    sealed::Body,
    service::ServiceRecord,
};
use atoll_registry::services::{Batch, Holding};
use futures::AsyncWriteExt;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};

use super::{
    Command, Directory,
    exchange::{EXCHANGE, PATIENCE, SyncError, ask, receive, send},
};
use crate::net::streams::{Inbound, Substream};

/// How long a neighbour has to take in a goodbye; the whole shutdown has two seconds.
const GOODBYE: Duration = Duration::from_millis(700);
/// Bytes of services in one reply; a larger set spans several.
const PIECE: usize = 256 * 1024;
/// Nodes' record sets handed to the actor at a time.
const BATCHES: usize = 64;

impl Directory {
    /// Asks `peer` and hands the actor what comes back.
    pub(super) async fn synchronise(&self, peer: NodeId, request: &SyncRequest) -> Result<(), SyncError> {
        let answered = async {
            match request {
                SyncRequest::Compare { summary } => self.compare(peer, request, summary).await,
                _ => self.learn(peer, request).await,
            }
        };
        let answered = timeout(PATIENCE, answered).await.map_err(|_| SyncError::Timeout).flatten();
        answered.inspect_err(|error| self.charge(peer, error))
    }

    async fn compare(&self, peer: NodeId, request: &SyncRequest, asked: &Summary) -> Result<(), SyncError> {
        let mut stream = ask(&self.net, peer, self.addresses_of(&peer), request).await?;
        let Some((heads, _)) = receive(&mut stream, Heads::decode).await? else {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        };
        let asked = asked.clone();
        self.commands.send(Command::Compared { peer, asked, heads }).await.map_err(|_| SyncError::Stopped)
    }

    async fn learn(&self, peer: NodeId, request: &SyncRequest) -> Result<(), SyncError> {
        let mut stream = ask(&self.net, peer, self.addresses_of(&peer), request).await?;
        let mut partial: HashMap<NodeId, Pieces> = HashMap::new();
        let mut whole = Vec::new();
        let mut received = 0_usize;
        while let Some((reply, len)) = receive(&mut stream, SyncReply::decode).await? {
            received = received.saturating_add(len);
            if received > EXCHANGE {
                return Err(SyncError::TooMuch);
            }
            let node = reply.set.author();
            let pieces = partial.entry(node).or_default();
            let last = reply.last;
            pieces.add(reply.set)?;
            if self.is_void(&node) {
                partial.remove(&node);
                continue;
            }
            if last && let Some(set) = partial.remove(&node).and_then(|pieces| pieces.set) {
                // A set with a bad record in it is worthless as a whole: it is not what the lease covers.
                whole.push(set.open(&self.network)?.into());
            }
            if whole.len() >= BATCHES {
                self.learned(peer, std::mem::take(&mut whole)).await?;
            }
        }
        self.learned(peer, whole).await
    }

    async fn learned(&self, source: NodeId, batches: Vec<Batch>) -> Result<(), SyncError> {
        if batches.is_empty() {
            return Ok(());
        }
        let (reply, taken_in) = oneshot::channel();
        self.commands.send(Command::Learned { source, batches, reply }).await.map_err(|_| SyncError::Stopped)?;
        taken_in.await.map_err(|_| SyncError::Stopped)
    }

    /// Tells `peer` that this node leaves, and waits until it has taken that in.
    pub(super) async fn say_goodbye(&self, peer: NodeId, request: &SyncRequest) {
        let told = timeout(GOODBYE, async {
            let mut stream = ask(&self.net, peer, Vec::new(), request).await?;
            receive(&mut stream, SyncReply::decode).await
        });
        if !matches!(told.await, Ok(Ok(None))) {
            tracing::debug!(%peer, "a neighbour was not told that this node leaves");
        }
    }
}

/// A node's record set, as far as it has arrived.
#[derive(Default)]
struct Pieces {
    set: Option<RecordSet>,
}

impl Pieces {
    fn add(&mut self, mut piece: RecordSet) -> Result<(), SyncError> {
        let count = match &mut self.set {
            Some(set) => {
                set.services.append(&mut piece.services);
                set.services.len()
            }
            None => self.set.insert(piece).services.len(),
        };
        if count > limits::RECORDS_PER_NODE { Err(SyncError::TooManyRecords) } else { Ok(()) }
    }
}

/// Answers one incoming synchronisation.
pub(crate) async fn serve_stream(directory: Directory, inbound: Inbound) {
    let Inbound { peer, stream, .. } = inbound;
    match timeout(PATIENCE, answer(&directory, peer, stream)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            directory.charge(peer, &error);
            tracing::debug!(%peer, "a synchronisation could not be answered: {error}");
        }
        Err(_) => tracing::debug!(%peer, "a synchronisation took too long"),
    }
}

async fn answer(directory: &Directory, peer: NodeId, mut stream: Substream) -> Result<(), SyncError> {
    let Some((request, _)) = receive(&mut stream, SyncRequest::decode).await? else {
        return Ok(());
    };
    let nodes = match request {
        SyncRequest::Newer { known } => directory.view().newer_than(&known),
        // Each once: a short question must not have one large answer many times over.
        SyncRequest::Describe { nodes } => BTreeSet::from_iter(nodes).into_iter().collect(),
        SyncRequest::Compare { summary } => {
            let heads = directory.view().heads(&summary);
            send(&mut stream, &heads).await?;
            if !heads.is_equal() {
                // A hint: where the actor is busy, the next round finds the difference again.
                let _ = directory.commands.try_send(Command::WasCompared { peer });
            }
            Vec::new()
        }
        SyncRequest::Adjacent { question } => {
            super::adjacency::answer(directory, peer, question, &mut stream).await?;
            Vec::new()
        }
        SyncRequest::Schemas { hashes } => {
            send(&mut stream, &directory.schemas_for(&hashes)).await?;
            Vec::new()
        }
        SyncRequest::Goodbye { withdrawal } => {
            let withdrawal = withdrawal.open(&directory.network)?;
            let (reply, taken_in) = oneshot::channel();
            let command = Command::Goodbye { peer, withdrawal, reply };
            directory.commands.send(command).await.map_err(|_| SyncError::Stopped)?;
            let _ = taken_in.await;
            Vec::new()
        }
    };
    for node in nodes {
        // One node at a time, so that a slow reader does not make this node hold copies of everything.
        let holding = directory.view().holding(&node, directory.clock.now());
        for reply in holding.map(pieces).unwrap_or_default() {
            send(&mut stream, &reply).await?;
        }
    }
    stream.close().await?;
    Ok(())
}

/// A record set, in replies of bounded size.
fn pieces(holding: Holding) -> Vec<SyncReply> {
    let RecordSet { lease, remaining_ms, mut node, services } = holding.into();
    let mut groups: Vec<Vec<Body<ServiceRecord>>> = vec![Vec::new()];
    let mut size = 0_usize;
    for service in services {
        if size.saturating_add(service.body_len()) > PIECE {
            groups.push(Vec::new());
            size = 0;
        }
        size = size.saturating_add(service.body_len());
        if let Some(group) = groups.last_mut() {
            group.push(service);
        }
    }
    let count = groups.len();
    let reply = |(i, services)| SyncReply {
        set: RecordSet { lease: lease.clone(), remaining_ms, node: node.take(), services },
        last: i + 1 == count,
    };
    groups.into_iter().enumerate().map(reply).collect()
}

/// Asks peers to describe themselves, each as soon as it is named, until `enough` says so, nobody is left to answer or to be
/// named, or the time is up: at `end`, and `patience` after the first one was named.
pub(super) async fn describe_all(
    directory: &Directory,
    mut named: mpsc::Receiver<NodeId>,
    patience: Duration,
    end: Instant,
    enough: impl Fn() -> bool,
) {
    let directory = Arc::new(directory.clone());
    let mut asked: tokio::task::JoinSet<()> = tokio::task::JoinSet::new();
    let (mut until, mut all) = (end, false);
    while !all || !asked.is_empty() {
        tokio::select! {
            provider = named.recv(), if !all => match provider {
                Some(provider) if provider == directory.net.me => {}
                Some(provider) => {
                    until = until.min(Instant::now() + patience);
                    asked.spawn(describe(Arc::clone(&directory), provider));
                }
                None => all = true,
            },
            Some(_) = asked.join_next() => if enough() { return },
            () = sleep_until(until) => return,
        }
    }
}

async fn describe(directory: Arc<Directory>, provider: NodeId) {
    let request = SyncRequest::Describe { nodes: vec![provider] };
    if let Err(error) = directory.synchronise(provider, &request).await {
        tracing::debug!(%provider, "a provider named by the DHT did not answer: {error}");
    }
}
