//! Nodes for tests, and waiting for what they do.

use std::time::Duration;

use atoll_node::{Builder, Context, Multiaddr, Node, Serving};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Add {
    pub(crate) a: i64,
    pub(crate) b: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Sum {
    pub(crate) sum: i64,
}

pub(crate) fn builder(bootstrap: &[Multiaddr]) -> Builder {
    Node::builder()
        .network("test")
        .mdns(false)
        .listen(["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap(), "/ip4/127.0.0.1/tcp/0".parse().unwrap()])
        .bootstrap(bootstrap.iter().cloned())
}

pub(crate) async fn node(bootstrap: &[Multiaddr]) -> Node {
    builder(bootstrap).spawn().await.unwrap()
}

/// Waits until `check` holds.
pub(crate) async fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    within(what, async {
        while !check() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Waits for what must happen.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("never happened: {what}"),
    }
}

/// Where a node listens, once it does.
pub(crate) async fn addresses(node: &Node) -> Vec<Multiaddr> {
    eventually("the node listens", || node.addresses().len() >= 2).await;
    node.addresses()
}

/// How many instances of a service a node lists.
pub(crate) fn count(node: &Node, name: &str) -> usize {
    node.services().iter().filter(|i| i.record.value().name.as_str() == name).count()
}

/// Offers a service whose method `version` gives its version.
pub(crate) async fn offer(node: &Node, name: &str, version: &'static str) -> Serving {
    let service = node.service(name, version).unwrap();
    let service = service.method("version", move |_: Context, _: ()| async move { Ok(version.to_owned()) });
    service.register().await.unwrap()
}
