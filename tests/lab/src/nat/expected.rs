//! Which pairs of NATs can reach each other directly.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Nat;

/// How two hosts reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Path {
    /// Packets go from one to the other, through nobody else.
    Direct,
    /// A third host passes everything on.
    Relayed,
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Direct => "direct",
            Self::Relayed => "relayed",
        })
    }
}

/// What counts of a NAT when both sides send at the same time, each to where the other was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Punching {
    /// What comes from another port of the other side's address is let in, so a wrong guess of the port does no harm:
    /// the observed source is adopted.
    Adopts,
    /// The other side's port must be known beforehand, and its own is known.
    Exact,
    /// Its own port towards the other side cannot be known beforehand.
    Unpredictable,
    /// No datagram passes.
    Blocked,
}

const fn punching(nat: Nat) -> Punching {
    match nat {
        Nat::None | Nat::FullCone | Nat::AddressRestricted => Punching::Adopts,
        Nat::Firewall | Nat::PortRestricted | Nat::PortShift | Nat::CgnatCone => Punching::Exact,
        Nat::Symmetric | Nat::CgnatSymmetric => Punching::Unpredictable,
        Nat::UdpBlocked => Punching::Blocked,
    }
}

/// The path that two hosts behind these NATs must find over UDP, whichever starts.
///
/// - *Direct*, where both ports are known: any two of {none, firewall, full cone, address-restricted, port-restricted,
///   port-shift, CGNAT of the cone kind}.
/// - *Direct, by adopting the observed source*: symmetric (CGNAT or not) with {none, full cone, address-restricted}.
/// - *Relayed*: symmetric with anything else, and all pairs in which UDP is blocked. The latter may still find a direct
///   path over TCP.
#[must_use]
pub const fn expected(a: Nat, b: Nat) -> Path {
    use Punching::{Adopts, Blocked, Exact, Unpredictable};
    match (punching(a), punching(b)) {
        (Blocked, _) | (_, Blocked) => Path::Relayed,
        (Unpredictable, Unpredictable | Exact) | (Exact, Unpredictable) => Path::Relayed,
        (Adopts | Exact, Adopts | Exact) | (Adopts, Unpredictable) | (Unpredictable, Adopts) => Path::Direct,
    }
}
