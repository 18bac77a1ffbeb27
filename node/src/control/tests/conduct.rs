//! What is reported of peers' faults.

use atoll_registry::peers::conduct::{BARRED, Fault};

use super::*;
use crate::testing::{Bare, rpc};

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_reported_by_kind_and_by_peer() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let (bad, good) = (Bare::beside(&node).await, Bare::beside(&node).await);
    let status: StatusReport = get(&node, "/v1/status").await;
    assert!(status.faults.is_empty() && status.barred.is_empty());

    let charge = |fault| rpc(&node).net.conduct.charge(Some(bad.net.me), fault, "a test");
    [Fault::Forged, Fault::Forged, Fault::Replayed].into_iter().for_each(charge);
    let status: StatusReport = get(&node, "/v1/status").await;
    let expected = [("forged".to_owned(), 2), ("replayed".to_owned(), 1)].into_iter().collect();
    assert_eq!(status.faults, expected);
    let connections: Vec<ConnectionRow> = get(&node, "/v1/connections").await;
    for row in connections.iter().filter(|row| row.peer == bad.net.me) {
        assert_eq!(row.faults, expected);
    }
    assert!(connections.iter().any(|row| row.peer == bad.net.me));
    assert!(connections.iter().any(|row| row.peer == good.net.me && row.faults.is_empty()));
    let stats = json!({ "service": "system", "method": "stats", "body": {} });
    let CallReply { body, .. } = ask(&node, "/v1/call", &stats).await;
    assert_eq!((&body["refused_records"], &body["barred_peers"]), (&json!(3), &json!(0)));
    assert_eq!((&body["faults"]["forged"], &body["faults"]["oversize"]), (&json!(2), &json!(0)));

    (0..BARRED as u32).for_each(|_| charge(Fault::Forged));
    eventually("it is barred", || rpc(&node).net.connections.best(&bad.net.me).is_none()).await;
    let status: StatusReport = get(&node, "/v1/status").await;
    assert_eq!(status.barred, [bad.net.me]);
}
