//! Node ids are libp2p's PeerIds, and nothing else is a node id.

use std::fmt::Write;

use proptest::{collection, prelude::*};
use serde::de::{
    IntoDeserializer,
    value::{Error, StrDeserializer},
};

use super::*;
use crate::{golden, strategies};

/// The Ed25519 key of libp2p's specification (`peer-ids/peer-ids.md`, test vectors).
const SPEC_SEED: [u8; 32] = [
    0x7e, 0x08, 0x30, 0x61, 0x7c, 0x4a, 0x7d, 0xe8, 0x39, 0x25, 0xdf, 0xb2, 0x69, 0x45, 0x56, 0xb1, 0x29, 0x36, 0xc4,
    0x77, 0xa0, 0xe1, 0xfe, 0xb2, 0xe1, 0x48, 0xec, 0x9d, 0xa6, 0x0f, 0xee, 0x7d,
];
const SPEC_PUBLIC: [u8; 36] = [
    0x08, 0x01, 0x12, 0x20, 0x1e, 0xd1, 0xe8, 0xfa, 0xe2, 0xc4, 0xa1, 0x44, 0xb8, 0xbe, 0x8f, 0xd4, 0xb4, 0x7b, 0xf3,
    0xd3, 0xb3, 0x4b, 0x87, 0x1c, 0x3c, 0xac, 0xf6, 0x01, 0x0f, 0x0e, 0x42, 0xd4, 0x74, 0xfc, 0xe2, 0x7e,
];

fn refused(text: &str) -> String {
    text.parse::<NodeId>().expect_err("this is no node id").to_string()
}

#[test]
fn the_peer_id_is_the_specifications() {
    let key = SecretKey::from_seed(&SPEC_SEED);
    assert_eq!(key.node_id().to_peer_id_bytes()[2..], SPEC_PUBLIC);
    assert_eq!(key.seed(), &SPEC_SEED);
    // An example of the same document.
    let text = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";
    assert_eq!(text.parse::<NodeId>().unwrap().to_string(), text);
}

#[test]
fn texts_that_are_no_node_id_are_refused_in_words() {
    let end = "; a node id looks like 12D3Koo…, as printed by `node identity show`";
    for (text, reason) in [
        ("", "not the PeerId of an Ed25519 key"),
        ("12D3KooW0", "not base58"),
        ("knoten", "not the PeerId of an Ed25519 key"),
        ("12D3KooWé", "not base58"),
        // An RSA key's, from the specification.
        ("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", "not the PeerId of an Ed25519 key"),
        ("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5S", "not the PeerId of an Ed25519 key"),
    ] {
        assert_eq!(refused(text), format!("{text:?} is not a node id: {reason}{end}"));
    }
    let long = refused(&"1".repeat(1_000_000));
    assert_eq!(long, format!("{:?} is not a node id: too long{end}", "1".repeat(80)));
}

#[test]
fn bytes_that_are_no_node_id_are_refused() {
    let mut bytes = golden::key().node_id().to_peer_id_bytes();
    bytes.push(0);
    let error = NodeId::from_peer_id_bytes(&bytes).unwrap_err().to_string();
    assert!(error.contains("wrong length"), "{error}");
    for len in 0..bytes.len() - 1 {
        assert!(NodeId::from_peer_id_bytes(&bytes[..len]).is_err());
    }
    // Showing all of it in base58 would take minutes.
    let error = NodeId::from_peer_id_bytes(&vec![0xff; 1_000_000]).unwrap_err().to_string();
    assert!(error.len() < 250, "{error}");
}

#[test]
fn a_node_id_fits_a_table() {
    let id = golden::key().node_id();
    assert_eq!(id.short(), "…7YJgL5pV");
    assert_eq!(format!("[{id:<54}]"), format!("[{id}  ]"));
    assert_eq!(format!("{id:?}"), format!("NodeId({id})"));
}

#[test]
fn for_people_an_id_is_text() {
    let id = golden::key().node_id();
    // A formatter is a serializer for people.
    struct Shown(NodeId);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.serialize(f)
        }
    }
    let text = Shown(id).to_string();
    assert_eq!(text, id.to_string());
    let deserializer: StrDeserializer<'_, Error> = text.as_str().into_deserializer();
    assert_eq!(NodeId::deserialize(deserializer), Ok(id));
    let deserializer: StrDeserializer<'_, Error> = "nobody".into_deserializer();
    assert!(NodeId::deserialize(deserializer).unwrap_err().to_string().contains("\"nobody\" is not a node id"));
}

#[test]
fn signatures_are_the_standards() {
    // RFC 8032, section 7.1, test 1: the empty message.
    let signature = golden::key().sign(b"");
    let start = [0xe5, 0x56, 0x43, 0x00, 0xc3, 0x60, 0xac, 0x72, 0x90, 0x86, 0xe2, 0xcc, 0x80, 0x6e, 0x82, 0x8a];
    assert_eq!(signature.to_bytes()[..16], start);
    assert!(golden::key().node_id().verifies(b"", &signature));
    assert!(!golden::key().node_id().verifies(b"x", &signature));
    assert!(!golden::other_key().node_id().verifies(b"", &signature));
}

#[test]
fn a_key_that_signs_everything_is_refused() {
    // With the neutral element as key and as nonce, the zero scalar verifies for any message unless one is strict.
    let neutral: [u8; 32] = std::array::from_fn(|i| u8::from(i == 0));
    let signature = Signature::from_components(neutral, [0; 32]);
    let lax = VerifyingKey::from_bytes(&neutral).unwrap();
    assert!(ed25519_dalek::Verifier::verify(&lax, b"anything", &signature).is_ok());
    assert!(!NodeId::from_public_key(neutral).verifies(b"anything", &signature));
}

#[test]
fn bytes_that_are_no_key_verify_nothing() {
    let nobody = NodeId::from_public_key([2; 32]);
    assert!(VerifyingKey::from_bytes(nobody.public_key()).is_err(), "2, 2, … is not on the curve");
    assert!(!nobody.verifies(b"", &golden::key().sign(b"")));
}

#[test]
fn a_secret_key_is_never_shown() {
    let key = golden::key();
    let mut shown = String::new();
    write!(shown, "{key:?} {key:#?}").unwrap();
    assert_eq!(shown, format!("SecretKey(of {0}) SecretKey(of {0})", key.node_id()));
}

proptest! {
    #[test]
    fn ids_come_back(id in strategies::node_id()) {
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(NodeId::from_peer_id_bytes(&id.to_peer_id_bytes()), Ok(id));
        prop_assert!(id.to_string().starts_with("12D3Koo"));
        prop_assert!(id.to_string().ends_with(id.short().trim_start_matches('…')));
    }

    #[test]
    fn noise_is_refused(text in ".{0,70}", bytes in collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(text.parse::<NodeId>().is_err());
        prop_assert!(NodeId::from_peer_id_bytes(&bytes).is_err());
    }
}
