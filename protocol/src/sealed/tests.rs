//! Only what its author signed, for this network and as this type, opens.

use super::*;
use crate::{
    golden::{body, key, lease, network, node_record, other_key, sealed, service_record, withdrawal},
    limits,
    service::{Lease, Seq, Suspicion, UnixMillis, Withdrawal, Withdrawn},
};

/// A [`Lease`] in all but its domain tag.
macro_rules! twin {
    ($name:ident, $domain:literal) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        struct $name(Lease);

        impl Sealable for $name {
            const DOMAIN: &'static str = $domain;
        }

        impl Statement for $name {
            const NAME: &'static str = "twin";
            const LIMIT: usize = limits::LEASE;

            fn check(&self, _author: &NodeId) -> Result<(), String> {
                Ok(())
            }
        }
    };
}

twin!(Twin, "atoll lease 2");
twin!(Short, "atoll");
twin!(Long, "atollm");

/// The same bytes, claimed to be something else.
fn relabel<T, U>(signed: Signed<T>) -> Signed<U> {
    Signed { author: signed.author, body: signed.body, signature: signed.signature, of: PhantomData }
}

/// A body that is signed as it is, whatever it holds.
fn sign_bytes<T: Sealable>(body: Vec<u8>) -> Signed<T> {
    let signature = key().sign(&message::<T>(&network(), &body)).to_bytes();
    Signed { author: key().node_id(), body, signature, of: PhantomData }
}

fn refused<T: Sealable + fmt::Debug>(signed: Signed<T>) -> SealError {
    signed.open(&network()).expect_err("this must be refused")
}

#[test]
fn what_was_sealed_opens() {
    let sealed = Signed::seal(&key(), &network(), lease()).unwrap();
    let opened = sealed.signed().open(&network()).unwrap();
    assert_eq!((opened.value(), opened.author()), (&lease(), key().node_id()));
    assert_eq!((opened.hash(), opened.signed()), (sealed.hash(), sealed.signed()));
    assert_eq!(opened.hash().0, <[u8; 32]>::from(Sha256::digest(codec::encode(&lease()).unwrap())));
    assert_eq!(opened.signed().body_len(), codec::encode(&lease()).unwrap().len());
    assert_eq!(opened.clone().hash(), opened.hash());
}

#[test]
fn a_record_is_passed_on_as_its_author_made_it() {
    // A number in more bytes than it needs: no encoder of ours writes that, and yet the signature must survive.
    let mut body = codec::encode(&Lease { seq: Seq(5), ..lease() }).unwrap();
    body.splice(0..1, [0xfb, 5, 0]);
    let wire = codec::encode(&sign_bytes::<Lease>(body)).unwrap();
    let opened = codec::decode::<Signed<Lease>>(&wire, 1000).unwrap().open(&network()).unwrap();
    assert_eq!(opened.value().seq, Seq(5));
    assert_eq!(codec::encode(&opened.signed()).unwrap(), wire);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let wire = codec::encode(&sealed(lease())).unwrap();
    for bit in 0..wire.len() * 8 {
        let mut flipped = wire.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(signed) = codec::decode::<Signed<Lease>>(&flipped, 1000) {
            assert!(matches!(refused(signed), SealError::Forged { .. }), "bit {bit}");
        }
    }
}

#[test]
fn a_signature_for_another_network_is_refused() {
    let error = sealed(lease()).open(&"test".parse().unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the lease claimed by 12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV does not carry its \
         signature for network test"
    );
}

#[test]
fn a_signature_for_another_type_is_refused() {
    let farewell = || sealed(withdrawal(Withdrawn::Node));
    assert!(matches!(refused(relabel::<_, Twin>(sealed(lease()))), SealError::Forged { what: "twin", .. }));
    assert!(matches!(refused(relabel::<_, Withdrawal>(sealed(lease()))), SealError::Forged { .. }));
    assert!(matches!(refused(relabel::<_, Lease>(farewell())), SealError::Forged { .. }));
    assert!(matches!(refused(relabel::<_, Suspicion>(farewell())), SealError::Forged { .. }));
}

#[test]
fn tag_and_network_cannot_be_cut_elsewhere() {
    let (main, ain) = (network(), "ain".parse().unwrap());
    assert_eq!(format!("{}{main}", Short::DOMAIN), format!("{}{ain}", Long::DOMAIN));
    let signed = sign_bytes::<Short>(codec::encode(&Short(lease())).unwrap());
    assert!(signed.clone().open(&main).is_ok());
    assert!(matches!(relabel::<_, Long>(signed).open(&ain), Err(SealError::Forged { .. })));
}

#[test]
fn a_record_in_anothers_name_is_refused() {
    let stolen = Signed { author: other_key().node_id(), ..sealed(lease()) };
    assert_eq!(
        refused(stolen),
        SealError::Forged { what: Lease::NAME, author: other_key().node_id(), network: network() }
    );
}

#[test]
fn a_second_form_of_the_signature_is_refused() {
    // Adding the order of the group to the scalar gives a signature that lax verifiers accept (RFC 8032, 8.4).
    let order: [u8; 16] =
        [0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14];
    let mut signed = sealed(lease());
    let mut carry = 0_u16;
    for (i, byte) in signed.signature[32..].iter_mut().enumerate() {
        let add = order.get(i).copied().unwrap_or(if i == 31 { 0x10 } else { 0 });
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    assert!(matches!(refused(signed), SealError::Forged { .. }));
}

#[test]
fn a_body_above_its_limit_is_refused_before_its_signature_is_checked() {
    let long = Signed::<Lease> { body: vec![0; limits::LEASE + 1], ..sealed(lease()) };
    assert_eq!(
        refused(long).to_string(),
        "the lease of 12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV cannot be read: 513 bytes exceed \
         the limit of 512"
    );
}

#[test]
fn a_signed_body_that_is_no_such_record_is_refused() {
    let reason = |body| match refused(sign_bytes::<Lease>(body)) {
        SealError::Unreadable { reason, .. } => reason,
        other => panic!("{other}"),
    };
    assert!(matches!(reason(Vec::new()), DecodeError::Malformed(_)));
    assert!(matches!(reason(vec![1, 2, 3]), DecodeError::Malformed(_)));
    let mut trailing = codec::encode(&lease()).unwrap();
    trailing.push(0);
    assert_eq!(reason(trailing), DecodeError::Trailing(1));
}

/// What is wrong with this, as it is said and as it is heard.
fn wrong<T: Statement + Clone + fmt::Debug>(said: &T) -> String {
    let error = Proved::own(&key(), said.clone()).unwrap_err();
    assert!(matches!(&error, SealError::Invalid { what, .. } if *what == T::NAME), "{error}");
    // And others do refuse it.
    Body::<T>::of(codec::encode(said).unwrap()).hashed().admit(key().node_id()).unwrap_err();
    error.to_string()
}

#[test]
fn what_others_would_refuse_is_not_said() {
    let mut too_many = service_record();
    too_many.topics = vec!["t".into(); limits::TOPICS + 1];
    assert!(wrong(&too_many).ends_with("129 topics, at most 128 are allowed"));
    let mut too_long = service_record();
    too_long.extensions.insert(9, vec![0; limits::SERVICE_RECORD]);
    assert!(wrong(&too_long).ends_with("exceed the limit of 65536"));
    let brief = Lease { ttl_secs: 1, ..lease() };
    assert!(wrong(&brief).ends_with("10 to 10800 s"));
    assert!(matches!(Signed::seal(&key(), &network(), brief), Err(SealError::Invalid { .. })));
}

#[test]
fn a_lease_with_more_news_than_allowed_is_refused() {
    let lease = Lease { news: vec![Hash([1; 32]); limits::NEWS + 1], ..lease() };
    let error = refused(sign_bytes::<Lease>(codec::encode(&lease).unwrap()));
    assert!(error.to_string().ends_with("breaks a rule: 9 announcements, at most 8 are allowed"), "{error}");
}

#[test]
fn limits_are_above_what_the_rules_allow() {
    let mut largest = node_record();
    largest.addresses = vec!["a".repeat(limits::ADDRESS); limits::ADDRESSES_PER_NODE];
    largest.agent = "a".repeat(limits::AGENT);
    body(largest);
    let news = vec![Hash([0xff; 32]); limits::NEWS];
    let lease = Lease { seq: Seq(u64::MAX), issued: UnixMillis(u64::MAX), ttl_secs: 10_800, news, ..lease() };
    // A later field of 200 bytes: its number, its length, and the rest.
    sealed(Lease { extensions: [(1, vec![0; 198])].into(), ..lease });
    let ids = (0..limits::WITHDRAWN_INSTANCES as u64).map(|i| crate::names::InstanceId(u64::MAX - i));
    sealed(withdrawal(Withdrawn::Instances(ids.collect())));
}

#[test]
fn the_digest_of_a_set_depends_on_what_is_in_it_only() {
    let [a, b, c] = [Hash([1; 32]), Hash([2; 32]), Hash([3; 32])];
    assert_eq!(Hash::of_set([a, b, c]), Hash::of_set([c, a, b]));
    assert_ne!(Hash::of_set([a, b]), Hash::of_set([a, c]));
    assert_ne!(Hash::of_set([a, b]), Hash::of_set([a]));
    assert_eq!(Hash::of_set([a, b]).0, <[u8; 32]>::from(Sha256::digest([[1; 32], [2; 32]].concat())));
    // FIPS 180: SHA-256 of nothing.
    assert_eq!(format!("{:?}", Hash::of_set([])), "e3b0c44298fc1c14…");
}

#[test]
fn debug_forms_are_short() {
    let debug = format!("{:?}", sealed(lease()));
    assert_eq!(debug, "Signed(49 bytes by 12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV)");
}
