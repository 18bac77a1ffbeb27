//! What a node begins with after a restart, and what it does not believe.

use std::time::Duration;

use atoll_protocol::{identity::SecretKey, names::NetworkName, service::UnixMillis};
use atoll_registry::services::{Batch, Holding, Keep};

use super::forging::{Author, key, now};
use crate::{
    Change, Node,
    storage::Storage,
    testing::{builder, eventually, listening, lists, network, node, rpc, within},
};

const LEFT: Duration = Duration::from_secs(60);

/// All that the author says, as its own node takes it in.
fn said(author: &mut Author) -> Batch {
    author.publisher.whole(Duration::from_secs(90), now()).unwrap()
}

/// The same as it is kept, under a lease of which so much is left.
fn kept(set: Batch, remaining: Duration) -> Keep {
    Keep::Set(Holding { lease: set.lease, remaining, node: set.node, services: set.services })
}

fn somebody(name: &str) -> Keep {
    kept(said(&mut Author::new(name)), LEFT)
}

/// A data directory in which these are kept.
async fn keeping(changes: Vec<Keep>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(Some(dir.path())).unwrap();
    storage.keep_records(network(), changes).await;
    storage.close().await;
    dir
}

async fn start(dir: &tempfile::TempDir) -> Node {
    listening(builder().data_dir(dir.path())).await
}

fn suspects(node: &Node, name: &str) -> bool {
    node.services().iter().any(|i| i.record.value().name.as_str() == name && i.suspect)
}

fn counts(node: &Node) -> (u64, u64) {
    let counters = &rpc(node).net.counters;
    (counters.restored_sets.count(), counters.useless_sets.count())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_isolated_node_lists_what_it_knew_until_the_leases_end() {
    let moment = kept(said(&mut Author::new("a.moment")), Duration::from_secs(3));
    let dir = keeping(vec![somebody("a.lasting"), moment]).await;
    let node = start(&dir).await;
    let mut watch = node.watch();
    eventually("it is listed", || lists(&node, "a.lasting")).await;
    assert!(suspects(&node, "a.lasting"), "and not trusted");
    within("the other one's lease ends", async {
        loop {
            if let Change::Removed(gone, _) = watch.next().await.unwrap() {
                return assert_eq!(gone.record.value().name.as_str(), "a.moment");
            }
        }
    })
    .await;
    assert!(lists(&node, "a.lasting"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forged_or_of_another_network_is_left_out_counted_and_deleted() {
    let elsewhere: NetworkName = "elsewhere".parse().unwrap();
    let another = || kept(said(&mut Author::of(key(), &elsewhere, "a.lie", now())), LEFT);
    // Records of somebody else.
    let services = said(&mut Author::new("a.lie")).services;
    let forged = kept(Batch { services, ..said(&mut Author::new("a.lie")) }, LEFT);
    // Signed for another network, and kept as of this one.
    let dir = keeping(vec![somebody("a.truth"), forged, another()]).await;
    let storage = Storage::open(Some(dir.path())).unwrap();
    // Of another network, and kept as such.
    storage.keep_records(elsewhere.clone(), vec![another()]).await;
    storage.close().await;
    let node = start(&dir).await;
    eventually("all have been looked at", || counts(&node) == (1, 3)).await;
    assert!(lists(&node, "a.truth") && !lists(&node, "a.lie"));
    node.shutdown().await;
    drop(node);
    // What was of no use has been deleted, and what is listed is still there.
    let found = within("it is read", Storage::open(Some(dir.path())).unwrap().take_records().unwrap()).await.unwrap();
    assert_eq!((found.sets.len(), found.damaged), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nodes_own_former_records_are_not_brought_back() {
    let dir = tempfile::tempdir().unwrap();
    start(&dir).await.shutdown().await;
    let own: SecretKey = crate::identity_file::load(dir.path()).unwrap().unwrap();
    let mut former = Author::of(own, &network(), "a.former", UnixMillis(now().0 - 1_000));
    let storage = within("it is free", async {
        loop {
            match Storage::open(Some(dir.path())) {
                Ok(storage) => return storage,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    })
    .await;
    storage.keep_records(network(), vec![kept(said(&mut former), LEFT), somebody("a.mark")]).await;
    storage.close().await;
    let node = start(&dir).await;
    eventually("the other one is back", || lists(&node, "a.mark") && counts(&node).0 == 1).await;
    assert!(!lists(&node, "a.former"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_confirmed_or_ended_by_a_neighbour() {
    let neighbour = node(&[]).await;
    let still = said(&mut Author::new("a.present"));
    let batch = Batch { remaining: Some(LEFT), ..still.clone() };
    let directory = &rpc(&neighbour).directory;
    directory.view.write().apply(batch, directory.clock.now(), now()).unwrap();
    let dir = keeping(vec![kept(still, LEFT), somebody("a.past")]).await;
    let node = listening(builder().data_dir(dir.path()).bootstrap(neighbour.addresses())).await;
    eventually("both are known at first", || counts(&node).0 == 2).await;
    eventually("one is confirmed, the other one ended", || {
        lists(&node, "a.present") && !suspects(&node, "a.present") && !lists(&node, "a.past")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_is_deleted_and_the_rest_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(&dir).await;
    let (mut guest, mut resident) = (Author::new("a.guest"), Author::new("a.resident"));
    let directory = &rpc(&node).directory;
    for author in [&mut guest, &mut resident] {
        directory.view.write().apply(said(author), directory.clock.now(), now()).unwrap();
    }
    node.shutdown().await;
    drop(node);
    let node = start(&dir).await;
    eventually("both are back", || lists(&node, "a.guest") && lists(&node, "a.resident")).await;
    let directory = &rpc(&node).directory;
    directory.view.write().withdraw(&guest.leave(), directory.clock.now());
    node.shutdown().await;
    drop(node);
    let node = start(&dir).await;
    eventually("one is back, and that was all", || counts(&node) == (1, 0)).await;
    assert!(lists(&node, "a.resident") && !lists(&node, "a.guest"));
}
