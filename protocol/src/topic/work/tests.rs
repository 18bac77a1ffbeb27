//! What coordinators note, put together.

use proptest::{collection, prelude::*};

use super::*;

fn standing(to: u64, open: &[(u64, u32)]) -> Standing {
    Standing { to: Seq(to), open: open.iter().map(|(seq, attempts)| (Seq(*seq), *attempts)).collect() }
}

#[test]
fn what_was_done_once_stays_done() {
    let mut one = standing(5, &[(2, 1), (4, 3)]);
    assert_eq!(one.committed(), Seq(1));
    assert!(one.merge(&standing(8, &[(4, 1), (7, 2)])));
    assert_eq!(one, standing(8, &[(4, 3), (7, 2)]));
    assert!(!one.merge(&standing(5, &[(2, 1), (4, 3)])), "that is no news");
    assert!(one.is_done(Seq(2)) && !one.is_done(Seq(4)) && !one.is_done(Seq(9)));
    assert_eq!(Standing::all(Seq(3)).committed(), Seq(3));
    assert_eq!(Standing::default().committed(), Seq(0));
}

#[test]
fn a_note_is_bounded() {
    let open: Vec<(u64, u32)> = (1..=300).map(|nth| (2 * nth, 1)).collect();
    let bounded = standing(600, &open).bounded();
    assert_eq!((bounded.open.len(), bounded.to), (limits::GROUP_OPEN, Seq(2 * limits::GROUP_OPEN as u64 + 1)));
    let note = |standing| Note::Standing { by: 1, author: NodeId::from_public_key([1; 32]), epoch: Epoch(1), standing };
    let wide = note(standing(u64::MAX, &[]));
    assert_eq!(wide.key().len(), 40);
    let open: Vec<(u64, u32)> = (0..limits::GROUP_OPEN as u64).map(|nth| (u64::MAX - nth, u32::MAX)).collect();
    let longest = codec::encode(&note(standing(u64::MAX, &open))).unwrap();
    assert!(longest.len() <= limits::GROUP_NOTE && Note::decode(&longest).is_ok());
    let open: Vec<(u64, u32)> = (0..=limits::GROUP_OPEN as u64).map(|nth| (nth + 1, 1)).collect();
    let error = Note::decode(&codec::encode(&note(standing(900, &open))).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "257 entries that are not done, at most 256 are allowed");
}

#[test]
fn the_largest_entry_can_be_given() {
    let bytes = |len| Some(Bytes::from(vec![7; len]));
    let half = limits::ENTRY_HEADER_BYTES / 2;
    let entry = Entry {
        time: Hlc(u64::MAX),
        key: bytes(limits::ENTRY_KEY),
        id: bytes(limits::ENTRY_ID),
        headers: Headers::from([("n".repeat(half), "v".repeat(half))]),
        payload: Bytes::from(vec![7; limits::ENTRY_PAYLOAD]),
    };
    let at = (NodeId::from_public_key([1; 32]), Epoch(u64::MAX), Seq(u64::MAX));
    let job = Job::new(LeaseId { epoch: u64::MAX, number: u64::MAX }, u32::MAX, at, &entry);
    let encoded = codec::encode(&Down::Job(job)).unwrap();
    let Down::Job(job) = Down::decode(&encoded).unwrap() else { panic!("it is another message") };
    assert_eq!(((job.author, job.epoch, job.seq), job.into_entry()), (at, entry));
}

fn standings() -> impl Strategy<Value = Standing> {
    (0..12_u64, collection::btree_map(1..12_u64, 0..4_u32, 0..6)).prop_map(|(to, open)| {
        let open = open.into_iter().filter(|(seq, _)| *seq <= to);
        Standing { to: Seq(to), open: open.map(|(seq, attempts)| (Seq(seq), attempts)).collect() }
    })
}

proptest! {
    #[test]
    fn notes_are_merged_in_any_order(all in collection::vec(standings(), 1..5)) {
        let merged = |order: &mut dyn Iterator<Item = &Standing>| {
            order.fold(Standing::default(), |mut sum, next| {
                sum.merge(next);
                sum
            })
        };
        let (forth, back) = (merged(&mut all.iter()), merged(&mut all.iter().rev()));
        prop_assert_eq!(&forth, &back);
        for seq in (0..14).map(Seq) {
            prop_assert_eq!(forth.is_done(seq), all.iter().any(|standing| standing.is_done(seq)));
        }
    }
}
