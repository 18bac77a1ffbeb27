//! How nodes that tell the truth learn of each other.

use std::future::IntoFuture;

use atoll_registry::services::{Directory as View, DirectoryLimits};

use crate::{
    Context, Node, Serving,
    testing::{eventually, lists, node, pair, rpc, within},
};

async fn offer(node: &Node, name: &str) -> Serving {
    let service = node.service(name, "1.2.3").unwrap();
    service
        .method("name", |context: Context, _: ()| async move { Ok(context.node().to_string()) })
        .register()
        .await
        .unwrap()
}

/// Makes a node forget all that it knows of others.
fn forget(node: &Node) {
    let directory = &rpc(node).directory;
    *directory.view.write() = View::new(node.id(), DirectoryLimits::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_outside_the_view_is_found_through_the_dht() {
    let (server, client) = pair().await;
    // Offered before and after there was somebody to tell the DHT.
    let third = node(&[]).await;
    let _early = offer(&third, "early.bird").await;
    within("connecting", third.connect(&server.addresses()[0])).await.unwrap();
    let _late = offer(&server, "late.bird").await;
    eventually("both are listed", || lists(&client, "late.bird") && lists(&client, "early.bird")).await;
    for (name, provider) in [("late.bird", &server), ("late.bird@1", &server), ("early.bird@^1.2", &third)] {
        let query = name.parse().unwrap();
        let directory = &rpc(&client).directory;
        within("the DHT knows", async {
            loop {
                forget(&client);
                assert!(directory.find(&query).is_empty());
                if directory.resolve(&query).await.iter().any(|i| i.node == provider.id()) {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
        // So that a call needs nobody else to have heard of it.
        forget(&client);
        let call = client.client(name).unwrap().call::<_, String>("name", &());
        assert_eq!(within("the answer", call.into_future()).await.unwrap(), provider.id().to_string());
    }
    let nobody = "no.such.bird".parse().unwrap();
    assert!(within("the DHT says no", rpc(&client).directory.resolve(&nobody)).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_withdrawn_is_not_found_through_the_dht() {
    let (server, client) = pair().await;
    let kept = offer(&server, "kept").await;
    drop(offer(&server, "mayfly").await);
    eventually("what was kept is listed", || lists(&client, "kept") && !lists(&server, "mayfly")).await;
    let resolve = |name: &str| {
        let query = name.parse().unwrap();
        let directory = rpc(&client).directory.clone();
        async move { within("the DHT answers", directory.resolve(&query)).await.len() }
    };
    forget(&client);
    assert_eq!((resolve("mayfly").await, lists(&client, "mayfly")), (0, false));
    drop(kept);
    eventually("it is gone", || !lists(&server, "kept")).await;
    forget(&client);
    assert_eq!((resolve("kept").await, lists(&client, "kept")), (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_services_may_be_dropped_at_once() {
    let (server, client) = pair().await;
    let mut serving = Vec::new();
    // More than one withdrawal can name.
    for _ in 0..1_500 {
        serving.push(offer(&server, "crowd").await);
    }
    let count = |node: &Node| node.services().iter().filter(|i| i.record.value().name.as_str() == "crowd").count();
    eventually("all are listed", || count(&client) == 1_500).await;
    // While this is read, the actor is held up, and finds all the rest at once.
    let held = rpc(&server).directory.view();
    drop(serving);
    drop(held);
    eventually("none is listed here", || count(&server) == 0).await;
    eventually("nor there", || count(&client) == 0).await;
    let _still = offer(&server, "still").await;
    eventually("it goes on", || lists(&client, "still")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_when_its_node_stops() {
    let node = node(&[]).await;
    let mut watch = node.watch();
    node.shutdown().await;
    within("the watch ends", async { while watch.next().await.is_some() {} }).await;
    let mut late = node.watch();
    within("so does one that begins later", async { while late.next().await.is_some() {} }).await;
    node.shutdown().await;
    assert!(node.client("system").unwrap().call::<_, ()>("ping", &()).await.is_err());
}
