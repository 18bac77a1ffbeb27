//! A network that hosts can be attached to, and the links that attach them.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
};

use anyhow::{Context, Result, ensure};

use super::Namespace;
use crate::delay::{Delay, DelayLine};

/// Numbers the interfaces at the networks' ends, over the whole lab.
static INTERFACES: AtomicU32 = AtomicU32::new(1);

/// The first host's number in a network; the router is 1.
const FIRST: u8 = 10;
/// The last host's number.
const LAST: u8 = 250;

/// A /24 on a bridge with a router. A clone is the same one.
#[derive(Debug, Clone)]
pub struct Network {
    namespace: Namespace,
    bridge: Arc<str>,
    router: Ipv4Addr,
    router6: Option<Ipv6Addr>,
    next: Arc<AtomicU8>,
}

impl Network {
    /// Makes the bridge, if it is not there, and gives the router its address: the network is that address's /24.
    pub(super) fn create(namespace: &Namespace, bridge: &str, router: Ipv4Addr) -> Result<Self> {
        if namespace.output("ip", &["link", "show", bridge]).is_err() {
            namespace.ip(&[format!("link add {bridge} type bridge"), format!("link set {bridge} up")])?;
            // A bridge is a cable here: the rules of the router that it is in are not for what passes between neighbours.
            namespace
                .sysctl(&[("net/bridge/bridge-nf-call-iptables", "0"), ("net/bridge/bridge-nf-call-ip6tables", "0")])?;
        }
        namespace.ip(&[format!("addr add {router}/24 dev {bridge}")])?;
        let next = Arc::new(AtomicU8::new(FIRST));
        Ok(Self { namespace: namespace.clone(), bridge: bridge.into(), router, router6: None, next })
    }

    /// Gives the router an IPv6 address as well: the network has that address's /64.
    pub(super) fn with_ipv6(mut self, router: Ipv6Addr) -> Result<Self> {
        self.namespace.sysctl(&[
            ("net/ipv6/conf/all/disable_ipv6", "0"),
            (&format!("net/ipv6/conf/{}/disable_ipv6", self.bridge), "0"),
            (&format!("net/ipv6/conf/{}/accept_dad", self.bridge), "0"),
            ("net/ipv6/conf/all/forwarding", "1"),
        ])?;
        self.namespace.ip(&[format!("addr add {router}/64 dev {} nodad", self.bridge)])?;
        self.router6 = Some(router);
        Ok(self)
    }

    /// Has the router send what is for the /64 of `inside` to that host in this network.
    pub(super) fn route6(&self, inside: Ipv6Addr, host: Ipv6Addr) -> Result<()> {
        self.namespace.ip(&[format!("route add {}/64 via {host} dev {}", number_in(inside, 0), self.bridge)])
    }

    /// The router's address in this network.
    #[must_use]
    pub fn router(&self) -> Ipv4Addr {
        self.router
    }

    /// Whether this network has IPv6.
    #[must_use]
    pub fn has_ipv6(&self) -> bool {
        self.router6.is_some()
    }

    /// Attaches a namespace by a new interface with an address and a default route.
    ///
    /// # Errors
    /// If the network is full, or the interface's name is taken.
    pub fn attach(&self, to: &Namespace, interface: &str) -> Result<Link> {
        let end = format!("v{}", INTERFACES.fetch_add(1, Ordering::Relaxed));
        self.namespace.ip(&[format!("link add {end} type veth peer name {interface} netns {}", to.name())])?;
        self.plug(to, interface, end, None)
    }

    /// The same through a delay line, which what goes either way has to pass. Only for networks of the outer
    /// namespace.
    ///
    /// # Errors
    /// As [`attach`](Self::attach), or if the system has no TAP devices.
    pub fn attach_delayed(&self, to: &Namespace, interface: &str, delay: Delay) -> Result<Link> {
        ensure!(self.namespace == Namespace::outer(), "a delay line is only possible on the internet");
        let number = INTERFACES.fetch_add(1, Ordering::Relaxed);
        let (outside, inside) = (format!("d{number}"), format!("i{number}"));
        let line = DelayLine::open(&outside, &inside, delay)?;
        self.namespace.ip(&[format!("link set {inside} netns {} name {interface}", to.name())])?;
        self.plug(to, interface, outside, Some(line))
    }

    fn plug(&self, to: &Namespace, interface: &str, end: String, delay: Option<DelayLine>) -> Result<Link> {
        let number = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n <= LAST).then_some(n + 1))
            .ok()
            .with_context(|| format!("the network of {} is full", self.router))?;
        let [a, b, c, _] = self.router.octets();
        let address = Ipv4Addr::new(a, b, c, number);
        self.namespace.ip(&[format!("link set {end} master {} up", self.bridge)])?;
        let mut lines = vec![
            format!("link set {interface} up"),
            format!("addr add {address}/24 dev {interface}"),
            // Behind those that are there, if any.
            format!("route append default via {} dev {interface}", self.router),
        ];
        let address6 = self.router6.map(|router| number_in(router, number));
        if let (Some(router), Some(own)) = (self.router6, address6) {
            to.sysctl(&[
                ("net/ipv6/conf/all/disable_ipv6", "0"),
                (&format!("net/ipv6/conf/{interface}/disable_ipv6"), "0"),
            ])?;
            lines.push(format!("addr add {own}/64 dev {interface} nodad"));
            lines.push(format!("route append ::/0 via {router} dev {interface}"));
        }
        to.ip(&lines)?;
        Ok(Link {
            network: self.clone(),
            end,
            namespace: to.clone(),
            interface: interface.to_owned(),
            address,
            address6,
            delay,
        })
    }
}

/// The host of that number in an address's /64.
fn number_in(router: Ipv6Addr, number: u8) -> Ipv6Addr {
    let [a, b, c, d, ..] = router.segments();
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, u16::from(number))
}

/// One attachment of a namespace to a network.
#[derive(Debug)]
pub struct Link {
    network: Network,
    /// The interface at the network's end.
    end: String,
    namespace: Namespace,
    interface: String,
    address: Ipv4Addr,
    address6: Option<Ipv6Addr>,
    /// Held because the interface goes with it.
    delay: Option<DelayLine>,
}

impl Link {
    /// The address on it.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The IPv6 address on it, if the network has IPv6.
    #[must_use]
    pub fn address6(&self) -> Option<Ipv6Addr> {
        self.address6
    }

    /// The network that it leads to.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The delay line in it.
    #[must_use]
    pub fn delay(&self) -> Option<&DelayLine> {
        self.delay.as_ref()
    }

    /// Pulls the plug: both ends notice that the carrier is gone.
    ///
    /// # Errors
    /// If the link is not there any more.
    pub fn cut(&self) -> Result<()> {
        self.network.namespace.ip(&[format!("link set {} down", self.end)])
    }

    /// Puts the plug back in. Addresses and routes are as before.
    ///
    /// # Errors
    /// If the link is not there any more.
    pub fn restore(&self) -> Result<()> {
        self.network.namespace.ip(&[format!("link set {} up", self.end)])
    }

    /// Takes the interface out of its namespace for good, and its addresses and routes with it.
    ///
    /// # Errors
    /// If it is not there any more.
    pub fn remove(self) -> Result<()> {
        self.namespace.ip(&[format!("link del {}", self.interface)])
    }
}
