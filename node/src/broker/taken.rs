//! How far a session's messages were taken: what was given counts once it is confirmed, in the order in which it was given.
//!
//! A session must not come further than that. What lies between messages and is not given (what a filter keeps back, policies,
//! what later values have overtaken) is passed together with the message before it.

use std::collections::{HashMap, VecDeque};

use atoll_protocol::topic::{Epoch, Seq, log::Cursor};

use super::readers::LogRef;

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Taken {
    done: HashMap<LogRef, Cursor>,
    /// Given and not confirmed.
    given: VecDeque<Given>,
    /// What was passed since messages are held back, to be given in another order.
    held_back: Option<Passed>,
}

type Passed = HashMap<(LogRef, Epoch), Seq>;

#[derive(Debug)]
struct Given {
    log: LogRef,
    epoch: Epoch,
    to: Seq,
    /// What is passed with it.
    behind: Passed,
}

impl Taken {
    /// A session that has come so far.
    pub(super) fn new(done: HashMap<LogRef, Cursor>) -> Self {
        Self { done, given: VecDeque::new(), held_back: None }
    }

    /// Messages are held back from now on, until they are [let go](Self::let_go).
    pub(super) fn hold_back(&mut self) {
        self.held_back.get_or_insert_default();
    }

    /// Something was given that ends at this position.
    pub(super) fn give(&mut self, log: &LogRef, epoch: Epoch, to: Seq) {
        self.given.push_back(Given { log: LogRef::clone(log), epoch, to, behind: Passed::new() });
    }

    /// Up to here there is nothing more to be given. Gives the log's cursor, if that has changed.
    pub(super) fn pass(&mut self, log: &LogRef, epoch: Epoch, to: Seq) -> Option<&Cursor> {
        let passed = match (&mut self.held_back, self.given.back_mut()) {
            (Some(passed), _) => passed,
            (None, Some(last)) => &mut last.behind,
            (None, None) => return self.done_to(log, epoch, to),
        };
        let known = passed.entry((LogRef::clone(log), epoch)).or_default();
        *known = to.max(*known);
        None
    }

    /// Everything that was held back has been given. Gives the logs whose cursors have changed.
    pub(super) fn let_go(&mut self) -> Vec<(LogRef, Cursor)> {
        let Some(passed) = self.held_back.take() else { return Vec::new() };
        match self.given.back_mut() {
            Some(last) => {
                last.behind = passed;
                Vec::new()
            }
            None => self.all_done(passed),
        }
    }

    /// How much was given and is not confirmed.
    pub(super) fn unconfirmed(&self) -> usize {
        self.given.len()
    }

    /// The oldest of that, so many, has been taken. Gives the logs whose cursors have changed.
    pub(super) fn confirm(&mut self, count: usize) -> Vec<(LogRef, Cursor)> {
        let mut passed = Passed::new();
        for Given { log, epoch, to, behind } in self.given.drain(..count.min(self.given.len())) {
            let all = std::iter::once(((log, epoch), to)).chain(behind);
            for (chain, to) in all {
                let known: &mut Seq = passed.entry(chain).or_default();
                *known = to.max(*known);
            }
        }
        self.all_done(passed)
    }

    fn all_done(&mut self, passed: Passed) -> Vec<(LogRef, Cursor)> {
        let mut changed = Vec::with_capacity(passed.len());
        for ((log, epoch), to) in passed {
            if let Some(cursor) = self.done_to(&log, epoch, to) {
                changed.push((log, cursor.clone()));
            }
        }
        changed
    }

    fn done_to(&mut self, log: &LogRef, epoch: Epoch, to: Seq) -> Option<&Cursor> {
        let cursor = self.done.entry(LogRef::clone(log)).or_default();
        if cursor.read(epoch) >= to {
            return None;
        }
        cursor.pass(epoch, to);
        Some(cursor)
    }
}
