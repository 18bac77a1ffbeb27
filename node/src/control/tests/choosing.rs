//! What a call can say of where it is to go, and what it takes along.

use super::*;

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> std::collections::BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_goes_where_it_is_wanted_with_what_it_takes_along() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let offer = async |zone: &'static str| {
        let service = node.service("who", "1.0.0").unwrap().metadata("zone", zone);
        let service = service.method("answers", move |context: Context, _: ()| async move {
            Ok(json!({ "zone": zone, "user": context.metadata().get("user") }))
        });
        service.register().await.unwrap()
    };
    // One after the other: this node serves a call by version, and has one instance at a time.
    let serving = offer("eu").await;
    let mut request = call("who", "answers", Value::Null);
    (request.labels, request.metadata) = (pairs([("zone", "eu")]), pairs([("user", "me")]));
    request.policy = Some("round_robin".to_owned());
    request.hedge_ms = Some(20);
    let reply: CallReply = ask(&node, "/v1/call", &request).await;
    assert_eq!((reply.status.code, reply.body), (Code::Ok, json!({ "zone": "eu", "user": "me" })));
    request.labels = pairs([("zone", "us")]);
    let reply: CallReply = ask(&node, "/v1/call", &request).await;
    assert_eq!(reply.status.code, Code::NotFound);
    assert!(reply.status.message.contains("zone=us"), "{}", reply.status.message);
    drop(serving);

    for (field, value) in [("labels", json!({ "a": "b" })), ("policy", json!("random")), ("hedge_ms", json!(5))] {
        let mut request = json!(call("who", "answers", Value::Null));
        (request["peer"], request[field]) = (json!(node.id()), value);
        let said = error(post(&node, "/v1/call", &request.to_string()).await, 400);
        assert!(said.contains("peer leaves no choice"), "{said}");
    }
    let request = json!({ "service": "who", "method": "answers", "policy": "best" });
    let said = error(post(&node, "/v1/call", &request.to_string()).await, 400);
    assert!(said.contains("\"best\"") && said.contains("least_inflight"), "{said}");
    let request = json!({ "service": "who", "method": "answers", "labels": 3 });
    let said = error(post(&node, "/v1/call", &request.to_string()).await, 422);
    assert!(said.contains("labels"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_when_to_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let service = node.service("busy", "1.0.0").unwrap().method("work", |_: Context, _: ()| async move {
        Err::<(), _>(Status::resource_exhausted("too much").retry_after(Duration::from_millis(30)))
    });
    let _serving = service.register().await.unwrap();
    let reply: CallReply = ask(&node, "/v1/call", &call("busy", "work", Value::Null)).await;
    let expected = CallStatus {
        code: Code::ResourceExhausted,
        message: "too much".to_owned(),
        retryable: true,
        retry_after_ms: Some(30),
    };
    assert_eq!(reply.status, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_may_be_as_large_as_calls_are() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    let service = node.service("big", "1.0.0").unwrap();
    let service = service.method("length", |_: Context, text: String| async move { Ok(text.len()) });
    let _serving = service.register().await.unwrap();
    let text = "x".repeat(10_000_000);
    let reply: CallReply = ask(&node, "/v1/call", &call("big", "length", text.into())).await;
    assert_eq!(reply.body, json!(10_000_000), "{:?}", reply.status);
}
