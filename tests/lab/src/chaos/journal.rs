//! What publishers and subscribers have written down: the evidence.
//!
//! A line is written, and synced, before what it speaks of is done (a publisher asks) or confirmed (a subscriber has taken).

use std::{
    fmt,
    fs::File,
    io::Write,
    path::Path,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Error, Result, anyhow};
use serde::{Deserialize, Serialize};

/// How well a message is to be kept before its publisher is told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Level {
    /// Nothing is promised.
    Gossip,
    /// It is on the publishing node's disk.
    Local,
    /// So many keepers have it on theirs.
    Kept(u8),
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gossip => f.write_str("gossip"),
            Self::Local => f.write_str("local"),
            Self::Kept(keepers) => write!(f, "kept:{keepers}"),
        }
    }
}

impl FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "gossip" => Ok(Self::Gossip),
            "local" => Ok(Self::Local),
            _ => {
                let keepers = text.strip_prefix("kept:").and_then(|keepers| keepers.parse().ok());
                keepers.map(Self::Kept).ok_or_else(|| anyhow!("there is no level {text}"))
            }
        }
    }
}

impl TryFrom<String> for Level {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Level> for String {
    fn from(level: Level) -> Self {
        level.to_string()
    }
}

/// One epoch of an author's log of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Chain {
    /// The topic.
    pub topic: String,
    /// The publishing node's identity.
    pub author: String,
    /// The epoch.
    pub epoch: u64,
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.author.len().saturating_sub(6);
        write!(f, "{} of …{} ({})", self.topic, self.author.get(from..).unwrap_or_default(), self.epoch)
    }
}

/// A message by what stands in it: which publisher's, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id {
    /// The publisher.
    pub publisher: usize,
    /// Its messages are numbered from 0 on.
    pub number: u64,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}-{}", self.publisher, self.number)
    }
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.strip_prefix('p').and_then(|rest| rest.split_once('-'));
        let (publisher, number) = parts.with_context(|| format!("{text:?} is no message of ours"))?;
        Ok(Self { publisher: publisher.parse()?, number: number.parse()? })
    }
}

impl TryFrom<String> for Id {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.to_string()
    }
}

/// What a publisher writes down of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// It is about to be published.
    Asked {
        /// Which.
        id: Id,
        /// What is to be waited for.
        level: Level,
    },
    /// It was published, and this was reached; perhaps less than what was asked for.
    Reached {
        /// Which.
        id: Id,
        /// Where it stands.
        chain: Option<Chain>,
        /// At which position; nothing is said where less was reached than asked for.
        seq: Option<u64>,
        /// What was reached.
        level: Level,
    },
    /// The node says that it was not published.
    Refused {
        /// Which.
        id: Id,
        /// Why.
        error: String,
    },
    /// The node has gone before it said what had become of it.
    Unknown {
        /// Which.
        id: Id,
    },
}

/// What a subscriber writes down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// It has taken up its session.
    Begun,
    /// A message.
    Message {
        /// Where it stands.
        chain: Chain,
        /// At which position.
        seq: u64,
        /// What it is.
        id: Id,
    },
    /// Messages that are no longer to be had.
    Gap {
        /// Where.
        chain: Chain,
        /// The first one.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// The node has gone.
    Ended,
}

/// A line, and when it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line<T> {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// What has happened.
    pub event: T,
}

/// A journal: on the disk, and at hand for whoever checks. A clone is the same one.
#[derive(Debug)]
pub struct Journal<T> {
    file: Arc<File>,
    lines: Arc<Mutex<Vec<Line<T>>>>,
}

impl<T> Clone for Journal<T> {
    fn clone(&self) -> Self {
        Self { file: Arc::clone(&self.file), lines: Arc::clone(&self.lines) }
    }
}

impl<T: Serialize + Clone> Journal<T> {
    /// Begins a journal.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { file: Arc::new(file), lines: Arc::default() })
    }

    /// Writes these down, and returns once they are on the disk.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub async fn write(&self, events: impl IntoIterator<Item = T>) -> Result<()> {
        let at_ms = now_ms();
        let new: Vec<Line<T>> = events.into_iter().map(|event| Line { at_ms, event }).collect();
        let mut text = Vec::new();
        for line in &new {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        let file = Arc::clone(&self.file);
        let written = tokio::task::spawn_blocking(move || {
            (&*file).write_all(&text)?;
            file.sync_data()
        });
        written.await?.context("a journal cannot be written")?;
        self.lock().extend(new);
        Ok(())
    }

    /// What was written so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Line<T>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Line<T>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
