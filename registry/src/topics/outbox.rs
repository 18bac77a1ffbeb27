//! What of this node's own entries has been reached where: the levels at which publishing is acknowledged.
//!
//! The author's log is the outbox itself; this only knows how far each log has come: written, on this node's disk, and kept by whom
//! according to receipts. A publisher that waits is told when the level that it asked for has been reached, or, in the end, which one
//! was instead. Nothing is claimed beyond what is proved: a receipt counts if it is of a keeper of this topic, and names the hash
//! that the log has there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    sealed::{Hash, Verified},
    topic::{ChainId, Epoch, Head, Receipt, Seq, log::Stretch},
};

use crate::time::Time;

/// How well an entry is to be kept before its publisher is told that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AckLevel {
    /// It was sent; nothing is promised.
    Gossip,
    /// It is on this node's disk (after fsync).
    Local,
    /// So many keepers have given receipts for it, at least one.
    Kept(u8),
}

/// Why a text is no [`AckLevel`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{value:?} is no level of acknowledgement: use gossip, local, or kept:N for N keepers from 1 to 255, such as kept:2"
)]
pub struct AckLevelError {
    value: String,
}

impl fmt::Display for AckLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gossip => f.pad("gossip"),
            Self::Local => f.pad("local"),
            Self::Kept(keepers) => f.pad(&format!("kept:{keepers}")),
        }
    }
}

impl FromStr for AckLevel {
    type Err = AckLevelError;

    fn from_str(text: &str) -> Result<Self, AckLevelError> {
        let keepers = || text.strip_prefix("kept:")?.parse().ok().filter(|keepers| *keepers > 0);
        match text {
            "gossip" => Ok(Self::Gossip),
            "local" => Ok(Self::Local),
            _ => keepers().map(Self::Kept).ok_or_else(|| AckLevelError { value: text.chars().take(32).collect() }),
        }
    }
}

/// Who waits, by a number of the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What came of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Who has waited.
    pub ticket: Ticket,
    /// What was reached, which is less than was asked for where the time was over.
    pub level: AckLevel,
    /// Whether it is what was asked for.
    pub enough: bool,
}

/// Why a receipt does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoReceipt {
    /// It is for somebody else's log, or one that is not known here.
    #[error("a receipt for {0}, which this node does not write")]
    Unknown(ChainId),
    /// It is of a node that does not keep the topic, as far as this one knows.
    #[error("a receipt of {keeper}, which is no keeper of {topic}")]
    NoKeeper {
        /// Whose it is.
        keeper: NodeId,
        /// The topic.
        topic: TopicName,
    },
    /// It speaks of what has not been written, or names another hash: the keeper lies, or has been given another branch of a fork.
    #[error("a receipt of {keeper} for entry {seq} of {chain} that does not fit to the log")]
    Contradicts {
        /// Whose it is.
        keeper: NodeId,
        /// Which log.
        chain: ChainId,
        /// Up to where.
        seq: Seq,
    },
}

/// There are as many that wait as may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{} publishers wait already, as many as may", Outbox::WAITING)]
pub struct Full;

/// See the [module docs](self).
#[derive(Debug)]
pub struct Outbox {
    me: NodeId,
    chains: BTreeMap<LogId, Chain>,
    /// Who waits, for which log and up to where.
    tickets: BTreeMap<Ticket, (LogId, Seq)>,
    deadlines: BTreeSet<(Time, Ticket)>,
}

/// One of this node's logs, in one epoch.
type LogId = (TopicName, Epoch);

#[derive(Debug, Default)]
struct Chain {
    written: Seq,
    synced: Seq,
    /// Without a gap, by keeper.
    kept: BTreeMap<NodeId, Stretch>,
    /// By the last position that they wait for.
    waiting: BTreeMap<(Seq, Ticket), Waiting>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    entries: Stretch,
    level: AckLevel,
    until: Time,
}

impl Chain {
    /// How many keepers have all of these.
    fn keepers(&self, entries: Stretch) -> usize {
        self.kept.values().filter(|kept| kept.overlap(entries) == Some(entries)).count()
    }

    fn reached(&self, entries: Stretch) -> AckLevel {
        match u8::try_from(self.keepers(entries)).unwrap_or(u8::MAX) {
            0 if self.synced >= entries.to => AckLevel::Local,
            0 => AckLevel::Gossip,
            keepers => AckLevel::Kept(keepers),
        }
    }

    /// Those that have what they wait for. Only they are looked at of whom something has been reached at all.
    fn satisfied(&self) -> Vec<Reached> {
        let end = self.kept.values().map(|kept| kept.to).fold(self.synced, Ord::max);
        let some = self.waiting.range(..=(end, Ticket(u64::MAX)));
        let reached = some.map(|((_, ticket), waiting)| (*ticket, waiting.level, self.reached(waiting.entries)));
        let enough = reached.filter(|(_, wanted, level)| level >= wanted);
        enough.map(|(ticket, _, level)| Reached { ticket, level, enough: true }).collect()
    }
}

impl Outbox {
    /// Publishers that wait at a time, at most.
    pub const WAITING: usize = 64 * 1024;

    /// Of the node `me`, which has published nothing yet.
    #[must_use]
    pub fn new(me: NodeId) -> Self {
        Self { me, chains: BTreeMap::new(), tickets: BTreeMap::new(), deadlines: BTreeSet::new() }
    }

    /// A batch of this node's was written, by this run or an earlier one.
    pub fn written(&mut self, head: &Verified<Head>) {
        let at = head.value();
        let chain = self.chains.entry((at.topic.clone(), at.epoch)).or_default();
        chain.written = chain.written.max(at.last());
    }

    /// A publisher waits for a batch of this node's; until when, it says as well. What has been reached already is told at once.
    ///
    /// # Errors
    /// [`Full`].
    pub fn wait(
        &mut self,
        ticket: Ticket,
        head: &Verified<Head>,
        level: AckLevel,
        until: Time,
    ) -> Result<Option<Reached>, Full> {
        self.written(head);
        let at = head.value();
        let (log, entries) = ((at.topic.clone(), at.epoch), Stretch { from: at.first, to: at.last() });
        let chain = self.chains.entry(log.clone()).or_default();
        let reached = chain.reached(entries);
        if reached >= level {
            return Ok(Some(Reached { ticket, level: reached, enough: true }));
        }
        if self.tickets.len() >= Self::WAITING {
            return Err(Full);
        }
        chain.waiting.insert((entries.to, ticket), Waiting { entries, level, until });
        self.tickets.insert(ticket, (log, entries.to));
        self.deadlines.insert((until, ticket));
        Ok(None)
    }

    /// A publisher waits no more.
    pub fn forget(&mut self, ticket: Ticket) {
        let Some((log, to)) = self.tickets.remove(&ticket) else { return };
        let waiting = self.chains.get_mut(&log).and_then(|chain| chain.waiting.remove(&(to, ticket)));
        if let Some(waiting) = waiting {
            self.deadlines.remove(&(waiting.until, ticket));
        }
    }

    /// Everything of this node's up to here is on its disk.
    pub fn synced(&mut self, topic: &TopicName, epoch: Epoch, to: Seq) -> Vec<Reached> {
        let key = (topic.clone(), epoch);
        let Some(chain) = self.chains.get_mut(&key) else { return Vec::new() };
        chain.synced = chain.synced.max(to.min(chain.written));
        self.tell(&key)
    }

    /// A keeper has given a receipt. `keeps` says whether it is a keeper of the topic, and `hash` which hash this node's log has where
    /// a batch ends.
    ///
    /// # Errors
    /// [`NoReceipt`]; what it says counts for nothing.
    pub fn receipt(
        &mut self,
        receipt: &Verified<Receipt>,
        keeps: bool,
        hash: impl FnOnce(&ChainId, Seq) -> Option<Hash>,
    ) -> Result<Vec<Reached>, NoReceipt> {
        let (said, keeper) = (receipt.value(), receipt.author());
        let key = (said.chain.topic.clone(), said.chain.epoch);
        let Some(chain) = self.chains.get_mut(&key).filter(|_| said.chain.author == self.me) else {
            return Err(NoReceipt::Unknown(said.chain.clone()));
        };
        if !keeps {
            return Err(NoReceipt::NoKeeper { keeper, topic: said.chain.topic.clone() });
        }
        if said.last > chain.written || hash(&said.chain, said.last) != Some(said.hash) {
            return Err(NoReceipt::Contradicts { keeper, chain: said.chain.clone(), seq: said.last });
        }
        let new = Stretch { from: said.first, to: said.last };
        let kept = chain.kept.entry(keeper).or_insert(new);
        if kept.to <= new.to {
            *kept = new;
        }
        Ok(self.tell(&key))
    }

    /// A node no longer keeps a topic: what it has given receipts for counts no more for those that still wait.
    pub fn left(&mut self, topic: &TopicName, keeper: &NodeId) {
        for (_, chain) in self.chains.iter_mut().filter(|((of, _), _)| of == topic) {
            chain.kept.remove(keeper);
        }
    }

    /// When [`Outbox::wake`] is next needed.
    #[must_use]
    pub fn due(&self) -> Time {
        self.deadlines.first().map_or(Time::NEVER, |(until, _)| *until)
    }

    /// Those whose time is over, with what was reached instead.
    pub fn wake(&mut self, now: Time) -> Vec<Reached> {
        let mut over = Vec::new();
        while let Some((_, ticket)) = self.deadlines.first().copied().filter(|(until, _)| *until <= now) {
            let level = self.tickets.get(&ticket).and_then(|(log, to)| {
                let chain = self.chains.get(log)?;
                Some(chain.reached(chain.waiting.get(&(*to, ticket))?.entries))
            });
            over.push(Reached { ticket, level: level.unwrap_or(AckLevel::Gossip), enough: false });
            self.forget(ticket);
        }
        over
    }

    /// What is still to be kept elsewhere: of each log the first position that fewer than `keepers` have, and the last one; nothing of
    /// logs that they have to the end.
    pub fn pending(&self, keepers: usize) -> impl Iterator<Item = (&TopicName, Epoch, Stretch)> {
        self.chains.iter().filter_map(move |((topic, epoch), chain)| {
            let mut ends: Vec<Seq> = chain.kept.values().map(|kept| kept.to).collect();
            ends.sort_unstable_by(|a, b| b.cmp(a));
            let kept = keepers.checked_sub(1).map_or(chain.written, |nth| ends.get(nth).copied().unwrap_or_default());
            Some((topic, *epoch, Stretch::between(kept.next(), chain.written)?))
        })
    }

    /// Who has given receipts for a log, and for what of it.
    pub fn kept(&self, topic: &TopicName, epoch: Epoch) -> impl Iterator<Item = (NodeId, Stretch)> {
        let chain = self.chains.get(&(topic.clone(), epoch));
        chain.into_iter().flat_map(|chain| chain.kept.iter().map(|(keeper, kept)| (*keeper, *kept)))
    }

    /// How many entries of a log publishers wait for.
    #[must_use]
    pub fn waiting(&self, topic: &TopicName, epoch: Epoch) -> u64 {
        let chain = self.chains.get(&(topic.clone(), epoch));
        // Those of one batch that wait for different things wait for the same entries.
        let waiting: BTreeSet<(Seq, Seq)> = chain
            .into_iter()
            .flat_map(|chain| chain.waiting.values().map(|waiting| (waiting.entries.from, waiting.entries.to)))
            .collect();
        waiting.into_iter().map(|(from, to)| to.0.saturating_sub(from.0) + 1).sum()
    }

    /// Whether this node has published anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chains.is_empty()
    }

    /// Tells those who wait for this log, as far as they have reason.
    fn tell(&mut self, log: &LogId) -> Vec<Reached> {
        let told = self.chains.get(log).map(Chain::satisfied).unwrap_or_default();
        told.iter().for_each(|reached| self.forget(reached.ticket));
        told
    }
}
