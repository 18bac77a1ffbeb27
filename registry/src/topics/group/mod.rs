//! A group's shared work: each entry is given to one member at a time, until one has managed it, or it is given up.
//!
//! ```text
//!                            ┌────────── nack, ack wait over, member gone: later, twice as late each time ──────────┐
//!                            ▼                                                                                       │
//!  offer ──► waiting (for its turn, for its key, for a member with room) ──► leased to a member ──► ack ─────────► done
//!                                                                                     │                             ▲
//!                                                                                     └── too often, or rejected ──► dead letter,
//!                                                                                                                    published
//! ```
//!
//! One node coordinates a group at a time. It is told what there is to do in the order of each author's log, and says what to give
//! to whom. [How far](Group::standing) it has come in each log is what the next coordinator begins with. **Fencing**: a coordinator works in an epoch of its own, higher than all before it, and an
//! answer under a lease of another epoch is [refused](Stale): who was given an entry by an earlier coordinator may have been overtaken.
//! So within an epoch no entry has two live leases. Over epochs an entry may be worked on twice: **at least once**, never exactly
//! once, is what a group gives.
//!
//! Entries with the same key are given one after the other, in the order in which they were offered; one that waits for its
//! redelivery holds up those behind it, and a dead letter lets them go on.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use atoll_protocol::{
    identity::NodeId,
    topic::{Epoch, Seq, work::Standing},
};

use self::{
    members::Members,
    progress::{NotBegun, Progress},
};
use crate::time::Time;

mod effect;
mod lease;
mod members;
mod progress;
mod settings;
#[cfg(test)]
mod tests;

pub use self::{
    effect::{Effect, Reason},
    lease::Stale,
    members::MemberId,
    settings::Settings,
};
pub use atoll_protocol::topic::work::LeaseId;

/// An entry of the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId {
    /// Whose log it stands in.
    pub author: NodeId,
    /// In which epoch.
    pub epoch: Epoch,
    /// At which position.
    pub seq: Seq,
}

/// Why an entry was not taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotTaken {
    /// There are as many as may be: offer it again when some are done.
    #[error("the group has as many entries under way as it may have")]
    Full,
    /// It was offered before.
    #[error("it was offered before")]
    Again,
    /// It is done, as was noted before.
    #[error("it is done")]
    Done,
}

/// See the [module docs](self).
#[derive(Debug)]
pub struct Group {
    settings: Settings,
    /// The coordinator's.
    epoch: u64,
    /// What is not done, in the order in which it was offered.
    items: BTreeMap<Order, Item>,
    next_order: u64,
    /// Those that may be given now or later, unless others with their keys come before: by when.
    waiting: BTreeSet<(Time, Order)>,
    /// By key, in order; the first one may be given.
    keys: HashMap<u64, VecDeque<Order>>,
    leases: BTreeMap<u64, Order>,
    next_lease: u64,
    expiries: BTreeSet<(Time, u64)>,
    members: Members,
    progress: Progress,
    effects: Vec<Effect>,
}

/// Position in the order in which entries were offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Order(u64);

#[derive(Debug)]
struct Item {
    entry: EntryId,
    key: Option<u64>,
    attempts: u32,
    said: Option<String>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not before this time.
    Waiting(Time),
    /// Given to this member, until this time.
    Leased { lease: u64, member: MemberId, until: Time },
    /// Given up, and its dead letter not published yet.
    GivenUp,
}

impl Group {
    /// Bytes of what a member says about a failure that are kept.
    pub const SAID: usize = 256;

    /// A group without members or work, in an epoch that must be higher than that of every coordinator before this one.
    #[must_use]
    pub fn new(settings: Settings, epoch: u64) -> Self {
        Self {
            settings,
            epoch,
            items: BTreeMap::new(),
            next_order: 0,
            waiting: BTreeSet::new(),
            keys: HashMap::new(),
            leases: BTreeMap::new(),
            next_lease: 0,
            expiries: BTreeSet::new(),
            members: Members::default(),
            progress: Progress::default(),
            effects: Vec::new(),
        }
    }

    /// What there is to do since the last call, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When [`Group::wake`] is next needed: a lease ends, or an entry is to be given again to a member that has room.
    #[must_use]
    pub fn due(&self) -> Time {
        let expiry = self.expiries.first().map_or(Time::NEVER, |(until, _)| *until);
        let next = self.waiting.first().map_or(Time::NEVER, |(due, _)| *due);
        if self.members.has_room() { expiry.min(next) } else { expiry }
    }

    /// How many more entries may be offered.
    #[must_use]
    pub fn room(&self) -> usize {
        self.settings.window.saturating_sub(self.items.len())
    }

    /// Entries that are not done.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.items.len()
    }

    /// Entries that somebody is working on.
    #[must_use]
    pub fn leased(&self) -> usize {
        self.leases.len()
    }

    /// The members.
    #[must_use]
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// The coordinator's epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Who holds this lease.
    #[must_use]
    pub fn holder(&self, lease: LeaseId) -> Option<MemberId> {
        let order = self.leases.get(&lease.number).filter(|_| lease.epoch == self.epoch)?;
        match self.items.get(order)?.state {
            State::Leased { member, .. } => Some(member),
            State::Waiting(_) | State::GivenUp => None,
        }
    }

    /// The logs in which there is anything done, or to be done.
    pub fn logs(&self) -> impl Iterator<Item = (NodeId, Epoch)> {
        self.progress.logs()
    }

    /// Whether there is anything done, or to be done, in a log.
    #[must_use]
    pub fn knows(&self, log: &(NodeId, Epoch)) -> bool {
        self.progress.knows(log)
    }

    /// How far the group has come in a log: what the next coordinator is to [learn](Group::learn).
    #[must_use]
    pub fn standing(&self, log: (NodeId, Epoch)) -> Option<Standing> {
        self.progress.standing(log, |order| self.items.get(&order).map_or(0, |item| item.attempts))
    }

    /// Another coordinator, before this one or beside it, has noted how far the group has come in a log: what is done by that is done
    /// here, too.
    pub fn learn(&mut self, (author, epoch): (NodeId, Epoch), standing: &Standing, now: Time) {
        for order in self.progress.learn(author, epoch, standing) {
            self.done(order, now);
        }
        self.give(now);
    }

    /// There is an entry to be worked on, in the order of its author's log; positions that are left out count as done. `key` is
    /// a hash of its key.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn offer(&mut self, entry: EntryId, key: Option<u64>, now: Time) -> Result<(), NotTaken> {
        if self.room() == 0 {
            return Err(NotTaken::Full);
        }
        let order = Order(self.next_order);
        let attempts = self.progress.begin(entry, order).map_err(|why| match why {
            NotBegun::Again => NotTaken::Again,
            NotBegun::Done => NotTaken::Done,
        })?;
        self.next_order = self.next_order.saturating_add(1);
        let key = key.filter(|_| self.settings.key_order);
        self.items.insert(order, Item { entry, key, attempts, said: None, state: State::Waiting(now) });
        if attempts > 0 && attempts >= self.settings.deliveries {
            // Coordinators have come and gone, perhaps because of it.
            self.give_up(order, Reason::TooOften { attempts, said: None }, now);
            return Ok(());
        }
        let first = match key {
            Some(key) => {
                let queue = self.keys.entry(key).or_default();
                queue.push_back(order);
                queue.len() == 1
            }
            None => true,
        };
        if first {
            self.waiting.insert((now, order));
        }
        self.give(now);
        Ok(())
    }

    /// A member works from now on, on at most `room` entries at a time. False if there are as many members as may be.
    pub fn join(&mut self, member: MemberId, room: u32, now: Time) -> bool {
        let joined = self.members.join(member, room, self.settings.members);
        self.give(now);
        joined
    }

    /// A member is gone. What it has not managed is given to others at once; the attempt counts.
    pub fn leave(&mut self, member: &MemberId, now: Time) {
        let held = |item: &Item| matches!(item.state, State::Leased { member: by, .. } if by == *member);
        let orders: Vec<Order> = self.items.iter().filter(|(_, item)| held(item)).map(|(order, _)| *order).collect();
        for order in orders {
            self.failed(order, now, now);
        }
        self.members.leave(member);
        self.give(now);
    }

    /// Does what is due: ends leases that were not answered, and gives entries again.
    pub fn wake(&mut self, now: Time) {
        while let Some((until, lease)) = self.expiries.first().copied().filter(|(until, _)| *until <= now) {
            self.expiries.remove(&(until, lease));
            if let Some(order) = self.leases.get(&lease).copied() {
                let again = self.again(order, now);
                self.failed(order, again, now);
            }
        }
        self.give(now);
    }

    /// Gives what may be given to members that have room.
    fn give(&mut self, now: Time) {
        while let Some((due, order)) = self.waiting.first().copied().filter(|(due, _)| *due <= now) {
            let Some(member) = self.members.next() else { return };
            self.waiting.remove(&(due, order));
            let lease = self.next_lease;
            self.next_lease = self.next_lease.saturating_add(1);
            let until = now + self.settings.ack_wait;
            let Some(item) = self.items.get_mut(&order) else { continue };
            item.attempts = item.attempts.saturating_add(1);
            item.state = State::Leased { lease, member, until };
            let (entry, attempt) = (item.entry, item.attempts);
            self.members.given(&member);
            self.leases.insert(lease, order);
            self.expiries.insert((until, lease));
            let lease = LeaseId { epoch: self.epoch, number: lease };
            self.effects.push(Effect::Deliver { member, entry, lease, attempt });
        }
    }

    /// Ends the lease of an item, if it has one.
    fn unlease(&mut self, order: Order) {
        let Some(item) = self.items.get(&order) else { return };
        if let State::Leased { lease, member, until } = item.state
            && self.leases.remove(&lease).is_some()
        {
            self.expiries.remove(&(until, lease));
            self.members.returned(&member);
        }
    }

    /// When an item that was not managed is to be given again.
    fn again(&self, order: Order, now: Time) -> Time {
        let attempts = self.items.get(&order).map_or(1, |item| item.attempts);
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1).min(31));
        now + self.settings.backoff.saturating_mul(doubled).min(self.settings.backoff_max)
    }

    /// An item was not managed: it is given again at `again`, or given up.
    fn failed(&mut self, order: Order, again: Time, now: Time) {
        self.unlease(order);
        let Some(item) = self.items.get_mut(&order) else { return };
        if item.attempts >= self.settings.deliveries {
            let reason = Reason::TooOften { attempts: item.attempts, said: item.said.take() };
            self.give_up(order, reason, now);
            return;
        }
        item.state = State::Waiting(again);
        self.waiting.insert((again, order));
    }

    /// The dead letter of an entry is published.
    pub fn buried(&mut self, entry: &EntryId, now: Time) {
        if let Some(order) = self.progress.order(entry) {
            self.done(order, now);
            self.give(now);
        }
    }

    /// Nobody is given an item any more; those with its key that come after it go on.
    fn give_up(&mut self, order: Order, reason: Reason, now: Time) {
        self.unlease(order);
        let Some(item) = self.items.get_mut(&order) else { return };
        let (entry, attempts, key) = (item.entry, item.attempts, item.key.take());
        item.state = State::GivenUp;
        self.effects.push(Effect::DeadLetter { entry, reason, attempts });
        if let Some(key) = key {
            self.next_of(key, order, now);
        }
    }

    /// An item is done, one way or the other.
    fn done(&mut self, order: Order, now: Time) {
        self.unlease(order);
        let Some(item) = self.items.remove(&order) else { return };
        if let State::Waiting(due) = item.state {
            self.waiting.remove(&(due, order));
        }
        self.progress.end(item.entry);
        self.effects.push(Effect::Done { entry: item.entry });
        if let Some(key) = item.key {
            self.next_of(key, order, now);
        }
    }

    /// The next entry with this key may be given.
    fn next_of(&mut self, key: u64, done: Order, now: Time) {
        let Some(queue) = self.keys.get_mut(&key) else { return };
        if queue.front() != Some(&done) {
            // Others come before it, and still do.
            queue.retain(|order| *order != done);
            return;
        }
        queue.pop_front();
        let Some(next) = queue.front().copied() else {
            self.keys.remove(&key);
            return;
        };
        if let Some(Item { state: State::Waiting(due), .. }) = self.items.get_mut(&next) {
            *due = now.max(*due);
            self.waiting.insert((*due, next));
        }
    }
}
