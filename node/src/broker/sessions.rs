//! Named subscriptions that outlive their subscribers: how far each has come is kept on the disk.
//!
//! In logs that it has not come to yet, a session begins where its first subscriber has said: with what was published from then on, if
//! that wanted the latest.
//!
//! A session that is connected, or was a moment ago, is *active*: how far it has come is at hand, and its topics stay as they are. An
//! inactive one is only a cursor on the disk; on return it is brought up to date from the logs. Limits decide who stays active
//! ([`atoll_registry::topics::sessions`]).

use std::collections::{BTreeMap, HashMap};

use atoll_protocol::{
    codec,
    identity::NodeId,
    names::TopicName,
    service::UnixMillis,
    topic::{Seq, log::Cursor},
};
use atoll_registry::topics::sessions::{SessionId, SessionLimits, Sessions as Active};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Inner, disk::Changes, readers::LogRef, tail::Begin};
use crate::error::SubscribeError;

/// What the names of sessions begin with in the table of cursors.
const PREFIX: &str = "session/";
/// Bytes that the cursors of one session may have.
const MOST: usize = 4 * 1024 * 1024;

/// How far a session has come, by topic and author.
pub(super) type Cursors = BTreeMap<(TopicName, NodeId), Cursor>;

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Sessions(Mutex<State>);

#[derive(Debug)]
struct State {
    active: Active,
    known: HashMap<String, Known>,
    next: u64,
}

#[derive(Debug)]
struct Known {
    id: SessionId,
    connected: bool,
    saved: Saved,
    changed: bool,
}

/// What is kept of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Saved {
    origin: Origin,
    cursors: Cursors,
}

/// Where a session begins in logs that it has not come to yet.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Origin {
    Earliest,
    Seq(Seq),
    Time(UnixMillis),
}

/// A session that is taken up again.
#[derive(Debug)]
pub(super) struct TakenUp {
    pub(super) begin: Begin,
    pub(super) cursors: Cursors,
}

impl From<&Saved> for TakenUp {
    fn from(saved: &Saved) -> Self {
        let begin = match saved.origin {
            Origin::Earliest => Begin::Earliest,
            Origin::Seq(seq) => Begin::Seq(seq),
            Origin::Time(time) => Begin::Time(time),
        };
        Self { begin, cursors: saved.cursors.clone() }
    }
}

impl Sessions {
    pub(super) fn new(limits: SessionLimits) -> Self {
        Self(Mutex::new(State { active: Active::new(limits), known: HashMap::new(), next: 0 }))
    }

    /// How many are active, and how many of them are connected.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.0.lock();
        (state.active.active(), state.known.values().filter(|known| known.connected).count())
    }
}

impl Inner {
    /// A subscriber takes up a session. Gives how far that had come; none if it is new, and begins like this.
    pub(super) fn begin_session(&self, name: &str, begin: &Begin) -> Result<Option<TakenUp>, SubscribeError> {
        let mut state = self.sessions.0.lock();
        let state = &mut *state;
        if let Some(known) = state.known.get_mut(name) {
            if known.connected {
                return Err(SubscribeError::SessionInUse { session: name.to_owned() });
            }
            known.connected = true;
            state.active.connect(known.id);
            return Ok(Some((&known.saved).into()));
        }
        let stored = self.disk.cursor(&format!("{PREFIX}{name}"));
        let stored = stored.and_then(|bytes| match codec::decode::<Saved>(&bytes, MOST) {
            Ok(saved) => Some(saved),
            Err(error) => {
                tracing::error!("the session {name} cannot be read, and begins anew: {error}");
                None
            }
        });
        let id = SessionId(state.next);
        state.next += 1;
        let made_room = state.active.connect(id).instead_of;
        if let Some(gone) = made_room {
            let dropped = state.known.extract_if(|_, known| known.id == gone).collect::<Vec<_>>();
            dropped.into_iter().for_each(|(name, known)| self.write_session(&name, &known.saved));
        }
        let (taken, changed) = (stored.as_ref().map(TakenUp::from), stored.is_none());
        let origin = match *begin {
            Begin::Latest => Origin::Time(self.clock.wall()),
            Begin::Earliest => Origin::Earliest,
            Begin::Seq(seq) => Origin::Seq(seq),
            Begin::Time(time) => Origin::Time(time),
        };
        let saved = stored.unwrap_or(Saved { origin, cursors: Cursors::new() });
        state.known.insert(name.to_owned(), Known { id, connected: true, saved, changed });
        Ok(taken)
    }

    /// A session has come so far.
    pub(super) fn note_session<'a>(&self, name: &str, cursors: impl IntoIterator<Item = (&'a LogRef, &'a Cursor)>) {
        let mut state = self.sessions.0.lock();
        let Some(known) = state.known.get_mut(name) else { return };
        known.changed = true;
        for (log, cursor) in cursors {
            known.saved.cursors.insert((log.topic.clone(), log.author), cursor.clone());
        }
    }

    /// A session's subscriber is gone.
    pub(super) fn end_session(&self, name: &str) {
        let now = self.clock.now();
        let mut state = self.sessions.0.lock();
        let Some(known) = state.known.get_mut(name) else { return };
        known.connected = false;
        // At once: whoever comes back after a crash is given again what was not written.
        if std::mem::take(&mut known.changed) {
            self.write_session(name, &known.saved);
        }
        let id = known.id;
        state.active.disconnect(id, now);
        if !state.active.is_active(id)
            && let Some(known) = state.known.remove(name)
        {
            self.write_session(name, &known.saved);
        }
    }

    /// Writes how far sessions have come, and lets those go that are away for too long.
    pub(super) fn save_sessions(&self) {
        let now = self.clock.now();
        let mut state = self.sessions.0.lock();
        for (name, known) in state.known.iter_mut().filter(|(_, known)| known.changed) {
            known.changed = false;
            self.write_session(name, &known.saved);
        }
        let gone = state.active.wake(now);
        state.known.retain(|_, known| !gone.contains(&known.id));
    }

    fn write_session(&self, name: &str, saved: &Saved) {
        let mut changes = Changes::default();
        match codec::encode(saved) {
            Ok(bytes) => {
                changes.put_cursor(&format!("{PREFIX}{name}"), Some(bytes));
                self.bell.write(changes);
            }
            Err(error) => tracing::error!("the session {name} cannot be saved: {error}"),
        }
    }
}
