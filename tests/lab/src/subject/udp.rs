//! The plain UDP probe: what is possible at all, without any of Atoll's code.

use std::{
    collections::HashMap,
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use super::{Outcome, Subject};
use crate::{
    nat::Path,
    probe::Probe,
    prove::Observers,
    topology::{Lab, Site},
};

/// How long the way to an observer, and to the relay, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long is asked of a reflector before UDP counts as blocked.
const OBSERVING: Duration = Duration::from_secs(1);
/// How long both sides punch. What gets through does so in two round trips.
const PUNCHING: Duration = Duration::from_millis(1500);

/// Agents in every site, and a relay and an observer on the internet.
#[derive(Debug)]
pub struct UdpProbe {
    probes: HashMap<String, Probe>,
    observer: SocketAddrV4,
    relay: SocketAddrV4,
    _observers: Observers,
}

impl UdpProbe {
    /// Starts agents in these sites, and observers in the lab.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn start(lab: &mut Lab, sites: impl IntoIterator<Item = &Site>) -> Result<Self> {
        let observers = Observers::start(lab).await?;
        let mut probes = HashMap::new();
        for site in sites {
            probes.insert(site.host.namespace().name().to_owned(), Probe::start(&site.host, lab.program())?);
        }
        let ([probe, _], [reflector, _]) = (&observers.probes, &observers.reflectors);
        let [observer, _] = reflector.udp;
        let relay = probe.relay().await?;
        Ok(Self { probes, observer, relay, _observers: observers })
    }

    fn probe(&self, site: &Site) -> Result<&Probe> {
        let name = site.host.namespace().name();
        self.probes.get(name).with_context(|| format!("there is no agent in {name}"))
    }
}

impl Subject for UdpProbe {
    const EXCLUSIVE: bool = false;

    /// They meet at the relay, as those do who do not know each other's addresses yet, and then punch.
    async fn connect(&self, a: &Site, b: &Site, attempt: u64) -> Result<Outcome> {
        let (a, b) = (self.probe(a)?, self.probe(b)?);
        let token = format!("{}-{}-{attempt}", a.address(), b.address());
        let begun = Instant::now();
        self.meet(a, b, &token).await?;
        let talked = begun.elapsed();
        let path = if punched(a, b, self.observer, &token).await? { Path::Direct } else { Path::Relayed };
        let direct_after = (path == Path::Direct).then(|| begun.elapsed().saturating_sub(talked));
        Ok(Outcome { path, talked, direct_after })
    }
}

impl UdpProbe {
    /// The relayed path: each says something to the other through the relay.
    async fn meet(&self, a: &Probe, b: &Probe, token: &str) -> Result<()> {
        let within = millis(PATIENCE);
        let (from_b, from_a) =
            tokio::try_join!(a.meet(self.relay, token, "from a", within), b.meet(self.relay, token, "from b", within))?;
        let heard = (from_a.as_deref(), from_b.as_deref());
        ensure!(heard == (Some("from a"), Some("from b")), "they do not meet at the relay: {heard:?}");
        Ok(())
    }
}

/// Whether the two get through to each other. Both or none: one side alone would be a fault of the probe.
async fn punched(a: &Probe, b: &Probe, observer: SocketAddrV4, token: &str) -> Result<bool> {
    let ((mine, _), (theirs, _)) = tokio::try_join!(a.bind(), b.bind())?;
    let within = millis(OBSERVING);
    let seen = tokio::try_join!(a.observe(mine, observer, within), b.observe(theirs, observer, within))?;
    // Who is not seen has no address to be sent to.
    let (Some(a_seen), Some(b_seen)) = seen else { return Ok(false) };
    let within = millis(PUNCHING);
    let whom = tokio::try_join!(
        a.punch(mine, b_seen.as_address, token, within),
        b.punch(theirs, a_seen.as_address, token, within)
    )?;
    match whom {
        (Some(_), Some(_)) => Ok(true),
        (None, None) => Ok(false),
        one => bail!("only one side got through: {one:?}"),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
