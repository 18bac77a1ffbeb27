//! The delay line takes its time, whatever the direction, and can be changed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_lab::{
    delay::Delay,
    nat::Nat,
    probe::Probe,
    prove::Observers,
    testing::sandboxed_with_delays,
    topology::{Lab, Site, SiteOptions},
};

/// How long an answer is waited for, in milliseconds.
const PATIENCE: u64 = 10_000;

async fn round_trip(probe: &Probe, observers: &Observers) -> Result<Duration> {
    let (socket, _) = probe.bind().await?;
    let [reflector, _] = &observers.reflectors;
    let [server, _] = reflector.udp;
    let seen = probe.observe(socket, server, PATIENCE).await?.context("no answer")?;
    Ok(Duration::from_micros(seen.rtt_us))
}

async fn site_at(one_way: Duration) -> Result<(Lab, Site, Observers, Probe)> {
    let mut lab = Lab::new(env!("CARGO_BIN_EXE_lab"))?;
    let observers = Observers::start(&mut lab).await?;
    let site = lab.site(SiteOptions { delay: Some(Delay::of(one_way)), ..Nat::PortRestricted.into() })?;
    let probe = Probe::start(&site.host, lab.program())?;
    Ok((lab, site, observers, probe))
}

#[test]
fn a_round_trip_takes_at_least_twice_the_delay() -> Result<()> {
    sandboxed_with_delays("a_round_trip_takes_at_least_twice_the_delay", async {
        let (_lab, site, observers, probe) = site_at(Duration::from_millis(20)).await?;
        for one_way in [20, 45, 20].map(Duration::from_millis) {
            let line = site.uplink()?.delay().context("there is no delay line in the uplink")?;
            line.change(Delay::of(one_way));
            // What was under way before the change has arrived with the first answer.
            round_trip(&probe, &observers).await?;
            for _ in 0..3 {
                let took = round_trip(&probe, &observers).await?;
                ensure!(took >= 2 * one_way, "{took:?} for a round trip at {one_way:?} each way");
            }
        }
        Ok(())
    })
}

#[test]
fn a_cable_that_loses_everything_carries_nothing() -> Result<()> {
    sandboxed_with_delays("a_cable_that_loses_everything_carries_nothing", async {
        let (_lab, site, observers, probe) = site_at(Duration::from_millis(1)).await?;
        round_trip(&probe, &observers).await?;
        let line = site.uplink()?.delay().context("there is no delay line in the uplink")?;
        line.change(Delay { one_way: Duration::from_millis(1), loss: 1.0, seed: 1 });
        let (socket, _) = probe.bind().await?;
        let [reflector, _] = &observers.reflectors;
        let [server, _] = reflector.udp;
        ensure!(probe.observe(socket, server, 1_500).await?.is_none(), "an answer through a cable that loses all");
        line.change(Delay::of(Duration::from_millis(1)));
        round_trip(&probe, &observers).await?;
        Ok(())
    })
}
