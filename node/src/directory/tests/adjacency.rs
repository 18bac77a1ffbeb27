//! What a node believes of its neighbours' words on connections, and what it says itself.

use std::{sync::Arc, time::Duration};

use atoll_protocol::{
    adjacency::{Adjacencies, Adjacency, Passed, Question},
    codec,
    directory::SyncRequest,
    identity::SecretKey,
    limits,
    sealed::Signed,
    service::Seq,
};
use atoll_registry::peers::conduct::Fault;
use futures::{AsyncReadExt, AsyncWriteExt};
use parking_lot::Mutex;

use super::{
    forging::{claim, framed, key, now, tamper},
    sync::question,
};
use crate::{
    Node,
    testing::{Bare, adjacency, eventually, network, node, rpc, within},
};

fn refused(node: &Node) -> u64 {
    rpc(node).net.conduct.totals().total().into()
}

/// How many nodes are within seven hops, over links that are proved, `node` itself counted.
fn around(node: &Node) -> usize {
    rpc(node).directory.with_links(|links| links.around(links.me(), 7, 1_000).len())
}

fn passed(adjacency: Signed<Adjacency>) -> Passed {
    Passed { adjacency, remaining_ms: 60_000 }
}

/// A neighbour answers the node's first question about connections with these, and every other with nothing.
async fn tell(node: &Node, bare: Bare, held: Vec<Passed>) {
    let answer = framed(&codec::encode(&Adjacencies { held }).unwrap());
    tell_bytes(node, bare, answer.to_vec()).await;
}

async fn tell_bytes(_: &Node, mut bare: Bare, answer: Vec<u8>) {
    let describe = bare.net.protocols.describe.clone();
    loop {
        let mut stream = bare.accept(&describe).await;
        if let SyncRequest::Adjacent { question } = question(&mut stream).await {
            assert_eq!((question.hops, question.known.len()), (1, 0));
            let _ = stream.write_all(&answer).await;
            let _ = stream.close().await;
            break;
        }
    }
    tokio::spawn(async move {
        loop {
            drop(bare.accept(&describe).await);
        }
    });
}

/// What a neighbour says of itself and of somebody behind it, to be wronged by a test.
fn truth(node: &Node, bare: &Bare, other: &SecretKey) -> Vec<Passed> {
    let (me, network) = (bare.net.me, network());
    vec![
        passed(adjacency(&bare.key, &network, 5, &[node.id(), other.node_id()])),
        passed(adjacency(other, &network, 5, &[me])),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_both_ends_say_is_believed() {
    let node = node(&[]).await;
    let (bare, other) = (Bare::beside(&node).await, key());
    let held = truth(&node, &bare, &other);
    tell(&node, bare, held).await;
    eventually("it is known", || around(&node) == 3).await;
    assert_eq!(refused(&node), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_passes_on_a_lie_is_not_believed_and_it_is_counted() {
    let node = node(&[]).await;
    for count in 1..=5_u64 {
        let (bare, other) = (Bare::beside(&node).await, key());
        let mut held = truth(&node, &bare, &other);
        let what = match count {
            1 => {
                held[1].adjacency = tamper(&held[1].adjacency);
                "one that was changed"
            }
            2 => {
                held[1].adjacency = claim(&held[1].adjacency, key().node_id());
                "one in another's name"
            }
            3 => {
                let elsewhere = "elsewhere".parse().unwrap();
                held[1].adjacency = adjacency(&other, &elsewhere, 5, &[bare.net.me]);
                "one of another network"
            }
            4 => {
                held = vec![held[1].clone(); 65];
                "more than was asked for"
            }
            _ => {
                held = vec![held[1].clone(); limits::ADJACENCIES + 1];
                "more than any answer may hold"
            }
        };
        tell(&node, bare, held).await;
        eventually(what, || refused(&node) == count).await;
        let (forged, oversize) = (count.min(3), count.saturating_sub(3));
        let faults = rpc(&node).net.conduct.totals();
        let charged = (faults.count(Fault::Forged).into(), faults.count(Fault::Oversize).into());
        assert_eq!(charged, (forged, oversize), "{what}: {faults}");
        assert!(rpc(&node).directory.map.read().is_empty(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_is_given_up() {
    let node = node(&[]).await;
    for (count, bytes) in (1..).zip([framed(&[0xff; 100]).to_vec(), 0xffff_ffff_u32.to_le_bytes().to_vec()]) {
        tell_bytes(&node, Bare::beside(&node).await, bytes).await;
        eventually("it is refused", || refused(&node) == count).await;
    }
    tell_bytes(&node, Bare::beside(&node).await, Vec::new()).await;
    let (bare, other) = (Bare::beside(&node).await, key());
    let held = truth(&node, &bare, &other);
    tell(&node, bare, held).await;
    eventually("it goes on", || rpc(&node).directory.map.read().len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_or_was_said_before_does_not_count() {
    let node = node(&[]).await;
    let (bare, other, mark) = (Bare::beside(&node).await, key(), key());
    let mut held = truth(&node, &bare, &other);
    held[1].remaining_ms = 0;
    held.push(passed(adjacency(&mark, &network(), 1, &[])));
    tell(&node, bare, held).await;
    let holds = |of: &SecretKey| {
        let directory = &rpc(&node).directory;
        let map = directory.map.read();
        map.adjacency(&of.node_id(), directory.now()).map(|(said, _)| said.value().seq.0)
    };
    eventually("it was taken in", || holds(&mark).is_some()).await;
    assert_eq!(holds(&other), None);
    // Later words, and then the earlier ones again, from somebody else.
    for (told, expected) in [(7, 7), (5, 7)] {
        let (bare, mark) = (Bare::beside(&node).await, key());
        let held = vec![passed(adjacency(&other, &network(), told, &[])), passed(adjacency(&mark, &network(), 1, &[]))];
        tell(&node, bare, held).await;
        eventually("it was taken in", || holds(&mark).is_some()).await;
        assert_eq!(holds(&other), Some(expected));
    }
}

/// Asks `node`, and gives what it answers.
async fn ask(bare: &Bare, node: &Node, question: Question) -> Option<Adjacencies> {
    let mut stream = bare.open(node, &bare.net.protocols.describe).await;
    let request = codec::encode(&SyncRequest::Adjacent { question }).unwrap();
    within("an answer", async {
        stream.write_all(&framed(&request)).await.unwrap();
        stream.close().await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        (!bytes.is_empty()).then(|| Adjacencies::decode(&bytes[4..]).unwrap())
    })
    .await
}

const NEAR: Question = Question { hops: 0, most: 9, patience_ms: 1_000, known: Vec::new() };

#[tokio::test(flavor = "multi_thread")]
async fn a_node_says_whom_it_is_connected_to() {
    let node = node(&[]).await;
    let bare = Bare::beside(&node).await;
    let said = async |question| {
        let held = ask(&bare, &node, question).await?.held;
        held.into_iter().next().map(|passed| passed.adjacency.open(&network()).unwrap())
    };
    let first = within("it names its neighbour", async {
        loop {
            let said = said(NEAR).await.unwrap();
            assert_eq!(said.author(), node.id());
            if said.value().neighbour(&bare.net.me).is_some() {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let known = vec![(node.id(), Seq(u64::MAX))];
    assert!(said(Question { known, ..NEAR }).await.is_none(), "nothing later");
    let before = refused(&node);
    let too_many = vec![(node.id(), Seq(1)); limits::ADJACENCIES_KNOWN + 1];
    assert_eq!(ask(&bare, &node, Question { known: too_many, ..NEAR }).await, None);
    eventually("it is refused", || refused(&node) == before + 1).await;
    // A number of the one sequence in which everything is said.
    let directory = &rpc(&node).directory;
    let lease = directory.view.read().holding(&node.id(), directory.now()).unwrap().lease;
    assert_ne!(lease.value().seq, first.value().seq);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_asked_on() {
    let node = node(&[]).await;
    let (asker, other, far) = (Bare::beside(&node).await, Bare::beside(&node).await, key());
    let (network, id, its) = (network(), other.net.me, other.key.clone());
    let near = vec![adjacency(&its, &network, 1, &[node.id()])];
    let held = Arc::new(Mutex::new(near));
    tokio::spawn(other.answer_adjacent(Arc::clone(&held)));
    eventually("the neighbour is known", || rpc(&node).directory.map.read().len() == 1).await;
    // What has changed behind its neighbour the node does not know until it asks.
    *held.lock() = vec![adjacency(&its, &network, 2, &[node.id(), far.node_id()]), adjacency(&far, &network, 1, &[id])];
    let mut authors = Vec::new();
    within("it asks on", async {
        while !authors.contains(&far.node_id()) {
            let held = ask(&asker, &node, Question { hops: 2, most: 64, ..NEAR }).await.unwrap().held;
            authors = held.iter().map(|passed| passed.adjacency.author()).collect();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(authors, [node.id(), id, far.node_id()], "nearest first, and nothing of the asker's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_life_is_spoken_above() {
    let dir = tempfile::tempdir().unwrap();
    let node = crate::testing::listening(crate::testing::builder().data_dir(dir.path())).await;
    let own = crate::identity_file::load(dir.path()).unwrap().unwrap();
    let bare = Bare::beside(&node).await;
    // An hour ahead: the clock was wrong then.
    let former = now().0 + 3_600_000;
    tell(&node, bare, vec![passed(adjacency(&own, &network(), former, &[]))]).await;
    let said = || {
        let directory = &rpc(&node).directory;
        directory.view.read().holding(&node.id(), directory.now()).map(|held| held.lease.value().seq)
    };
    eventually("it goes on above", || said().is_some_and(|seq| seq > Seq(former))).await;
}
