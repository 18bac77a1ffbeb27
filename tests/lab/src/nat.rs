//! The kinds of NAT that a home can be behind, what each does to packets, and which pairs can reach each other.
//!
//! Pure: nothing here touches a network. The words are those of RFC 4787: *mapping* is how a NAT chooses the external
//! port, *filtering* is which packets from outside it lets in.

mod behaviour;
mod expected;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use self::{
    behaviour::{Behaviour, Half, Scope},
    expected::{Path, expected},
};

/// What stands between a host and the internet.
///
/// Text, JSON and command lines use the name that [`Display`](fmt::Display) gives, such as `port-restricted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nat {
    /// Nothing: the host has a public address, and everything reaches it.
    None,
    /// A stateful firewall: the host has a public address, and only replies reach it.
    Firewall,
    /// One external port for a socket, the same as inside; anyone may send to it while it lives.
    FullCone,
    /// One external port for a socket, the same as inside; addresses that were sent to may send, from any port.
    AddressRestricted,
    /// One external port for a socket, the same as inside; only what was sent to may send. Most home routers.
    PortRestricted,
    /// As [`PortRestricted`](Self::PortRestricted), but the external port is not the one inside.
    PortShift,
    /// Another external port for each destination; only that destination may send to it.
    Symmetric,
    /// A home router as [`PortRestricted`](Self::PortRestricted), and behind it a carrier's
    /// [`FullCone`](Self::FullCone), as RFC 6888 wants it.
    CgnatCone,
    /// A home router as [`PortRestricted`](Self::PortRestricted), and behind it a carrier's
    /// [`Symmetric`](Self::Symmetric).
    CgnatSymmetric,
    /// A router that passes no UDP, and treats TCP as [`PortRestricted`](Self::PortRestricted) does.
    UdpBlocked,
}

impl Nat {
    /// Every kind, from the most open to the most closed.
    pub const ALL: [Self; 10] = [
        Self::None,
        Self::Firewall,
        Self::FullCone,
        Self::AddressRestricted,
        Self::PortRestricted,
        Self::PortShift,
        Self::CgnatCone,
        Self::Symmetric,
        Self::CgnatSymmetric,
        Self::UdpBlocked,
    ];

    /// Every pair once, whichever comes first; a kind with itself too.
    pub fn pairs() -> impl Iterator<Item = (Self, Self)> {
        Self::ALL.iter().enumerate().flat_map(|(n, a)| Self::ALL.iter().skip(n).map(|b| (*a, *b)))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Firewall => "firewall",
            Self::FullCone => "full-cone",
            Self::AddressRestricted => "address-restricted",
            Self::PortRestricted => "port-restricted",
            Self::PortShift => "port-shift",
            Self::Symmetric => "symmetric",
            Self::CgnatCone => "cgnat-cone",
            Self::CgnatSymmetric => "cgnat-symmetric",
            Self::UdpBlocked => "udp-blocked",
        }
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Text that names no kind of NAT.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no NAT kind {0:?}; there are {all}", all = Nat::ALL.map(|nat| nat.to_string()).join(", "))]
pub struct UnknownNat(String);

impl FromStr for Nat {
    type Err = UnknownNat;

    fn from_str(text: &str) -> Result<Self, UnknownNat> {
        Self::ALL.into_iter().find(|nat| nat.name() == text).ok_or_else(|| UnknownNat(text.to_owned()))
    }
}
