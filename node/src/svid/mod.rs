//! SPIFFE identities: a node as the certificate authority of its own trust domain (SPIFFE-ID and X.509-SVID standards).
//!
//! | module | what it does |
//! |---|---|
//! | [`domain`] | the name of a node's trust domain, which is the node's key |
//! | [`issue`] | certificates for a node's services |
//! | [`verify`] | whether a certificate is what it says |
//!
//! ```text
//! spiffe://k51qzi5uqu5d…/svc/math.calc
//!          └ the node, as base36 CIDv1
//! ```
//!
//! Whoever knows the name of a trust domain knows the key that its certificates are signed with. So there is no bundle to be
//! distributed, and none to be trusted; the authority's own certificate is given along for programs that want one.

mod domain;
mod issue;
#[cfg(test)]
mod tests;
mod verify;

use std::time::Duration;

pub use self::{
    domain::{DomainError, node_of, trust_domain},
    issue::{Issued, issue},
    verify::{Verified, verify},
};

/// How long a certificate is valid unless told otherwise.
pub const VALIDITY: Duration = Duration::from_secs(24 * 3600);
/// Longest time that one can be valid for: what is compromised is trusted until it ends.
pub const LONGEST_VALIDITY: Duration = Duration::from_secs(90 * 24 * 3600);

/// Why a certificate was not issued, or is not what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SvidError {
    /// It cannot be made.
    #[error("no certificate was made: {0}")]
    NotMade(String),
    /// The bytes are none.
    #[error(
        "there is no X.509 certificate in it: {0}; a file in PEM format with -----BEGIN CERTIFICATE----- is expected"
    )]
    Unreadable(String),
    /// It is for an authority, or breaks another rule of the X.509-SVID standard.
    #[error("the certificate is no X.509-SVID: {0}")]
    NotSvid(String),
    /// The trust domain is no node's.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// It was not signed by the node whose trust domain it is in.
    #[error("the certificate says {id}, and was not signed by {node}, whose trust domain that is")]
    Forged {
        /// What it says.
        id: String,
        /// The node that ought to have signed it.
        node: atoll_protocol::identity::NodeId,
    },
    /// It is not valid now.
    #[error("the certificate for {id} is valid from {from} until {until}, which is not now")]
    NotNow {
        /// What it says.
        id: String,
        /// Seconds since 1970.
        from: i64,
        /// Seconds since 1970.
        until: i64,
    },
}
