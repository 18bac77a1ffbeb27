//! What the node knows, through the gateway as through the control socket.

use super::*;
use crate::{
    control::api::*,
    testing::{eventually, lists, node},
};

fn read<T: serde::de::DeserializeOwned>(reply: &Reply) -> T {
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"), "{}", reply.text());
    serde_json::from_slice(&reply.body).unwrap_or_else(|e| panic!("{e}: {}", reply.text()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_report_is_what_the_api_says() {
    let server = node(&[]).await;
    let _serving = offer(&server).await;
    let node = node_with_gateway(&server.addresses()).await;
    within("joining", node.joined()).await;
    eventually("the service is listed", || lists(&node, "demo")).await;
    let status: StatusReport = read(&get(&node, "/v1/status").await);
    assert_eq!((status.node, status.peers, status.gateway.as_deref()), (node.id(), 1, node.gateway()));
    let nodes: Vec<NodeRow> = read(&get(&node, "/v1/nodes").await);
    assert_eq!(nodes.len(), 2);
    let services: Vec<ServiceRow> = read(&get(&node, "/v1/services").await);
    assert!(services.iter().any(|row| row.name.as_str() == "demo" && row.nodes == [server.id()]));
    let described: ServiceDescription = read(&get(&node, "/v1/services/demo").await);
    assert_eq!(described.versions[0].doc, "Shows what there is.");
    let routes: Vec<RouteRow> = read(&get(&node, "/v1/routes").await);
    assert!(routes.iter().any(|route| route.service == "demo@1.2.0"));
    let connections: Vec<ConnectionRow> = read(&get(&node, "/v1/connections").await);
    assert!(connections.iter().all(|c| c.peer == server.id()));
    let graph: GraphNode = read(&get(&node, "/v1/graph?radius=2").await);
    assert_eq!(graph.peers[0].node, server.id());
    let doctor: DoctorReport = read(&get(&node, "/v1/doctor").await);
    assert_eq!(doctor.node, node.id());
    let found: SearchReply = read(&get(&node, "/v1/search?q=shows+there&version=%5E1&limit=5").await);
    assert_eq!(found.found[0].name.as_str(), "demo");
    let found: SearchReply = read(&get(&node, "/v1/search?prefix=demo&label=zone%3Deu").await);
    assert!(found.found.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_wrongly_is_refused_with_the_reason() {
    let node = node_with_gateway(&[]).await;
    assert!(get(&node, "/v1/services/no.such").await.problem(404).contains("no.such"));
    assert!(get(&node, "/v1/services/No!").await.problem(400).contains("No!"));
    assert!(get(&node, "/v1/graph?radius=9").await.problem(400).contains("1 to 8"));
    assert!(get(&node, "/v1/graph?radius=far").await.problem(400).contains("far"));
    assert!(get(&node, "/v1/graph?radius=1&radius=2").await.problem(400).contains("twice"));
    assert!(get(&node, "/v1/search?limit=0").await.problem(400).contains('0'));
    assert!(get(&node, "/v1/search?label=eu").await.problem(400).contains("KEY=VALUE"));
    assert!(get(&node, "/v1/search?words=x").await.problem(400).contains("words"));
    get(&node, "/v2/status").await.problem(404);
    post(&node, "/v1/status", "{}").await.problem(405);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_once_it_has_joined_or_has_nobody_to_join() {
    let alone = node_with_gateway(&[]).await;
    assert_eq!(get(&alone, "/healthz").await.json()["status"], "ok");
    let ready = get(&alone, "/readyz").await;
    assert_eq!((ready.status, &ready.json()["alone"]), (200, &Value::Bool(true)));
    // Nobody is there: the port is one that was just let go of.
    let nobody = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() };
    let waiting = node_with_gateway(&[format!("/ip4/127.0.0.1/tcp/{nobody}").parse().unwrap()]).await;
    let ready = get(&waiting, "/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (503, &Value::Bool(false)));
    let joined = node_with_gateway(&alone.addresses()).await;
    within("joining", joined.joined()).await;
    assert_eq!(get(&joined, "/readyz").await.json()["joined"], true);
}
