//! Peers that send more than anyone should.

use atoll_protocol::{
    directory::{Announcement, News},
    identity::NodeId,
};
use atoll_registry::{
    peers::conduct::{BARRED, Fault, LIMITED, SAMPLE},
    services::{Directory as View, DirectoryLimits},
};

use super::{
    forging::{Author, announcement, claim, encode, key, now},
    gossip::gossip,
};
use crate::{
    Context, Multiaddr, Node, NodeEvent,
    net::{bare, with_peer},
    testing::{Bare, builder, eventually, listening, lists, network, node, rpc, within},
};

/// Enough to be barred, also where only a sample is checked.
const FLOOD: u32 = BARRED as u32 * (SAMPLE + 1);

/// One that nobody has sent before, in the name of somebody who did not say it.
fn forged() -> Vec<u8> {
    let set = Author::new("a.lie").set();
    let lease = claim(&set.lease, key().node_id());
    encode(&Announcement::Lease(News::none(lease)))
}

fn true_words(author: &mut Author) -> Vec<u8> {
    encode(&announcement(&author.set()))
}

async fn flood(bare: &Bare, count: u32) {
    for _ in 0..count {
        bare.net.publish(forged()).await;
    }
}

fn connected(node: &Node, peer: &NodeId) -> bool {
    rpc(node).net.connections.best(peer).is_some()
}

fn address_of(bare: &Bare) -> Multiaddr {
    with_peer(&bare.net.addresses()[0], &bare.net.me)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_floods_with_forgeries_is_shut_out() {
    let (events, reported) = std::sync::mpsc::sync_channel(64);
    let node = listening(builder().on_event(move |event| drop(events.try_send(event)))).await;
    let mut flooder = Bare::beside(&node).await;
    flooder.heard().await;
    let bystander = Bare::beside(&node).await;
    let (conduct, peer) = (&rpc(&node).net.conduct, flooder.net.me);
    flood(&flooder, FLOOD).await;
    eventually("it is hung up on", || conduct.barred() == [peer] && !connected(&node, &peer)).await;
    eventually("on both sides", || flooder.net.connections.len() == 0).await;
    assert!(connected(&node, &bystander.net.me), "nobody else is");
    assert!(conduct.faults(&peer).count(Fault::Forged) < FLOOD, "and not all was checked");
    let told = reported.iter().find(|event| matches!(event, NodeEvent::PeerBarred { .. })).unwrap();
    assert!(matches!(told, NodeEvent::PeerBarred { peer: who, seconds: 500..=600, .. } if who == peer), "{told:?}");

    // It does not come back by itself,
    for address in node.addresses() {
        let again = within("dialling", flooder.net.dial(Some(node.id()), vec![bare(&address)])).await;
        assert!(again.is_err());
    }
    assert!(!connected(&node, &peer));
    // nor is it dialled,
    let dialled = within("dialling", rpc(&node).net.dial(Some(peer), flooder.net.addresses())).await;
    assert!(dialled.unwrap_err().to_string().contains("barred"));
    let unnamed = within("dialling", rpc(&node).net.dial(None, flooder.net.addresses())).await;
    assert!(unnamed.unwrap_err().to_string().contains("barred"));
    assert!(!connected(&node, &peer));
    // unless the owner wants it.
    within("connecting", node.connect(&address_of(&flooder))).await.unwrap();
    assert!(connected(&node, &peer) && conduct.barred().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_limited_peer_has_from_others_is_ignored() {
    let (node, bare) = gossip().await;
    // Some more, since the first have been forgiven a little by the time of the last.
    flood(&bare, LIMITED as u32 + 4).await;
    let mut others: Vec<Author> = (0..SAMPLE - 2).map(|n| Author::new(&format!("others.n{n}"))).collect();
    for author in &mut others {
        bare.net.publish(true_words(author)).await;
    }
    let mut own = Author::of(bare.key.clone(), &network(), "its.own", now());
    bare.net.publish(true_words(&mut own)).await;
    eventually("what it says itself is listed", || lists(&node, "its.own")).await;
    // A sample is looked at all the same.
    assert!((0..SAMPLE - 2).filter(|n| lists(&node, &format!("others.n{n}"))).count() <= 1);
    assert!(connected(&node, &bare.net.me));
    // Others may say the same.
    let mut honest = Bare::beside(&node).await;
    honest.heard().await;
    for author in &mut others {
        honest.net.publish(true_words(author)).await;
    }
    eventually("they are listed", || (0..SAMPLE - 2).all(|n| lists(&node, &format!("others.n{n}")))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_owner_names_is_not_shut_out() {
    let (node, bare) = gossip().await;
    within("connecting", node.connect(&address_of(&bare))).await.unwrap();
    flood(&bare, FLOOD).await;
    let mut own = Author::of(bare.key.clone(), &network(), "its.own", now());
    bare.net.publish(true_words(&mut own)).await;
    eventually("what it says itself is listed", || lists(&node, "its.own")).await;
    let conduct = &rpc(&node).net.conduct;
    assert!(conduct.faults(&bare.net.me).proofs() > BARRED as u32, "it is counted");
    assert!(conduct.barred().is_empty() && connected(&node, &bare.net.me));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_to_join_through_are_named_with_their_id_or_without() {
    let bare_peer = Bare::joining(&[]).await;
    let (named, unnamed) = (address_of(&bare_peer), bare_peer.net.addresses()[0].clone());
    for address in [named, unnamed] {
        let node = node(&[address]).await;
        eventually("it is dialled", || connected(&node, &bare_peer.net.me)).await;
        // Only once it has said who it is can it be named.
        rpc(&node).net.dial(Some(bare_peer.net.me), Vec::new()).await.unwrap();
        let conduct = &rpc(&node).net.conduct;
        for _ in 0..100 {
            conduct.charge(Some(bare_peer.net.me), Fault::Forged, "a test");
        }
        eventually("it is not barred", || conduct.barred_for(&bare_peer.net.me).is_none()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_true_records_displaces_neither_neighbours_nor_the_bounds() {
    const ROOM: usize = 20;
    let node = node(&[]).await;
    let limits = DirectoryLimits { records: ROOM, records_per_node: ROOM, nodes: ROOM, floors: 2 * ROOM };
    *rpc(&node).directory.view.write() = View::new(node.id(), limits);
    let neighbour = crate::testing::node(&node.addresses()).await;
    let service = neighbour.service("a.friend", "1.0.0").unwrap();
    let _serving = service
        .method("name", |context: Context, _: ()| async move { Ok(context.node().to_string()) })
        .register()
        .await
        .unwrap();
    eventually("the neighbour is listed", || lists(&node, "a.friend")).await;
    let mut flooder = Bare::beside(&node).await;
    flooder.heard().await;
    for _ in 0..10 * ROOM {
        flooder.net.publish(true_words(&mut Author::new("a.flood"))).await;
    }
    flood(&flooder, 1).await;
    let last = || rpc(&node).net.conduct.faults(&flooder.net.me).count(Fault::Forged) == 1;
    eventually("all has been heard", last).await;
    let (records, nodes) = {
        let view = rpc(&node).directory.view();
        (view.len(), view.node_count())
    };
    assert!(records <= ROOM && nodes <= ROOM, "{records} records of {nodes} nodes");
    assert!(lists(&node, "a.flood"), "there was room for some");
    let kept: Vec<_> = node.services().into_iter().filter(|i| i.node == neighbour.id()).collect();
    let mut names: Vec<&str> = kept.iter().map(|i| i.record.value().name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a.friend", "system"]);
    let call = node.client("a.friend").unwrap().call::<_, String>("name", &());
    let answer = within("the answer", std::future::IntoFuture::into_future(call)).await.unwrap();
    assert_eq!(answer, neighbour.id().to_string());
}
