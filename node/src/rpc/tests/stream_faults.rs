//! How streams end before their time: by either half being dropped, with their task, with their node.

use std::future::IntoFuture;

use super::{
    TRANSPORTS,
    flows::{Flows, Seen, stream},
};
use crate::{
    Code,
    testing::{eventually, rpc, within},
};

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_receiver_cancels_the_stream() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            for finished in [false, true] {
                let (sender, receiver) = within("it opens", stream(node, "hang").raw()).await.unwrap();
                within("the handler begins", flows.seen.begun.notified()).await;
                let kept = if finished {
                    sender.finish();
                    None
                } else {
                    Some(sender)
                };
                drop(receiver);
                flows.seen.ended("dropping the receiver").await;
                if let Some(mut sender) = kept {
                    let status = within("a refusal", sender.send("more")).await.unwrap_err();
                    assert_eq!(status.code(), Code::Cancelled, "{status}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_sender_before_it_has_finished_cancels_the_stream() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            let (sender, mut receiver) = within("it opens", stream(node, "hang").raw()).await.unwrap();
            within("the handler begins", flows.seen.begun.notified()).await;
            drop(sender);
            flows.seen.ended("dropping the sender").await;
            let status = within("the end", async {
                loop {
                    match receiver.next().await {
                        Ok(Some(_)) => {}
                        Ok(None) => panic!("a cancelled stream has not ended well"),
                        Err(status) => break status,
                    }
                }
            })
            .await;
            assert_eq!(status.code(), Code::Cancelled, "{status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_answer_cancels_the_stream() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            let (mut sender, answer) = within("it opens", stream(node, "hang").send::<u32, u32>()).await.unwrap();
            within("the handler begins", flows.seen.begun.notified()).await;
            within("room", sender.send(&1)).await.unwrap();
            // Also after all has been sent.
            sender.finish();
            drop(answer);
            flows.seen.ended("dropping the answer").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aborting_the_calling_task_cancels_the_stream() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            let (receiving, answered) = (stream(node, "hang"), stream(node, "hang"));
            let receiving = tokio::spawn(async move {
                let mut receiver = receiving.receive::<_, u32>(&()).await.unwrap();
                while receiver.next().await.is_ok() {}
                std::future::pending::<()>().await;
            });
            within("the handler begins", flows.seen.begun.notified()).await;
            receiving.abort();
            flows.seen.ended("aborting who receives").await;

            let answered = tokio::spawn(async move {
                let (sender, answer) = answered.send::<u32, u32>().await.unwrap();
                sender.finish();
                let _ = answer.into_future().await;
                std::future::pending::<()>().await;
            });
            within("the handler begins", flows.seen.begun.notified()).await;
            answered.abort();
            flows.seen.ended("aborting who waits for the answer").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_their_caller_goes() {
    for transport in TRANSPORTS {
        for kindly in [true, false] {
            for method in ["hang", "flood"] {
                let flows = Flows::over(transport).await;
                let (mut sender, receiver) = within("it opens", stream(&flows.client, method).raw()).await.unwrap();
                within("room", sender.send("4096")).await.unwrap();
                if method == "hang" {
                    within("the handler begins", flows.seen.begun.notified()).await;
                } else {
                    eventually("the handler has sent", || Seen::count(&flows.seen.sent) > 0).await;
                }
                if kindly {
                    within("it stops", flows.client.shutdown()).await;
                } else {
                    drop(flows.client);
                }
                flows.seen.ended(method).await;
                drop((sender, receiver));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_their_server_goes() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        let (mut sender, mut receiver) = within("it opens", stream(&flows.client, "hang").raw()).await.unwrap();
        assert_eq!(within("a message", receiver.next()).await.unwrap().unwrap(), "begun");
        let Flows { server, client: _client, serving, seen: _ } = flows;
        drop((server, serving));
        for _ in 0..2 {
            let status = within("the end", receiver.next()).await.unwrap_err();
            assert_eq!((status.code(), status.is_retryable()), (Code::Unavailable, false), "{transport}: {status}");
        }
        let status = within("a refusal", sender.send("more")).await.unwrap_err();
        assert_eq!((status.code(), status.is_retryable()), (Code::Unavailable, false), "{transport}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_requests_that_breaks_off_never_looks_complete() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            for i in 0..20 {
                let (mut sender, receiver) = within("it opens", stream(node, "collect").raw()).await.unwrap();
                within("the handler begins", flows.seen.begun.notified()).await;
                for _ in 0..i {
                    within("room", sender.send("part")).await.unwrap();
                }
                if i % 2 == 0 {
                    drop(sender);
                    flows.seen.ended("dropping the sender").await;
                } else {
                    drop(receiver);
                    flows.seen.ended("dropping the receiver").await;
                }
            }
        }
        assert_eq!(Seen::count(&flows.seen.complete), 0);
        // Nor when the caller's node goes.
        let (mut sender, _receiver) = within("it opens", stream(&flows.client, "collect").raw()).await.unwrap();
        within("the handler begins", flows.seen.begun.notified()).await;
        within("room", sender.send("part")).await.unwrap();
        drop(flows.client);
        flows.seen.ended("dropping the node").await;
        assert_eq!(Seen::count(&flows.seen.complete), 0);
        drop(sender);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_has_handed_out_goes_on_when_its_stream_ended_well() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            for _ in 0..20 {
                let (sender, mut receiver) = within("it opens", stream(node, "collect").raw()).await.unwrap();
                sender.finish();
                assert_eq!(within("the end", receiver.next()).await.unwrap(), None);
                within("the handler is over", flows.seen.dropped.notified()).await;
            }
        }
        eventually("all substreams are closed", || rpc(&flows.client).net.connections.all().len() == 1).await;
        flows.stands().await;
        let mut cancelled = Box::pin(flows.seen.cancelled.notified());
        assert!(futures::poll!(cancelled.as_mut()).is_pending(), "nobody has given up");
    }
}
