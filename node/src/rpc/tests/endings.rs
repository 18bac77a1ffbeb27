//! How calls end: by panic, by being given up, by deadline, with their connection.

use std::{future::IntoFuture, time::Duration};

use super::{Pair, TRANSPORTS, serve};
use crate::{
    Code, Status,
    testing::{eventually, listening, lists, rpc, within},
};

/// A request that is sent on a lane, and one that gets a substream of its own.
fn requests() -> [Vec<u8>; 2] {
    [Vec::new(), vec![0; 100_000]]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_harms_nobody() {
    let pair = Pair::over(TRANSPORTS[0]).await;
    for node in [&pair.client, &pair.server] {
        for request in requests() {
            for method in ["early", "late"] {
                let call = node.client("test").unwrap().call_raw(method, request.clone());
                let status = within("the answer", call.into_future()).await.unwrap_err();
                assert_eq!(status.code(), Code::Internal, "{status}");
                assert!(!status.message().contains("too "), "what a panic says is not for strangers: {status}");
            }
        }
    }
    assert_eq!(pair.echo(b"unharmed").await.unwrap(), "unharmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_a_call_drops_its_handler() {
    for transport in TRANSPORTS {
        let pair = Pair::over(transport).await;
        for node in [&pair.client, &pair.server] {
            for request in requests() {
                let call = node.client("test").unwrap().call_raw("wait", request).deadline(Duration::from_secs(600));
                let call = tokio::spawn(call.into_future());
                within("the handler begins", pair.witness.begun.happened()).await;
                call.abort();
                within("the handler is dropped", pair.witness.dropped.happened()).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_the_call_and_its_handler() {
    let pair = Pair::over(TRANSPORTS[0]).await;
    for request in requests() {
        let call = pair.test().call_raw("wait", request).deadline(Duration::from_secs(1));
        let call = tokio::spawn(call.into_future());
        within("the handler begins", pair.witness.begun.happened()).await;
        let status = within("the deadline", call).await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        within("the handler is dropped", pair.witness.dropped.happened()).await;
    }
    let forever = pair.test().call_raw("echo", "now").deadline(Duration::MAX);
    assert_eq!(within("the answer", forever.into_future()).await.unwrap(), "now");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_fail_at_once_when_their_server_goes() {
    for transport in TRANSPORTS {
        let pair = Pair::over(transport).await;
        let calls: Vec<_> = requests()
            .into_iter()
            .map(|r| pair.test().call_raw("wait", r).deadline(Duration::from_secs(600)).into_future())
            .map(tokio::spawn)
            .collect();
        for _ in &calls {
            within("the handler begins", pair.witness.begun.happened()).await;
        }
        let Pair { server, client: _client, _serving, witness: _ } = pair;
        drop((server, _serving));
        for call in calls {
            let status: Status = within("the call fails", call).await.unwrap().unwrap_err();
            // They were sent: whether they were carried out nobody knows.
            assert_eq!((status.code(), status.is_retryable()), (Code::Unavailable, false), "{transport}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_are_dropped_when_their_caller_goes() {
    for transport in TRANSPORTS {
        for request in requests() {
            let pair = Pair::over(transport).await;
            let call = pair.test().call_raw("wait", request).deadline(Duration::from_secs(600));
            let _call = tokio::spawn(call.into_future());
            within("the handler begins", pair.witness.begun.happened()).await;
            drop(pair.client);
            within("the handler is dropped", pair.witness.dropped.happened()).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_of_two_instances_goes_calls_go_to_the_other() {
    let pair = Pair::over(TRANSPORTS[1]).await;
    let second = listening(super::over(TRANSPORTS[1]).bootstrap(pair.client.addresses())).await;
    let serving = serve(&second, &pair.witness).await;
    let instances = || pair.client.0.rpc.directory.find(&"test".parse().unwrap()).len();
    eventually("both are listed", || instances() == 2).await;
    for i in 0..20_u8 {
        assert_eq!(pair.echo(&[i]).await.unwrap(), vec![i]);
    }
    // Gone without a word, and still listed.
    let gone = second.id();
    drop((serving, second));
    eventually("the connection is gone", || rpc(&pair.client).net.connections.best(&gone).is_none()).await;
    for i in 0..20_u8 {
        assert_eq!(pair.echo(&[i]).await.unwrap(), vec![i]);
    }
    assert!(lists(&pair.client, "test"));
}
