//! Which client sessions are active.
//!
//! An active session has a buffer reserved for what it has not yet taken, so that a short break or a slow moment costs it nothing. An
//! inactive one has a cursor only, and is brought up to date from the log when it returns. Limits decide who stays active: how
//! many there are, how long one may be away, and how much may wait for one; whoever is longest away goes first. A session
//! that is connected is made inactive only for what waits for it, or where more are connected than may be active.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::time::Time;

/// The limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Active sessions.
    pub active: usize,
    /// Bytes that may wait for one of them.
    pub buffer: u64,
    /// How long one that is away stays active.
    pub away: Duration,
}

impl Default for SessionLimits {
    /// 1 024 sessions with 256 KiB each, a minute away.
    fn default() -> Self {
        Self { active: 1_024, buffer: 256 * 1024, away: Duration::from_secs(60) }
    }
}

/// A session, by the number that its node has given it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// Why a session is no longer active: its buffer is to be dropped, and its cursor kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Inactive {
    /// It was away for too long.
    #[error("away for too long")]
    Away,
    /// It took what waited for it too slowly.
    #[error("more waits for it than its buffer has room for")]
    Slow,
    /// Its place was needed for another one.
    #[error("its place was needed")]
    Crowded,
}

/// Who is active.
#[derive(Debug)]
pub struct Sessions {
    limits: SessionLimits,
    active: BTreeMap<SessionId, Active>,
    /// Those that are away, by since when.
    away: BTreeSet<(Time, SessionId)>,
}

#[derive(Debug)]
struct Active {
    waiting: u64,
    away: Option<Time>,
}

impl Sessions {
    /// Nobody is active.
    #[must_use]
    pub fn new(limits: SessionLimits) -> Self {
        Self { limits, active: BTreeMap::new(), away: BTreeSet::new() }
    }

    /// A session has connected, or returned: is it active, and has another one had to make room?
    pub fn connect(&mut self, session: SessionId) -> Connected {
        if let Some(known) = self.active.get_mut(&session) {
            if let Some(since) = known.away.take() {
                self.away.remove(&(since, session));
            }
            return Connected { active: true, instead_of: None };
        }
        let full = self.active.len() >= self.limits.active;
        let instead_of = if full { self.away.pop_first().map(|(_, longest)| longest) } else { None };
        if let Some(longest) = instead_of {
            self.active.remove(&longest);
        } else if full {
            return Connected { active: false, instead_of: None };
        }
        self.active.insert(session, Active { waiting: 0, away: None });
        Connected { active: true, instead_of }
    }

    /// A session's connection is gone. It stays active for a while.
    pub fn disconnect(&mut self, session: SessionId, now: Time) {
        if let Some(known) = self.active.get_mut(&session).filter(|known| known.away.is_none()) {
            known.away = Some(now);
            self.away.insert((now, session));
        }
    }

    /// A session has ended for good.
    pub fn end(&mut self, session: SessionId) {
        if let Some(Active { away: Some(since), .. }) = self.active.remove(&session) {
            self.away.remove(&(since, session));
        }
    }

    /// So many bytes more wait for a session.
    ///
    /// # Errors
    /// [`Inactive::Slow`] where its buffer has no room for them; it is inactive then. Nothing may be buffered for one that was
    /// inactive before either.
    pub fn buffer(&mut self, session: SessionId, bytes: u64) -> Result<(), Inactive> {
        let known = self.active.get_mut(&session).ok_or(Inactive::Slow)?;
        known.waiting = known.waiting.saturating_add(bytes);
        if known.waiting <= self.limits.buffer {
            return Ok(());
        }
        self.end(session);
        Err(Inactive::Slow)
    }

    /// A session has taken so many of the bytes that waited for it.
    pub fn took(&mut self, session: SessionId, bytes: u64) {
        if let Some(known) = self.active.get_mut(&session) {
            known.waiting = known.waiting.saturating_sub(bytes);
        }
    }

    /// Whether a session is active.
    #[must_use]
    pub fn is_active(&self, session: SessionId) -> bool {
        self.active.contains_key(&session)
    }

    /// How many are.
    #[must_use]
    pub fn active(&self) -> usize {
        self.active.len()
    }

    /// When [`Sessions::wake`] is next needed.
    #[must_use]
    pub fn due(&self) -> Time {
        self.away.first().map_or(Time::NEVER, |(since, _)| *since + self.limits.away)
    }

    /// Those that have been away for too long, who are inactive now.
    pub fn wake(&mut self, now: Time) -> Vec<SessionId> {
        let mut gone = Vec::new();
        while let Some((since, session)) =
            self.away.first().copied().filter(|(since, _)| *since + self.limits.away <= now)
        {
            self.away.remove(&(since, session));
            self.active.remove(&session);
            gone.push(session);
        }
        gone
    }
}

/// What came of a session's connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Connected {
    /// Whether it is active; else it reads from the log at its own pace.
    pub active: bool,
    /// Who was away and is inactive now ([`Inactive::Crowded`]).
    pub instead_of: Option<SessionId>,
}
