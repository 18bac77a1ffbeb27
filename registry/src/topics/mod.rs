//! Topics: who keeps what for how long, who may say what, and how a group shares the work.
//!
//! Policy only, over what [`atoll_protocol::topic`] says. The logs themselves, and what is missing of them, are there.
//!
//! | module | what it decides |
//! |---|---|
//! | [`access`] | which policy of a topic is in force, and so who may publish and read |
//! | [`keepers`] | which nodes keep a topic, and who catches up when one of them is gone |
//! | [`interest`] | which subscriptions an entry is given to |
//! | [`outbox`] | how well a publisher's entries are kept, and when it is told |
//! | [`quota`] | how much of whose entries there is room for, strangers' topics included |
//! | [`retention`] | what may be deleted: by age, bytes, count, or because a later entry has the same key |
//! | [`group`] | which member of a group works on which entry, and what becomes of entries that nobody manages |
//! | [`sessions`] | which clients keep a buffer reserved, and which have a cursor only |

pub mod access;
pub mod group;
pub mod interest;
pub mod keepers;
pub mod outbox;
pub mod quota;
pub mod retention;
pub mod sessions;

#[cfg(test)]
mod tests;
