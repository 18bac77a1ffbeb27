//! Receipts, rows and proofs between nodes on loopback.

use atoll_protocol::{
    sealed::Signed,
    service::{Extensions, Seq, UnixMillis},
    standing::{FraudProof, PairReceipt, Work},
};

use super::*;
use crate::testing::network;

fn agreed(node: &Node, peer: &Node) -> Option<PairReceipt> {
    rpc(node).trust.0.pairs.lock().agreed(&peer.id()).map(|agreed| agreed.receipt.clone())
}

/// A proof that somebody of no node is a fraud.
fn proof(number: u8) -> FraudProof {
    let culprit = SecretKey::from_seed(&[number; 32]);
    let peer = SecretKey::from_seed(&[255; 32]);
    let (a, b) = (culprit.node_id().min(peer.node_id()), culprit.node_id().max(peer.node_id()));
    let half = |good| {
        let to_a = Work { good, ..Work::default() };
        let at = UnixMillis(1_700_000_000_000);
        let (to_b, extensions) = (Work::default(), Extensions::new());
        let receipt = PairReceipt { a, b, epoch: at, seq: Seq(1), to_a, to_b, issued: at, extensions };
        Signed::seal(&culprit, &network(), receipt).unwrap()
    };
    FraudProof::of(&half(1), &half(2)).unwrap()
}

fn culprit(number: u8) -> NodeId {
    SecretKey::from_seed(&[number; 32]).node_id()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_become_a_receipt_that_both_have_signed_and_that_outlives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let other = node(&[]).await;
    let one = listening(builder().data_dir(dir.path()).bootstrap(other.addresses())).await;
    let _serving = serving(&other).await;
    within("joining", one.joined()).await;
    for _ in 0..5 {
        ask(&one, &other, "good").await.unwrap();
    }
    let all = |receipt: &PairReceipt, caller: NodeId| receipt.experience(&caller).unwrap().good == 5;
    eventually("a receipt says so", || agreed(&one, &other).is_some_and(|receipt| all(&receipt, one.id()))).await;
    eventually("both have it", || agreed(&one, &other) == agreed(&other, &one)).await;
    let before = agreed(&one, &other);
    drop(one);
    let again = taking_over(dir.path()).await;
    assert_eq!(agreed(&again, &other), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_well_spoken_of_is_known_before_it_is_called() {
    let nodes = [node(&[]).await, node(&[]).await, node(&[]).await];
    let [ego, witness, good] = &nodes;
    for (from, to) in [(ego, witness), (witness, good)] {
        within("a connection", from.connect(&to.addresses()[0])).await.unwrap();
    }
    let _serving = [serving(witness).await, serving(good).await];
    for _ in 0..12 {
        ask(ego, witness, "good").await.unwrap();
        ask(witness, good, "good").await.unwrap();
    }
    let hearsay = || rpc(ego).trust.of(&good.id());
    eventually("it is heard of", || hearsay().merits.counterparties > 0).await;
    let standing = hearsay();
    assert_eq!((standing.calls, standing.merits.successes), (0, 12), "{standing:?}");
    assert!(standing.hearsay > 0.0 && standing.score > 0.1, "{standing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_cannot_show_its_receipts_is_not_believed() {
    let (ego, witness) = pair().await;
    let _serving = serving(&witness).await;
    for _ in 0..12 {
        ask(&ego, &witness, "good").await.unwrap();
    }
    // It says that it has done much with somebody, and has no receipt of that: its own row would leave that out.
    let vouch = atoll_protocol::standing::Vouch {
        peer: culprit(77),
        weight: 1000,
        days: 30,
        successes: 1000,
        epoch: UnixMillis(1),
        receipt: Seq(1),
    };
    let trust = &rpc(&witness).trust;
    let now = trust.0.clock.wall();
    let issued = UnixMillis(now.0 + 3_600_000);
    let row = Row { seq: Seq(issued.0), issued, vouches: vec![vouch], extensions: Extensions::new() };
    // Dated ahead, it is not made anew for an hour.
    let row = Signed::seal(&trust.0.key, &network(), row).unwrap();
    *trust.0.row.lock() = Some(row);
    eventually("it is a fault", || seen(&ego, &witness).fault() > 0.9).await;
    assert_eq!(rpc(&ego).trust.of(&culprit(77)).merits.counterparties, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_fraud_reaches_everybody_and_those_who_come_later_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let first = node(&[]).await;
    let mut nodes = vec![first.clone(), listening(builder().data_dir(dir.path()).bootstrap(first.addresses())).await];
    for _ in 0..3 {
        nodes.push(node(&first.addresses()).await);
    }
    for node in &nodes {
        within("joining", node.joined()).await;
    }
    let knows = |node: &Node| rpc(node).trust.of(&culprit(7)).convicted;
    rpc(&nodes[4]).trust.accuse(&rpc(&nodes[4]).net, &proof(7)).await;
    eventually("all know", || nodes.iter().all(knows)).await;
    assert_eq!(rpc(&nodes[0]).trust.of(&culprit(7)).score, 0.0);
    let late = node(&first.addresses()).await;
    eventually("who comes later is told", || knows(&late)).await;
    nodes.remove(1).shutdown().await;
    let again = listening(builder().data_dir(dir.path())).await;
    assert!(knows(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_proves_nothing_convicts_nobody_and_is_charged_to_its_sender() {
    let (one, other) = pair().await;
    let FraudProof(half, _) = proof(7);
    let nothing = FraudProof(half.clone(), half);
    assert!(rpc(&one).trust.convict(&nothing, &network()).is_err());
    rpc(&other).net.accuse(atoll_protocol::codec::encode(&nothing).unwrap()).await;
    rpc(&other).net.accuse(vec![1, 2, 3]).await;
    let faults = || rpc(&one).net.conduct.totals().total();
    eventually("both are charged", || faults() == 2).await;
    assert!(!rpc(&one).trust.of(&culprit(7)).convicted);
}

/// As many as a gossip mesh needs several hops for.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_fraud_reaches_nodes_that_joined_through_one_another() {
    let mut nodes = vec![node(&[]).await];
    for _ in 1..16 {
        // Each joins through another one, as they come.
        let through = nodes[rand::random_range(0..nodes.len())].addresses();
        nodes.push(node(&through).await);
    }
    for node in &nodes {
        within("joining", node.joined()).await;
    }
    rpc(&nodes[8]).trust.accuse(&rpc(&nodes[8]).net, &proof(7)).await;
    eventually("all know", || nodes.iter().all(|node| rpc(node).trust.of(&culprit(7)).convicted)).await;
}
