//! What the programs `node` and `atoll-bootstrap` share: their options, the configuration these make, and running a
//! node in the foreground.
//!
//! Nothing in here speaks to the network; it is the edge where texts become types. Whatever a stranger's node may have
//! written passes [`text::printable`] before it reaches a terminal.
//!
//! | module | what it holds |
//! |---|---|
//! | [`address`] | multiaddrs that people type |
//! | [`args`] | the options |
//! | [`settings`] | options, file and environment become one [`Config`](crate::config::Config) |
//! | [`run`](mod@run) | a node in the foreground: log, events, signals |
//! | [`text`] | text that is safe to print |

pub mod address;
pub mod args;
mod error;
mod events;
pub mod run;
pub mod settings;
pub mod text;

pub use args::{ConfigArgs, GlobalArgs, Output, RunArgs};
pub use error::RunError;
pub use run::{Role, execute, run};
