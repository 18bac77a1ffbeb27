//! What is held of topics, and what of this node's own is not kept elsewhere yet: for whoever looks.

use atoll_protocol::{
    identity::NodeId,
    names::{TopicName, TopicPattern},
    service::UnixMillis,
    topic::{Epoch, Policy, Seq, log::Stretch},
};

use super::{Broker, Inner, acks::Pending};

/// One topic, as this node holds it.
#[derive(Debug, Clone)]
pub(crate) struct TopicReport {
    pub(crate) topic: TopicName,
    /// Whether somebody on this node has subscribed to it.
    pub(crate) subscribed: bool,
    /// Whether this node keeps it for others.
    pub(crate) kept: bool,
    /// Whether this node has published on it.
    pub(crate) published: bool,
    /// Who decides about it; nobody where it is everybody's.
    pub(crate) owner: Option<NodeId>,
    /// What that has decided.
    pub(crate) policy: Option<Policy>,
    /// The nodes that keep it, this one perhaps among them.
    pub(crate) keepers: Vec<NodeId>,
    /// What is held, by author.
    pub(crate) logs: Vec<LogReport>,
}

/// One author's log.
#[derive(Debug, Clone)]
pub(crate) struct LogReport {
    pub(crate) author: NodeId,
    /// Whether its author has said two things at one position.
    pub(crate) forked: bool,
    /// Oldest first.
    pub(crate) epochs: Vec<EpochReport>,
}

/// One epoch of a log.
#[derive(Debug, Clone)]
pub(crate) struct EpochReport {
    pub(crate) epoch: Epoch,
    /// The first position that is held; beyond the last one if none is.
    pub(crate) first: Seq,
    /// The last position that is known.
    pub(crate) last: Seq,
    /// When that was published, by its author's clock.
    pub(crate) last_at: UnixMillis,
    /// How much is held.
    pub(crate) bytes: u64,
    pub(crate) entries: u64,
}

/// What of this node's own entries fewer keepers have than should.
#[derive(Debug, Clone)]
pub(crate) struct OutboxReport {
    /// How many keepers each topic should have.
    pub(crate) wanted: usize,
    /// How many nodes keep topics, as far as is known, this one not counted.
    pub(crate) volunteers: usize,
    /// Whether this node has published anything.
    pub(crate) published: bool,
    pub(crate) pending: Vec<PendingReport>,
}

/// What of one log fewer keepers have than should.
#[derive(Debug, Clone)]
pub(crate) struct PendingReport {
    pub(crate) topic: TopicName,
    pub(crate) epoch: Epoch,
    pub(crate) entries: Stretch,
    /// How many entries publishers still wait for.
    pub(crate) waiting: u64,
    /// The topic's keepers but this node, and what each has given receipts for.
    pub(crate) keepers: Vec<(NodeId, Option<Stretch>)>,
}

impl Broker {
    /// Every topic that this node has to do with, by name.
    pub(crate) fn topics(&self) -> Vec<TopicReport> {
        let names: Vec<TopicName> = self.0.logs.lock().shelf.topics().cloned().collect();
        let mut topics: Vec<TopicReport> = names.iter().filter_map(|name| self.topic_report(name)).collect();
        topics.sort_by(|a, b| a.topic.cmp(&b.topic));
        topics
    }

    /// The logs of all topics that a pattern stands for.
    pub(crate) fn logs_of(&self, pattern: &TopicPattern) -> Vec<(TopicName, NodeId)> {
        let logs = self.0.logs.lock();
        let topics = logs.shelf.topics().filter(|topic| pattern.matches(topic));
        topics.flat_map(|topic| logs.shelf.logs(topic).map(|log| (topic.clone(), log.author()))).collect()
    }

    /// One topic; none if this node has nothing to do with it.
    pub(crate) fn topic_report(&self, topic: &TopicName) -> Option<TopicReport> {
        let inner = &*self.0;
        let (subscribed, kept) = (inner.interests.lock().wants(topic).is_some(), inner.keeping.is_kept(topic));
        let keepers = inner.keepers_of(topic);
        let logs = inner.logs.lock();
        if !logs.shelf.contains(topic) {
            return None;
        }
        let published = logs.log(topic, &inner.me).is_some_and(|log| log.head().is_some());
        let policy = logs.policies.of(topic).map(|policy| policy.value().clone());
        let of_log = |log: &atoll_protocol::topic::log::Log| {
            let epoch = |(epoch, chain): (Epoch, &atoll_protocol::topic::log::Chain)| {
                let (bytes, entries) = logs.amount(&super::disk::chain_id(topic, log.author(), epoch));
                let last_at = chain.tail().value().time.millis();
                EpochReport { epoch, first: chain.first(), last: chain.last(), last_at, bytes, entries }
            };
            let (author, forked) = (log.author(), log.forked().is_some());
            LogReport { author, forked, epochs: log.chains().map(epoch).collect() }
        };
        Some(TopicReport {
            topic: topic.clone(),
            subscribed,
            kept,
            published,
            owner: logs.policies.owner(topic),
            policy,
            keepers,
            logs: logs.shelf.logs(topic).map(of_log).collect(),
        })
    }

    /// Sessions that are active, and how many of them are connected.
    pub(crate) fn sessions(&self) -> (usize, usize) {
        self.0.sessions.counts()
    }

    /// What of this node's own entries fewer keepers have than should.
    pub(crate) fn outbox(&self) -> OutboxReport {
        let inner = &*self.0;
        let wanted = inner.config.keepers;
        OutboxReport {
            wanted,
            volunteers: inner.volunteers().iter().filter(|volunteer| volunteer.node != inner.me).count(),
            published: inner.acks.has_any(),
            pending: inner.acks.pending(wanted).into_iter().map(|pending| inner.report_pending(pending)).collect(),
        }
    }
}

impl Inner {
    fn report_pending(&self, pending: Pending) -> PendingReport {
        let Pending { topic, epoch, entries } = pending;
        let (kept, waiting) = self.acks.kept(&topic, epoch);
        let mut keepers: Vec<(NodeId, Option<Stretch>)> =
            kept.iter().map(|(node, kept)| (*node, Some(*kept))).collect();
        let others = self.keepers_of(&topic).into_iter().filter(|keeper| *keeper != self.me);
        for keeper in others {
            if kept.iter().all(|(node, _)| *node != keeper) {
                keepers.push((keeper, None));
            }
        }
        PendingReport { topic, epoch, entries, waiting, keepers }
    }
}
