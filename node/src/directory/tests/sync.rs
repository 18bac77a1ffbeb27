//! Neighbours that answer a question for news with lies.

use std::time::Duration;

use atoll_protocol::{
    codec,
    directory::{Head, Heads, News, RecordSet, SyncReply, SyncRequest},
    identity::NodeId,
    sealed::{Hash, Verified},
    service::Seq,
};
use futures::{AsyncReadExt, AsyncWriteExt};

use super::forging::{Author, framed, lies, reply};
use crate::{
    Node,
    net::streams::Substream,
    testing::{Bare, eventually, lists, node, rpc, within},
};

fn refused(node: &Node) -> u64 {
    rpc(node).net.conduct.totals().total().into()
}

/// What to say to a question.
pub(super) struct AnswerTo<'a> {
    pub(super) comparison: &'a [u8],
    pub(super) rest: &'a [u8],
}

/// Takes up the node's question and answers it with these bytes. What it wants to know of connections is not answered.
pub(super) async fn answer(bare: &mut Bare, with: AnswerTo<'_>) -> SyncRequest {
    let describe = bare.net.protocols.describe.clone();
    let (mut stream, request) = loop {
        let mut stream = bare.accept(&describe).await;
        match question(&mut stream).await {
            SyncRequest::Adjacent { .. } => {}
            request => break (stream, request),
        }
    };
    let bytes = if matches!(request, SyncRequest::Compare { .. }) { with.comparison } else { with.rest };
    // The node may have had enough before the end.
    let _ = stream.write_all(bytes).await;
    let _ = stream.close().await;
    request
}

pub(super) async fn question(stream: &mut Substream) -> SyncRequest {
    within("the question", async {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        SyncRequest::decode(&bytes[4..]).unwrap()
    })
    .await
}

pub(super) fn say(replies: &[SyncReply]) -> Vec<u8> {
    replies.iter().flat_map(|r| framed(&codec::encode(r).unwrap())).collect()
}

/// A set under a lease of which so much is left.
pub(super) fn lasting(remaining_ms: u32, set: &News) -> SyncReply {
    let SyncReply { set, last } = reply(set);
    SyncReply { set: RecordSet { remaining_ms, ..set }, last }
}

/// A new neighbour claims to know of these, tells them when it is asked, and stays. Returns who it is.
pub(super) async fn tell(node: &Node, replies: &[SyncReply]) -> NodeId {
    let mut bare = Bare::beside(node).await;
    let me = bare.net.me;
    let head = |node| Head { node, lease: Seq(u64::MAX), digest: Hash([9; 32]) };
    // One of them is not known for certain, so the node always has something to ask for.
    let stranger = super::forging::key().node_id();
    let heads = replies.iter().map(|reply| head(reply.set.author())).chain([head(stranger)]).collect();
    let heads = framed(&codec::encode(&Heads { differing: vec![0], heads, ..Heads::default() }).unwrap());
    while let SyncRequest::Compare { .. } =
        answer(&mut bare, AnswerTo { comparison: &heads, rest: &say(replies) }).await
    {}
    tokio::spawn(async move {
        // One that left at once might take its answer with it.
        let none = framed(&codec::encode(&Heads::default()).unwrap());
        loop {
            answer(&mut bare, AnswerTo { comparison: &none, rest: &[] }).await;
        }
    });
    me
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_true_is_believed() {
    let node = node(&[]).await;
    let mut author = Author::new("a.truth");
    tell(&node, &[reply(&author.set())]).await;
    eventually("it is listed", || lists(&node, "a.truth")).await;
    assert_eq!(refused(&node), 0);
    within("that is joining", node.joined()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_in_pieces_is_put_together() {
    let node = node(&[]).await;
    let mut author = Author::new("a.first");
    author.publisher.add(crate::testing::record("a.second", "1.0.0", 2), super::forging::now()).unwrap();
    let whole = reply(&author.set());
    let piece = |i: usize| {
        let set = RecordSet { services: vec![whole.set.services[i].clone()], ..whole.set.clone() };
        SyncReply { set, last: i == 1 }
    };
    tell(&node, &[piece(0), piece(1)]).await;
    eventually("both are listed", || lists(&node, "a.first") && lists(&node, "a.second")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_are_refused_and_counted() {
    let node = node(&[]).await;
    for (i, (what, lie)) in (1..).zip(lies()) {
        tell(&node, &[reply(&lie)]).await;
        eventually(what, || refused(&node) == i).await;
        assert!(!lists(&node, "a.lie"), "{what}");
    }
    let mut author = Author::new("a.truth");
    tell(&node, &[reply(&author.set())]).await;
    eventually("the truth is listed", || lists(&node, "a.truth")).await;
    assert_eq!(node.services().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lie_in_a_set_makes_all_of_it_worthless() {
    let node = node(&[]).await;
    let mut author = Author::new("a.truth");
    let mut mixed = author.set();
    mixed.services.push(super::forging::altered(&mixed.services[0]));
    tell(&node, &[reply(&mixed)]).await;
    eventually("it is refused", || refused(&node) == 1).await;
    assert!(!lists(&node, "a.truth"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_does_not_return() {
    let node = node(&[]).await;
    let mut author = Author::new("a.past");
    let set = author.set();
    // A lease of which nothing is left.
    tell(&node, &[lasting(0, &set)]).await;
    let mut present = Author::new("a.present");
    tell(&node, &[reply(&present.set())]).await;
    eventually("what came later is listed", || lists(&node, "a.present")).await;
    assert!(!lists(&node, "a.past"));

    // One that was withdrawn, said again by somebody who kept it, together with something new to wait for.
    tell(&node, &[reply(&set)]).await;
    eventually("it is listed", || lists(&node, "a.past")).await;
    rpc(&node).directory.view.write().withdraw(&author.leave(), rpc(&node).directory.clock.now());
    assert!(!lists(&node, "a.past"));
    let mut future = Author::new("a.future");
    tell(&node, &[reply(&set), reply(&future.set())]).await;
    eventually("what is new is listed", || lists(&node, "a.future")).await;
    assert!(!lists(&node, "a.past"), "a replay");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_set_does_not_replace_a_later_one() {
    let node = node(&[]).await;
    let mut author = Author::new("a.first");
    let old = reply(&author.set());
    author.publisher.add(crate::testing::record("a.second", "1.0.0", 2), super::forging::now()).unwrap();
    let new = reply(&author.set());
    tell(&node, &[new]).await;
    eventually("the later one is listed", || lists(&node, "a.second")).await;
    let mut mark = Author::new("a.mark");
    tell(&node, &[old, reply(&mark.set())]).await;
    eventually("both were taken in", || lists(&node, "a.mark")).await;
    assert!(lists(&node, "a.first") && lists(&node, "a.second"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_heard_of_lasts_no_longer_than_is_said() {
    let node = node(&[]).await;
    let mut author = Author::new("a.moment");
    tell(&node, &[lasting(300, &author.set())]).await;
    // Listed or not by the time this looks: it is gone in the end, long before the lease's own 90 seconds.
    let mut watch = node.watch();
    within("it goes", async {
        loop {
            if let crate::Change::Removed(gone, _) = watch.next().await.unwrap()
                && gone.record.value().name.as_str() == "a.moment"
            {
                return;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_is_given_up() {
    let node = node(&[]).await;
    let mut honest = Author::new("a.truth");
    let honest = say(&[reply(&honest.set())]);
    let mut too_long = 0xffff_ffff_u32.to_le_bytes().to_vec();
    too_long.extend([0; 100]);
    let endless: Vec<u8> = framed(&[0xff; 1000]).to_vec();
    for bytes in [too_long, endless, honest[..honest.len() - 1].to_vec(), vec![1, 2]] {
        let mut bare = Bare::beside(&node).await;
        answer(&mut bare, AnswerTo { comparison: &bytes, rest: &bytes }).await;
    }
    assert!(!lists(&node, "a.truth"));
    let mut author = Author::new("a.truth");
    tell(&node, &[reply(&author.set())]).await;
    eventually("it goes on", || lists(&node, "a.truth")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_without_end_is_given_up_at_its_bound() {
    let node = node(&[]).await;
    let mut author = Author::new("a.flood");
    let mut piece = reply(&author.set());
    piece.last = false;
    piece.set.services = vec![piece.set.services[0].clone(); 3_000];
    // More records than a node may have, and never the last piece.
    tell(&node, &[piece.clone(), piece]).await;
    let mut author = Author::new("a.truth");
    tell(&node, &[reply(&author.set())]).await;
    eventually("it goes on", || lists(&node, "a.truth")).await;
    assert!(!lists(&node, "a.flood"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_that_says_nothing_does_not_hold_up_joining() {
    let node = node(&[]).await;
    let mut silent = Bare::beside(&node).await;
    let describe = silent.net.protocols.describe.clone();
    let _held = silent.accept(&describe).await;
    let mut author = Author::new("a.truth");
    tell(&node, &[reply(&author.set())]).await;
    tokio::time::timeout(Duration::from_secs(15), node.joined()).await.expect("it joins through the other one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_life_of_this_node_is_spoken_above() {
    let dir = tempfile::tempdir().unwrap();
    let node = crate::testing::listening(crate::testing::builder().data_dir(dir.path())).await;
    let key = crate::identity_file::load(dir.path()).unwrap().unwrap();
    // Numbers from an hour ahead: the clock was wrong then, and what was noted is lost.
    let ahead = atoll_protocol::service::UnixMillis(super::forging::now().0 + 3_600_000);
    let mut former = Author::of(key, &crate::testing::network(), "a.former", ahead);
    let set = former.set();
    let said = set.lease.clone().open(&crate::testing::network()).unwrap().value().seq;
    tell(&node, &[reply(&set)]).await;
    let own = || {
        let view = rpc(&node).directory.view();
        view.holding(&node.id(), rpc(&node).directory.clock.now()).map(|h| Verified::value(&h.lease).seq)
    };
    eventually("it goes on above", || own().is_some_and(|seq| seq > said)).await;
    assert!(!lists(&node, "a.former") && lists(&node, "system"));
}
