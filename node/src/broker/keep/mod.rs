//! Keeping topics: who does, who is told to, the receipts, and handing over.
//!
//! Here is what this node keeps.

mod election;
mod receipts;
mod review;
mod telling;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{ChainId, Seq, sync::Scope},
};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(crate) use self::election::{SERVICE, WEIGHT};
use super::{Inner, disk::Changes, sync::Ask};

/// Topics that are kept at most.
const KEPT: usize = 10_000;
/// What the names of kept topics begin with in the table of cursors.
const MARK: &str = "kept/";

/// See the [module docs](self).
#[derive(Debug, Default)]
pub(super) struct Keeping {
    state: Mutex<State>,
    /// There are receipts to be given.
    pub(super) due: Notify,
    /// This node has published something: keepers may have to be told.
    pub(super) written: Notify,
}

#[derive(Debug, Default)]
struct State {
    kept: BTreeSet<TopicName>,
    /// Receipts to be given, by author.
    receipts: BTreeMap<NodeId, BTreeMap<ChainId, Seq>>,
    /// Authors that are being given some.
    giving: HashSet<NodeId>,
    /// When a keeper was told of a topic.
    told: HashMap<(TopicName, NodeId), Instant>,
    /// Topics that this node has published on since keepers were last told.
    written: BTreeSet<TopicName>,
    /// Those that offered to keep topics when that was last looked at.
    volunteers: BTreeSet<NodeId>,
}

impl Keeping {
    pub(super) fn is_kept(&self, topic: &TopicName) -> bool {
        self.state.lock().kept.contains(topic)
    }

    pub(super) fn kept(&self) -> Vec<TopicName> {
        self.state.lock().kept.iter().cloned().collect()
    }

    /// What is kept of a log up to here is on this node's disk.
    pub(super) fn synced(&self, chain: ChainId, last: Seq) {
        let mut state = self.state.lock();
        let of_author = state.receipts.entry(chain.author).or_default();
        let known = of_author.entry(chain).or_default();
        *known = last.max(*known);
        drop(state);
        self.due.notify_one();
    }

    /// This node has published on these.
    pub(super) fn wrote(&self, topics: impl Iterator<Item = TopicName>) {
        self.state.lock().written.extend(topics);
        self.written.notify_one();
    }

    fn restore(&self, topics: impl IntoIterator<Item = TopicName>) {
        self.state.lock().kept.extend(topics);
    }
}

impl Inner {
    /// Takes up the topics that were kept before a restart.
    pub(super) fn restore_kept(self: &Arc<Self>) {
        let marks = self.disk.cursors(MARK);
        let kept: Vec<TopicName> = marks.iter().filter_map(|(name, _)| name.strip_prefix(MARK)?.parse().ok()).collect();
        for topic in &kept {
            self.want(topic, Scope::Everything);
            self.logs.lock().set_own(topic, false);
        }
        self.keeping.restore(kept);
    }

    /// A peer says that this node keeps these topics.
    pub(super) fn asked_to_keep(self: &Arc<Self>, peer: NodeId, topics: Vec<TopicName>) {
        for topic in topics {
            if !self.keeping.is_kept(&topic) {
                if !self.may_keep(&topic, &self.me) || self.keeping.state.lock().kept.len() >= KEPT {
                    tracing::debug!(%peer, %topic, "asked to keep a topic that this node does not keep");
                    continue;
                }
                self.keep(&topic);
            } else {
                self.give_again(peer, &topic);
            }
            // Also for what lies before an end that both know.
            let ask = if self.is_complete(&topic) { Ask::about(topic) } else { Ask::history(BTreeSet::from([topic])) };
            self.ask(peer, ask);
        }
    }

    /// Whether nothing is missing in the logs of a topic, as far as they are known.
    fn is_complete(&self, topic: &TopicName) -> bool {
        let logs = self.logs.lock();
        logs.shelf.logs(topic).flat_map(|log| log.chains()).all(|(_, chain)| chain.missing(chain.last()).is_empty())
    }

    fn keep(self: &Arc<Self>, topic: &TopicName) {
        self.keeping.state.lock().kept.insert(topic.clone());
        let known = self.logs.lock().shelf.contains(topic);
        self.want(topic, Scope::Everything);
        if !known {
            self.logs.lock().set_own(topic, false);
        }
        let mut changes = Changes::default();
        changes.put_cursor(&format!("{MARK}{topic}"), Some(Vec::new()));
        self.bell.write(changes);
        let (net, key) = (self.net.clone(), self.dht_key(topic));
        self.tasks.spawn(async move { net.provide(key).await });
        tracing::info!(%topic, "this node keeps a topic from now on");
    }

    /// This node no longer keeps a topic.
    fn release(self: &Arc<Self>, topic: &TopicName) {
        self.keeping.state.lock().kept.remove(topic);
        let mut changes = Changes::default();
        changes.put_cursor(&format!("{MARK}{topic}"), None);
        self.bell.write(changes);
        let (net, key) = (self.net.clone(), self.dht_key(topic));
        self.tasks.spawn(async move { net.unprovide(key).await });
    }

    /// Where holders of a topic are named in the DHT: SHA-256 over the network and the name, apart from the keys of services.
    pub(super) fn dht_key(&self, topic: &TopicName) -> Vec<u8> {
        let text = format!("{} topic {topic}", self.network);
        atoll_protocol::sealed::Hash::of(text.as_bytes()).0.to_vec()
    }
}
