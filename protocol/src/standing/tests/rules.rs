//! What receipts and rows may say.

use super::*;
use crate::golden::sealed;

fn refused(receipt: PairReceipt) -> String {
    Signed::seal(&key(), &network(), receipt).unwrap_err().to_string()
}

#[test]
fn what_both_have_signed_opens() {
    for value in [receipt(), receipt_full()] {
        let opened = both(value.clone()).verify(&network()).unwrap();
        assert_eq!((opened.value(), opened.author()), (&value, key().node_id()));
    }
    assert_eq!(both(receipt()).halves().map(|half| half.author()), [key().node_id(), other_key().node_id()]);
}

#[test]
fn a_receipt_fits_into_half_a_kilobyte() {
    let most = Work { good: limits::PAIR_WORK, slow: limits::PAIR_WORK, lost: limits::PAIR_WORK, ..Work::default() };
    let most = Work { faults: limits::PAIR_WORK, days: u32::MAX, ..most };
    let issued = UnixMillis(u64::MAX);
    let largest = PairReceipt { seq: Seq(u64::MAX), to_a: most, to_b: most, issued, ..receipt() };
    let largest = PairReceipt { epoch: UnixMillis(1 << 40), ..largest };
    // A later field of 15 bytes: its number, its length, and the rest.
    let largest = PairReceipt { extensions: [(1, vec![0; 13])].into(), ..largest };
    let bytes = codec::encode(&both(largest)).unwrap();
    assert!(bytes.len() <= limits::PAIR_RECEIPT_WIRE, "{} bytes", bytes.len());
    println!("an ordinary one takes {} bytes", codec::encode(&both(receipt())).unwrap().len());
}

#[test]
fn receipts_keep_the_rules() {
    let (a, b) = (receipt().a, receipt().b);
    assert!(refused(PairReceipt { a: b, b: a, ..receipt() }).ends_with("not in ascending order, or are one"));
    assert!(refused(PairReceipt { b: a, ..receipt() }).ends_with("not in ascending order, or are one"));
    let strangers = PairReceipt { a: NodeId::from_public_key([1; 32]), ..receipt() };
    assert!(refused(strangers).ends_with("signed by neither of the two"));
    assert!(refused(PairReceipt { seq: Seq(0), ..receipt() }).ends_with("numbers begin at 1"));
    let long = PairReceipt { extensions: [(1, vec![0; limits::PAIR_RECEIPT])].into(), ..receipt() };
    assert!(refused(long).ends_with("exceed the limit of 280"));
}

#[test]
fn work_cannot_be_more_than_there_is_time_for() {
    let worked = |to_b| refused(PairReceipt { to_b, ..receipt() });
    let days = |days| Work { good: 100, days, ..Work::default() };
    assert!(Signed::seal(&key(), &network(), PairReceipt { to_b: days(5), ..receipt() }).is_ok());
    assert!(worked(days(6)).ends_with("work on 6 days, where there can be at most 5"));
    assert!(worked(Work { good: 1, days: 2, ..Work::default() }).ends_with("there can be at most 1"));
    let most = Work { slow: limits::PAIR_WORK + 1, ..Work::default() };
    assert!(worked(most).contains("slow calls, at most"));
}

#[test]
fn counts_only_grow() {
    let work = Work { good: 5, slow: 5, lost: 5, faults: 5, days: 5 };
    assert!(work.follows(&work) && work.calls() == 20);
    let less = [
        Work { good: 4, ..work },
        Work { slow: 4, ..work },
        Work { lost: 4, ..work },
        Work { faults: 4, ..work },
        Work { days: 4, ..work },
    ];
    assert!(less.iter().all(|less| !less.follows(&work) && work.follows(less)));
}

#[test]
fn later_receipts_take_the_place_of_earlier_ones() {
    let now = receipt().issued;
    let with = |seq, epoch| PairReceipt { seq: Seq(seq), epoch: UnixMillis(epoch), ..receipt() };
    let held = receipt();
    let epoch = held.epoch.0;
    assert_eq!(held.judge(None, now), Verdict::Newer);
    assert_eq!(held.judge(Some(&held), now), Verdict::Known);
    assert_eq!(with(252, epoch).judge(Some(&held), now), Verdict::Newer);
    assert_eq!(with(250, epoch).judge(Some(&held), now), Verdict::Older);
    assert_eq!(with(1, epoch + 1).judge(Some(&held), now), Verdict::Newer);
    assert_eq!(with(900, epoch - 1).judge(Some(&held), now), Verdict::Older);
    let other = PairReceipt { to_a: Work::default(), ..receipt() };
    assert_eq!(other.judge(Some(&held), now), Verdict::Contradicts);
    let foreign = PairReceipt { b: NodeId::from_public_key([0xff; 32]), ..receipt() };
    assert_eq!(foreign.judge(Some(&held), now), Verdict::Foreign);
}

#[test]
fn a_receipt_from_the_future_is_refused() {
    let future = limits::STANDING_FUTURE.as_millis() as u64;
    let now = UnixMillis(receipt().issued.0 - future);
    assert_eq!(receipt().judge(None, now), Verdict::Newer);
    assert_eq!(receipt().judge(None, UnixMillis(now.0 - 1)), Verdict::FutureDated);
    let epoch = UnixMillis(receipt().issued.0 + 1);
    assert_eq!(PairReceipt { epoch, to_a: Work::default(), ..receipt() }.judge(None, now), Verdict::FutureDated);
}

#[test]
fn rows_keep_the_rules() {
    let refused = |row: Row| Signed::seal(&key(), &network(), row).unwrap_err().to_string();
    let [one, other] = [row().vouches[0], row().vouches[1]];
    let with = |vouches| Row { vouches, ..row() };
    assert!(sealed(row()).open(&network()).is_ok());
    assert!(refused(with(vec![other, one])).ends_with("not in ascending order, each once"));
    assert!(refused(with(vec![one, one])).ends_with("not in ascending order, each once"));
    for weight in [0, 1001] {
        assert!(refused(with(vec![Vouch { weight, ..one }])).contains("1 to 1000 are allowed"));
    }
    assert!(refused(with(vec![Vouch { peer: key().node_id(), ..one }])).ends_with("vouches for itself"));
    let peer = |n: u16| {
        let mut bytes = [0xee; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        NodeId::from_public_key(bytes)
    };
    let many = |count| (0..count).map(|n| Vouch { peer: peer(n), ..other }).collect();
    assert!(Signed::seal(&key(), &network(), with(many(256))).is_ok(), "the largest row fits");
    assert!(refused(with(many(257))).ends_with("257 peers, at most 256 are allowed"));
}

#[test]
fn a_vouch_is_shown_by_its_receipt() {
    let author = key().node_id();
    let vouch = Vouch { peer: receipt().b, successes: 70_300, days: 3, ..row().vouches[1] };
    let shown = |vouch: Vouch, receipt: &PairReceipt| vouch.is_shown_by(&author, receipt);
    assert!(shown(vouch, &receipt()) && shown(vouch, &receipt_full()), "a later one shows it too");
    assert!(!shown(Vouch { receipt: Seq(252), ..vouch }, &receipt()), "an older one does not");
    assert!(!shown(Vouch { days: 4, ..vouch }, &receipt()));
    assert!(!shown(Vouch { successes: 70_301, ..vouch }, &receipt()));
    assert!(!shown(Vouch { peer: NodeId::from_public_key([1; 32]), ..vouch }, &receipt()));
    assert!(!vouch.is_shown_by(&NodeId::from_public_key([1; 32]), &receipt()));
    let little = PairReceipt { to_a: Work { good: 2, slow: 1, ..Work::default() }, ..receipt() };
    let vouch = Vouch { days: 0, successes: 3, ..vouch };
    assert!(shown(Vouch { weight: 250, ..vouch }, &little) && !shown(Vouch { weight: 251, ..vouch }, &little));
}

#[test]
fn the_puzzle_counts_zero_bits_of_the_double_hash() {
    // Checked with another implementation of SHA-256; see the golden vectors for keys with more bits.
    let (node, other) = (key().node_id(), other_key().node_id());
    assert_eq!([puzzle::bits(&node), puzzle::bits(&other)], golden::standing::BITS);
    assert!(puzzle::is_solved(&node, 0) && !puzzle::is_solved(&node, puzzle::bits(&node) + 1));
}

#[test]
fn a_search_finds_the_first_key_that_is_good_enough() {
    let seed = [7; 32];
    let (number, found) = puzzle::search(&seed, 0..10_000, 6).unwrap();
    assert!(puzzle::is_solved(&found.node_id(), 6));
    assert_eq!(found.node_id(), puzzle::candidate(&seed, number).node_id());
    assert!(puzzle::search(&seed, 0..number, 6).is_none(), "there is none before it");
    assert!(puzzle::search(&seed, 0..50, limits::PUZZLE_BITS).is_none());
}
