//! Properties that hold for any bytes.

use super::*;
use crate::topic::sync::{Reply, Request};

/// Reads the bytes as everything that a stranger may send; counts what they could be.
fn read_as_everything(bytes: &[u8]) -> usize {
    let opens = |batch: SignedBatch| {
        let _ = batch.open(&network());
        true
    };
    let readable = [
        SignedBatch::decode(bytes).is_ok_and(opens),
        Announcement::decode(bytes).is_ok_and(|it| it.batch().is_none_or(opens)),
        Request::decode(bytes).is_ok(),
        Reply::decode(bytes).is_ok(),
        codec::decode::<Signed<Head>>(bytes, 2_000).is_ok_and(|it| it.open(&network()).is_ok()),
        codec::decode::<Signed<Policy>>(bytes, 2_000).is_ok_and(|it| it.open(&network()).is_ok()),
        codec::decode::<Signed<Receipt>>(bytes, 2_000).is_ok_and(|it| it.open(&network()).is_ok()),
        codec::decode::<Proof>(bytes, 4_000).is_ok_and(|it| it.verify(&network()).is_ok()),
    ];
    readable.into_iter().filter(|it| *it).count()
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        batches()[0].signed().encode().unwrap(),
        codec::encode(&signed_head()).unwrap(),
        codec::encode(&sealed(policy())).unwrap(),
        codec::encode(&sealed(receipt())).unwrap(),
    ];
    seeds.extend(golden::topic::announcements().map(|(_, it)| codec::encode(&it).unwrap()));
    seeds.extend(requests().map(|(_, it)| codec::encode(&it).unwrap()));
    seeds.extend(replies().map(|(_, it)| codec::encode(&it).unwrap()));
    seeds.extend(golden::topic::proofs().map(|(_, it)| codec::encode(&it).unwrap()));
    seeds
}

fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let hits = collection::vec((any::<Index>(), any::<u8>()), 1..4);
    (prop::sample::select(seeds()), hits, any::<Index>()).prop_map(|(mut bytes, hits, cut)| {
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let keep = cut.index(bytes.len() * 3);
        bytes.truncate(keep.max(1));
        bytes
    })
}

/// Entries whose bytes are signed, whatever they are.
fn signed_entries(bytes: Vec<u8>) -> Result<Batch, BatchError> {
    let entries = Bytes::from(bytes);
    let digest = crate::sealed::Hash::of(&entries);
    SignedBatch { head: sealed(Head { digest, ..head() }), entries }.open(&network())
}

#[test]
fn seeds_are_readable() {
    assert!(seeds().iter().all(|seed| read_as_everything(seed) > 0));
}

proptest! {
    #[test]
    fn noise_is_read_or_refused(bytes in collection::vec(any::<u8>(), 0..300)) {
        read_as_everything(&bytes);
        let _ = signed_entries(bytes);
    }

    #[test]
    fn damage_is_read_or_refused(bytes in damaged()) {
        read_as_everything(&bytes);
    }

    #[test]
    fn damaged_entries_are_read_or_refused(hits in collection::vec((any::<Index>(), any::<u8>()), 1..4)) {
        let mut bytes = batches()[0].signed().entries.to_vec();
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = signed_entries(bytes);
    }

    #[test]
    fn drafts_come_back(drafts in collection::vec(strategies::draft(), 1..9), now in any::<u32>()) {
        let now = UnixMillis(now.into());
        let (mut writer, mut clock) = (writer(), Clock::default());
        let batch = writer.append(&key(), &network(), &mut clock, now, drafts.clone()).unwrap();
        let opened = batch.signed().open(&network()).unwrap();
        prop_assert_eq!(opened.entries(), batch.entries());
        for (entry, draft) in opened.entries().iter().zip(drafts) {
            prop_assert_eq!(entry.clone(), draft.dated(entry.time));
        }
        prop_assert!(opened.entries().array_windows().all(|[a, b]| a.time < b.time));
    }

    #[test]
    fn topics_of_keys_come_back(key in strategies::node_id()) {
        let topic = TopicName::owned_by(&key, "a/b").unwrap();
        prop_assert_eq!(topic.owner(), Some(key));
    }
}
