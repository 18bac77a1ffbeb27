//! Building the lab, host by host and site by site.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::{Gateway, Host, Link, Namespace, Network, host::FIRST_INTERFACE};
use crate::{
    delay::Delay,
    nat::{Nat, Scope},
    rules::{self, Ports, Translation, WAN},
    sandbox,
};

/// The two networks of the internet, so that observers can be in different ones.
const INTERNET: [Ipv4Addr; 2] = [Ipv4Addr::new(203, 0, 113, 1), Ipv4Addr::new(198, 51, 100, 1)];

/// What [`Nat::PortShift`] turns over in the ports.
const SHIFT: u16 = 0x1000;

/// How long home routers keep UDP mappings unless told otherwise: the least that RFC 4787 knows in the field.
const UDP_TIMEOUT: Duration = Duration::from_secs(30);

/// The lab: an internet of its own, and what was attached to it. One in a process.
#[derive(Debug)]
pub struct Lab {
    program: PathBuf,
    internet: [Network; 2],
    hosts: u8,
    sites: u8,
}

/// What a site is to be like.
#[derive(Debug, Clone, Copy)]
pub struct SiteOptions {
    /// What stands between its host and the internet.
    pub nat: Nat,
    /// A delay line in its uplink.
    pub delay: Option<Delay>,
    /// Whether its home router has IPv6 for it, with a stateful firewall and without translation, as home routers do. Who has
    /// no router has what the internet has.
    pub ipv6: bool,
}

impl From<Nat> for SiteOptions {
    fn from(nat: Nat) -> Self {
        Self { nat, delay: None, ipv6: false }
    }
}

/// A host behind its NAT.
#[derive(Debug)]
pub struct Site {
    /// What stands between it and the internet.
    pub nat: Nat,
    /// The host.
    pub host: Host,
    /// The routers, the host's own first; none if it has a public address.
    pub gateways: Vec<Gateway>,
}

impl Site {
    /// The link to the internet, whoever owns it.
    ///
    /// # Errors
    /// If the host was moved away from it.
    pub fn uplink(&self) -> Result<&Link> {
        match self.gateways.last() {
            Some(gateway) => Ok(gateway.wan()),
            None => self.host.link(FIRST_INTERFACE),
        }
    }

    /// The address that the internet sees.
    ///
    /// # Errors
    /// As [`uplink`](Self::uplink).
    pub fn external_address(&self) -> Result<Ipv4Addr> {
        Ok(self.uplink()?.address())
    }
}

impl Lab {
    /// Makes the internet in the sandbox that this process runs in. `program` is the program `lab`, which runs in
    /// the hosts as probe.
    ///
    /// # Errors
    /// If this process is not in a sandbox (see [`sandbox::command`]), or has a lab already.
    pub fn new(program: impl Into<PathBuf>) -> Result<Self> {
        ensure!(sandbox::inside(), "a lab is made only in a sandbox of its own; start it with the program `lab`");
        let outer = Namespace::outer();
        outer.sysctl(&[
            ("net/ipv4/ip_forward", "1"),
            ("net/ipv4/conf/all/send_redirects", "0"),
            ("net/ipv4/conf/default/send_redirects", "0"),
        ])?;
        outer.ip(&["link set lo up"])?;
        let [first, second] = INTERNET;
        let first = Network::create(&outer, "internet", first)?;
        let second = Network::create(&outer, "internet", second)?;
        Ok(Self { program: program.into(), internet: [first, second], hosts: 0, sites: 0 })
    }

    /// Gives the internet IPv6, and with it everything that is attached to it directly from now on.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn with_ipv6(mut self) -> Result<Self> {
        let [first, second] = self.internet;
        let first = first.with_ipv6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))?;
        let second = second.with_ipv6(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1))?;
        self.internet = [first, second];
        Ok(self)
    }

    /// The program `lab`.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The first or (for odd numbers) the second network of the internet.
    #[must_use]
    pub fn internet(&self, number: usize) -> &Network {
        let [first, second] = &self.internet;
        if number.is_multiple_of(2) { first } else { second }
    }

    /// A host on the internet, in its first or second network.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn internet_host(&mut self, network: usize) -> Result<Host> {
        let network = self.internet(network).clone();
        self.host(&network)
    }

    /// A host in any network, such as a second one in a home: `lab.host(site.gateways[0].lan())`.
    ///
    /// # Errors
    /// If the system refuses, or the network is full.
    pub fn host(&mut self, network: &Network) -> Result<Host> {
        self.hosts = self.hosts.checked_add(1).context("that are too many hosts")?;
        let namespace = Namespace::create(&format!("host{}", self.hosts))?;
        let link = network.attach(&namespace, FIRST_INTERFACE)?;
        Ok(Host::new(namespace, link))
    }

    /// A host with what its NAT needs. Sites are spread over both networks of the internet.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn site(&mut self, options: impl Into<SiteOptions>) -> Result<Site> {
        let options = options.into();
        self.sites = self.sites.checked_add(1).context("that are too many sites")?;
        let number = self.sites;
        self.build(options, number)
            .with_context(|| format!("cannot build site {number}, a host behind the NAT {}", options.nat))
    }

    fn build(&self, SiteOptions { nat, delay, ipv6 }: SiteOptions, number: u8) -> Result<Site> {
        let internet = self.internet(number.into());
        let host = Namespace::create(&format!("home{number}"))?;
        let Some((home, carrier)) = translations(nat) else {
            let link = uplink(internet, &host, FIRST_INTERFACE, delay)?;
            if nat == Nat::Firewall {
                host.nft(rules::firewall())?;
            }
            return Ok(Site { nat, host: Host::new(host, link), gateways: Vec::new() });
        };
        let mut outer = Vec::new();
        let router = Namespace::create(&format!("router{number}"))?;
        let wan = match carrier {
            None => uplink(internet, &router, WAN, delay)?,
            Some(translation) => {
                let namespace = Namespace::create(&format!("carrier{number}"))?;
                let wan = uplink(internet, &namespace, WAN, delay)?;
                let carrier = Gateway::create(namespace, wan, Ipv4Addr::new(100, 64, number, 1), translation)?;
                let wan = carrier.lan().attach(&router, WAN)?;
                outer.push(carrier);
                wan
            }
        };
        let mut router = Gateway::create(router, wan, Ipv4Addr::new(192, 168, number, 1), home)?;
        if ipv6 {
            router.add_ipv6(Ipv6Addr::new(0x2001, 0xdb8, 0x100, number.into(), 0, 0, 0, 1))?;
        }
        let link = router.lan().attach(&host, FIRST_INTERFACE)?;
        outer.insert(0, router);
        Ok(Site { nat, host: Host::new(host, link), gateways: outer })
    }
}

fn uplink(internet: &Network, namespace: &Namespace, interface: &str, delay: Option<Delay>) -> Result<Link> {
    match delay {
        None => internet.attach(namespace, interface),
        Some(delay) => internet.attach_delayed(namespace, interface, delay),
    }
}

/// The home router's translation and the carrier's, for the kinds that translate.
fn translations(nat: Nat) -> Option<(Translation, Option<Translation>)> {
    let strict = Translation {
        ports: Ports::Fixed(0),
        filtering: Scope::AddressAndPortDependent,
        udp: true,
        udp_timeout: UDP_TIMEOUT,
        maps_ports: false,
    };
    let full_cone = Translation { filtering: Scope::EndpointIndependent, ..strict };
    let symmetric = Translation { ports: Ports::Random, ..strict };
    Some(match nat {
        Nat::None | Nat::Firewall => return None,
        Nat::FullCone => (full_cone, None),
        Nat::AddressRestricted => (Translation { filtering: Scope::AddressDependent, ..strict }, None),
        Nat::PortRestricted => (strict, None),
        Nat::PortShift => (Translation { ports: Ports::Fixed(SHIFT), ..strict }, None),
        Nat::Symmetric => (symmetric, None),
        Nat::CgnatCone => (strict, Some(full_cone)),
        Nat::CgnatSymmetric => (strict, Some(symmetric)),
        Nat::UdpBlocked => (Translation { udp: false, ..strict }, None),
    })
}
