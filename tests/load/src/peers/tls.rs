//! A certificate for one run. The client trusts this one and no other, which is what a private network does.

use anyhow::Result;

/// The name that the certificate is for.
pub(super) const SERVER_NAME: &str = "localhost";

/// A certificate that signs itself, and its key; both as PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// A new one.
pub(super) fn identity() -> Result<Identity> {
    let signed = rcgen::generate_simple_self_signed([SERVER_NAME.to_owned()])?;
    Ok(Identity { certificate: signed.cert.pem(), key: signed.key_pair.serialize_pem() })
}
