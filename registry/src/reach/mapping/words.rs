//! What the findings mean, in plain words, each with what to do about it.

use std::fmt;

use super::{Mapping, Upstream};

impl Mapping {
    /// What it is, and what it means for its owner.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Unknown => {
                "not known yet: too few public peers have said where they see this node; it needs two at different addresses"
            }
            Self::Open => {
                "no NAT: others see this node at its own address; if they cannot connect, a firewall on this machine or the \
                 router stops them: let the node's port in"
            }
            Self::Preserving => {
                "a NAT that keeps the port: direct connections to most peers work by hole punching; nothing needs to be done"
            }
            Self::Shifted => {
                "a NAT that changes the port, the same way for every destination: direct connections to most peers work by \
                 hole punching; nothing needs to be done"
            }
            Self::Symmetric => {
                "a symmetric NAT, which uses another port for each destination: direct connections work only with peers that \
                 let anybody in, all others go through a relay; forwarding the node's port in the router, or turning on UPnP \
                 or NAT-PMP there, makes this node directly reachable"
            }
        }
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "not known yet",
            Self::Open => "no NAT",
            Self::Preserving => "a NAT that keeps the port",
            Self::Shifted => "a NAT that changes the port, the same way for every destination",
            Self::Symmetric => "a symmetric NAT",
        })
    }
}

impl Upstream {
    /// Whether there is a NAT behind the router that its owner has no hand in.
    #[must_use]
    pub const fn is_nat(&self) -> bool {
        !matches!(self, Self::Same)
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("the router has a public address of its own: ports mapped there are reachable"),
            Self::Private { external } => write!(
                f,
                "the router's external address {external} is not public: the provider has a NAT of its own (CGNAT), or there \
                 is a second router; ports mapped at the router are not reachable; ask the provider for a public address, or \
                 use IPv6"
            ),
            Self::Differs { external, observed } => write!(
                f,
                "the router says that its external address is {external}, and others see {observed}: the provider has a NAT \
                 of its own (CGNAT), or traffic leaves by another way, such as a VPN; ports mapped at the router may not be \
                 reachable; ask the provider for a public address, or use IPv6"
            ),
        }
    }
}
