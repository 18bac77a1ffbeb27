//! How far an IP address reaches.
//!
//! Source: the IANA special-purpose address registries for IPv4 and IPv6, which RFC 6890 (updated by RFC 8190) defines:
//! <https://www.iana.org/assignments/iana-ipv4-special-registry> and
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an IP address reaches, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// This machine only.
    Loopback,
    /// This link only (RFC 3927, RFC 4291).
    LinkLocal,
    /// A private network: RFC 1918, a provider's shared space behind carrier-grade NAT (RFC 6598), unique local
    /// addresses (RFC 4193).
    Private,
    /// The whole internet.
    Global,
}

impl Scope {
    /// The scope of an address; `None` if there can be nothing to dial at it: unspecified, multicast, broadcast,
    /// documentation, benchmarking, reserved, or a mere protocol assignment.
    #[must_use]
    pub fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(mapped) => of_v4(mapped),
                None => of_v6(address),
            },
        }
    }
}

fn of_v4(address: Ipv4Addr) -> Option<Scope> {
    match address.octets() {
        [127, ..] => Some(Scope::Loopback),
        [169, 254, ..] => Some(Scope::LinkLocal),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Some(Scope::Private),
        // Anycast services within 192.0.0.0/24 are marked globally reachable (RFC 7723, RFC 8155), the rest is not.
        [192, 0, 0, 9 | 10] => Some(Scope::Global),
        [192, 0, 0, _] => None,
        // "This network" (RFC 791), documentation (RFC 5737), deprecated 6to4 anycast (RFC 7526).
        [0, ..] | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => None,
        // Benchmarking (RFC 2544), then multicast (RFC 5771), reserved (RFC 1112) and broadcast.
        [198, 18 | 19, ..] | [224..=255, ..] => None,
        _ => Some(Scope::Global),
    }
}

fn of_v6(address: Ipv6Addr) -> Option<Scope> {
    if address == Ipv6Addr::LOCALHOST {
        return Some(Scope::Loopback);
    }
    match address.segments() {
        [0xfe80..=0xfebf, ..] => Some(Scope::LinkLocal),
        [0xfc00..=0xfdff, ..] => Some(Scope::Private),
        // IPv4/IPv6 translation (RFC 6052) reaches whatever the IPv4 address in it reaches; a private one, nothing.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let (high, low) = (high.to_be_bytes(), low.to_be_bytes());
            of_v4([high, low].as_flattened().try_into().ok().map(|octets: [u8; 4]| Ipv4Addr::from(octets))?)
                .filter(|scope| *scope == Scope::Global)
        }
        // Documentation (RFC 3849, RFC 9637).
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => None,
        // Port control and TURN anycast (RFC 7723, RFC 8155), AMT (RFC 7450), AS112 (RFC 7535), ORCHIDv2 (RFC 7343) and
        // drone remote ids (RFC 9374) are the globally reachable parts of the IETF protocol assignments, 2001::/23;
        // Teredo, benchmarking and ORCHID are in the rest. Only the first two are hosts.
        [0x2001, 1, 0, 0, 0, 0, 0, 1 | 2] => Some(Scope::Global),
        [0x2001, 0..=0x01ff, ..] => None,
        // Global unicast is 2000::/3 (RFC 4291); 6to4 (2002::/16, RFC 3056) is not to be relied on (RFC 7526).
        [0x2002, ..] => None,
        [0x2000..=0x3fff, ..] => Some(Scope::Global),
        _ => None,
    }
}
