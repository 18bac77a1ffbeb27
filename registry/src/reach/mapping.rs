//! What kind of NAT this node is behind, as others see its address.
//!
//! Everybody that this node connects to sees an address and a port that the packets come from, and says so (libp2p's
//! identify). What a NAT makes of one port for several destinations tells how it can be got through (RFC 4787, section 4.1,
//! calls it the mapping behaviour):
//!
//! | observed | [`Mapping`] | a hole punch |
//! |---|---|---|
//! | an address of this machine | [`Open`](Mapping::Open) | is not needed, unless for a firewall |
//! | another address, the same port | [`Preserving`](Mapping::Preserving) | works |
//! | another port, the same for all | [`Shifted`](Mapping::Shifted) | works with the observed address |
//! | another port for each destination | [`Symmetric`](Mapping::Symmetric) | works only with peers whose NAT lets in anybody |
//!
//! The last two need two observers at different addresses, and they need them on the same local port; UDP and TCP, and IPv4
//! and IPv6, are judged apart. Observers have one voice for each address and for each name, whatever
//! they call themselves or wherever they speak from. The majority decides, so that one liar among four changes nothing; where
//! there is no majority the ports do differ, and that is the finding. An observation counts for [`EXPIRY`], and until
//! the network changes.
//!
//! A provider's NAT behind the router's own cannot be seen that way. It shows when the router tells its external address
//! ([`Upstream`]).

#[cfg(test)]
mod tests;
mod words;

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use atoll_protocol::identity::NodeId;

use super::Transport;
use crate::{
    peers::{PublicRanges, Scope},
    time::Time,
};

/// How long an observation counts: a little longer than two of identify's intervals.
pub const EXPIRY: Duration = Duration::from_secs(5 * 60);
/// Observations that are remembered for each transport and kind of address.
pub const OBSERVERS: usize = 32;
/// Local addresses that are remembered.
pub const LOCAL: usize = 64;

/// What a NAT makes of this node's port. The default is that nothing is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Mapping {
    /// Too little was seen.
    #[default]
    Unknown,
    /// There is no NAT: it is seen at an address of its own.
    Open,
    /// Another address, the same port.
    Preserving,
    /// Another port, the same for every destination.
    Shifted,
    /// Another port or address for every destination.
    Symmetric,
}

impl Mapping {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Open => "open",
            Self::Preserving => "preserving",
            Self::Shifted => "shifted",
            Self::Symmetric => "symmetric",
        }
    }
}

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// That of an address; one mapped into IPv6 is an IPv4 address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.to_canonical().is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// What a peer has seen of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Who says it.
    pub observer: NodeId,
    /// Where that peer is reached.
    pub observer_ip: IpAddr,
    /// What carries the connection.
    pub transport: Transport,
    /// The port that the connection goes out from on this machine.
    pub local_port: u16,
    /// Where the peer sees it come from.
    pub observed: SocketAddr,
    /// When that was said.
    pub at: Time,
}

/// What is between the router and the internet, as the router's external address shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upstream {
    /// Its external address is the one that others see.
    Same,
    /// Its external address is itself a private one, or of a provider's shared space (RFC 6598): there is another NAT.
    Private {
        /// The router's external address.
        external: IpAddr,
    },
    /// Others see another address than the router has: there is another NAT, or another way out.
    Differs {
        /// The router's external address.
        external: IpAddr,
        /// What others see.
        observed: IpAddr,
    },
}

/// See the [module docs](self).
#[derive(Debug, Clone, Default)]
pub struct Mappings {
    ranges: PublicRanges,
    local: BTreeSet<IpAddr>,
    external: Option<IpAddr>,
    /// At most one of each observer, and of each address that observers are at, for each transport and family.
    observations: Vec<Observation>,
}

impl Mappings {
    /// Nothing was seen.
    #[must_use]
    pub fn new(ranges: PublicRanges) -> Self {
        Self { ranges, ..Self::default() }
    }

    /// The addresses of this machine's interfaces.
    pub fn set_local(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        self.local = addresses.into_iter().map(|address| address.to_canonical()).take(LOCAL).collect();
    }

    /// The router's external address, as port mapping tells it; `None` if it does not.
    pub fn set_external(&mut self, external: Option<IpAddr>) {
        self.external = external.map(|address| address.to_canonical());
    }

    /// A peer has said what it sees. Only what a public peer sees at a public address counts: one on this machine or LAN sees
    /// the near side of the NAT, and one of the other family of addresses cannot see this one.
    pub fn observed(&mut self, observation: Observation) {
        let new = Observation {
            observer_ip: observation.observer_ip.to_canonical(),
            observed: SocketAddr::new(observation.observed.ip().to_canonical(), observation.observed.port()),
            ..observation
        };
        let family = Family::of(new.observed.ip());
        let from_afar = self.ranges.contains(new.observer_ip) && self.ranges.contains(new.observed.ip());
        if !from_afar || Family::of(new.observer_ip) != family {
            return;
        }
        let channel = |o: &Observation| o.transport == new.transport && Family::of(o.observed.ip()) == family;
        let same = |o: &Observation| o.observer == new.observer || o.observer_ip == new.observer_ip;
        self.observations.retain(|o| !(channel(o) && same(o)) && new.at < o.at + EXPIRY);
        if self.observations.iter().filter(|o| channel(o)).count() >= OBSERVERS {
            let of_channel = self.observations.iter().enumerate().filter(|(_, o)| channel(o));
            if let Some((oldest, _)) = of_channel.min_by_key(|(_, o)| o.at) {
                self.observations.swap_remove(oldest);
            }
        }
        self.observations.push(new);
    }

    /// This node's network has changed: what was seen is void, and the router is another one.
    pub fn network_changed(&mut self) {
        self.observations.clear();
        self.external = None;
    }

    /// What the NAT makes of connections of this kind.
    #[must_use]
    pub fn mapping(&self, transport: Transport, family: Family, now: Time) -> Mapping {
        let Some((local_port, voices)) = self.voices(transport, family, now) else { return Mapping::Unknown };
        let top = Self::most_seen(&voices).map(|(seen, count)| (self.class(seen, local_port), count));
        match top {
            Some((class, count)) if count * 2 > voices.len() => match class {
                Mapping::Shifted if count < 2 => Mapping::Unknown,
                class => class,
            },
            Some(_) => Mapping::Symmetric,
            None => Mapping::Unknown,
        }
    }

    /// Observers that have a voice in [`Mappings::mapping`].
    #[must_use]
    pub fn observers(&self, transport: Transport, family: Family, now: Time) -> usize {
        self.voices(transport, family, now).map_or(0, |(_, voices)| voices.len())
    }

    /// The addresses that others see this node at, those that most see first.
    #[must_use]
    pub fn seen(&self, transport: Transport, family: Family, now: Time) -> Vec<SocketAddr> {
        let Some((_, mut voices)) = self.voices(transport, family, now) else { return Vec::new() };
        let all = voices.clone();
        let count = |seen: &SocketAddr| all.iter().filter(|other| *other == seen).count();
        voices.sort_by_key(|seen| (std::cmp::Reverse(count(seen)), *seen));
        voices.dedup();
        voices
    }

    /// What is between the router and the internet; `None` if the router does not tell its address, or nobody has said what
    /// they see.
    #[must_use]
    pub fn upstream(&self, now: Time) -> Option<Upstream> {
        let external = self.external?;
        if self.ranges.scope(external) != Some(Scope::Global) {
            return Some(Upstream::Private { external });
        }
        let family = Family::of(external);
        let voices = |transport| self.voices(transport, family, now).map(|(_, voices)| voices).unwrap_or_default();
        let mut seen = voices(Transport::Quic);
        seen.extend(voices(Transport::Tcp));
        seen.iter_mut().for_each(|seen| seen.set_port(0));
        let (observed, _) = Self::most_seen(&seen)?;
        let observed = observed.ip();
        Some(if observed == external { Upstream::Same } else { Upstream::Differs { external, observed } })
    }

    /// What was seen of the local port that most have seen, and that port.
    fn voices(&self, transport: Transport, family: Family, now: Time) -> Option<(u16, Vec<SocketAddr>)> {
        let of_kind = |o: &&Observation| o.transport == transport && Family::of(o.observed.ip()) == family;
        let live: Vec<&Observation> =
            self.observations.iter().filter(of_kind).filter(|o| now < o.at + EXPIRY).collect();
        let on_port = |port: u16| live.iter().filter(move |o| o.local_port == port);
        let port = live.iter().map(|o| (on_port(o.local_port).count(), o.at, o.local_port)).max()?.2;
        Some((port, on_port(port).map(|o| o.observed).collect()))
    }

    /// What most have seen, and how many did.
    fn most_seen(voices: &[SocketAddr]) -> Option<(SocketAddr, usize)> {
        let count = |seen: &SocketAddr| voices.iter().filter(|other| *other == seen).count();
        voices.iter().map(|seen| (count(seen), *seen)).max().map(|(count, seen)| (seen, count))
    }

    fn class(&self, seen: SocketAddr, local_port: u16) -> Mapping {
        if seen.port() != local_port {
            Mapping::Shifted
        } else if self.local.contains(&seen.ip()) {
            Mapping::Open
        } else {
            Mapping::Preserving
        }
    }
}
