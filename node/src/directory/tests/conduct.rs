//! Each kind of bad record, in gossip, in an answer and in a question: not taken in, counted by its kind, and charged to the
//! peer that sent it and to nobody else.

use atoll_protocol::{
    codec,
    directory::{Announcement, News, SyncReply, SyncRequest},
    identity::NodeId,
    limits,
    sealed::Signed,
    service::{Lease, UnixMillis},
};
use atoll_registry::peers::conduct::{Fault, Faults, LIMITED};

use super::{
    exchange::{ask, request},
    forging::{Author, DAY, altered, announcement, claim, encode, framed, key, now, reply, tamper},
    gossip::gossip,
    sync::{AnswerTo, answer, lasting, say, tell},
};
use crate::{
    Node,
    testing::{Bare, builder, eventually, listening, lists, network, node, rpc, within},
};

fn faults(node: &Node, peer: &NodeId) -> Faults {
    rpc(node).net.conduct.faults(peer)
}

fn totals(node: &Node) -> Faults {
    rpc(node).net.conduct.totals()
}

/// Nothing was charged but this, to this peer.
fn assert_only(node: &Node, peer: &NodeId, kind: Fault, count: u32) {
    assert_eq!((totals(node).count(kind), totals(node).total()), (count, count), "{}", totals(node));
    assert_eq!(faults(node, peer), totals(node), "whoever sent it is charged with all of it");
    assert!(node.services().iter().all(|instance| instance.node == node.id()), "nothing was taken in");
}

/// A peer gossips these, and is charged with each.
async fn gossiped(kind: Fault, messages: Vec<Vec<u8>>) {
    let (node, bare) = gossip().await;
    let bystander = Bare::beside(&node).await;
    for (i, message) in (1..).zip(messages) {
        bare.net.publish(message).await;
        eventually("it is charged", || faults(&node, &bare.net.me).count(kind) == i).await;
        assert_only(&node, &bare.net.me, kind, i);
    }
    assert_eq!(faults(&node, &bystander.net.me).total(), 0);
    // A few do not make what else it says untrue.
    bare.net.publish(encode(&announcement(&Author::new("a.truth").set()))).await;
    eventually("the truth is listed", || lists(&node, "a.truth")).await;
}

/// A peer answers with these when it is asked, and is charged with one fault.
async fn answered(kind: Fault, replies: &[SyncReply]) {
    let node = node(&[]).await;
    let peer = tell(&node, replies).await;
    eventually("it is charged", || faults(&node, &peer).count(kind) == 1).await;
    assert_only(&node, &peer, kind, 1);
}

/// The same, where the answer is no messages at all.
async fn answered_with(kind: Fault, bytes: &[u8]) {
    let node = node(&[]).await;
    let mut bare = Bare::beside(&node).await;
    answer(&mut bare, AnswerTo { comparison: bytes, rest: bytes }).await;
    eventually("it is charged", || faults(&node, &bare.net.me).count(kind) == 1).await;
    assert_only(&node, &bare.net.me, kind, 1);
}

/// A peer asks these, and is charged with each.
async fn asked(kind: Fault, questions: Vec<Vec<u8>>) {
    let node = node(&[]).await;
    let bare = Bare::beside(&node).await;
    for (i, question) in (1..).zip(questions) {
        assert!(ask(&bare, &node, &question).await.is_empty());
        eventually("it is charged", || faults(&node, &bare.net.me).count(kind) == i).await;
        assert_only(&node, &bare.net.me, kind, i);
    }
}

fn goodbye(withdrawal: Signed<atoll_protocol::service::Withdrawal>) -> Vec<u8> {
    request(&SyncRequest::Goodbye { withdrawal })
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_records() {
    let set = Author::new("a.lie").set();
    let farewell = Author::new("x").leave().signed();
    let stolen = News { lease: claim(&set.lease, key().node_id()), ..set.clone() };
    let changed = News { lease: tamper(&set.lease), ..set };
    let mut messages: Vec<_> = [&stolen, &changed].map(|lie| encode(&announcement(lie))).into();
    messages.push(encode(&Announcement::Withdrawal { withdrawal: tamper(&farewell), lease: None }));
    gossiped(Fault::Forged, messages).await;
    answered(Fault::Forged, &[reply(&stolen)]).await;
    answered(Fault::Forged, &[reply(&changed)]).await;
    asked(Fault::Forged, vec![goodbye(tamper(&farewell)), goodbye(claim(&farewell, key().node_id()))]).await;
}

/// Records have no signature of their own: they are what their lease covers, or nothing.
#[tokio::test(flavor = "multi_thread")]
async fn altered_records() {
    let mut author = Author::new("a.lie");
    let (earlier, set) = (author.set(), author.set());
    let changed = News { services: set.services.iter().map(altered).collect(), ..set.clone() };
    let twice = News { services: vec![set.services[0].clone(); 2], ..set };
    gossiped(Fault::Inconsistent, [&changed, &twice].map(|lie| encode(&announcement(lie))).into()).await;
    answered(Fault::Inconsistent, &[reply(&changed)]).await;
    answered(Fault::Inconsistent, &[reply(&News { services: Vec::new(), ..earlier })]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_records() {
    let set = Author::new("a.lie").set();
    let whole = encode(&announcement(&set));
    let cuts = [1, whole.len() / 3, whole.len() - 1];
    gossiped(Fault::Malformed, cuts.iter().map(|cut| whole[..*cut].to_vec()).collect()).await;
    let whole = codec::encode(&reply(&set)).unwrap();
    answered_with(Fault::Malformed, &framed(&whole[..whole.len() - 1])).await;
    let question = codec::encode(&SyncRequest::Describe { nodes: vec![key().node_id()] }).unwrap();
    asked(Fault::Malformed, vec![framed(&question[..question.len() - 1]).to_vec(), framed(&[]).to_vec()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn breaking_off_is_no_fault() {
    let node = node(&[]).await;
    let mut bare = Bare::beside(&node).await;
    let whole = say(&[reply(&Author::new("a.lie").set())]);
    let cut = &whole[..whole.len() - 1];
    answer(&mut bare, AnswerTo { comparison: cut, rest: cut }).await;
    assert!(ask(&bare, &node, &[100, 0, 0, 0, 1]).await.is_empty());
    // Told later, and dealt with when this is counted.
    ask(&bare, &node, &framed(&[])).await;
    eventually("it is charged", || totals(&node).total() > 0).await;
    assert_only(&node, &bare.net.me, Fault::Malformed, 1);
}

/// A lease with a body longer than any lease may have.
fn long_lease() -> Signed<Lease> {
    let len = u16::try_from(limits::LEASE + 1).unwrap();
    let mut bytes = key().node_id().public_key().to_vec();
    // bincode's mark of a 16-bit length.
    bytes.push(0xfb);
    bytes.extend(len.to_le_bytes());
    bytes.resize(bytes.len() + usize::from(len), 0);
    bytes.push(64);
    bytes.resize(bytes.len() + 64, 0);
    codec::decode(&bytes, bytes.len()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn oversize_records() {
    let lease = encode(&Announcement::Lease(News::none(long_lease())));
    gossiped(Fault::Oversize, vec![vec![0; limits::ANNOUNCEMENT + 1], lease]).await;
    let honest = Author::new("a.lie").set();
    answered(Fault::Oversize, &[reply(&News { lease: long_lease(), ..honest.clone() })]).await;
    let too_long = u32::try_from(limits::SYNC_MESSAGE + 1).unwrap().to_le_bytes();
    answered_with(Fault::Oversize, &too_long).await;
    // A set without end.
    let services = vec![honest.services[0].clone(); limits::RECORDS_PER_NODE / 2 + 1];
    let piece = SyncReply { last: false, ..reply(&News { services, ..honest }) };
    answered(Fault::Oversize, &[piece.clone(), piece]).await;
    let nodes = vec![key().node_id(); limits::SYNC_KNOWN + 1];
    asked(Fault::Oversize, vec![too_long.to_vec(), request(&SyncRequest::Describe { nodes })]).await;
}

/// Somebody whose clock is wrong by this many days.
fn ahead(days: u64) -> News {
    Author::of(key(), &network(), "a.lie", UnixMillis(now().0 + days * DAY)).set()
}

#[tokio::test(flavor = "multi_thread")]
async fn future_dated_records() {
    gossiped(Fault::FutureDated, (2..5).map(|days| encode(&announcement(&ahead(days)))).collect()).await;
    answered(Fault::FutureDated, &[reply(&ahead(2))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_another_network() {
    // The network is not said but signed, so they cannot be told from forged ones.
    let author = || Author::of(key(), &"elsewhere".parse().unwrap(), "a.lie", now());
    let (set, left) = (author().set(), author().leave().signed());
    let left = Announcement::Withdrawal { withdrawal: left, lease: None };
    gossiped(Fault::Forged, vec![encode(&announcement(&set)), encode(&left)]).await;
    answered(Fault::Forged, &[reply(&set)]).await;
    asked(Fault::Forged, vec![goodbye(author().leave().signed())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_of_another_network() {
    let ours = node(&[]).await;
    let theirs = listening(builder().network("elsewhere")).await;
    within("connecting", ours.connect(&theirs.addresses()[0])).await.unwrap_err();
    // Whoever has dialled hangs up as soon as it knows. Whether the other side has learnt it by then is left to chance.
    eventually("it is charged", || faults(&ours, &theirs.id()).count(Fault::WrongNetwork) > 0).await;
    for (node, other) in [(&ours, &theirs), (&theirs, &ours)] {
        assert_eq!(totals(node), faults(node, &other.id()));
        assert_eq!(totals(node).total(), totals(node).count(Fault::WrongNetwork));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_under_the_lease_of_another_key() {
    let others = Author::new("a.truth").set();
    let lie = News { services: others.services, ..Author::new("a.lie").set() };
    // A record does not say whose it is: that of another key is not what the lease covers.
    gossiped(Fault::Inconsistent, vec![encode(&announcement(&lie))]).await;
    answered(Fault::Inconsistent, &[reply(&lie)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replayed_records() {
    let (node, bare) = gossip().await;
    let author = key();
    let an_hour_ago = UnixMillis(now().0 - 3_600_000);
    let old = Author::of(author.clone(), &network(), "a.past", an_hour_ago).set();
    let mut present = Author::of(author, &network(), "a.present", now());
    bare.net.publish(encode(&announcement(&present.set()))).await;
    eventually("what is true is listed", || lists(&node, "a.present")).await;
    assert_eq!(totals(&node).total(), 0);

    bare.net.publish(encode(&announcement(&old))).await;
    eventually("it is charged", || faults(&node, &bare.net.me).count(Fault::Replayed) == 1).await;
    assert!(lists(&node, "a.present") && !lists(&node, "a.past"));
    // Gone for good, and said again by a peer that is asked: nothing is left of that lease.
    let ended = lasting(0, &Author::new("a.past").set());
    let peer = tell(&node, &[ended]).await;
    eventually("it is charged", || faults(&node, &peer).count(Fault::Replayed) == 1).await;
    assert_eq!((totals(&node).count(Fault::Replayed), totals(&node).total()), (2, 2));
    assert!(!lists(&node, "a.past"));
}

/// What honest nodes may have from others is counted and has no consequence, however much of it there is.
#[tokio::test(flavor = "multi_thread")]
async fn who_passes_on_what_was_future_dated_or_old_is_not_shut_out() {
    const MANY: u32 = 4 * LIMITED as u32;
    let (node, bare) = gossip().await;
    let peer = bare.net.me;
    for _ in 0..MANY {
        bare.net.publish(encode(&announcement(&ahead(2)))).await;
    }
    eventually("all are counted", || faults(&node, &peer).count(Fault::FutureDated) == MANY).await;
    let author = key();
    let current = Author::of(author.clone(), &network(), "a.present", now()).set();
    bare.net.publish(encode(&announcement(&current))).await;
    for age in 1..=MANY {
        let made = UnixMillis(now().0 - u64::from(age) * 60_000);
        let old = Author::of(author.clone(), &network(), "a.past", made).set();
        bare.net.publish(encode(&announcement(&old))).await;
    }
    eventually("all are counted", || faults(&node, &peer).count(Fault::Replayed) == MANY).await;
    bare.net.publish(encode(&announcement(&Author::new("a.truth").set()))).await;
    eventually("it is still listened to", || lists(&node, "a.truth")).await;
    assert!(rpc(&node).net.conduct.barred().is_empty() && rpc(&node).net.connections.best(&peer).is_some());
    assert_eq!(faults(&node, &peer).proofs(), 0);
}
