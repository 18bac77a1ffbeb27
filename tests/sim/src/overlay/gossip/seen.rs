//! Which messages have been seen lately.
//!
//! [Numbers](super::Number) follow each other in the order in which messages are published, so what a node sees within
//! some minutes lies close together: a bit for each, in blocks that are forgotten as a whole. By their names, the messages
//! of two minutes would take most of the memory of a large simulation.

use std::{collections::VecDeque, time::Duration};

use super::Number;
use crate::engine::Time;

#[cfg(test)]
mod tests;

/// 64 numbers that follow each other.
#[derive(Debug)]
struct Block {
    index: u32,
    /// When one of them was last seen for the first time.
    latest: Time,
    bits: u64,
}

/// The numbers seen.
#[derive(Debug)]
pub(super) struct Seen {
    /// In the order of their indices.
    blocks: VecDeque<Block>,
    remembered: Duration,
}

impl Seen {
    /// Nothing yet. What is seen will be remembered at least so long, and until all of its block has been seen so long ago.
    pub(super) fn new(remembered: Duration) -> Self {
        Self { blocks: VecDeque::new(), remembered }
    }

    /// Whether this is the first time; from now on it has been seen.
    pub(super) fn first(&mut self, number: Number, now: Time) -> bool {
        let (index, bit) = place(number);
        let at = match self.find(index) {
            Ok(at) => at,
            Err(at) => {
                self.blocks.insert(at, Block { index, latest: now, bits: 0 });
                at
            }
        };
        let Some(block) = self.blocks.get_mut(at).filter(|block| block.bits & bit == 0) else { return false };
        (block.bits, block.latest) = (block.bits | bit, now);
        true
    }

    pub(super) fn has(&self, number: Number) -> bool {
        let (index, bit) = place(number);
        let block = self.find(index).ok().and_then(|at| self.blocks.get(at));
        block.is_some_and(|block| block.bits & bit != 0)
    }

    /// Forgets what was seen long ago.
    pub(super) fn forget(&mut self, now: Time) {
        while self.blocks.front().is_some_and(|block| block.latest + self.remembered <= now) {
            self.blocks.pop_front();
        }
    }

    /// Where a block is, or would be.
    fn find(&self, index: u32) -> Result<usize, usize> {
        // Most are without a gap, and most of what comes is recent.
        let behind = self.blocks.back().and_then(|last| last.index.checked_sub(index));
        let guess = behind.and_then(|behind| (self.blocks.len() - 1).checked_sub(usize::try_from(behind).ok()?));
        match guess {
            Some(at) if self.blocks.get(at).is_some_and(|block| block.index == index) => Ok(at),
            _ => self.blocks.binary_search_by_key(&index, |block| block.index),
        }
    }
}

/// The block of a number, and its bit there.
fn place(Number(number): Number) -> (u32, u64) {
    (number / u64::BITS, 1 << (number % u64::BITS))
}
