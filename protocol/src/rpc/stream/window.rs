//! Credit: how much may be under way.

use crate::limits::STREAM_WINDOW;

/// What this side may still send.
#[derive(Debug)]
pub(super) struct Sending {
    credit: u64,
}

impl Default for Sending {
    fn default() -> Self {
        Self { credit: STREAM_WINDOW }
    }
}

impl Sending {
    /// Uses credit; `false` if there is not enough.
    pub(super) fn take(&mut self, cost: u64) -> bool {
        match self.credit.checked_sub(cost) {
            Some(left) => {
                self.credit = left;
                true
            }
            None => false,
        }
    }

    pub(super) fn granted(&mut self, credit: u64) {
        self.credit = self.credit.saturating_add(credit);
    }
}

/// What the other side may send, counted from the stream's beginning.
#[derive(Debug)]
pub(super) struct Receiving {
    received: u64,
    consumed: u64,
    granted: u64,
}

impl Default for Receiving {
    fn default() -> Self {
        Self { received: 0, consumed: 0, granted: STREAM_WINDOW }
    }
}

impl Receiving {
    /// Takes in a message; an error says by how much it is too much.
    pub(super) fn received(&mut self, cost: u64) -> Result<(), u64> {
        self.received = self.received.saturating_add(cost);
        match self.received.checked_sub(self.granted) {
            None | Some(0) => Ok(()),
            Some(over) => Err(over),
        }
    }

    /// The program has taken a message: the credit to give, where it is worth a frame. `budget` is how far the window may be
    /// opened beyond the smallest.
    ///
    /// Half a window is worth a frame. The other half is at least as long as any message, so whoever waits for credit gets it
    /// once the program has taken what is here.
    pub(super) fn consumed(&mut self, cost: u64, budget: u64) -> Option<u64> {
        self.consumed += cost;
        let target = self.consumed + STREAM_WINDOW + budget;
        let credit = target.checked_sub(self.granted).filter(|credit| *credit >= STREAM_WINDOW / 2)?;
        self.granted = target;
        Some(credit)
    }
}
