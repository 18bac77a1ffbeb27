//! Properties that hold for any bytes.

use proptest::{collection, prelude::*, sample::Index};
use serde::de::DeserializeOwned;

use super::*;
use crate::{
    directory::{Announcement, Heads, SyncReply, SyncRequest},
    identity::NodeId,
    limits::SYNC_MESSAGE,
    names::InstanceId,
    rpc::{RequestHead, ResponseHead},
    sealed::{Body, Sealable, Signed, Statement},
    service::{NodeRecord, Suspicion, Withdrawal},
    strategies,
};

/// Whether the input is this type's: in the way of this crate, which must agree with bincode's own.
fn reads_as<T: DeserializeOwned + PartialEq + fmt::Debug>(bytes: &[u8]) -> bool {
    let ours = decode::<T>(bytes, SYNC_MESSAGE);
    let config = bincode::config::standard().with_limit::<{ 8 * SYNC_MESSAGE }>();
    let theirs = bincode::serde::decode_from_slice::<T, _>(bytes, config);
    match (&ours, theirs) {
        (Ok(ours), Ok((theirs, used))) => assert_eq!((ours, bytes.len()), (&theirs, used)),
        (Err(DecodeError::Trailing(rest)), Ok((_, used))) => assert_eq!(rest + used, bytes.len()),
        (Err(DecodeError::Malformed(_)), Err(_)) => {}
        (ours, theirs) => panic!("{ours:?}, but bincode gives {theirs:?}"),
    }
    ours.is_ok()
}

fn opens_as<T: Sealable>(bytes: &[u8]) -> bool {
    decode::<Signed<T>>(bytes, SYNC_MESSAGE).is_ok_and(|signed| signed.open(&golden::network()).is_ok())
}

fn is_admitted_as<T: Statement>(bytes: &[u8]) -> bool {
    let author = golden::key().node_id();
    decode::<Body<T>>(bytes, SYNC_MESSAGE).is_ok_and(|body| body.hashed().admit(author).is_ok())
}

/// Reads the bytes as everything that a stranger may send; counts what they could be.
fn read_as_everything(bytes: &[u8]) -> usize {
    let readable = [
        reads_as::<ServiceRecord>(bytes),
        reads_as::<NodeRecord>(bytes),
        reads_as::<Lease>(bytes),
        reads_as::<Withdrawal>(bytes),
        reads_as::<Announcement>(bytes),
        reads_as::<SyncRequest>(bytes),
        reads_as::<SyncReply>(bytes),
        reads_as::<Heads>(bytes),
        reads_as::<ResponseHead>(bytes),
        reads_as::<NodeId>(bytes),
        reads_as::<InstanceId>(bytes),
        is_admitted_as::<ServiceRecord>(bytes),
        is_admitted_as::<NodeRecord>(bytes),
        opens_as::<Lease>(bytes),
        opens_as::<Withdrawal>(bytes),
        opens_as::<Suspicion>(bytes),
        RequestHead::decode(bytes).is_ok(),
        ResponseHead::decode(bytes).is_ok(),
        Announcement::decode(bytes).is_ok(),
        SyncRequest::decode(bytes).is_ok(),
        SyncReply::decode(bytes).is_ok(),
        Heads::decode(bytes).is_ok(),
    ];
    readable.into_iter().filter(|it| *it).count()
}

/// Well-formed encodings to damage: mere noise is refused within its first few bytes.
fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = golden::announcements().iter().map(|(_, it)| encode(it).unwrap()).collect();
    seeds.extend(golden::sync_requests().iter().map(|(_, it)| encode(it).unwrap()));
    seeds.push(encode(&golden::sync_reply()).unwrap());
    seeds.push(encode(&golden::sync_heads()).unwrap());
    seeds.push(encode(&golden::service_record()).unwrap());
    seeds.push(encode(&golden::node_record()).unwrap());
    seeds.push(encode(&golden::request_head()).unwrap());
    seeds
}

fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let hits = collection::vec((any::<Index>(), any::<u8>()), 1..4);
    (prop::sample::select(seeds()), hits, any::<Index>()).prop_map(|(mut bytes, hits, cut)| {
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // A third is also cut short.
        let keep = cut.index(bytes.len() * 3);
        bytes.truncate(keep.max(1));
        bytes
    })
}

#[test]
fn seeds_are_readable() {
    assert!(seeds().iter().all(|seed| read_as_everything(seed) > 0));
}

proptest! {
    #[test]
    fn noise_is_read_or_refused(bytes in collection::vec(any::<u8>(), 0..300)) {
        read_as_everything(&bytes);
    }

    #[test]
    fn damage_is_read_or_refused(bytes in damaged()) {
        read_as_everything(&bytes);
    }

    #[test]
    fn service_records_come_back(value in strategies::service_record()) {
        prop_assert_eq!(decode(&encode(&value).unwrap(), SYNC_MESSAGE), Ok(value));
    }

    #[test]
    fn node_records_come_back(value in strategies::node_record()) {
        prop_assert_eq!(decode(&encode(&value).unwrap(), SYNC_MESSAGE), Ok(value));
    }

    #[test]
    fn leases_come_back(value in strategies::lease()) {
        prop_assert_eq!(decode(&encode(&value).unwrap(), SYNC_MESSAGE), Ok(value));
    }

    #[test]
    fn withdrawals_come_back(value in strategies::withdrawal()) {
        prop_assert_eq!(decode(&encode(&value).unwrap(), SYNC_MESSAGE), Ok(value));
    }

    #[test]
    fn integers_and_maps_come_back(value: (u64, i64, u16, String, Option<bool>, BTreeMap<String, Vec<u8>>)) {
        prop_assert_eq!(decode(&encode(&value).unwrap(), SYNC_MESSAGE), Ok(value));
    }
}
