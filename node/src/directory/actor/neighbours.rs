//! Whom to ask for what is missing: neighbours for what is newer, on joining and every half minute; providers, or
//! whoever mentioned them, for record sets of which gossip brought only a part.

use std::collections::{HashMap, HashSet};

use atoll_protocol::{directory::SyncRequest, identity::NodeId, limits};
use tokio::time::{Duration, Instant};

use super::Actor;
use crate::{directory::Command, event::NodeEvent};

/// Synchronisations with neighbours at a time.
const AT_A_TIME: usize = 4;
/// How often a neighbour is asked for what is newer.
const ROUND: Duration = Duration::from_secs(30);
/// How soon another neighbour is asked when one has failed and this node has not joined yet.
const RETRY: Duration = Duration::from_secs(1);
/// How long gossip has to bring the rest of a record set before it is asked for.
const SETTLE: Duration = Duration::from_millis(300);
/// Nodes whose record sets may be due to be asked for.
const DUE: usize = 1024;

#[derive(Debug)]
struct Due {
    at: Instant,
    /// Who mentioned the node.
    source: Option<NodeId>,
}

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Neighbours {
    next_round: Instant,
    /// Neighbours being asked now.
    asking: HashSet<NodeId>,
    /// Nodes to be described.
    incomplete: HashMap<NodeId, Due>,
    /// Nodes being described now.
    describing: HashSet<NodeId>,
}

impl Neighbours {
    pub(super) fn new(now: Instant) -> Self {
        Self { next_round: now + ROUND, asking: HashSet::new(), incomplete: HashMap::new(), describing: HashSet::new() }
    }

    /// When there is something to do next.
    pub(super) fn due(&self) -> Instant {
        let busy = self.describing.len() >= AT_A_TIME;
        let describe = self.incomplete.values().map(|d| d.at).min().filter(|_| !busy);
        describe.map_or(self.next_round, |at| at.min(self.next_round))
    }

    /// Notes that a node's record set is not whole.
    pub(super) fn describe(&mut self, node: NodeId, source: Option<NodeId>) {
        // Beyond the bound, the half-minute round brings what is missing.
        if self.incomplete.len() < DUE && !self.describing.contains(&node) {
            let at = Instant::now() + SETTLE;
            self.incomplete.entry(node).or_insert(Due { at, source });
        }
    }
}

impl Actor {
    pub(super) fn neighbour_ready(&mut self, peer: NodeId) {
        self.directory.view.write().contact_made(peer, self.directory.clock.now());
        if self.neighbours.asking.len() < AT_A_TIME {
            self.ask_for_news(peer);
        }
    }

    pub(super) fn neighbour_lost(&mut self, peer: NodeId, failed: bool) {
        if failed {
            self.directory.view.write().contact_failed(peer, self.directory.clock.now());
        }
    }

    pub(super) fn neighbour_round(&mut self) {
        let now = Instant::now();
        if now >= self.neighbours.next_round {
            let jitter = rand::random_range(0..=ROUND.as_millis() as u64 / 5);
            self.neighbours.next_round = now + ROUND - Duration::from_millis(jitter);
            self.remember_neighbours();
            let peers = self.directory.net.connections.peers();
            if let Some(peer) = peers.get(rand::random_range(0..peers.len().max(1))) {
                self.ask_for_news(*peer);
            }
        }
        let due: Vec<NodeId> =
            self.neighbours.incomplete.iter().filter(|(_, d)| d.at <= now).map(|(n, _)| *n).collect();
        for node in due {
            if self.neighbours.describing.len() >= AT_A_TIME {
                break;
            }
            self.describe(node);
        }
    }

    fn ask_for_news(&mut self, peer: NodeId) {
        if !self.neighbours.asking.insert(peer) {
            return;
        }
        let mut known = self.directory.view.read().known();
        known.truncate(limits::SYNC_KNOWN);
        self.ask(peer, SyncRequest::Newer { known }, Vec::new());
    }

    /// Asks for a node's whole record set, unless gossip has brought the rest meanwhile.
    fn describe(&mut self, node: NodeId) {
        let Some(Due { source, .. }) = self.neighbours.incomplete.remove(&node) else { return };
        if self.directory.view.read().holding(&node, self.directory.clock.now()).is_some() {
            return;
        }
        let connections = &self.directory.net.connections;
        // Whoever mentioned the node has what it mentioned, and is connected; the provider itself knows best.
        let from =
            if connections.contains(&node) { node } else { source.filter(|s| connections.contains(s)).unwrap_or(node) };
        self.neighbours.describing.insert(node);
        self.ask(from, SyncRequest::Describe { nodes: vec![node] }, vec![node]);
    }

    fn ask(&self, peer: NodeId, request: SyncRequest, asked: Vec<NodeId>) {
        let directory = self.directory.clone();
        tokio::spawn(async move {
            let result = directory.synchronise(peer, request).await;
            if let Err(error) = &result {
                tracing::debug!(%peer, "a synchronisation failed: {error}");
            }
            let _ = directory.commands.send(Command::Synced { peer, asked, ok: result.is_ok() }).await;
        });
    }

    pub(super) async fn synced(&mut self, peer: NodeId, asked: &[NodeId], ok: bool) {
        for node in asked {
            self.neighbours.describing.remove(node);
        }
        if !asked.is_empty() {
            return;
        }
        self.neighbours.asking.remove(&peer);
        let joined = *self.outputs.joining.borrow();
        if ok && !joined {
            self.outputs.joining.send_replace(true);
            let peers = self.directory.net.connections.len();
            let millis = self.directory.clock.now().0;
            self.outputs.events.report(NodeEvent::Joined { peers, millis });
            self.remember_neighbours();
            self.provide_again().await;
        } else if !ok && !joined {
            self.neighbours.next_round = self.neighbours.next_round.min(Instant::now() + RETRY);
        }
    }
}
