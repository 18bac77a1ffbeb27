//! Nodes in one process, over real sockets on loopback.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use atoll_node::{Code, Context, Multiaddr, Node, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Sum {
    sum: i64,
}

async fn node(bootstrap: &[Multiaddr]) -> Node {
    Node::builder()
        .network("test")
        .mdns(false)
        .listen(["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap(), "/ip4/127.0.0.1/tcp/0".parse().unwrap()])
        .bootstrap(bootstrap.iter().cloned())
        .spawn()
        .await
        .unwrap()
}

/// Waits until `check` holds, within a generous bound.
async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let wait = async {
        while !check() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok(), "never happened: {what}");
}

async fn addresses(node: &Node) -> Vec<Multiaddr> {
    eventually("the node listens", || node.addresses().len() >= 2).await;
    node.addresses()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_found_and_called_and_gone_when_dropped() {
    let seed = node(&[]).await;
    let at = addresses(&seed).await;
    let (server, client) = (node(&at).await, node(&at).await);
    let serving = server
        .service("math.calc", "1.0.0")
        .unwrap()
        .method("add", |_: Context, r: Add| async move { Ok(Sum { sum: r.a + r.b }) })
        .method("panic", |_: Context, _: ()| async move { if true { panic!("as asked") } else { Ok(()) } })
        .method("wait", |_: Context, _: ()| async move {
            std::future::pending::<()>().await;
            Ok(())
        })
        .raw_method("echo", |_: Context, body| async move { Ok(body) })
        .register()
        .await
        .unwrap();
    let listed = |name: &str| client.services().iter().any(|i| i.record.value().name.as_str() == name);
    eventually("the service is listed", || listed("math.calc")).await;
    tokio::time::timeout(Duration::from_secs(20), client.joined()).await.unwrap();

    let calc = client.client("math.calc@1").unwrap();
    let sum: Sum = calc.call("add", &Add { a: 2, b: 3 }).deadline(Duration::from_secs(5)).await.unwrap();
    assert_eq!(sum, Sum { sum: 5 });

    let refused = calc.call::<_, Sum>("add", &serde_json::json!({ "a": 2, "b": "three" })).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("`b`"), "{refused}");

    let panicked: Status = calc.call::<_, ()>("panic", &()).await.unwrap_err();
    assert_eq!(panicked.code(), Code::Internal);
    let late = calc.call::<_, ()>("wait", &()).deadline(Duration::from_millis(50)).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    let unknown = calc.call::<_, ()>("subtract", &()).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);

    for size in [0, 1, 64 * 1024, 64 * 1024 + 1, 4 * 1024 * 1024] {
        let body = vec![7_u8; size];
        let echoed = calc.call_raw("echo", body.clone()).await.unwrap();
        assert_eq!(echoed.len(), size);
        assert!(echoed == body);
    }
    let too_large = calc.call_raw("echo", vec![0_u8; 17 * 1024 * 1024]).await.unwrap_err();
    assert_eq!(too_large.code(), Code::ResourceExhausted);

    let nobody = client.client("no.such.service").unwrap().call::<_, ()>("x", &()).await.unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);

    drop(serving);
    eventually("the service is gone", || !listed("math.calc")).await;
    for node in [client, server, seed] {
        node.shutdown().await;
    }
}
