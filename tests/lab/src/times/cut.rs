//! The direct path between two homes is cut while calls go over it, and both still reach their relays.

use anyhow::{Context, Result, ensure};

use super::{Figure, Settings, Unit, harm::harmed, run::Happening, until};
use crate::{
    nat::{Nat, Path},
    subject::node::{Connection, NodePrograms},
    topology::{Lab, Site},
};

/// Two homes between which a hole can be punched, and two relays.
pub(super) struct DirectCut {
    programs: NodePrograms,
    caller: Site,
    callee: Site,
}

impl Happening for DirectCut {
    const FIGURES: &'static [Figure] = &[
        Figure { what: "direct path cut → calls answered over a relay", unit: Unit::Seconds, at_most: Some(5.0) },
        Figure { what: "— idempotent calls that failed", unit: Unit::Count, at_most: Some(0.0) },
        Figure { what: "— calls made meanwhile", unit: Unit::Count, at_most: None },
    ];

    async fn prepare(lab: &mut Lab, settings: &Settings) -> Result<Self> {
        let programs = NodePrograms::start(lab, &settings.programs, 2, NodePrograms::public()).await?;
        let kind = Nat::PortRestricted;
        let (caller, callee) = (lab.site(settings.near(kind))?, lab.site(settings.far(kind))?);
        Ok(Self { programs, caller, callee })
    }

    async fn once(&mut self, number: usize) -> Result<Vec<f64>> {
        let router = self.callee.gateways.first().context("no router")?;
        router.not_cut_off()?;
        let names = [format!("direct{number}a"), format!("direct{number}b")];
        let [a, b] = &names;
        let (caller, callee) =
            tokio::try_join!(self.programs.join(&self.caller.host, a), self.programs.join(&self.callee.host, b))?;
        self.programs.call(&self.caller.host, &caller, &callee).await?;
        let (node, peer) = (&caller.control(), callee.id());
        let is_direct = |all: &[Connection]| !all.is_empty() && all.iter().all(|c| c.path == Path::Direct);
        until("nothing but a direct path is left", || async { Ok(is_direct(&node.connections(peer).await?)) }).await?;
        harmed(&caller, &callee, |used| {
            ensure!(is_direct(used), "not direct: {used:?}");
            router.cut_off(self.caller.external_address()?)?;
            Ok(|other: &Connection| other.path == Path::Relayed)
        })
        .await
    }
}
