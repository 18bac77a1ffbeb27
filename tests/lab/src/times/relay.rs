//! The relay in use is killed while calls go through it.

use anyhow::{Context, Result, ensure};

use super::{Figure, Settings, Unit, harm::harmed, run::Happening, until};
use crate::{
    nat::{Nat, Path},
    subject::node::{Connection, NodePrograms},
    topology::{Lab, Site},
};

/// Two homes that only a relay can connect, and two relays.
pub(super) struct RelayKilled {
    programs: NodePrograms,
    caller: Site,
    callee: Site,
}

impl Happening for RelayKilled {
    const FIGURES: &'static [Figure] = &[
        Figure { what: "relay killed → calls answered through another", unit: Unit::Seconds, at_most: Some(5.0) },
        Figure { what: "— idempotent calls that failed", unit: Unit::Count, at_most: Some(0.0) },
        Figure { what: "— calls made meanwhile", unit: Unit::Count, at_most: None },
    ];

    async fn prepare(lab: &mut Lab, settings: &Settings) -> Result<Self> {
        let programs = NodePrograms::start(lab, &settings.programs, 2, NodePrograms::public()).await?;
        let (caller, callee) = (lab.site(settings.near(Nat::Symmetric))?, lab.site(settings.far(Nat::Symmetric))?);
        Ok(Self { programs, caller, callee })
    }

    async fn once(&mut self, number: usize) -> Result<Vec<f64>> {
        self.programs.replace().await?;
        let names = [format!("relayed{number}a"), format!("relayed{number}b")];
        let [a, b] = &names;
        let (caller, callee) =
            tokio::try_join!(self.programs.join(&self.caller.host, a), self.programs.join(&self.callee.host, b))?;
        self.programs.call(&self.caller.host, &caller, &callee).await?;
        // A relay that was only just found is not what is measured here.
        let node = callee.control();
        until("two relays are held", || async { Ok(node.relays().await? > 1) }).await?;
        let programs = &mut self.programs;
        harmed(&caller, &callee, |used| {
            ensure!(used.iter().all(|connection| connection.path == Path::Relayed), "not relayed: {used:?}");
            let used =
                used.first().and_then(|connection| connection.via.clone()).context("there is no relay in use")?;
            programs.kill(&used);
            Ok(move |other: &Connection| other.via.as_ref().is_some_and(|via| *via != used))
        })
        .await
    }
}
