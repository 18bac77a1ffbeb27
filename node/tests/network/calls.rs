//! Calling what another node offers.

use std::{future::IntoFuture, time::Duration};

use atoll_node::{Code, Context, Status};

use super::common::{Add, Sum, addresses, count, eventually, node, offer, within};

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
    eventually("the service is listed", || count(&client, "math.calc") == 1).await;
    within("joining", client.joined()).await;

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
    let nobody = client.client("no.such.service").unwrap().call::<_, ()>("x", &()).await.unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);

    drop(serving);
    eventually("the service is gone", || count(&client, "math.calc") == 0).await;
    for node in [client, server, seed] {
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_live_side_by_side_and_callers_choose() {
    let first = node(&[]).await;
    let second = node(&addresses(&first).await).await;
    let _old = offer(&first, "letters", "1.2.0").await;
    let _newer = offer(&first, "letters", "1.4.1").await;
    let _next = offer(&second, "letters", "2.0.0").await;
    let third = node(&addresses(&second).await).await;
    eventually("all are listed", || count(&third, "letters") == 3).await;
    let ask = async |service: &str| {
        let call = third.client(service).unwrap().call::<_, String>("version", &());
        within("the answer", call.into_future()).await
    };
    for (service, allowed) in [
        ("letters@2", &["2.0.0"][..]),
        ("letters@^1.3", &["1.4.1"]),
        ("letters@=1.2.0", &["1.2.0"]),
        ("letters@~1.2", &["1.2.0"]),
        ("letters@1", &["1.4.1"]),
        ("letters@>1.4,<3", &["1.4.1", "2.0.0"]),
    ] {
        for _ in 0..5 {
            let version = ask(service).await.unwrap();
            assert!(allowed.contains(&version.as_str()), "{service}: {version}");
        }
    }
    let status = ask("letters@3").await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains("letters@^3"), "{status}");
    for wrong in ["letters@", "letters@one", "Letters", "", "letters@1@2"] {
        assert!(third.client(wrong).is_err(), "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_registered_is_refused_with_the_reason() {
    let node = node(&[]).await;
    assert!(node.service("Not A Name", "1.0.0").is_err());
    assert!(node.service("name", "one").is_err());
    let method = |_: Context, _: ()| async move { Ok(()) };
    let twice = node.service("name", "1.0.0").unwrap().method("do", method).method("do", method);
    assert!(twice.register().await.unwrap_err().to_string().contains("twice"));
    let unknown = node.service("name", "1.0.0").unwrap().documented("do", "It does.");
    assert!(unknown.register().await.unwrap_err().to_string().contains("\"do\""));
    let wordy = node.service("name", "1.0.0").unwrap().doc("x".repeat(10_000));
    assert!(wordy.register().await.unwrap_err().to_string().contains("documentation"));
    // A service that was refused is neither listed nor served.
    assert_eq!(count(&node, "name"), 0);
    let call = node.client("name").unwrap().call::<_, ()>("do", &()).peer(node.id());
    assert_eq!(call.await.unwrap_err().code(), Code::NotFound);
}
