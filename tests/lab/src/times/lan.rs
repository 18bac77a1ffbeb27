//! A second node starts on a network without internet and without a bootstrap.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::sleep;

use super::{Figure, PATIENCE, Settings, Unit, run::Happening};
use crate::{
    nat::Nat,
    subject::node::{Control, NodePrograms},
    topology::{Host, Lab, Site},
};

/// The deadline of a call.
const DEADLINE: Duration = Duration::from_secs(1);
/// Between a call that failed and the next one.
const AGAIN: Duration = Duration::from_millis(10);

/// A home whose line is cut, and a second host in it.
pub(super) struct Lan {
    programs: NodePrograms,
    home: Site,
    second: Host,
}

impl Happening for Lan {
    const FIGURES: &'static [Figure] = &[
        Figure { what: "second node on a LAN starts → it calls the first", unit: Unit::Seconds, at_most: Some(2.0) },
        Figure { what: "— and is called by it", unit: Unit::Seconds, at_most: Some(2.0) },
    ];

    async fn prepare(lab: &mut Lab, settings: &Settings) -> Result<Self> {
        let programs = NodePrograms::start(lab, &settings.programs, 0, NodePrograms::public()).await?;
        let home = lab.site(Nat::PortRestricted)?;
        home.uplink()?.cut()?;
        let second = lab.host(&home.gateways.first().context("no router")?.lan().clone())?;
        Ok(Self { programs, home, second })
    }

    async fn once(&mut self, number: usize) -> Result<Vec<f64>> {
        let first = self.programs.join_lan(&self.home.host, &format!("lan{number}a"), true).await?;
        let started = Instant::now();
        let second = self.programs.join_lan(&self.second, &format!("lan{number}b"), false).await?;
        let (there, back) = (second.control(), first.control());
        let (calls, is_called) = tokio::try_join!(answered(&there, first.id()), answered(&back, second.id()))?;
        Ok(vec![(calls - started).as_secs_f64(), (is_called - started).as_secs_f64()])
    }
}

/// When the first call is answered.
async fn answered(caller: &Control, peer: &str) -> Result<Instant> {
    let end = Instant::now() + PATIENCE;
    loop {
        match caller.ping(peer, DEADLINE).await {
            Ok(_) => return Ok(Instant::now()),
            Err(error) if Instant::now() > end => return Err(error),
            Err(_) => sleep(AGAIN).await,
        }
    }
}
