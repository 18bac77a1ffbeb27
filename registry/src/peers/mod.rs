//! Where peers were last reached, and what kind of address that is.
//!
//! What is remembered here is where to try first after a restart, not what is true: an address is believed once a
//! connection over it has proved its peer's key.

pub use self::{
    book::{AddressBook, Peer},
    scope::Scope,
};

mod book;
mod scope;
#[cfg(test)]
mod tests;
