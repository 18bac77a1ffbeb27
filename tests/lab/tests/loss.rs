//! Half of all packets are lost, and nobody is blamed for it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_lab::{
    delay::Delay,
    nat::Nat,
    subject::node::{Load, NodePrograms, Pace},
    testing::{programs, sandboxed_with_delays, until},
    topology::{Lab, SiteOptions},
};
use serde_json::Value;

/// One way.
const FAR: Duration = Duration::from_millis(10);
/// Calls that are made meanwhile, and those of them that are to fail: else it was not half of all packets.
const CALLS: usize = 60;

/// What a report says under this name.
fn told<'a>(report: &'a Value, name: &str) -> Result<&'a Value> {
    report.get(name).with_context(|| format!("nothing is said of {name}: {report}"))
}

#[test]
fn where_half_of_all_packets_are_lost_no_honest_peer_is_banned() -> Result<()> {
    sandboxed_with_delays("where_half_of_all_packets_are_lost_no_honest_peer_is_banned", async {
        let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
        let programs =
            NodePrograms::start(&mut lab, &programs(env!("CARGO_BIN_EXE_lab"))?, 1, NodePrograms::public()).await?;
        let far = lab.site(SiteOptions { delay: Some(Delay::of(FAR)), ..Nat::None.into() })?;
        let near = lab.site(Nat::None)?;
        let (caller, callee) = tokio::try_join!(programs.join(&far.host, "far"), programs.join(&near.host, "near"))?;
        programs.call(&far.host, &caller, &callee).await?;

        let line = far.uplink()?.delay().context("there is no delay line in the uplink")?;
        line.change(Delay { one_way: FAR, loss: 0.5, seed: 1 });
        let pace = Pace { workers: 8, pause: Duration::from_millis(50), deadline: Duration::from_secs(2) };
        let load = Load::start(&caller.control(), callee.id(), pace);
        until("calls have ended, one way or another", async || Ok(load.so_far()?.len() >= CALLS)).await?;
        let calls = load.stop().await?;
        ensure!(calls.iter().any(|call| call.error.is_some()), "nothing was lost");

        line.change(Delay::of(FAR));
        let control = caller.control();
        until("calls are answered again", async || Ok(control.ping(callee.id(), Duration::from_secs(5)).await.is_ok()))
            .await?;
        let standing = control.get(&format!("/v1/reputation/{}", callee.id())).await?;
        let score = told(&standing, "score")?.as_f64().context("the score is no number")?;
        ensure!(score >= 0.3 && told(&standing, "convicted")? == false, "{standing}");
        let status = control.get("/v1/status").await?;
        ensure!(told(&status, "barred")?.as_array().is_some_and(Vec::is_empty), "{status}");
        Ok(())
    })
}
