//! A host is carried to another network while its node runs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::time::sleep;

use super::{Figure, PATIENCE, PAUSE, Settings, Unit, run::Happening};
use crate::{
    nat::Nat,
    subject::node::{Load, NodePrograms, Pace},
    topology::{Lab, Network, Site},
};

/// Calls that follow each other closely, so that one is made soon after it can be answered.
const PACE: Pace = Pace { workers: 4, pause: Duration::from_millis(50), deadline: Duration::from_secs(2) };

/// A home that calls, one that is called, and a network to carry the latter's host to.
pub(super) struct Roaming {
    programs: NodePrograms,
    caller: Site,
    callee: Site,
    elsewhere: Site,
}

impl Roaming {
    /// The network that the host is not in: it goes there and back again.
    fn destination(&self, number: usize) -> Result<Network> {
        let site = if number.is_multiple_of(2) { &self.elsewhere } else { &self.callee };
        Ok(site.gateways.first().context("no router")?.lan().clone())
    }
}

impl Happening for Roaming {
    const FIGURES: &'static [Figure] =
        &[Figure { what: "host in another network → node called there", unit: Unit::Seconds, at_most: Some(15.0) }];

    async fn prepare(lab: &mut Lab, settings: &Settings) -> Result<Self> {
        let programs = NodePrograms::start(lab, &settings.programs, 2, NodePrograms::public()).await?;
        let caller = lab.site(settings.near(Nat::PortRestricted))?;
        let callee = lab.site(settings.far(Nat::PortRestricted))?;
        let elsewhere = lab.site(settings.far(Nat::PortRestricted))?;
        Ok(Self { programs, caller, callee, elsewhere })
    }

    async fn once(&mut self, number: usize) -> Result<Vec<f64>> {
        let names = [format!("roaming{number}a"), format!("roaming{number}b")];
        let [a, b] = &names;
        let (caller, callee) =
            tokio::try_join!(self.programs.join(&self.caller.host, a), self.programs.join(&self.callee.host, b))?;
        self.programs.call(&self.caller.host, &caller, &callee).await?;
        let load = Load::start(&caller.control(), callee.id(), PACE);
        let left = Instant::now();
        let destination = self.destination(number)?;
        self.callee.host.roam(&destination)?;
        let there = Instant::now();
        let end = there + PATIENCE;
        while Instant::now() < end {
            // One that was made before may have been answered before.
            let calls = load.so_far()?;
            let mut answered = calls.iter().filter(|call| call.begun >= there && call.error.is_none());
            if let Some(call) = answered.next() {
                let took = call.ended - left;
                load.stop().await?;
                return Ok(vec![took.as_secs_f64()]);
            }
            sleep(PAUSE).await;
        }
        let calls = load.stop().await?;
        let error = calls.iter().rev().find_map(|call| call.error.clone()).unwrap_or_default();
        bail!("no call is answered within {PATIENCE:?}: {error}")
    }
}
