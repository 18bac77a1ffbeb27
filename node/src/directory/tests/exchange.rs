//! Peers that ask nonsense, and goodbyes that are none.

use atoll_protocol::{
    codec,
    directory::{SyncReply, SyncRequest},
    identity::NodeId,
    limits,
    service::Seq,
};
use futures::{AsyncReadExt, AsyncWriteExt};

use super::forging::{Author, claim, framed, key, now, tamper};
use crate::{
    Node,
    testing::{Bare, eventually, lists, network, node, pair, rpc, within},
};

/// Says this on a describe substream and reads the answer to its end; empty if the node breaks it off.
pub(super) async fn ask(bare: &Bare, node: &Node, bytes: &[u8]) -> Vec<u8> {
    let mut stream = bare.open(node, &bare.net.protocols.describe).await;
    within("the answer's end", async {
        let mut answer = Vec::new();
        let asked = async {
            stream.write_all(bytes).await?;
            stream.close().await?;
            stream.read_to_end(&mut answer).await
        };
        let _ = asked.await;
        answer
    })
    .await
}

pub(super) fn request(request: &SyncRequest) -> Vec<u8> {
    framed(&codec::encode(request).unwrap()).to_vec()
}

fn replies(mut bytes: &[u8]) -> Vec<SyncReply> {
    let mut replies = Vec::new();
    while let Some((len, rest)) = bytes.split_first_chunk::<4>() {
        let (body, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
        replies.push(SyncReply::decode(body).unwrap());
        bytes = rest;
    }
    replies
}

fn refused(node: &Node) -> u64 {
    rpc(node).net.conduct.totals().total().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_with_what_is_newer_and_each_node_once() {
    let node = node(&[]).await;
    let bare = Bare::beside(&node).await;
    let answer = replies(&ask(&bare, &node, &request(&SyncRequest::Newer { known: Vec::new() })).await);
    assert_eq!(answer.len(), 1);
    let set = answer[0].set.clone().open(&network()).unwrap();
    assert_eq!((set.lease.author(), set.services.len(), answer[0].last), (node.id(), 1, true));
    // Whatever it says meanwhile, this is later.
    let known = vec![(node.id(), Seq(u64::MAX))];
    assert!(ask(&bare, &node, &request(&SyncRequest::Newer { known })).await.is_empty());
    let stranger: NodeId = key().node_id();
    let nodes = vec![node.id(), stranger, node.id(), node.id()];
    assert_eq!(replies(&ask(&bare, &node, &request(&SyncRequest::Describe { nodes })).await).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_oversize_questions_are_refused_and_counted() {
    let node = node(&[]).await;
    let bare = Bare::beside(&node).await;
    let too_many = vec![key().node_id(); limits::SYNC_KNOWN + 1];
    let mut four_gigabytes = u32::MAX.to_le_bytes().to_vec();
    four_gigabytes.extend([0; 64]);
    let questions = [
        framed(&[0xff; 200]).to_vec(),
        framed(b"").to_vec(),
        four_gigabytes,
        (u32::try_from(limits::SYNC_MESSAGE).unwrap() + 1).to_le_bytes().to_vec(),
        request(&SyncRequest::Describe { nodes: too_many }),
    ];
    for (i, bytes) in (1..).zip(questions) {
        assert!(ask(&bare, &node, &bytes).await.is_empty());
        eventually("it is counted", || refused(&node) == i).await;
    }
    // Breaking off is no offence.
    for bytes in [&b""[..], &[9], &[100, 0, 0, 0, 1]] {
        assert!(ask(&bare, &node, bytes).await.is_empty());
    }
    let answer = ask(&bare, &node, &request(&SyncRequest::Newer { known: Vec::new() })).await;
    assert_eq!((replies(&answer).len(), refused(&node)), (1, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goodbye_in_anothers_name_is_refused() {
    let (near, victim) = pair().await;
    let bare = Bare::beside(&near).await;
    let of_victim = || near.services().iter().filter(|i| i.node == victim.id()).count();
    eventually("the victim is listed", || of_victim() == 1).await;
    let mut liar = Author::of(key(), &network(), "a.lie", now());
    let mut elsewhere = Author::of(key(), &"elsewhere".parse().unwrap(), "a.lie", now());
    let genuine = liar.leave();
    let goodbyes = [claim(&genuine.signed(), victim.id()), tamper(&genuine.signed()), elsewhere.leave().signed()];
    for (i, withdrawal) in (1..).zip(goodbyes) {
        ask(&bare, &near, &request(&SyncRequest::Goodbye { withdrawal })).await;
        eventually("it is refused", || refused(&near) == i).await;
    }
    assert_eq!(of_victim(), 1);
    assert_eq!(refused(&victim), 0, "and it is not passed on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_true_goodbye_is_taken_in_and_passed_on() {
    let (near, far) = pair().await;
    let mut bare = Bare::beside(&near).await;
    bare.heard().await;
    let mut author = Author::of(bare.key.clone(), &network(), "a.guest", now());
    bare.net.publish(super::forging::encode(&super::forging::announcement(&author.set()))).await;
    eventually("it is listed everywhere", || lists(&near, "a.guest") && lists(&far, "a.guest")).await;
    let withdrawal = author.leave().signed();
    assert!(ask(&bare, &near, &request(&SyncRequest::Goodbye { withdrawal })).await.is_empty());
    assert!(!lists(&near, "a.guest"), "it is taken in by the time it is answered");
    eventually("it is passed on", || !lists(&far, "a.guest")).await;
}
