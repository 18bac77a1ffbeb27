//! What proves that somebody has said two things, and what does not; who may decide about a topic.

use super::*;
use crate::sealed::Hash;

fn forked(one: Head, other: Head) -> Result<Equivocation, ProofError> {
    Proof::Forked(sealed(one), sealed(other)).verify(&network())
}

#[test]
fn two_batches_at_one_position_are_a_fork() {
    let other = |first: u64, count| Head { first: Seq(first), count, digest: Hash([1; 32]), ..head() };
    // The head's own positions are 70 000 to 70 299.
    for (other, seq) in [(other(70_000, 300), 70_000), (other(69_990, 11), 70_000), (other(70_299, 1), 70_299)] {
        let proved = forked(head(), other.clone()).unwrap();
        assert_eq!((proved.culprit, proved.seq), (key().node_id(), Seq(seq)));
        assert_eq!(proved.chain, head().chain(key().node_id()));
        assert_eq!(forked(other, head()), Ok(proved), "whichever comes first");
    }
    assert_eq!(forked(head(), other(69_000, 1)), Err(ProofError::Consistent { author: key().node_id() }));
}

#[test]
fn a_batch_that_does_not_follow_is_a_fork() {
    let follows = Head { first: Seq(70_300), prev: sealed(head()).open(&network()).unwrap().hash(), ..head() };
    assert!(matches!(forked(head(), follows.clone()), Err(ProofError::Consistent { .. })));
    let proved = forked(Head { prev: Hash([1; 32]), ..follows }, head()).unwrap();
    assert_eq!(proved.seq, Seq(70_300));
}

#[test]
fn other_logs_and_epochs_are_no_fork() {
    for other in [head(), Head { epoch: Epoch(1), ..head() }, Head { topic: "rooms/other".parse().unwrap(), ..head() }]
    {
        assert!(matches!(forked(head(), other), Err(ProofError::Consistent { .. })));
    }
    let another = Signed::seal(&other_key(), &network(), Head { count: 1, ..head() }).unwrap().signed();
    assert!(matches!(Proof::Forked(sealed(head()), another).verify(&network()), Err(ProofError::Consistent { .. })));
    let [(_, proof), _] = golden::topic::proofs();
    assert!(matches!(proof.verify(&"elsewhere".parse().unwrap()), Err(ProofError::Void(_))));
}

#[test]
fn proofs_are_small() {
    let longest = Head {
        topic: "x".repeat(limits::TOPIC_NAME).parse().unwrap(),
        first: Seq(u64::MAX - 5000),
        extensions: [(1, vec![0; 190])].into(),
        ..head()
    };
    let other = Head { digest: Hash([1; 32]), ..longest.clone() };
    let len = codec::encode(&Proof::Forked(sealed(longest), sealed(other))).unwrap().len();
    assert!(len <= 1331, "{len} bytes");
}

#[test]
fn a_keeper_that_signs_two_hashes_is_forsworn() {
    let forsworn = |other: Receipt| Proof::Forsworn(sealed(receipt()), sealed(other)).verify(&network());
    let proved = forsworn(Receipt { hash: Hash([1; 32]), first: Seq(5), ..receipt() }).unwrap();
    assert_eq!((proved.culprit, proved.chain.author), (key().node_id(), other_key().node_id()));
    assert!(forsworn(Receipt { hash: Hash([1; 32]), last: Seq(70_001), ..receipt() }).is_err());
    assert!(forsworn(Receipt { issued: UnixMillis(7), ..receipt() }).is_err());
}

#[test]
fn receipts_keep_the_rules() {
    let refused = |receipt: Receipt| Signed::seal(&key(), &network(), receipt).unwrap_err().to_string();
    assert!(refused(Receipt { first: Seq(0), ..receipt() }).ends_with("positions begin at 1 and rise"));
    assert!(refused(Receipt { first: Seq(9), last: Seq(8), ..receipt() }).ends_with("positions begin at 1 and rise"));
    let own = ChainId { author: key().node_id(), ..receipt().chain };
    assert!(refused(Receipt { chain: own, ..receipt() }).ends_with("it is worth nothing"));
}

#[test]
fn the_owner_alone_decides() {
    let error = Signed::seal(&other_key(), &network(), policy()).unwrap_err().to_string();
    assert!(error.contains("belongs to 12D3Koo") && error.ends_with("who alone decides about it"), "{error}");
    let everybodys = Policy { topic: topic(), ..policy() };
    assert!(Signed::seal(&other_key(), &network(), everybodys).is_ok(), "whether it binds is for the reader to know");
    let keys = vec![key().node_id(); limits::TOPIC_KEYS];
    let most = |keys| Signed::seal(&key(), &network(), Policy { access: Access::Closed(keys), ..policy() });
    assert!(most(keys.clone()).is_ok());
    assert!(
        most([keys, vec![key().node_id()]].concat())
            .unwrap_err()
            .to_string()
            .ends_with("257 keys, at most 256 are allowed")
    );
    let keepers = vec![key().node_id(); 17];
    let error = Signed::seal(&key(), &network(), Policy { keepers, ..policy() }).unwrap_err().to_string();
    assert!(error.ends_with("17 keepers, at most 16 are allowed"));
}

#[test]
fn a_policy_is_published_on_its_topic() {
    let policy = Signed::seal(&key(), &network(), policy()).unwrap();
    let draft = Draft::of_policy(&policy).unwrap();
    let batch = append(&mut writer(), &mut Clock::default(), vec![draft.clone(), Draft::of("hi")]);
    let [entry, other] = batch.entries() else { panic!("two were appended") };
    let found = entry.policy().unwrap().unwrap().open(&network()).unwrap();
    assert_eq!((found.hash(), other.policy()), (policy.hash(), Ok(None)));
    let broken = append(&mut writer(), &mut Clock::default(), vec![Draft { payload: Bytes::new(), ..draft }]);
    assert!(broken.entries()[0].policy().is_err());
}

#[test]
fn access_is_as_it_says() {
    let (listed, stranger) = (other_key().node_id(), key().node_id());
    let may = |access| {
        let policy = Policy { access, keepers: Vec::new(), ..policy() };
        [&listed, &stranger].map(|node| (policy.may_publish(node), policy.may_read(node)))
    };
    let [(_, open), (_, publishers), (_, closed)] = accesses();
    assert_eq!(may(open), [(true, true), (true, true)]);
    assert_eq!(may(publishers), [(true, true), (false, true)]);
    assert_eq!(may(closed.clone()), [(true, true), (false, false)]);
    let kept = Policy { access: closed, keepers: vec![stranger], ..policy() };
    assert!(kept.may_read(&stranger) && !kept.may_publish(&stranger));
}
