//! What follows from what is thought of somebody.

use super::*;

/// Nodes that take even those on this machine for strangers, and limit them.
async fn strict() -> Node {
    let mut builder = builder();
    builder.config.standing.limits = Some(true);
    let node = listening(builder).await;
    rpc(&node).trust.trust_nobody_here();
    node
}

fn judge(node: &Node, peer: &Node, endings: &[(Ending, u32)]) {
    let trust = &rpc(node).trust;
    let now = trust.0.clock.wall();
    for (ending, count) in endings {
        trust.0.book.lock().record_many(peer.id(), *ending, *count, now);
    }
    trust.judge_all();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_may_offer_one_service() {
    let (node, newcomer) = (strict().await, node(&[]).await);
    let offer = async |name: &str| {
        let method = |_: Context, _: Value| async { Ok(json!("here")) };
        newcomer.service(name, "1.0.0").unwrap().method("ask", method).register().await.unwrap()
    };
    let _serving = [offer("first").await, offer("second").await];
    within("a connection", node.connect(&newcomer.addresses()[0])).await.unwrap();
    eventually("both are listed", || ["first", "second"].iter().all(|name| crate::testing::lists(&node, name))).await;
    let ask = async |name: &str| -> Result<Value, Status> {
        let client = node.client(name).unwrap();
        within("an answer", async { client.call("ask", &json!(1)).await }).await
    };
    assert!(ask("first").await.is_ok() && ask("system").await.is_err(), "system has another method, and is there");
    let refused = ask("second").await.unwrap_err();
    assert_eq!(refused.code(), crate::Code::NotFound, "{refused:?}");
    assert!(
        refused.message().contains(&newcomer.id().to_string()) && refused.message().contains("standing.trusted"),
        "{refused:?}"
    );
    // Whoever names the node asks it all the same.
    let client = node.client("second").unwrap();
    let named: Result<Value, Status> =
        within("an answer", async { client.call("ask", &json!(1)).peer(newcomer.id()).await }).await;
    assert!(named.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn authors_are_newcomers_only_where_strangers_are_limited_and_never_friends() {
    let (stranger, friend) = (NodeId::from_public_key([5; 32]), NodeId::from_public_key([6; 32]));
    let is_newcomer = async |limits, peer: &NodeId| {
        let mut builder = builder();
        builder.config.standing.limits = Some(limits);
        builder.config.standing.trusted.insert(friend);
        rpc(&listening(builder).await).trust.author(peer).newcomer
    };
    assert!(is_newcomer(true, &stranger).await);
    assert!(!is_newcomer(true, &friend).await && !is_newcomer(false, &stranger).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_badly_is_shunned_and_whoever_is_trusted_never() {
    let (bad, fair, friend) = (node(&[]).await, node(&[]).await, node(&[]).await);
    let mut builder = builder();
    builder.config.standing.trusted.insert(friend.id());
    let one = listening(builder).await;
    for peer in [&bad, &friend] {
        judge(&one, peer, &[(Ending::Good, 3), (Ending::Fault, 20)]);
    }
    judge(&one, &fair, &[(Ending::Good, 20), (Ending::Lost, 1)]);
    let trust = &rpc(&one).trust;
    assert_eq!([&bad, &fair, &friend].map(|peer| trust.shuns(&peer.id())), [true, false, false]);
    let scores = [&bad, &fair, &friend].map(|peer| trust.gossip_score(&peer.id()));
    assert!(scores[0] < -10.0 && scores[0] > -80.0 && scores[1] > 5.0 && scores[2] > 5.0, "{scores:?}");
    assert!(trust.gossip_score(&NodeId::from_public_key([5; 32])) > 0.0, "a stranger is heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_count_as_calls_do() {
    let (one, other) = pair().await;
    let count = |_: Context, up_to: u32, sender: crate::Sender<u32>| async move {
        let mut sender = sender;
        for n in 0..up_to {
            sender.send(&n).await?;
        }
        if up_to > 3 { Err(Status::internal("too far")) } else { Ok(()) }
    };
    let service = other.service("counting", "1.0.0").unwrap().server_stream("count", count);
    let _serving = service.register().await.unwrap();
    let stream = async |up_to: u32| {
        let client = one.client("counting").unwrap();
        let mut received =
            within("a stream", async { client.stream("count").peer(other.id()).receive::<_, u32>(&up_to).await })
                .await
                .unwrap();
        while let Ok(Some(_)) = within("a message", received.next()).await {}
    };
    stream(3).await;
    eventually("it counts", || seen(&one, &other).calls() == 1).await;
    assert_eq!(seen(&one, &other).successes(), 1);
    // One that fails is lost; it is charged half a minute later, so here it is only seen to be no success.
    stream(5).await;
    rpc(&one).trust.take_in(false);
    assert_eq!(seen(&one, &other).successes(), 1);
}
