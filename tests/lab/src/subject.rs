//! Two programs that try to connect, each behind its NAT: the seam between the lab and what is tested in it.

pub mod node;
pub mod udp;

use std::{fmt, future::Future, time::Duration};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::{
    nat::{Nat, Path, expected},
    topology::Site,
};

/// Something that connects two sites.
pub trait Subject: Sync {
    /// Whether it takes a site for itself, so that no two attempts may share one.
    const EXCLUSIVE: bool;

    /// The path that it must find between these, where only one will do; nothing where either will.
    fn expected(&self, a: Nat, b: Nat) -> Option<Path> {
        Some(expected(a, b))
    }

    /// Has the host of `a` reach that of `b`. `attempt` is different for each one.
    ///
    /// # Errors
    /// If they do not reach each other at all, or the means to try fail.
    fn connect(&self, a: &Site, b: &Site, attempt: u64) -> impl Future<Output = Result<Outcome>> + Send;
}

/// How two sites reached each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The best path that they found.
    pub path: Path,
    /// From the beginning until they could talk, by whatever path.
    pub talked: Duration,
    /// From then until they had the direct path, if they found one.
    pub direct_after: Option<Duration>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)
    }
}
