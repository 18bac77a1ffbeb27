//! Whether a certificate is what it says: an X.509-SVID of a node, valid now.

use atoll_protocol::{identity::NodeId, names::ServiceName};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, oid_registry::OID_SIG_ED25519, pem::Pem};

use super::{SvidError, node_of};

/// What a certificate proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// `spiffe://…/svc/NAME`.
    pub id: String,
    /// The node that has issued it.
    pub node: NodeId,
    /// The service.
    pub service: ServiceName,
    /// From when it is valid, in seconds since 1970.
    pub from: i64,
    /// Until when it is valid, in seconds since 1970.
    pub until: i64,
}

/// Checks the first certificate in a PEM file. Nothing but the certificate and the time (`now`, in seconds since 1970) is needed: the
/// key that must have signed it follows from its name.
///
/// # Errors
/// [`SvidError`] says what is wrong.
pub fn verify(pem: &[u8], now: u64) -> Result<Verified, SvidError> {
    let unreadable = |reason: String| SvidError::Unreadable(reason);
    let block = Pem::iter_from_buffer(pem).next().ok_or_else(|| unreadable("no PEM block".to_owned()))?;
    let block = block.map_err(|e| unreadable(e.to_string()))?;
    if block.label != "CERTIFICATE" {
        return Err(unreadable(format!("the first block is a {}", block.label)));
    }
    let certificate = block.parse_x509().map_err(|e| unreadable(e.to_string()))?;
    let id = spiffe_id(&certificate)?;
    check_purpose(&certificate)?;
    let rest = id.strip_prefix("spiffe://").unwrap_or_default();
    let (domain, path) = rest.split_once('/').unwrap_or((rest, ""));
    let node = node_of(domain)?;
    let no_service = || SvidError::NotSvid(format!("{id} names no service of a node: spiffe://…/svc/NAME does"));
    let service = path.strip_prefix("svc/").and_then(|name| name.parse().ok()).ok_or_else(no_service)?;
    if !is_signed_by(&certificate, &node) {
        return Err(SvidError::Forged { id, node });
    }
    let (from, until) = (certificate.validity.not_before.timestamp(), certificate.validity.not_after.timestamp());
    if !(from..=until).contains(&i64::try_from(now).unwrap_or(i64::MAX)) {
        return Err(SvidError::NotNow { id, from, until });
    }
    Ok(Verified { id, node, service, from, until })
}

/// The one URI that it is for (X.509-SVID, §2).
fn spiffe_id(certificate: &X509Certificate<'_>) -> Result<String, SvidError> {
    let wrong = |reason: &str| SvidError::NotSvid(reason.to_owned());
    let names = certificate.subject_alternative_name().map_err(|e| SvidError::NotSvid(e.to_string()))?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let uris: Vec<&str> = names.iter().filter_map(uri).collect();
    match uris.as_slice() {
        [id] if id.starts_with("spiffe://") => Ok((*id).to_owned()),
        [other] => Err(SvidError::NotSvid(format!("it is for {other:.200}, which is no SPIFFE ID"))),
        [] => Err(wrong("it names no URI")),
        _ => Err(wrong("it names several URIs")),
    }
}

fn uri<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    match name {
        GeneralName::URI(uri) => Some(uri),
        _ => None,
    }
}

/// It must be one for signing what is said, and not for signing other certificates (X.509-SVID, §4).
fn check_purpose(certificate: &X509Certificate<'_>) -> Result<(), SvidError> {
    let wrong = |reason: &str| SvidError::NotSvid(reason.to_owned());
    if certificate.is_ca() {
        return Err(wrong("it is an authority's own, and proves no service"));
    }
    let usage = certificate.key_usage().map_err(|e| SvidError::NotSvid(e.to_string()))?;
    let usage = usage.ok_or_else(|| wrong("it does not say what its key is for"))?.value;
    if !usage.digital_signature() || usage.key_cert_sign() || usage.crl_sign() {
        return Err(wrong("its key is not for signatures alone"));
    }
    Ok(())
}

fn is_signed_by(certificate: &X509Certificate<'_>, node: &NodeId) -> bool {
    let ed25519 = certificate.signature_algorithm.algorithm == OID_SIG_ED25519
        && certificate.tbs_certificate.signature.algorithm == OID_SIG_ED25519;
    let signature = certificate.signature_value.data.as_ref().try_into().ok();
    let signed: &[u8] = certificate.tbs_certificate.as_ref();
    ed25519 && signature.is_some_and(|bytes: [u8; 64]| node.verifies(signed, &bytes.into()))
}
