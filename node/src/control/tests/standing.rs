//! How far nodes are trusted, as it is told.

use atoll_registry::standing::Tier;

use super::*;
use crate::testing::rpc;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_thought_of_a_node_is_told_with_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let other = node(&[]).await;
    let asked = with_socket(dir.path(), other.addresses()).await;
    within("joining", asked.joined()).await;
    let none: Vec<Reputation> = get(&asked, "/v1/reputation").await;
    assert!(none.iter().all(|one| one.calls == 0), "{none:?}");

    let request = json!({ "service": "system", "method": "ping", "body": {}, "peer": other.id() });
    let _: CallReply = ask(&asked, "/v1/call", &request).await;
    eventually("it counts", || rpc(&asked).trust.of(&other.id()).calls > 0).await;
    let all: Vec<Reputation> = get(&asked, "/v1/reputation").await;
    let one: Reputation = get(&asked, &format!("/v1/reputation/{}", other.id())).await;
    assert!(all.iter().any(|row| row.node == one.node && row.calls == one.calls));
    assert_eq!((one.tier, one.calls, one.friend, one.convicted), (Tier::Newcomer, 1, false, false));
    let next = one.next.unwrap();
    assert_eq!((next.tier, next.successes, next.counterparties), (Tier::Member, 49, 2));
    let rows: Vec<NodeRow> = get(&asked, "/v1/nodes").await;
    for row in rows {
        assert_eq!(row.tier.is_none(), row.me);
        assert_eq!(row.score.is_none(), row.me);
    }

    let reason = error(exchange(&asked, "GET /v1/reputation/nobody HTTP/1.0\r\n\r\n").await, 400);
    assert!(reason.contains("nobody"), "{reason}");
    let itself = format!("GET /v1/reputation/{} HTTP/1.0\r\n\r\n", asked.id());
    assert!(error(exchange(&asked, &itself).await, 400).contains("this node itself"));
}
