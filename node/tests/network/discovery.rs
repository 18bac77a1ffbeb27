//! Hearing of services.

use atoll_node::{Change, Node, Serving, Watch};
use std::collections::HashMap;

use super::common::{addresses, count, eventually, node, offer, within};

/// The next change of a service with this name.
async fn next(watch: &mut Watch, name: &str) -> Change {
    within("a change", async {
        loop {
            let change = watch.next().await.unwrap();
            if change.instance().record.value().name.as_str() == name {
                return change;
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_sees_services_come_and_go() {
    let server = node(&[]).await;
    let _there = offer(&server, "already.there", "1.0.0").await;
    let client = node(&addresses(&server).await).await;
    eventually("it is listed", || count(&client, "already.there") == 1).await;
    let mut watch = client.watch();
    assert!(matches!(next(&mut watch, "already.there").await, Change::Added(_)));

    for version in ["1.0.0", "1.1.0"] {
        let serving = offer(&server, "letters", version).await;
        let Change::Added(added) = next(&mut watch, "letters").await else { panic!("it was not added") };
        assert_eq!((added.node, added.record.value().instance), (server.id(), serving.instance()));
        assert_eq!(added.record.value().version.to_string(), version);
        drop(serving);
        let Change::Removed(removed, _) = next(&mut watch, "letters").await else { panic!("it was not removed") };
        assert_eq!(removed.record.value().version.to_string(), version);
    }
    server.shutdown().await;
    assert!(matches!(next(&mut watch, "already.there").await, Change::Removed(..)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_takes_its_services_along_everywhere() {
    let seed = node(&[]).await;
    let at = addresses(&seed).await;
    let (server, far) = (node(&at).await, node(&at).await);
    let _serving = offer(&server, "letters", "1.0.0").await;
    eventually("it is listed", || count(&far, "letters") == 1 && count(&seed, "letters") == 1).await;
    server.shutdown().await;
    eventually("it is gone", || count(&far, "letters") == 0 && count(&seed, "letters") == 0).await;
    eventually("and all of the node with it", || far.services().iter().all(|i| i.node != server.id())).await;
}

/// Offers services `prefix.0`, `prefix.1`, …
async fn offer_many(node: &Node, prefix: &str, many: usize) -> Vec<Serving> {
    let mut serving = Vec::new();
    for i in 0..many {
        serving.push(offer(node, &format!("{prefix}.{i}"), "1.0.0").await);
    }
    serving
}

/// How many services of each node are listed, the nodes' own `system` left out.
fn by_node(node: &Node) -> HashMap<atoll_node::NodeId, usize> {
    let mut counts = HashMap::new();
    for instance in node.services().iter().filter(|i| i.record.value().name.as_str() != "system") {
        *counts.entry(instance.node).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_joiner_sees_a_thousand_services_of_one_node() {
    let server = node(&[]).await;
    let _serving = offer_many(&server, "many", 1_000).await;
    let late = node(&addresses(&server).await).await;
    within("joining", late.joined()).await;
    assert_eq!(by_node(&late), HashMap::from([(server.id(), 1_000)]), "all are there with joining");
    let call = late.client("many.999").unwrap().call::<_, String>("version", &());
    assert_eq!(call.await.unwrap(), "1.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_joiner_sees_the_services_of_ten_nodes() {
    let seed = node(&[]).await;
    let at = addresses(&seed).await;
    let mut servers = Vec::new();
    for i in 0..10 {
        let server = node(&at).await;
        let serving = offer_many(&server, &format!("of.{i}"), 20).await;
        servers.push((server, serving));
    }
    let expected: HashMap<_, _> = servers.iter().map(|(server, _)| (server.id(), 20)).collect();
    eventually("the seed knows them", || by_node(&seed) == expected).await;
    let late = node(&at).await;
    eventually("the late joiner knows them", || by_node(&late) == expected).await;
    let all = |node: &Node| by_node(node) == expected;
    eventually("and so does everybody", || servers.iter().all(|(server, _)| all(server))).await;
}
