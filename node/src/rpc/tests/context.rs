//! What a handler learns of its call, and hands on.

use std::{future::IntoFuture, time::Duration};

use serde_json::{Value, json};

use super::{Pair, TRANSPORTS};
use crate::{
    Code, Context, Node, NodeId, Serving, Status,
    testing::{eventually, lists, node, within},
};

/// What its handler learnt of a call.
fn report(context: &Context) -> Value {
    json!({
        "caller": context.caller().to_string(),
        "node": context.node().to_string(),
        "remaining": context.remaining().map(|left| left.as_millis() as u64),
        "metadata": context.metadata(),
    })
}

/// Offers `far`, which reports what it learns, and `near`, which asks `far` with ten times the time it has itself.
async fn offer(node: &Node, name: &str) -> Serving {
    let service = node.service(name, "1.0.0").unwrap();
    let service = match name {
        "far" => service.method("tell", |context: Context, _: ()| async move { Ok(report(&context)) }),
        _ => service.method("tell", |context: Context, _: ()| async move {
            let far = context.client("far").unwrap().call::<_, Value>("tell", &());
            let far = far.deadline(Duration::from_secs(600)).metadata("hop", "near").await?;
            Ok(json!({ "near": report(&context), "far": far }))
        }),
    };
    service.register().await.unwrap()
}

fn milliseconds(report: &Value) -> u64 {
    report["remaining"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_onward_call_inherits_the_deadline_and_the_metadata() {
    let first = node(&[]).await;
    let (second, third) = (node(&first.addresses()).await, node(&first.addresses()).await);
    let _near = offer(&second, "near").await;
    let _far = offer(&third, "far").await;
    eventually("both are listed", || lists(&first, "near") && lists(&second, "far")).await;
    let call = first.client("near").unwrap().call::<_, Value>("tell", &());
    let call = call.deadline(Duration::from_secs(60)).metadata("traceparent", "00-ab-cd-01").metadata("hop", "first");
    let told = within("the answer", call.into_future()).await.unwrap();

    let (near, far) = (&told["near"], &told["far"]);
    let id = |node: &Node| node.id().to_string();
    assert_eq!((near["caller"].as_str(), near["node"].as_str()), (Some(&*id(&first)), Some(&*id(&second))));
    assert_eq!((far["caller"].as_str(), far["node"].as_str()), (Some(&*id(&second)), Some(&*id(&third))));
    assert!(milliseconds(near) <= 60_000, "{near}");
    assert!(milliseconds(far) <= 60_000, "it asked for more than it had itself: {far}");
    assert_eq!(near["metadata"], json!({ "traceparent": "00-ab-cd-01", "hop": "first" }));
    assert_eq!(far["metadata"], json!({ "traceparent": "00-ab-cd-01", "hop": "near" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_the_deadline_shrinks() {
    let node = node(&[]).await;
    let _serving = node
        .service("watchman", "1.0.0")
        .unwrap()
        .method("twice", |context: Context, _: ()| async move {
            let before = context.remaining().unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(before - context.remaining().unwrap() >= Duration::from_millis(20))
        })
        .register()
        .await
        .unwrap();
    let call = node.client("watchman").unwrap().call::<_, bool>("twice", &());
    assert!(within("the answer", call.into_future()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_on_this_node_is_called_without_any_connection() {
    let node = node(&[]).await;
    let _far = offer(&node, "far").await;
    assert_eq!(node.0.net().connections.len(), 0);
    for peer in [None, Some(node.id())] {
        let mut call = node.client("far@1").unwrap().call::<_, Value>("tell", &());
        if let Some(peer) = peer {
            call = call.peer(peer);
        }
        let told = within("the answer", call.metadata("a", "b").into_future()).await.unwrap();
        assert_eq!(told["caller"], node.id().to_string());
        assert_eq!(told["metadata"], json!({ "a": "b" }));
        assert!(milliseconds(&told) <= 10_000, "{told}");
    }
    let counters = &node.0.net().counters;
    assert_eq!((counters.calls_made.count(), counters.calls_served.count()), (0, 0), "nothing crossed the network");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_does_not_fit_is_refused_before_anything_is_sent() {
    let pair = Pair::over(TRANSPORTS[0]).await;
    let many = (0..33).fold(pair.test().call_raw("echo", ""), |call, i| call.metadata(i.to_string(), ""));
    let large = pair.test().call_raw("echo", "").metadata("text", "x".repeat(20_000));
    for call in [many, large] {
        let status = within("the answer", call.into_future()).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    }
    let enough = (0..32).fold(pair.test().call_raw("echo", "ok"), |call, i| call.metadata(i.to_string(), ""));
    assert_eq!(within("the answer", enough.into_future()).await.unwrap(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_nobody_offers_is_not_found() {
    let pair = Pair::over(TRANSPORTS[0]).await;
    let alone = node(&[]).await;
    for (node, says) in [(&pair.client, "no.such"), (&alone, "not connected")] {
        let call = node.client("no.such").unwrap().call::<_, ()>("x", &());
        let status = within("the answer", call.into_future()).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert!(status.message().contains(says), "{status}");
    }
    let nobody: NodeId = atoll_protocol::identity::SecretKey::from_seed(&[9; 32]).node_id();
    let call = pair.test().call_raw("echo", "").peer(nobody);
    let status: Status = within("the answer", call.into_future()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}
