//! What will happen, in the order of time; what happens at the same time, in the order in which it was planned.
//!
//! ```text
//!  now        next 4 s, in slots of 1 ms              later
//! ┌──────┐   ┌───┬───┬───┬───┬───┬─ ─ ─ ─┬───┐   ┌───────────────┐
//! │ heap │◄──│   │   │   │   │   │       │   │   │ heap (timers) │
//! └──────┘   └───┴───┴───┴───┴───┴─ ─ ─ ─┴───┘   └───────────────┘
//! ```
//!
//! Only the events of one slot are kept sorted, in a heap that fits the processor's cache: with one heap for all, the
//! time per event would grow with the network.

use std::{cmp::Ordering, collections::BinaryHeap, mem};

use super::time::Time;

/// Slots in the ring.
const SLOTS: u64 = 4_096;
/// A slot is 2¹⁰ microseconds long.
const SLOT_BITS: u32 = 10;

struct Planned<E> {
    time: Time,
    order: u64,
    event: E,
}

impl<E> Planned<E> {
    fn slot(&self) -> u64 {
        slot_of(self.time)
    }
}

impl<E> Ord for Planned<E> {
    /// Reversed: the greatest is what comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.time, other.order).cmp(&(self.time, self.order))
    }
}

impl<E> PartialOrd for Planned<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Planned<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.time, self.order) == (other.time, other.order)
    }
}

impl<E> Eq for Planned<E> {}

/// The events to come.
pub(crate) struct Queue<E> {
    /// The slot that is being emptied. What is planned for it or before it goes straight into `current`.
    slot: u64,
    current: BinaryHeap<Planned<E>>,
    ring: Vec<Vec<Planned<E>>>,
    in_ring: usize,
    later: BinaryHeap<Planned<E>>,
    planned: u64,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Self {
            slot: 0,
            current: BinaryHeap::new(),
            ring: (0..SLOTS).map(|_| Vec::new()).collect(),
            in_ring: 0,
            later: BinaryHeap::new(),
            planned: 0,
        }
    }

    pub(crate) fn push(&mut self, time: Time, event: E) {
        let planned = Planned { time, order: self.planned, event };
        self.planned += 1;
        let slot = planned.slot();
        if slot <= self.slot {
            self.current.push(planned);
        } else if slot - self.slot < SLOTS
            && let Some(events) = self.ring.get_mut(place(slot))
        {
            events.push(planned);
            self.in_ring += 1;
        } else {
            self.later.push(planned);
        }
    }

    /// The next event, unless it comes after `limit`.
    pub(crate) fn pop_until(&mut self, limit: Time) -> Option<(Time, E)> {
        while self.current.is_empty() {
            if self.slot >= slot_of(limit) || !self.advance() {
                return None;
            }
        }
        if self.current.peek()?.time > limit {
            return None;
        }
        self.current.pop().map(|planned| (planned.time, planned.event))
    }

    /// Goes on to the next slot that holds something; false if none does.
    fn advance(&mut self) -> bool {
        let later = self.later.peek().map(Planned::slot);
        self.slot = match (self.in_ring, later) {
            (0, None) => return false,
            (0, Some(later)) => later,
            (_, _) => {
                let occupied = |slot: &u64| self.ring.get(place(*slot)).is_some_and(|events| !events.is_empty());
                (self.slot + 1..self.slot + SLOTS).find(occupied).unwrap_or(self.slot + 1)
            }
        };
        if let Some(events) = self.ring.get_mut(place(self.slot)) {
            // The memory of the slot before is given back: kept in the ring, each of its slots would come to hold as much as
            // the fullest one needs.
            let events = mem::take(events);
            self.in_ring -= events.len();
            self.current = events.into();
        }
        // Also what was due in slots that were empty here and have been passed over: the heap sorts it in.
        while self.later.peek().is_some_and(|planned| planned.slot() <= self.slot) {
            self.current.extend(self.later.pop());
        }
        true
    }
}

fn slot_of(time: Time) -> u64 {
    time.micros() >> SLOT_BITS
}

fn place(slot: u64) -> usize {
    usize::try_from(slot % SLOTS).unwrap_or(0)
}
