//! Asking neighbours whom they are connected to, answering that, and reading what is known of it.
//!
//! Who is asked when is decided by the registry's [`Survey`](atoll_registry::routes::Survey), which the actor drives. Here is what
//! takes time: the exchanges themselves, and checking what they bring.

use std::time::Duration;

use atoll_protocol::{
    adjacency::{Adjacencies, Adjacency, Question},
    codec::DecodeError,
    directory::SyncRequest,
    identity::NodeId,
    sealed::Verified,
};
use atoll_registry::routes::{Link, Links, PATIENCE};
use tokio::{sync::oneshot, time::timeout};

use super::{
    Command, Directory,
    exchange::{self, SyncError},
};
use crate::net::streams::Substream;

/// How long an answer may take. One that comes too late for those who look is there for the next ones.
const ANSWER: Duration = Duration::from_secs(5);
/// How long one who looks waits for the actor beyond what the survey takes: it is busy then, and what is known has to do.
const SLACK: Duration = Duration::from_millis(250);

/// What the survey hears.
#[derive(Debug)]
pub(super) enum Input {
    /// Somebody here wants to see what lies within so many hops of the neighbours; told when it is there.
    Look { hops: u8, seen: oneshot::Sender<()> },
    /// A neighbour asks.
    Asked { asker: NodeId, question: Question, answer: oneshot::Sender<Adjacencies> },
    /// A question is over, and has brought these, verified, each with what was left of it.
    Over { id: u64, peer: NodeId, held: Vec<(Verified<Adjacency>, Duration)> },
}

impl Directory {
    /// Brings what is known of connections up to date, as far as so many hops from this node's neighbours, and as can be done in a
    /// second.
    pub(crate) async fn look(&self, hops: u8) {
        let (seen, told) = oneshot::channel();
        let looked = async {
            if self.commands.send(Command::Survey(Input::Look { hops, seen })).await.is_ok() {
                let _ = told.await;
            }
        };
        if timeout(PATIENCE + SLACK, looked).await.is_err() {
            tracing::debug!("this node is too busy to look around");
        }
    }

    /// Reads the links that are known of. They stay locked meanwhile, so nothing slow must be done with them.
    pub(crate) fn with_links<T>(&self, read: impl FnOnce(&Links<'_>) -> T) -> T {
        let own = self.own_links();
        read(&self.map.read().links(&own, self.clock.now()))
    }

    /// This node's own links: the best connection to each peer.
    pub(super) fn own_links(&self) -> Vec<Link> {
        let connections = &self.net.connections;
        let best = connections.peers().into_iter().filter_map(|peer| connections.best(&peer));
        best.map(|c| Link { peer: c.peer, relayed_by: c.relay(), rtt: c.rtt() }).collect()
    }

    /// Asks a neighbour, and tells the actor when that is over.
    pub(super) async fn survey(&self, id: u64, peer: NodeId, question: Question) {
        let asked = timeout(ANSWER, self.adjacencies_of(peer, question)).await;
        let held = asked.map_err(|_| SyncError::Timeout).flatten().unwrap_or_else(|error| {
            self.charge(peer, &error);
            tracing::debug!(%peer, "a neighbour did not say whom it is connected to: {error}");
            Vec::new()
        });
        // An error means that this node is stopping.
        let _ = self.commands.send(Command::Survey(Input::Over { id, peer, held })).await;
    }

    /// Whoever passes on one that is forged has not looked at it, so nothing else that it passes on is believed.
    async fn adjacencies_of(
        &self,
        peer: NodeId,
        question: Question,
    ) -> Result<Vec<(Verified<Adjacency>, Duration)>, SyncError> {
        let most = usize::from(question.most);
        let mut stream = exchange::ask(&self.net, peer, Vec::new(), &SyncRequest::Adjacent { question }).await?;
        let Some((answer, _)) = exchange::receive(&mut stream, Adjacencies::decode).await? else {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        };
        let count = answer.held.len();
        if count > most {
            // The question said how many: unlike a view, an answer that is longer is no accident.
            return Err(DecodeError::TooMany { what: "adjacencies in an answer", count, limit: most }.into());
        }
        let open = |passed: atoll_protocol::adjacency::Passed| {
            let remaining = Duration::from_millis(passed.remaining_ms.into());
            Ok((passed.adjacency.open(&self.network)?, remaining))
        };
        answer.held.into_iter().map(open).collect()
    }
}

/// Answers a neighbour, as soon as the survey says so.
pub(super) async fn answer(
    directory: &Directory,
    asker: NodeId,
    question: Question,
    stream: &mut Substream,
) -> Result<(), SyncError> {
    let (answer, ready) = oneshot::channel();
    let asked = Command::Survey(Input::Asked { asker, question, answer });
    directory.commands.send(asked).await.map_err(|_| SyncError::Stopped)?;
    let answer = ready.await.map_err(|_| SyncError::Stopped)?;
    exchange::send(stream, &answer).await
}
