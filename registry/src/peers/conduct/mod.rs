//! What peers have done wrong, and who is to be shut out for it.
//!
//! What is refused is *charged* to the peer that sent it. Every fault is counted by kind, for as long as the peer is
//! remembered: later judgements of a peer's standing read these counts. But only faults that are **proofs** weigh: what no
//! honest node sends, whoever it has it from, because a node checks what it passes on. What an honest node may send in good
//! faith is counted and has no consequence; or one liar could have a peer shut out by what that peer only passed on.
//!
//! | fault | what it is | proof |
//! |---|---|---|
//! | [`Forged`](Fault::Forged) | a signature is not its author's, or was made for another network | yes |
//! | [`Malformed`](Fault::Malformed) | bytes that are no message: truncated, garbage, against the rules of a record | yes |
//! | [`Oversize`](Fault::Oversize) | more than the protocol allows | yes |
//! | [`Inconsistent`](Fault::Inconsistent) | a set of records that contradicts itself, or is not what its lease covers, as with the record of another key | yes |
//! | [`WrongNetwork`](Fault::WrongNetwork) | a peer of another network: somebody has mistyped an address | no |
//! | [`FutureDated`](Fault::FutureDated) | dated ahead of this node's clock, which may be the wrong one | no |
//! | [`Replayed`](Fault::Replayed) | what has ended or was overtaken, said again: it may have been on its way for long | no |
//! | [`Equivocated`](Fault::Equivocated) | two statements with one number: its author's fault, or that of a restored backup | no |
//! | [`Excess`](Fault::Excess) | more than there is room for here, which others cannot know | no |
//!
//! Each proof adds one to the peer's weight, which halves every [`HALF_LIFE`]. From [`LIMITED`] on the peer is
//! *limited*: what it only passes on is not worth checking, but for one message in [`SAMPLE`], so that a flood that goes on
//! gets further. At [`BARRED`] it is *barred*: nothing is to do with it for [`BAR`], and twice as long each further time, up
//! to [`BAR_MAX`]. A single fault, a bug that shows now and then, or the garbage of a broken cable never get there; a peer
//! that floods does within a second.
//!
//! The ledger is pure (times come in), and bounded: it remembers [`PEERS`] peers, and forgets the one that did no wrong
//! for the longest time first, barred ones last.

mod fault;
mod ledger;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::{
    fault::{Fault, Faults},
    ledger::{Charged, Ledger, Verdict},
};

/// In this time half of a peer's weight is forgiven.
pub const HALF_LIFE: Duration = Duration::from_secs(5 * 60);
/// The weight from which on a peer is limited.
pub const LIMITED: f64 = 10.0;
/// Of what a limited peer only passes on, one message in so many is checked.
pub const SAMPLE: u32 = 8;
/// The weight at which a peer is barred.
pub const BARRED: f64 = 20.0;
/// How long a peer is barred the first time.
pub const BAR: Duration = Duration::from_secs(10 * 60);
/// How long a peer is barred at most.
pub const BAR_MAX: Duration = Duration::from_secs(6 * 3600);
/// Peers that are remembered.
pub const PEERS: usize = 4096;
