//! How long nodes take when something happens to their network, and what they cost when nothing does; each figure beside the
//! target that it has.

mod cut;
mod figure;
mod harm;
mod idle;
mod lan;
mod relay;
mod roam;
mod run;
#[cfg(test)]
mod tests;

use std::{future::Future, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use tokio::time::{sleep, timeout};

pub use self::{
    figure::{Figure, Measured, Unit, table},
    run::{Event, measure},
};
use crate::{delay::Delay, nat::Nat, topology::SiteOptions};

/// How long nodes may take to be in the state that a measurement begins with.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to wait before looking again whether they are.
const PAUSE: Duration = Duration::from_millis(50);

/// How to measure.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the programs `node` and `atoll-bootstrap` are.
    pub programs: PathBuf,
    /// How often.
    pub repeat: usize,
    /// The one-way delays of the uplinks of the home that calls and of the one that is called, if any.
    pub delays: Option<[Duration; 2]>,
    /// How long nodes are left alone to see what that costs.
    pub idle: Duration,
}

impl Settings {
    /// A home of that kind for the one that calls.
    fn near(&self, nat: Nat) -> SiteOptions {
        SiteOptions { delay: self.delays.map(|[near, _]| Delay::of(near)), ..nat.into() }
    }

    /// A home of that kind for the one that is called.
    fn far(&self, nat: Nat) -> SiteOptions {
        SiteOptions { delay: self.delays.map(|[_, far]| Delay::of(far)), ..nat.into() }
    }
}

/// Waits until something holds.
async fn until<F: Future<Output = Result<bool>>>(what: &str, mut holds: impl FnMut() -> F) -> Result<()> {
    let waiting = async {
        while !holds().await? {
            sleep(PAUSE).await;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, waiting).await.with_context(|| format!("{what}: not within {PATIENCE:?}"))?
}
