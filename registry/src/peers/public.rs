//! What counts as public.
//!
//! The global ranges of the IANA registries ([`Scope::of`]), and those that the owner of a node adds: a country cut off from
//! the internet, a community mesh on 10.0.0.0/8 and a laboratory on addresses for documentation each have an own idea of
//! it. Every question whether an address is public is to be asked here, so that there is one answer to it.
//!
//! Not everything can be made public by saying so. A loopback address means another machine on every machine, a link-local
//! one on every link: told to others, it would have them dial themselves or a stranger. At unspecified, multicast and
//! broadcast addresses there is no one host at all. A range may contain such addresses (0.0.0.0/0 does); they stay what
//! they are.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

use super::{Scope, Subnet};

#[cfg(test)]
mod tests;

/// A range of addresses that is public although no registry says so, such as `10.0.0.0/8`.
///
/// One of IPv4 addresses mapped into IPv6 (RFC 4291) is the range of these IPv4 addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicRange(IpNet);

/// Why a text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value} is no range of addresses; write it like 203.0.113.0/24 or 2001:db8::/32")]
pub struct PublicRangeError {
    /// What was given, cut to a length that can be shown.
    value: String,
}

impl PublicRangeError {
    /// Characters of a faulty value that are shown.
    const SHOWN: usize = 64;
}

impl FromStr for PublicRange {
    type Err = PublicRangeError;

    /// Reads an address and the length of its prefix; bits behind the prefix are dropped.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || PublicRangeError { value: text.chars().take(PublicRangeError::SHOWN).collect() };
        let net: IpNet = text.trim().parse().map_err(|_| fail())?;
        Ok(Self(unmapped(net).trunc()))
    }
}

impl TryFrom<String> for PublicRange {
    type Error = PublicRangeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PublicRange> for String {
    fn from(range: PublicRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for PublicRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

/// Bits of an IPv6 address before the IPv4 address that is mapped into it.
const MAPPED_PREFIX: u8 = 96;

fn unmapped(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let mapped = v6.addr().to_ipv4_mapped();
    let prefix = v6.prefix_len().checked_sub(MAPPED_PREFIX);
    match (mapped, prefix) {
        (Some(address), Some(prefix)) => Ipv4Net::new(address, prefix).map_or(net, IpNet::V4),
        _ => net,
    }
}

/// What counts as public on this node. Cheap to clone.
///
/// The default adds nothing to the global ranges. As a text, ranges are separated by commas or blanks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<PublicRange>", into = "Vec<PublicRange>")]
pub struct PublicRanges(Arc<[PublicRange]>);

impl PublicRanges {
    /// Whether an address is public: global, or in one of the ranges that were added.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.scope(address) == Some(Scope::Global)
    }

    /// The scope of an address, as [`Scope::of`] says it, but that what is in a range that was added is global; see the
    /// [module docs](self) for what never is.
    #[must_use]
    pub fn scope(&self, address: IpAddr) -> Option<Scope> {
        let address = address.to_canonical();
        match Scope::of(address) {
            nearest @ Some(Scope::Loopback | Scope::LinkLocal) => nearest,
            _ if !is_of_one_host(address) => None,
            _ if self.0.iter().any(|range| range.0.contains(&address)) => Some(Scope::Global),
            scope => scope,
        }
    }

    /// The subnet that peers at this address are counted in, as [`Subnet::counted`] says it, but that what is in a range
    /// that was added is counted.
    #[must_use]
    pub fn subnet(&self, address: IpAddr) -> Option<Subnet> {
        Subnet::counted_at(address, self.scope(address))
    }

    /// The ranges that were added, in order and each once.
    pub fn iter(&self) -> impl Iterator<Item = PublicRange> + '_ {
        self.0.iter().copied()
    }

    /// Whether nothing was added to the global ranges.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether there can be one host at an address, whatever ranges somebody declares.
fn is_of_one_host(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}

impl FromIterator<PublicRange> for PublicRanges {
    fn from_iter<I: IntoIterator<Item = PublicRange>>(ranges: I) -> Self {
        let mut ranges: Vec<PublicRange> = ranges.into_iter().collect();
        ranges.sort_unstable();
        ranges.dedup();
        Self(ranges.into())
    }
}

impl From<Vec<PublicRange>> for PublicRanges {
    fn from(ranges: Vec<PublicRange>) -> Self {
        ranges.into_iter().collect()
    }
}

impl From<PublicRanges> for Vec<PublicRange> {
    fn from(ranges: PublicRanges) -> Self {
        ranges.0.to_vec()
    }
}

impl FromStr for PublicRanges {
    type Err = PublicRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        words.map(str::parse).collect()
    }
}

impl fmt::Display for PublicRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, range) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "," };
            write!(f, "{separator}{range}")?;
        }
        Ok(())
    }
}
