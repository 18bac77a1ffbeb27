//! Lies in gossip.

use atoll_protocol::{
    directory::{Announcement, News},
    limits,
};

use super::forging::{Author, announcement, claim, encode, key, lies, reply, tamper};
use crate::{
    Node,
    testing::{Bare, eventually, lists, node, pair, rpc},
};

fn refused(node: &Node) -> u64 {
    rpc(node).net.conduct.totals().total().into()
}

/// A peer that gossips whatever it is told to, beside a node that listens.
pub(super) async fn gossip() -> (Node, Bare) {
    let node = node(&[]).await;
    let mut bare = Bare::beside(&node).await;
    bare.heard().await;
    (node, bare)
}

fn withdrawn(withdrawal: atoll_protocol::sealed::Signed<atoll_protocol::service::Withdrawal>) -> Vec<u8> {
    encode(&Announcement::Withdrawal { withdrawal, lease: None })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_true_is_believed_whoever_says_it() {
    let (node, bare) = gossip().await;
    let mut author = Author::new("a.truth");
    bare.net.publish(encode(&announcement(&author.set()))).await;
    eventually("it is listed", || lists(&node, "a.truth")).await;
    bare.net.publish(withdrawn(author.leave().signed())).await;
    eventually("it is gone", || !lists(&node, "a.truth")).await;
    assert_eq!(refused(&node), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_are_refused_and_counted() {
    let (node, bare) = gossip().await;
    for (i, (what, lie)) in (1..).zip(lies()) {
        bare.net.publish(encode(&announcement(&lie))).await;
        eventually(what, || refused(&node) == i).await;
        assert!(!lists(&node, "a.lie"), "{what}");
    }
    let mut author = Author::new("a.truth");
    bare.net.publish(encode(&announcement(&author.set()))).await;
    eventually("the truth is listed", || lists(&node, "a.truth")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused_and_counted() {
    let (node, bare) = gossip().await;
    let mut author = Author::new("a.truth");
    let honest = encode(&announcement(&author.set()));
    let mut longer = honest.clone();
    longer.push(0);
    let cut = honest[..honest.len() / 2].to_vec();
    let too_long = vec![0; limits::ANNOUNCEMENT + 1];
    for (i, bytes) in (1..).zip([vec![0xff; 300], vec![7], longer, cut, too_long]) {
        bare.net.publish(bytes).await;
        eventually("it is refused", || refused(&node) == i).await;
    }
    bare.net.publish(honest).await;
    eventually("the truth is listed", || lists(&node, "a.truth")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_withdraws_for_another() {
    let (node, bare) = gossip().await;
    let mut author = Author::new("a.truth");
    bare.net.publish(encode(&announcement(&author.set()))).await;
    eventually("it is listed", || lists(&node, "a.truth")).await;
    let mut liar = Author::of(key(), &crate::testing::network(), "a.lie", super::forging::now());
    let victim = author.set().lease.author();
    bare.net.publish(withdrawn(claim(&liar.leave().signed(), victim))).await;
    eventually("it is refused", || refused(&node) == 1).await;
    bare.net.publish(withdrawn(tamper(&author.leave().signed()))).await;
    eventually("it is refused", || refused(&node) == 2).await;
    assert!(lists(&node, "a.truth"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_is_not_brought_back_by_saying_it_again() {
    let (node, bare) = gossip().await;
    let mut author = Author::new("a.past");
    let old = author.set();
    bare.net.publish(encode(&announcement(&old))).await;
    eventually("it is listed", || lists(&node, "a.past")).await;
    bare.net.publish(withdrawn(author.leave().signed())).await;
    eventually("it is gone", || !lists(&node, "a.past")).await;
    // The very same bytes gossipsub knows; the same lease in another envelope it does not.
    bare.net.publish(encode(&Announcement::Lease(News::none(old.lease)))).await;
    let mut mark = Author::new("a.mark");
    bare.net.publish(encode(&announcement(&mark.set()))).await;
    eventually("what came later is listed", || lists(&node, "a.mark")).await;
    assert!(!lists(&node, "a.past"));
}

/// A synchronisation may be faster than gossip: the neighbours of who learnt something that way still need the gossip.
#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_known_already_is_passed_on() {
    let (far, near) = pair().await;
    let mut bare = Bare::beside(&near).await;
    bare.heard().await;
    let mut author = Author::new("a.newcomer");
    let set = author.set();
    let directory = &rpc(&near).directory;
    let known = reply(&set).set.open(&crate::testing::network()).unwrap();
    directory.view.write().apply(known.into(), directory.clock.now(), directory.clock.wall()).unwrap();
    bare.net.publish(encode(&announcement(&set))).await;
    eventually("it is listed", || lists(&far, "a.newcomer")).await;
}

/// A node that leaves says so to its neighbours directly and by gossip. A neighbour that hears the direct word first
/// still has to pass on the gossip.
#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_known_already_is_passed_on() {
    let (far, near) = pair().await;
    let mut bare = Bare::beside(&near).await;
    bare.heard().await;
    let mut author = Author::new("a.leaver");
    bare.net.publish(encode(&announcement(&author.set()))).await;
    eventually("it is listed", || lists(&far, "a.leaver") && lists(&near, "a.leaver")).await;
    let left = author.leave();
    let directory = &rpc(&near).directory;
    directory.view.write().withdraw(&left, directory.clock.now());
    bare.net.publish(withdrawn(left.signed())).await;
    eventually("it is gone", || !lists(&far, "a.leaver")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_are_not_passed_on() {
    let (far, near) = pair().await;
    let mut bare = Bare::beside(&near).await;
    bare.heard().await;
    for (_, lie) in lies() {
        bare.net.publish(encode(&announcement(&lie))).await;
    }
    let mut author = Author::new("a.truth");
    bare.net.publish(encode(&announcement(&author.set()))).await;
    eventually("the truth is passed on", || lists(&far, "a.truth")).await;
    assert_eq!((refused(&far), lists(&far, "a.lie")), (0, false));
    assert_eq!(refused(&near), lies().len() as u64);
}
