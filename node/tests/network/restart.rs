//! What a node keeps when it stops.

use atoll_node::{Node, error::SpawnError};

use super::common::{addresses, builder, count, eventually, node, offer, within};

/// A node that keeps its state in `dir`, with nobody to join through but whom it remembers.
async fn on_its_own(dir: &std::path::Path) -> Node {
    builder(&[]).data_dir(dir).spawn().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_keeps_its_identity_and_finds_its_peers_again() {
    let dir = tempfile::tempdir().unwrap();
    let other = node(&[]).await;
    let _serving = offer(&other, "letters", "1.0.0").await;
    let first = builder(&addresses(&other).await).data_dir(dir.path()).spawn().await.unwrap();
    within("joining", first.joined()).await;
    let id = first.id();
    first.shutdown().await;
    drop(first);
    eventually("it is gone", || other.services().iter().all(|i| i.node != id)).await;

    // It remembers them over more than one restart.
    for _ in 0..2 {
        let again = on_its_own(dir.path()).await;
        assert_eq!(again.id(), id);
        within("joining again", again.joined()).await;
        eventually("it knows the other", || count(&again, "letters") == 1).await;
        eventually("the other believes it", || other.services().iter().any(|i| i.node == id)).await;
        again.shutdown().await;
        eventually("it is gone", || other.services().iter().all(|i| i.node != id)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_lists_after_a_restart_what_it_knew_before() {
    let dir = tempfile::tempdir().unwrap();
    let other = node(&[]).await;
    let serving = offer(&other, "letters", "1.0.0").await;
    let first = builder(&addresses(&other).await).data_dir(dir.path()).spawn().await.unwrap();
    eventually("it knows the other", || count(&first, "letters") == 1).await;
    first.shutdown().await;
    drop((first, serving));
    // Withdrawn while the node is off, and there is nobody who could tell it.
    other.shutdown().await;
    let again = on_its_own(dir.path()).await;
    eventually("it still lists the other", || count(&again, "letters") == 1).await;
    let suspect = |node: &Node| {
        let letters = node.services().into_iter().find(|i| i.record.value().name.as_str() == "letters");
        letters.is_some_and(|letters| letters.suspect)
    };
    assert!(suspect(&again), "as one that may be gone");
    // Somebody who never knew it does not list it.
    let third = node(&addresses(&again).await).await;
    eventually("they compare their views, and it is gone", || count(&again, "letters") == 0).await;
    assert_eq!(count(&third, "letters"), 0, "it has not been passed on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_is_free_when_its_node_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let first = on_its_own(dir.path()).await;
    let id = first.id();
    let refused = builder(&[]).data_dir(dir.path()).spawn().await.unwrap_err();
    assert!(matches!(refused, SpawnError::InUse { .. }), "{refused}");
    first.shutdown().await;
    drop(first);
    let second = on_its_own(dir.path()).await;
    assert_eq!(second.id(), id);
    // Dropped without a word, it may need a moment to close its database.
    drop(second);
    within("it is free", async {
        loop {
            match builder(&[]).data_dir(dir.path()).spawn().await {
                Ok(third) => return assert_eq!(third.id(), id),
                Err(SpawnError::InUse { .. } | SpawnError::Store(_)) => {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_data_directory_every_node_is_a_new_one() {
    let (first, second) = (node(&[]).await, node(&[]).await);
    assert_ne!(first.id(), second.id());
    assert!(first.data_dir().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_data_directory_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let node = on_its_own(dir.path()).await;
    node.shutdown().await;
    drop(node);
    let current = dir.path().join("db/CURRENT");
    let good = std::fs::read(&current).unwrap();
    std::fs::write(&current, "garbage").unwrap();
    let refused = builder(&[]).data_dir(dir.path()).spawn().await.unwrap_err();
    assert!(matches!(refused, SpawnError::Store(_)), "{refused}");
    assert!(refused.to_string().contains("move that directory away"), "{refused}");
    std::fs::write(&current, good).unwrap();
    std::fs::write(dir.path().join("identity.key"), "garbage").unwrap();
    let refused = builder(&[]).data_dir(dir.path()).spawn().await.unwrap_err();
    assert!(matches!(refused, SpawnError::Identity(_)), "{refused}");
    assert!(refused.to_string().contains("identity.key"), "{refused}");
}
