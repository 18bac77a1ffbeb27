//! How much of whose entries there is room for.
//!
//! Three bounds: what one author may have on one topic, what one topic may have, and what all topics together may have that nobody
//! here has a part in: topics that are kept for strangers. What this node itself publishes, subscribes to or is pinned to is
//! not counted against the last one. Of that, authors of whom nothing is known yet have a part together: keys cost little, and a crowd
//! of them is not to take the room of those who are known.

use std::collections::BTreeMap;

use atoll_protocol::{identity::NodeId, names::TopicName, topic::log::Room};

/// The bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// What one author may have on one topic.
    pub author: Room,
    /// What one topic may have.
    pub topic: Room,
    /// Authors that one topic may have.
    pub authors: usize,
    /// Bytes of all topics that are kept for strangers.
    pub strangers: u64,
    /// How much of that newcomers' entries may take, all together.
    pub newcomers: u64,
}

impl Default for Quotas {
    /// 64 MiB for an author, 1 GiB for a topic, 4 096 authors, and 2 GiB for strangers, newcomers or not.
    fn default() -> Self {
        let entries = u64::MAX;
        Self {
            author: Room { bytes: 64 << 20, entries },
            topic: Room { bytes: 1 << 30, entries },
            authors: 4_096,
            strangers: 2 << 30,
            newcomers: 2 << 30,
        }
    }
}

/// Why there is no room for an author at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRoom {
    /// The topic has as many authors as may be.
    #[error("{topic} has entries of {limit} authors, as many as are kept here")]
    Authors {
        /// The topic.
        topic: TopicName,
        /// The bound.
        limit: usize,
    },
    /// Nothing is left of what is kept for strangers.
    #[error("{limit} bytes of topics that nobody here has a part in are kept, and {topic} is one")]
    Strangers {
        /// The topic.
        topic: TopicName,
        /// The bound.
        limit: u64,
    },
    /// Nothing is left of what newcomers have of that.
    #[error(
        "{limit} bytes of newcomers' entries are kept on topics that nobody here has a part in, and {topic} is one"
    )]
    Newcomers {
        /// The topic.
        topic: TopicName,
        /// The bound.
        limit: u64,
    },
}

/// Somebody who publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author {
    /// Its key.
    pub id: NodeId,
    /// Whether it has yet to become known for anything.
    pub newcomer: bool,
}

/// What is held, by topic and author.
#[derive(Debug)]
pub struct Accounts {
    quotas: Quotas,
    topics: BTreeMap<TopicName, Account>,
    strangers: Strangers,
}

/// Bytes of topics that are kept for strangers, by their authors.
#[derive(Debug, Default)]
struct Strangers {
    bytes: u64,
    newcomers: u64,
    /// Bytes of each, and whether they count as a newcomer's: as of when its last entry came.
    authors: BTreeMap<NodeId, (u64, bool)>,
}

impl Strangers {
    /// Counts what was stored of an author; what it has already counts as that from now on.
    fn add(&mut self, author: Author, bytes: u64) {
        let (held, newcomer) = self.authors.entry(author.id).or_default();
        if *newcomer {
            self.newcomers = self.newcomers.saturating_sub(*held);
        }
        *held = held.saturating_add(bytes);
        *newcomer = author.newcomer;
        if author.newcomer {
            self.newcomers = self.newcomers.saturating_add(*held);
        }
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn remove(&mut self, author: &NodeId, bytes: u64) {
        let Some((held, newcomer)) = self.authors.get_mut(author) else { return };
        let gone = bytes.min(*held);
        *held -= gone;
        self.bytes = self.bytes.saturating_sub(gone);
        if *newcomer {
            self.newcomers = self.newcomers.saturating_sub(gone);
        }
        if *held == 0 {
            self.authors.remove(author);
        }
    }
}

#[derive(Debug, Default)]
struct Account {
    own: bool,
    used: Used,
    authors: BTreeMap<NodeId, Used>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Used {
    bytes: u64,
    entries: u64,
}

impl Used {
    fn left(self, of: Room) -> Room {
        Room { bytes: of.bytes.saturating_sub(self.bytes), entries: of.entries.saturating_sub(self.entries) }
    }

    fn add(&mut self, bytes: u64, entries: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries = self.entries.saturating_add(entries);
    }

    fn remove(&mut self, bytes: u64, entries: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.entries = self.entries.saturating_sub(entries);
    }
}

impl Accounts {
    /// Nothing is held.
    #[must_use]
    pub fn new(quotas: Quotas) -> Self {
        Self { quotas, topics: BTreeMap::new(), strangers: Strangers::default() }
    }

    /// Whether somebody here has a part in a topic: publishes on it, subscribes to it, or is pinned to it. Topics of which this was
    /// never said are strangers'. `is_newcomer` tells of authors whether they have yet to become known.
    pub fn set_own(&mut self, topic: &TopicName, own: bool, is_newcomer: impl Fn(&NodeId) -> bool) {
        let account = self.topics.entry(topic.clone()).or_default();
        if account.own != own {
            account.own = own;
            for (id, used) in &account.authors {
                match own {
                    true => self.strangers.remove(id, used.bytes),
                    false => self.strangers.add(Author { id: *id, newcomer: is_newcomer(id) }, used.bytes),
                }
            }
        }
        self.tidy(topic);
    }

    /// What there is room for of this author's on this topic.
    ///
    /// # Errors
    /// [`NoRoom`] where there is none, whatever is deleted of the author's own.
    pub fn room(&self, topic: &TopicName, author: Author) -> Result<Room, NoRoom> {
        let nothing = Account::default();
        let account = self.topics.get(topic).unwrap_or(&nothing);
        let limit = self.quotas.authors;
        let used = match account.authors.get(&author.id) {
            Some(used) => *used,
            None if account.authors.len() >= limit => return Err(NoRoom::Authors { topic: topic.clone(), limit }),
            None => Used::default(),
        };
        let (of_author, of_topic) = (used.left(self.quotas.author), account.used.left(self.quotas.topic));
        let strangers = if account.own { u64::MAX } else { self.room_for_strangers(topic, author)? };
        Ok(Room {
            bytes: of_author.bytes.min(of_topic.bytes).min(strangers),
            entries: of_author.entries.min(of_topic.entries),
        })
    }

    fn room_for_strangers(&self, topic: &TopicName, author: Author) -> Result<u64, NoRoom> {
        let (Quotas { strangers, newcomers, .. }, topic) = (self.quotas, topic.clone());
        let left = strangers.saturating_sub(self.strangers.bytes);
        let of_newcomers = newcomers.saturating_sub(self.strangers.newcomers);
        match (left, of_newcomers) {
            (0, _) => Err(NoRoom::Strangers { topic, limit: strangers }),
            (_, 0) if author.newcomer => Err(NoRoom::Newcomers { topic, limit: newcomers }),
            _ if author.newcomer => Ok(left.min(of_newcomers)),
            _ => Ok(left),
        }
    }

    /// So much was stored.
    pub fn stored(&mut self, topic: &TopicName, author: Author, bytes: u64, entries: u64) {
        let account = self.topics.entry(topic.clone()).or_default();
        account.used.add(bytes, entries);
        account.authors.entry(author.id).or_default().add(bytes, entries);
        if !account.own {
            self.strangers.add(author, bytes);
        }
    }

    /// So much was deleted.
    pub fn deleted(&mut self, topic: &TopicName, author: &NodeId, bytes: u64, entries: u64) {
        let Some(account) = self.topics.get_mut(topic) else { return };
        account.used.remove(bytes, entries);
        if let Some(used) = account.authors.get_mut(author) {
            used.remove(bytes, entries);
            if used.entries == 0 {
                account.authors.remove(author);
            }
        }
        if !account.own {
            self.strangers.remove(author, bytes);
        }
        self.tidy(topic);
    }

    /// Bytes held of a topic.
    #[must_use]
    pub fn bytes(&self, topic: &TopicName) -> u64 {
        self.topics.get(topic).map_or(0, |account| account.used.bytes)
    }

    /// Bytes held for strangers.
    #[must_use]
    pub const fn strangers(&self) -> u64 {
        self.strangers.bytes
    }

    fn tidy(&mut self, topic: &TopicName) {
        if self.topics.get(topic).is_some_and(|account| !account.own && account.authors.is_empty()) {
            self.topics.remove(topic);
        }
    }
}
