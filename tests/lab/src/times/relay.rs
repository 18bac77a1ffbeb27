//! The relay in use is killed while calls go through it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use super::{Figure, Settings, Unit, run::Happening, until};
use crate::{
    nat::{Nat, Path},
    subject::node::{Connection, Load, NodePrograms, Pace, longest_silence},
    topology::{Lab, Site},
};

/// Several calls are always under way, and the two cores that tests may have are not full of them.
const PACE: Pace = Pace { workers: 8, pause: Duration::from_millis(20), deadline: Duration::from_secs(10) };
/// How long calls are made before the relay is killed.
const BEFORE: Duration = Duration::from_secs(2);
/// And afterwards, at least; and on as long as no other relay is used: twice the target, so that what fails late is seen.
const AFTER: Duration = Duration::from_secs(10);

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
        let (node, other) = (callee.control(), caller.control());
        until("two relays are held", || async { Ok(node.relays().await? > 1) }).await?;
        let load = Load::start(&other, callee.id(), PACE);
        sleep(BEFORE).await;
        let used = other.connections(callee.id()).await?;
        ensure!(used.iter().all(|connection| connection.path == Path::Relayed), "not relayed: {used:?}");
        let used = used.first().and_then(|connection| connection.via.clone()).context("there is no relay in use")?;
        let killed = Instant::now();
        self.programs.kill(&used);
        sleep(AFTER).await;
        let (node, to, from) = (&other, callee.id(), used.as_str());
        until("another relay is used", || async { Ok(is_elsewhere(&node.connections(to).await?, from)) }).await?;
        // What was begun before is to end as well.
        sleep(BEFORE).await;
        let calls = load.stop().await?;
        let failed = calls.iter().filter(|call| call.error.is_some()).count();
        Ok(vec![longest_silence(&calls, killed).as_secs_f64(), failed as f64, calls.len() as f64])
    }
}

/// Whether the peer is reached, and through another relay than that one.
fn is_elsewhere(connections: &[Connection], relay: &str) -> bool {
    connections.iter().any(|connection| connection.via.as_deref().is_some_and(|via| via != relay))
}
