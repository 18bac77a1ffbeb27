//! Topics: entries, the logs that they stand in, and how logs are kept equal.
//!
//! Every author has a log of its own for every topic. It is the truth, and the author's outbox: an entry is in it before
//! anything else happens. Gossip brings rumours of it, keepers store copies, and whoever has missed something asks for that.
//!
//! | module | what it holds |
//! |---|---|
//! | [`entry`] | an entry, and the encoding of many |
//! | [`batch`] | batches of entries: one signature, one hash link |
//! | [`writer`] | how an author appends to its own log |
//! | [`clock`] | the time stamps of entries |
//! | [`announcement`] | what is gossiped |
//! | [`receipt`] | what a keeper signs |
//! | [`proof`] | that an author or a keeper has said two things |
//! | [`policy`] | what a topic's owner decides |
//! | [`log`] | one author's log as a reader or a keeper knows it |
//! | [`sync`] | how what is missing is found out and fetched |
//! | [`work`] | how groups share the work |
//!
//! # What is guaranteed
//!
//! - At least once per cursor, while an entry is retained and an honest holder can be reached.
//! - In order per author, within an epoch: one that went on from a restored backup has several, and entries of an older one that
//!   turn up later are told later. No total order across authors.
//! - Duplicates are possible. They are told apart by (author, epoch, position) in the log, and by idempotency id per consumer.
//! - A reader behind the retention is told of a gap, never nothing.
//! - Deletion is best effort: whoever has been given an entry may keep it.
//! - Side effects of consumers happen at least once, never exactly once by anything in here.
//!
//! It never reads a clock, stores anything or sends anything.

pub mod announcement;
pub mod batch;
pub mod clock;
pub mod entry;
pub mod log;
pub mod policy;
pub mod proof;
pub mod receipt;
pub mod sync;
pub mod work;
pub mod writer;

#[cfg(test)]
mod tests;

pub use self::{
    announcement::Announcement,
    batch::{Batch, BatchError, ChainId, Epoch, Head, Seq, SignedBatch},
    clock::{Clock, Hlc},
    entry::{Draft, Entry, EntryError, Headers},
    policy::{Access, Policy, Retention},
    proof::{Equivocation, Proof, ProofError},
    receipt::Receipt,
    writer::{AppendError, Writer},
};
