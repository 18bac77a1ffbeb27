//! That certificates prove what they say, and nothing else does.

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::ServiceName,
};
use x509_parser::pem::Pem;

use super::*;

const NOW: u64 = 1_800_000_000;
const HOUR: Duration = Duration::from_secs(3600);

fn node(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn service() -> ServiceName {
    "math.calc".parse().unwrap()
}

fn issued() -> Issued {
    issue(&node(1), &service(), HOUR, NOW).unwrap()
}

fn refused(pem: &str) -> String {
    verify(pem.as_bytes(), NOW).unwrap_err().to_string()
}

#[test]
fn a_trust_domain_is_a_nodes_name_and_leads_back_to_it() {
    for number in 0..50 {
        let node = node(number).node_id();
        let name = trust_domain(&node);
        assert!(name.starts_with("k51qzi5uqu5d") && name.len() == 62, "{name}");
        assert_eq!(node_of(&name), Ok(node));
    }
    // The key of the IPNS specification's examples has this name.
    let known: NodeId = "12D3KooWJvyP3VJYymTqG7eH4PM5rN4T2agk5cdNCfNymAqwqcvZ".parse().unwrap();
    assert_eq!(node_of(&trust_domain(&known)), Ok(known));
}

#[test]
fn what_is_no_nodes_name_is_refused_with_the_reason() {
    let name = trust_domain(&node(1).node_id());
    let zeros = name.replacen('k', "k0", 1);
    let upper = name.to_uppercase().replacen('K', "k", 1);
    let cases = [
        ("example.org", "begin with k"),
        ("k", "no CIDv1"),
        ("k51", "no CIDv1"),
        (zeros.as_str(), "no CIDv1"),
        (upper.as_str(), "other characters"),
        (&name[..40], "no CIDv1"),
        (&"k".repeat(500), "too long"),
    ];
    for (text, reason) in cases {
        let error = node_of(text).unwrap_err().to_string();
        assert!(error.contains(reason) && error.len() < 300, "{text}: {error}");
    }
}

#[test]
fn a_certificate_proves_node_service_and_time() {
    let issued = issued();
    let proved = verify(issued.certificate.as_bytes(), NOW).unwrap();
    assert_eq!((proved.node, proved.service), (node(1).node_id(), service()));
    assert_eq!(proved.id, format!("spiffe://{}/svc/math.calc", trust_domain(&node(1).node_id())));
    assert_eq!((proved.id, proved.until), (issued.id, issued.until));
    assert_eq!(issued.until, i64::try_from(NOW + 3600).unwrap());
    assert!(issued.key.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(!format!("{:?}", self::issued()).contains("PRIVATE"));
}

#[test]
fn what_is_over_or_not_yet_is_refused() {
    let pem = issued().certificate;
    for when in [NOW + 3601, NOW - 3 * 3600, 0, u64::MAX] {
        let error = verify(pem.as_bytes(), when).unwrap_err();
        assert!(matches!(error, SvidError::NotNow { .. }), "{when}: {error}");
    }
    assert!(issue(&node(1), &service(), Duration::ZERO, NOW).unwrap_err().to_string().contains("from 1 s"));
    assert!(issue(&node(1), &service(), LONGEST_VALIDITY + HOUR, NOW).unwrap_err().to_string().contains("2160 h"));
}

#[test]
fn an_authoritys_own_certificate_proves_no_service() {
    assert!(refused(&issued().bundle).contains("authority's own"));
}

#[test]
fn a_certificate_in_anothers_trust_domain_is_forged() {
    // What another node can sign, with the name put in that it would like to have: both names are of one length.
    let theirs = issue(&node(2), &service(), HOUR, NOW).unwrap();
    let block = Pem::iter_from_buffer(theirs.certificate.as_bytes()).next().unwrap().unwrap();
    let (mine, other) = (trust_domain(&node(1).node_id()), trust_domain(&node(2).node_id()));
    let mut der = block.contents.clone();
    while let Some(at) = der.windows(other.len()).position(|window| window == other.as_bytes()) {
        der[at..at + mine.len()].copy_from_slice(mine.as_bytes());
    }
    assert_ne!(der, block.contents);
    let error = refused(&pem(&der));
    assert!(error.contains("was not signed by") && error.contains(&node(1).node_id().to_string()), "{error}");
}

#[test]
fn a_changed_bit_proves_nothing_else() {
    let certificate = issued().certificate;
    let block = Pem::iter_from_buffer(certificate.as_bytes()).next().unwrap().unwrap();
    let (proved, mut around) = (verify(certificate.as_bytes(), NOW).unwrap(), 0);
    for bit in 0..block.contents.len() * 8 {
        let mut der = block.contents.clone();
        der[bit / 8] ^= 1 << (bit % 8);
        // What stands around what is signed may be written in several ways; nothing else can be proved by it.
        if let Ok(said) = verify(pem(&der).as_bytes(), NOW) {
            assert_eq!(said, proved, "bit {bit}");
            around += 1;
        }
    }
    assert!(around < 64, "{around} bits that do not matter");
}

#[test]
fn what_is_no_certificate_is_named() {
    assert!(refused("").contains("no PEM block"));
    assert!(refused("hello").contains("BEGIN CERTIFICATE"));
    assert!(refused(&issued().key).contains("PRIVATE KEY"));
    assert!(refused(&pem(&[1, 2, 3])).contains("no X.509 certificate"));
}

fn pem(der: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64_STANDARD.encode(der))
}
