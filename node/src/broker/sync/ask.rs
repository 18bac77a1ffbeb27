//! Asking others for what is missing here.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use atoll_protocol::{
    identity::NodeId,
    names::{TopicName, TopicPattern},
    topic::sync::{Next, Opened, Pull, Reply, Request, Taken, Tally},
};
use futures::AsyncWriteExt;
use parking_lot::Mutex;

use super::{SyncError, receive_reply, send};
use crate::{
    broker::{Inner, logs::Taking},
    net::streams::Substream,
};

/// Peers that are asked at a time.
const AT_A_TIME: usize = 4;
/// Pages of topics' names that one peer is asked for.
const PAGES: usize = 16;

/// Who is being asked, and what is to be asked for next.
#[derive(Debug, Default)]
pub(in crate::broker) struct Asks(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    peers: HashMap<NodeId, Ask>,
    running: usize,
}

/// What is to be asked of a peer.
#[derive(Debug, Default, Clone, PartialEq)]
pub(in crate::broker) struct Ask {
    /// About everything.
    all: bool,
    topics: BTreeSet<TopicName>,
    /// About these, also where both know the same ends.
    history: BTreeSet<TopicName>,
    /// Which topics there are.
    patterns: BTreeSet<TopicPattern>,
    running: bool,
}

impl Ask {
    pub(in crate::broker) fn all() -> Self {
        Self { all: true, ..Self::default() }
    }

    pub(in crate::broker) fn about(topic: TopicName) -> Self {
        Self { topics: BTreeSet::from([topic]), ..Self::default() }
    }

    pub(in crate::broker) fn history(topics: BTreeSet<TopicName>) -> Self {
        Self { history: topics, ..Self::default() }
    }

    pub(in crate::broker) fn patterns(patterns: BTreeSet<TopicPattern>) -> Self {
        Self { patterns, ..Self::default() }
    }

    fn add(&mut self, other: Self) {
        self.all |= other.all;
        self.topics.extend(other.topics);
        self.history.extend(other.history);
        self.patterns.extend(other.patterns);
    }

    fn is_empty(&self) -> bool {
        !self.all && self.topics.is_empty() && self.history.is_empty() && self.patterns.is_empty()
    }
}

impl Asks {
    /// Notes what is to be asked. True if a task is to be started that does it.
    fn note(&self, peer: NodeId, ask: Ask) -> bool {
        let mut state = self.0.lock();
        let of_peer = state.peers.entry(peer).or_default();
        of_peer.add(ask);
        if of_peer.running || state.running >= AT_A_TIME {
            return false;
        }
        if let Some(of_peer) = state.peers.get_mut(&peer) {
            of_peer.running = true;
        }
        state.running += 1;
        true
    }

    /// What is to be asked of this peer next; none if that is all.
    fn next(&self, peer: &NodeId) -> Option<Ask> {
        let mut state = self.0.lock();
        let of_peer = state.peers.get_mut(peer)?;
        if of_peer.is_empty() {
            return None;
        }
        let running = Ask { running: true, ..Ask::default() };
        Some(std::mem::replace(of_peer, running))
    }

    /// A peer has been asked everything. Another one that has waited, if there is one, gets its turn.
    fn done(&self, peer: &NodeId) -> Option<NodeId> {
        let mut state = self.0.lock();
        if state.peers.get(peer).is_some_and(|ask| ask.is_empty()) {
            state.peers.remove(peer);
        } else if let Some(ask) = state.peers.get_mut(peer) {
            ask.running = false;
        }
        let next = state.peers.iter().find(|(_, ask)| !ask.running).map(|(peer, _)| *peer);
        match next.and_then(|next| state.peers.get_mut(&next)) {
            Some(ask) => ask.running = true,
            None => state.running = state.running.saturating_sub(1),
        }
        next
    }

    pub(in crate::broker) fn forget(&self, peer: &NodeId) {
        let mut state = self.0.lock();
        if state.peers.get(peer).is_some_and(|ask| !ask.running) {
            state.peers.remove(peer);
        }
    }
}

impl Inner {
    /// Asks a peer, after what it is being asked already.
    pub(in crate::broker) fn ask(self: &Arc<Self>, peer: NodeId, ask: Ask) {
        if peer == self.me || !self.asks.note(peer, ask) {
            return;
        }
        let inner = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut peer = peer;
            loop {
                while let Some(ask) = inner.asks.next(&peer) {
                    inner.ask_now(peer, ask).await;
                }
                match inner.asks.done(&peer) {
                    Some(next) => peer = next,
                    None => return,
                }
            }
        });
    }

    async fn ask_now(self: &Arc<Self>, peer: NodeId, ask: Ask) {
        let whole = ask.history.clone();
        self.asking(peer, &whole);
        match self.converse(peer, ask).await {
            Ok(tally) if tally.batches > 0 => {
                tracing::debug!(%peer, ?tally, "asked about topics");
                self.learnt(peer);
            }
            Ok(_) => {}
            Err(error) => {
                if let Some(fault) = error.fault() {
                    self.net.conduct.charge(Some(peer), fault, &error);
                }
                tracing::debug!(%peer, "a peer was asked about topics in vain: {error}");
                self.try_again(peer, error.fault().is_some());
            }
        }
        self.fill_back(peer);
        self.look_after_holes(peer, &whole);
    }

    pub(in crate::broker) async fn converse(self: &Arc<Self>, peer: NodeId, ask: Ask) -> Result<Tally, SyncError> {
        let mut stream = self.open(peer).await?;
        let mut tally = Tally::default();
        if !ask.patterns.is_empty() {
            self.learn_topics(&mut stream, peer, ask.patterns.into_iter().collect()).await?;
        }
        for what in [What::Topics(ask.topics), What::History(ask.history)] {
            if !what.is_empty() {
                add(&mut tally, self.pull(&mut stream, peer, &what).await?);
            }
        }
        if ask.all {
            add(&mut tally, self.pull(&mut stream, peer, &What::All).await?);
        }
        let _ = stream.close().await;
        Ok(tally)
    }

    pub(in crate::broker) async fn open(&self, peer: NodeId) -> Result<Substream, SyncError> {
        let connection = self.net.connect(peer, self.directory.addresses_of(&peer)).await?;
        Ok(connection.open(self.net.protocols.topic.clone()).await?)
    }

    /// Topics that a peer holds and patterns here stand for are wanted from now on.
    async fn learn_topics(
        self: &Arc<Self>,
        stream: &mut Substream,
        peer: NodeId,
        patterns: Vec<TopicPattern>,
    ) -> Result<(), SyncError> {
        let mut after = None;
        for _ in 0..PAGES {
            send(stream, &Request::Topics { patterns: patterns.clone(), after: after.take() }).await?;
            stream.flush().await?;
            let Reply::Topics { topics, more } = receive_reply(stream).await? else {
                return Err(atoll_protocol::topic::sync::Fault::Unrelated.into());
            };
            let mut wanted = BTreeSet::new();
            for topic in &topics {
                let scope = self.interests.lock().wants(topic);
                if let Some(scope) = scope
                    && self.want(topic, scope)
                {
                    wanted.insert(topic.clone());
                }
            }
            self.asks.note(peer, Ask { history: wanted, ..Ask::default() });
            after = topics.into_iter().next_back().filter(|_| more);
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn pull(self: &Arc<Self>, stream: &mut Substream, peer: NodeId, what: &What) -> Result<Tally, SyncError> {
        let salt = rand::random();
        let (mut pull, next) = {
            let mut logs = self.logs.lock();
            let logs = &mut *logs;
            match what {
                What::All => Pull::all(peer, salt, &logs.shelf),
                What::Topics(topics) => Pull::of(peer, salt, topics, &logs.shelf, &mut logs.claims),
                What::History(topics) => Pull::history(peer, salt, topics, &logs.shelf, &mut logs.claims),
            }
        };
        let pulled = self.go_on(stream, &mut pull, next).await;
        let tally = pull.stop(&mut self.logs.lock().claims);
        pulled.map(|()| tally)
    }

    async fn go_on(self: &Arc<Self>, stream: &mut Substream, pull: &mut Pull, mut next: Next) -> Result<(), SyncError> {
        loop {
            match next {
                Next::Done => return Ok(()),
                Next::Ask(request) => {
                    send(stream, &request).await?;
                    stream.flush().await?;
                }
                Next::Take(taken) => {
                    self.take_all(pull, taken).await?;
                    let mut logs = self.logs.lock();
                    let logs = &mut *logs;
                    if let Some(more) = pull.taken(&logs.shelf, &mut logs.claims) {
                        next = more;
                        continue;
                    }
                }
            }
            let reply = receive_reply(stream).await?;
            let mut logs = self.logs.lock();
            let logs = &mut *logs;
            next = pull.handle(reply, &logs.shelf, &mut logs.claims)?;
        }
    }

    async fn take_all(self: &Arc<Self>, pull: &mut Pull, all: Vec<Taken>) -> Result<(), SyncError> {
        for taken in all {
            let opened = taken.open(&self.network)?;
            let place = match &opened {
                Opened::Batch(batch) => Some(self.place(batch).await.ok_or(SyncError::Stopped)?),
                Opened::Gap(..) | Opened::Fork(..) => None,
            };
            let at = Taking { network: &self.network, now: self.clock.wall() };
            self.logs.lock().fetched(pull, opened, place, &at)?;
        }
        self.bell.ring();
        Ok(())
    }
}

/// What is asked about.
enum What {
    All,
    Topics(BTreeSet<TopicName>),
    History(BTreeSet<TopicName>),
}

impl What {
    fn is_empty(&self) -> bool {
        match self {
            Self::All => false,
            Self::Topics(topics) | Self::History(topics) => topics.is_empty(),
        }
    }
}

fn add(sum: &mut Tally, more: Tally) {
    sum.batches += more.batches;
    sum.bytes += more.bytes;
    sum.gaps += more.gaps;
    sum.elsewhere += more.elsewhere;
}
