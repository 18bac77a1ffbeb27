//! Keeping topics: who does, who is told to, and the receipts.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use atoll_protocol::{
    identity::NodeId,
    limits,
    names::{ServiceName, ServiceQuery, TopicName},
    sealed::Signed,
    service::Extensions,
    topic::{
        ChainId, Receipt, Seq,
        sync::{Have, Reply, Request, Scope},
    },
};
use atoll_registry::{
    peers::conduct::Fault,
    services::Instance,
    topics::{
        keepers::{Volunteer, elect},
        outbox::NoReceipt,
    },
};
use futures::AsyncWriteExt;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    Inner,
    disk::Changes,
    sync::{Ask, SyncError, receive_reply, send},
};

/// The service that volunteers offer; its metadata say how much each can keep.
pub(crate) const SERVICE: &str = "keeper";
pub(crate) const WEIGHT: &str = "weight";
/// Receipts of so many more nodes than keep a topic are given and count: not everybody knows the same volunteers at all times.
const SPARE: usize = 2;
/// Topics that are kept at most.
const KEPT: usize = 10_000;
/// Keepers that have given no receipt are told again after this time.
const AGAIN: Duration = Duration::from_secs(20);
/// Logs of one topic that are compared before it is let go; what has more stays.
const HELD: usize = 64 * 1024;
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
            self.logs.lock().accounts.set_own(topic, false);
        }
        self.keeping.restore(kept);
    }

    /// The nodes that have offered to keep topics, as the directory lists them now.
    pub(super) fn volunteers(&self) -> Arc<[Volunteer]> {
        let generation = self.directory.generation();
        let mut known = self.volunteers.lock();
        if known.0 != generation {
            *known = (generation, self.find_volunteers().into());
        }
        Arc::clone(&known.1)
    }

    fn find_volunteers(&self) -> Vec<Volunteer> {
        let Ok(name) = SERVICE.parse::<ServiceName>() else { return Vec::new() };
        let volunteer = |instance: &Instance| {
            let weight = instance.record.value().metadata.get(WEIGHT).and_then(|text| text.parse().ok()).unwrap_or(1);
            // By what the node says of itself, so that everybody takes the same for it.
            let addresses = self.directory.addresses_of(&instance.node);
            let subnet = addresses.iter().find_map(|address| self.net.subnet(address));
            Volunteer { node: instance.node, weight, subnet }
        };
        self.directory.find(&ServiceQuery::any(name)).iter().map(volunteer).collect()
    }

    /// The nodes that keep a topic, this one perhaps among them.
    pub(super) fn keepers_of(&self, topic: &TopicName) -> Vec<NodeId> {
        self.elected(topic, self.config.keepers)
    }

    pub(super) fn elected(&self, topic: &TopicName, count: usize) -> Vec<NodeId> {
        let pinned = self.logs.lock().policies.of(topic).map(|policy| policy.value().keepers.clone());
        elect(topic, &pinned.unwrap_or_default(), &self.volunteers(), count)
    }

    /// Whether receipts of a node for a topic count.
    fn may_keep(&self, topic: &TopicName, node: &NodeId) -> bool {
        self.elected(topic, SPARE * self.config.keepers).contains(node)
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
            self.logs.lock().accounts.set_own(topic, false);
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

    /// An author that asks again has not got this node's receipts, or has been started anew.
    fn give_again(self: &Arc<Self>, author: NodeId, topic: &TopicName) {
        let ends: Vec<(ChainId, Seq)> = {
            let logs = self.logs.lock();
            let chains = logs.log(topic, &author).into_iter().flat_map(|log| log.chains());
            chains.map(|(epoch, chain)| (super::disk::chain_id(topic, author, epoch), chain.last())).collect()
        };
        if ends.is_empty() {
            return;
        }
        let inner = Arc::clone(self);
        let synced = self.bell.sync();
        self.tasks.spawn(async move {
            if synced.await.is_ok() {
                ends.into_iter().for_each(|(chain, last)| inner.keeping.synced(chain, last));
            }
        });
    }

    /// Tells keepers of topics that this node has just published on.
    pub(super) fn tell_of_written(self: &Arc<Self>) {
        let written = std::mem::take(&mut self.keeping.state.lock().written);
        self.tell_of(written);
    }

    /// Tells keepers of this node's own topics what they are to keep, where not enough of them have given receipts.
    pub(super) fn tell_keepers(self: &Arc<Self>) {
        self.tell_of(self.acks.pending(self.config.keepers).into_iter().map(|pending| pending.topic).collect());
    }

    fn tell_of(self: &Arc<Self>, topics: BTreeSet<TopicName>) {
        let mut to_tell: BTreeMap<NodeId, Vec<TopicName>> = BTreeMap::new();
        for topic in topics {
            for keeper in self.keepers_of(&topic) {
                self.note_to_tell(keeper, &topic, &mut to_tell);
            }
        }
        self.tell_all(to_tell);
    }

    fn note_to_tell(&self, keeper: NodeId, topic: &TopicName, to_tell: &mut BTreeMap<NodeId, Vec<TopicName>>) {
        let now = Instant::now();
        let mut state = self.keeping.state.lock();
        let of_keeper = to_tell.entry(keeper).or_default();
        let told = state.told.get(&(topic.clone(), keeper));
        let is_told = told.is_some_and(|at| now.duration_since(*at) < AGAIN);
        if keeper != self.me && !is_told && of_keeper.len() < limits::TOPIC_LISTED {
            state.told.insert((topic.clone(), keeper), now);
            of_keeper.push(topic.clone());
        }
    }

    fn tell_all(self: &Arc<Self>, to_tell: BTreeMap<NodeId, Vec<TopicName>>) {
        for (keeper, topics) in to_tell.into_iter().filter(|(_, topics)| !topics.is_empty()) {
            let inner = Arc::clone(self);
            self.tasks.spawn(async move {
                let request = Request::Keep { topics: topics.clone() };
                if let Err(error) = inner.say(keeper, &request).await {
                    tracing::debug!(%keeper, "a keeper was not told: {error}");
                    let mut state = inner.keeping.state.lock();
                    for topic in topics {
                        state.told.remove(&(topic, keeper));
                    }
                }
            });
        }
    }

    /// Says something to a peer that has only to hear it.
    async fn say(&self, peer: NodeId, request: &Request) -> Result<(), SyncError> {
        let mut stream = self.open(peer).await?;
        send(&mut stream, request).await?;
        stream.flush().await?;
        match receive_reply(&mut stream).await? {
            Reply::End { .. } => {
                let _ = stream.close().await;
                Ok(())
            }
            _ => Err(atoll_protocol::topic::sync::Fault::Unrelated.into()),
        }
    }

    /// Gives receipts that are due, to each author one message at a time.
    pub(super) fn give_receipts(self: &Arc<Self>) {
        let mut state = self.keeping.state.lock();
        let State { receipts, giving, .. } = &mut *state;
        let free: Vec<NodeId> = receipts.keys().filter(|author| !giving.contains(author)).copied().collect();
        for author in free {
            giving.insert(author);
            let inner = Arc::clone(self);
            self.tasks.spawn(async move {
                while inner.give(author).await {}
                inner.keeping.state.lock().giving.remove(&author);
            });
        }
    }

    /// Gives an author its receipts. False if there are none, or it does not take them now.
    async fn give(&self, author: NodeId) -> bool {
        let Some(due) = self.keeping.state.lock().receipts.remove(&author) else { return false };
        let (now, later): (Vec<_>, Vec<_>) =
            due.into_iter().enumerate().partition(|(nth, _)| *nth < limits::TOPIC_WANTED);
        let now: BTreeMap<ChainId, Seq> = now.into_iter().map(|(_, due)| due).collect();
        let receipts = now.iter().filter_map(|(chain, last)| self.receipt(chain, *last)).collect();
        let said = self.say(author, &Request::Receipts { receipts }).await;
        let mut again: BTreeMap<ChainId, Seq> = later.into_iter().map(|(_, due)| due).collect();
        if let Err(error) = &said {
            tracing::debug!(%author, "an author was not given its receipts: {error}");
            again.extend(now);
        }
        if !again.is_empty() {
            let mut state = self.keeping.state.lock();
            let of_author = state.receipts.entry(author).or_default();
            for (chain, last) in again {
                let known = of_author.entry(chain).or_default();
                *known = last.max(*known);
            }
        }
        said.is_ok()
    }

    /// What is kept of a log up to here; none if it was deleted meanwhile.
    fn receipt(&self, chain: &ChainId, last: Seq) -> Option<Signed<Receipt>> {
        let logs = self.logs.lock();
        let held = logs.log(&chain.topic, &chain.author)?.chain(chain.epoch)?;
        let first = held.taken().find(|stretch| stretch.contains(last))?.from;
        let head = if held.last() == last { held.tail().clone() } else { logs.head(chain, last)? };
        let issued = self.clock.wall();
        let receipt =
            Receipt { chain: chain.clone(), first, last, hash: head.hash(), issued, extensions: Extensions::new() };
        drop(logs);
        let sealed = Signed::seal(&self.key, &self.network, receipt).inspect_err(|e| tracing::error!("{e}")).ok()?;
        Some(sealed.signed())
    }

    /// A keeper has sent receipts for what this node has published.
    pub(super) fn receipts(&self, peer: NodeId, receipts: Vec<Signed<Receipt>>) {
        for receipt in receipts {
            let receipt = match receipt.open(&self.network) {
                Ok(receipt) => receipt,
                Err(error) => {
                    self.net.conduct.charge(Some(peer), (&error).into(), error);
                    return;
                }
            };
            let keeper = receipt.author();
            let keeps = self.may_keep(&receipt.value().chain.topic, &keeper);
            let hash = |chain: &ChainId, seq: Seq| {
                let head = self.logs.lock().head(chain, seq)?;
                (head.value().last() == seq).then(|| head.hash())
            };
            match self.acks.receipt(&receipt, keeps, hash) {
                Ok(()) => {}
                // Nobody else can have made it up.
                Err(lie @ NoReceipt::Contradicts { .. }) => {
                    self.net.conduct.charge(Some(keeper), Fault::Inconsistent, lie);
                }
                Err(other) => tracing::debug!("{other}"),
            }
        }
    }

    /// The volunteers may have changed: other keepers are told, and what this one keeps no longer is let go once they have it.
    pub(super) async fn review_kept(self: &Arc<Self>) {
        self.discount_those_gone();
        self.keeping.state.lock().told.retain(|_, at| at.elapsed() < AGAIN);
        let mut to_tell: BTreeMap<NodeId, Vec<TopicName>> = BTreeMap::new();
        let mut leaving = Vec::new();
        for topic in self.keeping.kept() {
            let keepers = self.keepers_of(&topic);
            if !keepers.is_empty() && !self.may_keep(&topic, &self.me) {
                leaving.push((topic.clone(), keepers.clone()));
            }
            for keeper in keepers {
                self.note_to_tell(keeper, &topic, &mut to_tell);
            }
        }
        self.tell_all(to_tell);
        for (topic, keepers) in leaving {
            if self.is_held_by_all(&topic, &keepers).await {
                tracing::info!(%topic, "others keep a topic now; this node lets it go");
                self.release(&topic);
            }
        }
    }

    /// Receipts of those that have left count no more: others are to keep what they kept.
    fn discount_those_gone(&self) {
        let now: BTreeSet<NodeId> = self.volunteers().iter().map(|volunteer| volunteer.node).collect();
        let before = std::mem::replace(&mut self.keeping.state.lock().volunteers, now.clone());
        let gone: Vec<&NodeId> = before.difference(&now).collect();
        if gone.is_empty() {
            return;
        }
        let own: Vec<TopicName> = {
            let logs = self.logs.lock();
            logs.shelf.topics().filter(|topic| logs.log(topic, &self.me).is_some()).cloned().collect()
        };
        for topic in own {
            gone.iter().for_each(|keeper| self.acks.left(&topic, keeper));
        }
    }

    /// Whether all of these hold the same logs of a topic, from their beginnings here on.
    async fn is_held_by_all(&self, topic: &TopicName, keepers: &[NodeId]) -> bool {
        for keeper in keepers {
            match self.is_held_by(topic, *keeper).await {
                Ok(true) => {}
                Ok(false) => return false,
                Err(error) => {
                    tracing::debug!(%keeper, %topic, "a keeper does not say what it holds: {error}");
                    return false;
                }
            }
        }
        true
    }

    /// Whether this keeper does.
    pub(super) async fn is_held_by(&self, topic: &TopicName, keeper: NodeId) -> Result<bool, SyncError> {
        let mut stream = self.open(keeper).await?;
        let mut theirs = BTreeMap::new();
        let mut after = None;
        loop {
            let request = Request::Within { topic: topic.clone(), count: 1, buckets: vec![0], after };
            send(&mut stream, &request).await?;
            stream.flush().await?;
            let Reply::Haves { haves, more } = receive_reply(&mut stream).await? else {
                return Err(atoll_protocol::topic::sync::Fault::Unrelated.into());
            };
            let last = haves.last().map(|have| (have.author, have.epoch));
            if more && (last.is_none() || last <= after) {
                return Err(atoll_protocol::topic::sync::Fault::NoProgress.into());
            }
            theirs.extend(haves.into_iter().map(|have| ((have.author, have.epoch), have)));
            if !more || theirs.len() > HELD {
                break;
            }
            after = last;
        }
        let _ = stream.close().await;
        let logs = self.logs.lock();
        let ours = logs.shelf.held(topic);
        // Ends alone do not tell: who holds the last batch may lack all that lies before it.
        let holds = |ours: &Have| {
            let theirs = theirs.get(&(ours.author, ours.epoch));
            theirs.is_some_and(|theirs| {
                let same_end = theirs.last == ours.last && theirs.check == ours.check;
                (same_end || theirs.last > ours.last) && (theirs.first <= ours.first || ours.first > ours.last)
            })
        };
        Ok(ours.iter().all(holds))
    }

    /// Where holders of a topic are named in the DHT: SHA-256 over the network and the name, apart from the keys of services.
    pub(super) fn dht_key(&self, topic: &TopicName) -> Vec<u8> {
        let text = format!("{} topic {topic}", self.network);
        atoll_protocol::sealed::Hash::of(text.as_bytes()).0.to_vec()
    }
}
