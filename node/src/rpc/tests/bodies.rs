//! Bodies of every size, both ways.

use std::future::IntoFuture;

use atoll_protocol::limits;

use super::{Pair, TRANSPORTS};
use crate::{Code, testing::within};

#[tokio::test(flavor = "multi_thread")]
async fn bodies_up_to_the_limit_arrive_unharmed() {
    for transport in TRANSPORTS {
        let pair = Pair::over(transport).await;
        let inline = limits::RPC_INLINE_BODY;
        for size in [0, 1, inline - 1, inline, inline + 1, 3_000_000, limits::RPC_BODY] {
            let body: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            assert!(pair.echo(&body).await.unwrap() == body, "{size} bytes over {transport}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_above_the_limit_is_refused_before_it_is_sent() {
    let pair = Pair::over(TRANSPORTS[0]).await;
    let status = pair.echo(&vec![0; limits::RPC_BODY + 1]).await.unwrap_err();
    assert_eq!((status.code(), status.is_retryable()), (Code::ResourceExhausted, false));
    assert!(status.message().contains("16777217") && status.message().contains("16777216"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_above_the_limit_is_refused_and_the_connection_stays() {
    for transport in TRANSPORTS {
        let pair = Pair::over(transport).await;
        let before = pair.client.0.net().connections.all()[0].id;
        let size = (limits::RPC_BODY + 1).to_string();
        // The request on the lane, and one that is large itself.
        for request in [size.clone(), "0".repeat(70_000) + &size] {
            let call = pair.test().call_raw("size", request);
            let status = within("an answer", call.into_future()).await.unwrap_err();
            assert_eq!((status.code(), status.is_retryable()), (Code::ResourceExhausted, false), "{status}");
        }
        assert_eq!(pair.echo(b"on we go").await.unwrap(), "on we go");
        assert_eq!(pair.client.0.net().connections.all()[0].id, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_answers_at_once_all_arrive() {
    for transport in TRANSPORTS {
        let pair = Pair::over(transport).await;
        let calls: Vec<_> = (0..40)
            .map(|i| {
                let size = 300_000 + i;
                let call = pair.test().call_raw("size", size.to_string()).into_future();
                (size, tokio::spawn(call))
            })
            .collect();
        // Small ones are not held up behind them.
        assert_eq!(pair.echo(b"small").await.unwrap(), "small");
        for (size, call) in calls {
            let body = within("a large answer", call).await.unwrap().unwrap();
            assert_eq!(body.len(), size);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_calls_at_once_get_each_its_own_answer() {
    for transport in TRANSPORTS {
        let pair = Pair::over(transport).await;
        let calls: Vec<_> = (0..2_000_u32)
            .map(|i| (i, tokio::spawn(pair.test().call_raw("echo", i.to_le_bytes().to_vec()).into_future())))
            .collect();
        for (i, call) in calls {
            assert_eq!(within("an answer", call).await.unwrap().unwrap(), i.to_le_bytes().to_vec());
        }
    }
}
