//! How what is missing is found out and fetched: one machine for a subscriber that was away, a keeper that catches up, and two
//! islands that merge.
//!
//! Each side asks for what it lacks itself. Whoever answers keeps no memory of it; whoever was asked and saw a difference asks
//! back. A substream of `/atoll/<network>/topic/1` carries messages as `/describe/1` does:
//!
//! ```text
//! ┌──────────────┬─────────────────┐
//! │ len: u32 LE  │ body (encoded)  │   len ≤ limits::TOPIC_MESSAGE
//! └──────────────┴─────────────────┘
//!
//!  asks (Pull)                                                  answers (answer)
//!
//!  Compare { buckets: sums of my topics }        ───────────►
//!                                                ◄───────────   Differing { buckets }            none: all is equal, done
//!  Logs { topics in them, each with its sum }    ───────────►
//!                                                ◄───────────   Logs { covered, held: of each that differs:
//!                                                                  All: author, epoch, first, last, hash …
//!                                                                  Many: sums of its logs,   forked: proofs }
//!  Within { topic, buckets that differ }         ───────────►                                  only for topics of many logs,
//!                                                ◄───────────   Haves { …, more }              page by page
//!  Fetch { stretches that are missing, most }    ───────────►
//!                                                ◄───────────   Part { batch, batch, gap, batch … }
//!                                                ◄───────────   Part { … }
//!                                                ◄───────────   End { more }                   more: ask again for the rest
//!
//!  Topics { patterns, after }                    ───────────►                                  for wildcards: which topics
//!                                                ◄───────────   Topics { names, more }         are there?
//!
//!  Follow { patterns }                           ───────────►                                  for fast publishers: whatever
//!                                                ◄───────────   Part { batch … }  …            comes, from now on
//!
//!  Receipts { of a keeper, for an author }       ───────────►                                  once it has them on its disk
//!                                                ◄───────────   End
//!
//!  Keep { topics }                               ───────────►                                  to those that are to keep them, who
//!                                                ◄───────────   End                             then ask for what they lack
//! ```
//!
//! Topics that are equal cost two bytes each: eight bytes of a bucket's sum for four of them. Every message, and what one question
//! can bring, is bounded; what does not fit is asked for again, page by page, and pages are worked off before the next one
//! is asked for. No log is asked of two peers at a time ([`Claims`]).
//!
//! A peer may lie: what it says to have and does not send, sends without having been asked, or in another order is a
//! [`Fault`] of its; entries are signed by their authors, so it cannot make any up. It can only keep them back: what it says that
//! it does not have leaves a hole, before which readers wait until others have been asked ([`TakenIn::Hole`]). One that does not
//! answer is [stopped](Pull::stop) by the caller's timer. Logs that an author has forked are not exchanged any more, only the
//! proof; logs for which there is no room are [paused](Shelf::pause).

mod fetch;
mod follow;
mod intake;
mod message;
mod pull;
mod serve;
mod shelf;
#[cfg(test)]
mod tests;

pub use self::{
    follow::Following,
    intake::{Intake, Opened, TakenIn, take_in},
    message::{Have, Held, Logs, Piece, Reply, Request, TopicId, Want},
    pull::{Claims, Fault, Next, Pull, Taken, Tally},
    serve::{Answer, Serving, Stored, answer},
    shelf::{Scope, Shelf},
};
