//! Proving that a NAT is what it claims to be: its behaviour is measured from both sides, with plain probes.
//!
//! That something does *not* arrive is never concluded from silence alone: a datagram that is known to pass is sent
//! after it, over the same path, and what had not come by then was dropped on the way.

mod tcp;
mod udp;

use std::net::SocketAddrV4;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{
    nat::{Behaviour, Nat, Scope},
    probe::{Probe, Reflector, Seen},
    topology::{Host, Lab, Site},
};

/// How long something that ought to pass may take, in milliseconds. Long: it is waited for only where UDP is blocked.
const PATIENCE: u64 = 2_000;

/// Two hosts on the internet, at different addresses, from which NATs are looked at.
#[derive(Debug)]
pub struct Observers {
    /// Held because the probes run there.
    _hosts: [Host; 2],
    /// The agents there.
    pub probes: [Probe; 2],
    /// How each can be asked.
    pub reflectors: [Reflector; 2],
}

impl Observers {
    /// Puts an observer in each of the internet's networks.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn start(lab: &mut Lab) -> Result<Self> {
        let hosts = [lab.internet_host(0)?, lab.internet_host(1)?];
        let [a, b] = &hosts;
        let probes = [Probe::start(a, lab.program())?, Probe::start(b, lab.program())?];
        let [a, b] = &probes;
        let reflectors = [a.reflect().await?, b.reflect().await?];
        Ok(Self { _hosts: hosts, probes, reflectors })
    }
}

/// A claim and what was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The kind.
    pub nat: Nat,
    /// What it claims.
    pub claimed: Behaviour,
    /// What it does.
    pub measured: Behaviour,
}

impl Proof {
    /// Whether it is what it claims to be.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.claimed == self.measured
    }
}

/// Measures what stands between a site's host and the internet.
///
/// # Errors
/// If a probe fails, or contradicts itself.
pub async fn prove(lab: &Lab, site: &Site, observers: &Observers) -> Result<Proof> {
    let probe = Probe::start(&site.host, lab.program())?;
    let subject = Subject { probe: &probe, site, observers };
    let measured = subject.behaviour().await.with_context(|| format!("while the NAT {} was probed", site.nat))?;
    Ok(Proof { nat: site.nat, claimed: site.nat.behaviour(), measured })
}

/// What is looked at, and from where.
struct Subject<'a> {
    probe: &'a Probe,
    site: &'a Site,
    observers: &'a Observers,
}

impl Subject<'_> {
    async fn behaviour(&self) -> Result<Behaviour> {
        let (udp, tcp, hairpin) = tokio::try_join!(self.udp(), self.tcp(), self.hairpin())?;
        let [first, _] = &self.observers.reflectors;
        let seen = self.probe.connect(0, first.tcp, PATIENCE).await?.context("not even TCP gets out")?;
        let translated = *seen.as_address.ip() != self.site.host.address()?;
        Ok(Behaviour { translated, udp, tcp, hairpin })
    }
}

/// What the mapping depends on, from how one socket is seen at two ports of one address and at another address.
fn mapping(same: SocketAddrV4, port: SocketAddrV4, address: SocketAddrV4) -> Scope {
    if same == port && same == address {
        Scope::EndpointIndependent
    } else if same == port {
        Scope::AddressDependent
    } else {
        Scope::AddressAndPortDependent
    }
}

/// What the filter depends on, from who got through besides the one that was sent to.
fn filtering(other_port: bool, other_address: bool) -> Result<Scope> {
    match (other_port, other_address) {
        (true, true) => Ok(Scope::EndpointIndependent),
        (true, false) => Ok(Scope::AddressDependent),
        (false, false) => Ok(Scope::AddressAndPortDependent),
        (false, true) => anyhow::bail!("a stranger gets in, and another port of the contacted address does not"),
    }
}

/// Whether all of these were seen from the port that they have.
fn preserves_port(seen: &[Seen]) -> bool {
    seen.iter().all(|seen| seen.as_address.port() == seen.port)
}
