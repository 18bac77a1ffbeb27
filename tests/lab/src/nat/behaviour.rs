//! What a NAT does, in measurable terms: each kind claims a behaviour, and [`prove`](crate::prove) measures it.

use serde::{Deserialize, Serialize};

use super::Nat;

/// How much of the other end's address something depends on (RFC 4787, sections 4.1 and 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// On nothing of it: one external port for all, or anyone may send.
    EndpointIndependent,
    /// On the address.
    AddressDependent,
    /// On address and port.
    AddressAndPortDependent,
}

/// What happens to one transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Half {
    /// What the external port of a socket depends on.
    pub mapping: Scope,
    /// Whether the external port is the one inside.
    pub preserves_port: bool,
    /// What is let in to a socket that has sent to one destination.
    pub filtering: Scope,
    /// Whether something reaches a socket that has sent nothing yet.
    pub unsolicited: bool,
}

/// What can be measured of a NAT from a host behind it and hosts on the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviour {
    /// Whether the host is seen under another address than its own.
    pub translated: bool,
    /// What happens to UDP; nothing if none passes.
    pub udp: Option<Half>,
    /// What happens to TCP; nothing if none passes.
    pub tcp: Option<Half>,
    /// Whether two hosts behind a translating NAT reach each other by their external addresses.
    pub hairpin: bool,
}

impl Nat {
    /// What this kind claims to do. The same for UDP and TCP, where both pass.
    #[must_use]
    pub const fn behaviour(self) -> Behaviour {
        use Scope::{AddressAndPortDependent, AddressDependent, EndpointIndependent};
        let (mapping, filtering) = match self {
            Self::None | Self::FullCone => (EndpointIndependent, EndpointIndependent),
            Self::AddressRestricted => (EndpointIndependent, AddressDependent),
            Self::Firewall | Self::PortRestricted | Self::PortShift | Self::CgnatCone | Self::UdpBlocked => {
                (EndpointIndependent, AddressAndPortDependent)
            }
            Self::Symmetric | Self::CgnatSymmetric => (AddressAndPortDependent, AddressAndPortDependent),
        };
        let half = Half {
            mapping,
            preserves_port: !matches!(self, Self::PortShift | Self::Symmetric | Self::CgnatSymmetric),
            filtering,
            unsolicited: matches!(self, Self::None),
        };
        Behaviour {
            translated: !matches!(self, Self::None | Self::Firewall),
            udp: if matches!(self, Self::UdpBlocked) { None } else { Some(half) },
            tcp: Some(half),
            hairpin: false,
        }
    }
}
