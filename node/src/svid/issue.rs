//! Certificates for a node's services.

use std::time::Duration;

use atoll_protocol::{identity::SecretKey, names::ServiceName};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use time::OffsetDateTime;

use super::{LONGEST_VALIDITY, SvidError, trust_domain};

/// Clocks differ: a certificate is valid from so long ago.
const CLOCKS: Duration = Duration::from_secs(3600);
/// The authority's own certificate is of no importance: its key is known from its name.
const AUTHORITY: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410, §7).
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// A certificate with all that belongs to it, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    /// `spiffe://…/svc/NAME`.
    pub id: String,
    /// The certificate.
    pub certificate: String,
    /// Its secret key, in PKCS #8: of its own, for P-256, which every TLS library knows.
    pub key: String,
    /// The certificate of the node as authority.
    pub bundle: String,
    /// Until when it is valid, in seconds since 1970.
    pub until: i64,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("id", &self.id).field("until", &self.until).finish_non_exhaustive()
    }
}

/// Makes an X.509-SVID for a service of the node with this key. `now` is in seconds since 1970.
///
/// # Errors
/// [`SvidError::NotMade`] if it is to be valid for longer than [`LONGEST_VALIDITY`], or for no time at all.
pub fn issue(node: &SecretKey, service: &ServiceName, valid: Duration, now: u64) -> Result<Issued, SvidError> {
    if valid.is_zero() || valid > LONGEST_VALIDITY {
        let most = LONGEST_VALIDITY.as_secs() / 3600;
        let said = valid.as_secs();
        return Err(SvidError::NotMade(format!("it would be valid for {said} s; that can be from 1 s to {most} h")));
    }
    let domain = trust_domain(&node.node_id());
    let id = format!("spiffe://{domain}/svc/{service}");
    let authority_key = authority_key(node)?;
    let mut authority = params(&domain, &format!("spiffe://{domain}"), now, AUTHORITY)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = authority.self_signed(&authority_key).map_err(not_made)?;
    let key = KeyPair::generate().map_err(not_made)?;
    let mut leaf = params(service.as_str(), &id, now, valid)?;
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    leaf.use_authority_key_identifier_extension = true;
    let until = leaf.not_after.unix_timestamp();
    let certificate = leaf.signed_by(&key, &authority, &authority_key).map_err(not_made)?;
    Ok(Issued { id, certificate: certificate.pem(), key: key.serialize_pem(), bundle: authority.pem(), until })
}

fn not_made(error: impl ToString) -> SvidError {
    SvidError::NotMade(error.to_string())
}

fn authority_key(node: &SecretKey) -> Result<KeyPair, SvidError> {
    let encoded = [&PKCS8[..], node.seed()].concat();
    KeyPair::try_from(encoded).map_err(not_made)
}

fn params(name: &str, uri: &str, now: u64, valid: Duration) -> Result<CertificateParams, SvidError> {
    let now = i64::try_from(now).ok().and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
    let now = now.ok_or_else(|| not_made("this machine's clock is far off; set it right"))?;
    let mut subject = DistinguishedName::new();
    // RFC 5280 lets a common name have 64 characters.
    subject.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    let mut params = CertificateParams::default();
    params.not_before = now - CLOCKS;
    params.not_after = now + valid;
    params.serial_number = Some(SerialNumber::from_slice(&rand::random::<[u8; 16]>()));
    params.subject_alt_names = vec![SanType::URI(uri.try_into().map_err(not_made)?)];
    params.distinguished_name = subject;
    Ok(params)
}
