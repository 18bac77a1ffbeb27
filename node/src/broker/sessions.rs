//! Named subscriptions that outlive their subscribers: how far each has come is kept on the disk.
//!
//! A session that is connected, or was a moment ago, is *active*: how far it has come is at hand, and its topics stay as they are. An
//! inactive one is only a cursor on the disk; on return it is brought up to date from the logs. Limits decide who stays active
//! ([`atoll_registry::topics::sessions`]).

use std::collections::{BTreeMap, HashMap};

use atoll_protocol::{codec, identity::NodeId, names::TopicName, topic::log::Cursor};
use atoll_registry::topics::sessions::{SessionId, SessionLimits, Sessions as Active};
use parking_lot::Mutex;

use super::{Inner, disk::Changes};
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
    cursors: Cursors,
    changed: bool,
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
    /// A subscriber takes up a session. Gives how far that had come.
    pub(super) fn begin_session(&self, name: &str) -> Result<Cursors, SubscribeError> {
        let mut state = self.sessions.0.lock();
        let state = &mut *state;
        if let Some(known) = state.known.get_mut(name) {
            if known.connected {
                return Err(SubscribeError::SessionInUse { session: name.to_owned() });
            }
            known.connected = true;
            let (id, cursors) = (known.id, known.cursors.clone());
            state.active.connect(id);
            return Ok(cursors);
        }
        let stored = self.disk.cursor(&format!("{PREFIX}{name}"));
        let cursors: Cursors = stored.and_then(|bytes| codec::decode(&bytes, MOST).ok()).unwrap_or_default();
        let id = SessionId(state.next);
        state.next += 1;
        let made_room = state.active.connect(id).instead_of;
        if let Some(gone) = made_room {
            let dropped = state.known.extract_if(|_, known| known.id == gone).collect::<Vec<_>>();
            dropped.into_iter().for_each(|(name, known)| self.write_session(&name, &known.cursors));
        }
        let known = Known { id, connected: true, cursors: cursors.clone(), changed: false };
        state.known.insert(name.to_owned(), known);
        Ok(cursors)
    }

    /// A session has come so far.
    pub(super) fn note_session(&self, name: &str, topic: &TopicName, author: NodeId, cursor: Cursor) {
        let mut state = self.sessions.0.lock();
        if let Some(known) = state.known.get_mut(name) {
            known.cursors.insert((topic.clone(), author), cursor);
            known.changed = true;
        }
    }

    /// A session's subscriber is gone.
    pub(super) fn end_session(&self, name: &str) {
        let now = self.clock.now();
        let mut state = self.sessions.0.lock();
        let Some(known) = state.known.get_mut(name) else { return };
        known.connected = false;
        let id = known.id;
        state.active.disconnect(id, now);
        if !state.active.is_active(id)
            && let Some(known) = state.known.remove(name)
        {
            self.write_session(name, &known.cursors);
        }
    }

    /// Writes how far sessions have come, and lets those go that are away for too long.
    pub(super) fn save_sessions(&self) {
        let now = self.clock.now();
        let mut state = self.sessions.0.lock();
        for (name, known) in state.known.iter_mut().filter(|(_, known)| known.changed) {
            known.changed = false;
            self.write_session(name, &known.cursors);
        }
        let gone = state.active.wake(now);
        state.known.retain(|_, known| !gone.contains(&known.id));
    }

    fn write_session(&self, name: &str, cursors: &Cursors) {
        let mut changes = Changes::default();
        match codec::encode(cursors) {
            Ok(bytes) => {
                changes.put_cursor(&format!("{PREFIX}{name}"), Some(bytes));
                self.bell.write(changes);
            }
            Err(error) => tracing::error!("the session {name} cannot be saved: {error}"),
        }
    }
}
