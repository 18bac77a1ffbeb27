//! Two nodes with nothing to say to each other, for longer than their NATs remember who talks to whom.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::time::sleep;

use super::{Figure, Settings, Unit, run::Happening, until};
use crate::{
    nat::{Nat, Path},
    subject::node::{Connection, Control, NodePrograms, Transport},
    topology::{Count, Host, Lab, Site},
};

/// After the direct connection is the only one: until what a new connection has to say, and what tries how large its packets may
/// be, is over.
const SETTLING: Duration = Duration::from_secs(10);
/// How often to look whether it is still the same connection. A new one takes longer, by the time until the loss is noticed.
const WATCH: Duration = Duration::from_millis(100);
/// The deadline of the call that comes in the end.
const DEADLINE: Duration = Duration::from_secs(5);

/// Two homes that reach each other by hole punching, through NATs that forget after 30 s.
pub(super) struct Idle {
    programs: NodePrograms,
    caller: Site,
    callee: Site,
    length: Duration,
}

impl Happening for Idle {
    const FIGURES: &'static [Figure] = &[
        Figure { what: "idle direct connection: sent", unit: Unit::BytesPerSecond, at_most: Some(50.0) },
        Figure { what: "— received", unit: Unit::BytesPerSecond, at_most: Some(50.0) },
        Figure { what: "— call over it afterwards", unit: Unit::Seconds, at_most: None },
    ];

    async fn prepare(lab: &mut Lab, settings: &Settings) -> Result<Self> {
        let programs = NodePrograms::start(lab, &settings.programs, 1, NodePrograms::public()).await?;
        let caller = lab.site(settings.near(Nat::PortRestricted))?;
        let callee = lab.site(settings.far(Nat::PortRestricted))?;
        Ok(Self { programs, caller, callee, length: settings.idle })
    }

    async fn once(&mut self, number: usize) -> Result<Vec<f64>> {
        let names = [format!("idle{number}a"), format!("idle{number}b")];
        let [a, b] = &names;
        // Over one transport, so that both know where the other is seen over the same one.
        let join = |host, name| self.programs.join_over(Transport::Quic, host, name);
        let (caller, callee) = tokio::try_join!(join(&self.caller.host, a), join(&self.callee.host, b))?;
        self.programs.call(&self.caller.host, &caller, &callee).await?;
        let node = caller.control();
        let alone =
            until("one direct connection, and no other", || async { Ok(only(&node, callee.id()).await?.is_some()) });
        if let Err(error) = alone.await {
            bail!("{error:#}; there are {:?}", node.connections(callee.id()).await?);
        }
        sleep(SETTLING).await;
        let before = only(&node, callee.id()).await?.context("it is not the only connection any more")?;
        let host = &self.caller.host;
        host.meter()?;
        let begun = Instant::now();
        while begun.elapsed() < self.length {
            let now = node.connections(callee.id()).await?;
            ensure!(now == [before.clone()], "after {:?} there is {now:?} instead of {before:?}", begun.elapsed());
            sleep(WATCH).await;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let (sent, received) = exchanged(host, &self.callee)?;
        let answered = node.ping(callee.id(), DEADLINE).await.context("no call after the idle time")?;
        let now = node.connections(callee.id()).await?;
        ensure!(now == [before.clone()], "with the call came {now:?} instead of {before:?}");
        Ok(vec![sent.bytes as f64 / seconds, received.bytes as f64 / seconds, answered.as_secs_f64()])
    }
}

/// The connection to a peer, if there is one alone and it is direct.
async fn only(node: &Control, peer: &str) -> Result<Option<Connection>> {
    let all = node.connections(peer).await?;
    let [one] = all.as_slice() else { return Ok(None) };
    Ok((one.path == Path::Direct).then(|| one.clone()))
}

/// What that host and a site have sent to each other since the host began to count.
fn exchanged(host: &Host, site: &Site) -> Result<(Count, Count)> {
    let address = site.external_address()?;
    let (mut sent, mut received) = (Count::default(), Count::default());
    for flow in host.flows()?.iter().filter(|flow| flow.remote == address) {
        sent += flow.sent;
        received += flow.received;
    }
    Ok((sent, received))
}
