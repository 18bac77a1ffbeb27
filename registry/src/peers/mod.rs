//! Where peers were last reached, what kind of address that is, which ones are public, how many of one subnet are let in,
//! and what peers have done wrong.
//!
//! What is remembered here is where to try first after a restart, not what is true: an address is believed once a
//! connection over it has proved its peer's key.

pub use self::{
    book::{AddressBook, Peer},
    diversity::{Bucket, Crowded, Diversity, Subnet},
    public::{PublicRange, PublicRangeError, PublicRanges},
    scope::Scope,
};

mod book;
pub mod conduct;
mod diversity;
mod public;
mod scope;
#[cfg(test)]
mod tests;
