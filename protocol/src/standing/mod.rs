//! What nodes have done for each other, in a form that others can check.
//!
//! Standing is computed by each node for itself (`atoll_registry::standing`). What is said about it is here:
//!
//! | module | what it holds |
//! |---|---|
//! | [`receipt`] | what two nodes say alike of their work for each other, signed by both |
//! | [`pair`] | how the two come to say so: who proposes, who countersigns, and how often |
//! | [`exchange`] | how nodes ask each other for all of this |
//! | [`row`] | whom a node vouches for, and by which receipts |
//! | [`proof`] | that somebody has signed two different receipts with one number |
//! | [`puzzle`] | what a new identity costs |
//!
//! ```text
//!   a (smaller id)                                  b
//!   │ half of receipt 7: a's signature              │
//!   ├──────────────────────────────────────────────►│ signs it too, if it only says what can be true
//!   │◄──────────────────────────────────────────────┤ receipt 7: both signatures
//!   │                    half of receipt 8: b's own │
//!   │◄──────────────────────────────────────────────┤
//! ```
//!
//! Bad things that are said of others are of no use to anybody: only what two agree on counts, and only praise is believed. What
//! does travel is what proves itself: a [`FraudProof`].
//!
//! It never reads a clock, stores anything or sends anything.

pub mod exchange;
pub mod pair;
pub mod proof;
pub mod puzzle;
pub mod receipt;
pub mod row;

#[cfg(test)]
mod tests;

pub use self::{
    pair::{Agreed, Countersign, Ending, NotSigned, Pair},
    proof::{FraudProof, ProofError},
    receipt::{Numbered, PairReceipt, Verdict, Work},
    row::{Row, Vouch},
};
