//! What this node has experienced with each instance that it calls: how busy, how fast and how well it is.

mod choice;
mod instance;
mod targets;

pub(super) use choice::choose;
pub(crate) use instance::Tally;
pub(super) use instance::{Attempt, InFlight, Instances, Load};
pub(super) use targets::{Target, Targets};
