//! Streams: every kind, typed and of bytes, over either transport and within a node.

use std::{future::IntoFuture, time::Duration};

use atoll_protocol::limits::{STREAM_MESSAGE, STREAM_OVERHEAD, STREAM_WINDOW, STREAM_WINDOW_MAX};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use super::{
    TRANSPORTS,
    flows::{Flows, Seen, failure, stream},
};
use crate::{Code, Receiver, Status, testing::within};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_stream_gives_every_value_in_order() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            let mut receiver: Receiver<u32> = within("it opens", stream(node, "count").receive(&1_000)).await.unwrap();
            for expected in 0..1_000 {
                assert_eq!(within("a value", receiver.next()).await.unwrap(), Some(expected));
            }
            // The end stays the end.
            assert_eq!(within("the end", receiver.next()).await.unwrap(), None);
            assert_eq!(within("the end", receiver.next()).await.unwrap(), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_a_futures_stream() {
    let flows = Flows::over(TRANSPORTS[0]).await;
    for node in flows.callers() {
        let receiver: Receiver<u32> = within("it opens", stream(node, "count").receive(&100)).await.unwrap();
        let all: Vec<u32> = within("all", receiver.try_collect()).await.unwrap();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
        // A failure is its last item.
        let receiver: Receiver<u32> = within("it opens", stream(node, "fail").receive(&())).await.unwrap();
        let all: Vec<_> = within("all", receiver.collect()).await;
        assert_eq!(all, [Ok(0), Ok(1), Ok(2), Err(failure())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_stream_is_answered_once_with_all_of_it() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            let (mut sender, answer) = within("it opens", stream(node, "sum").send::<u64, u64>()).await.unwrap();
            for i in 0..1_000 {
                within("room", sender.send(&i)).await.unwrap();
            }
            sender.finish();
            assert_eq!(within("the answer", answer.into_future()).await.unwrap(), 499_500);
            // Nothing at all is a stream, too.
            let (sender, answer) = within("it opens", stream(node, "sum").send::<u64, u64>()).await.unwrap();
            sender.finish();
            assert_eq!(within("the answer", answer.into_future()).await.unwrap(), 0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bidirectional_stream_goes_both_ways_at_once() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            let opened = within("it opens", stream(node, "double").exchange::<u64, u64>()).await;
            let (mut sender, mut receiver) = opened.unwrap();
            // One at a time: each answer comes before the next question.
            for i in 0..10 {
                within("room", sender.send(&i)).await.unwrap();
                assert_eq!(within("a value", receiver.next()).await.unwrap(), Some(2 * i));
            }
            let sending = tokio::spawn(async move {
                for i in 10..1_000 {
                    sender.send(&i).await.unwrap();
                }
                sender.finish();
            });
            for i in 10..1_000 {
                assert_eq!(within("a value", receiver.next()).await.unwrap(), Some(2 * i));
            }
            assert_eq!(within("the end", receiver.next()).await.unwrap(), None);
            within("all is sent", sending).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_arrive_unharmed_up_to_the_longest_message() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            let (mut sender, mut receiver) = within("it opens", stream(node, "echo").raw()).await.unwrap();
            for size in [0, 1, 16 * 1024 - 1, 16 * 1024, STREAM_MESSAGE - 1, STREAM_MESSAGE] {
                let message: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
                within("room", sender.send(message.clone())).await.unwrap();
                let back = within("a message", receiver.next()).await.unwrap().unwrap();
                assert!(back == message, "{size} bytes over {transport}");
            }
            // One byte too long is refused here, and the stream goes on.
            let status = within("a refusal", sender.send(vec![0; STREAM_MESSAGE + 1])).await.unwrap_err();
            assert_eq!((status.code(), status.is_retryable()), (Code::ResourceExhausted, false), "{status}");
            assert!(status.message().contains("131009") && status.message().contains("pieces"), "{status}");
            within("room", sender.send("on we go")).await.unwrap();
            assert_eq!(within("a message", receiver.next()).await.unwrap().unwrap(), "on we go");
            sender.finish();
            assert_eq!(within("the end", receiver.next()).await.unwrap(), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_too_long_for_a_stream_is_refused() {
    let flows = Flows::over(TRANSPORTS[0]).await;
    for node in flows.callers() {
        let (mut sender, mut receiver) = within("it opens", stream(node, "join").raw()).await.unwrap();
        for _ in 0..2 {
            within("room", sender.send(vec![1; STREAM_MESSAGE])).await.unwrap();
        }
        sender.finish();
        let status = within("the end", receiver.next()).await.unwrap_err();
        assert_eq!((status.code(), status.is_retryable()), (Code::ResourceExhausted, false), "{status}");
        assert!(status.message().contains("send it as messages"), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_are_open_at_once() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        let opening: Vec<_> = (0..300)
            .map(|_| {
                let call = stream(&flows.client, "hold");
                tokio::spawn(async move {
                    let (sender, mut receiver) = call.raw().await?;
                    receiver.next().await.map(|here| (sender, receiver, here))
                })
            })
            .collect();
        let mut open = Vec::new();
        for stream in opening {
            let (sender, receiver, here) = within("it opens", stream).await.unwrap().unwrap();
            assert_eq!(here.unwrap(), "here");
            open.push((sender, receiver));
        }
        // Each carries its own.
        for (i, (sender, _)) in open.iter_mut().enumerate() {
            within("room", sender.send(i.to_string())).await.unwrap();
        }
        flows.stands().await;
        for (i, (sender, mut receiver)) in open.into_iter().enumerate() {
            assert_eq!(within("a message", receiver.next()).await.unwrap().unwrap(), i.to_string());
            sender.finish();
            assert_eq!(within("the end", receiver.next()).await.unwrap(), None);
        }
        assert_eq!(flows.client.0.net().connections.all().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handlers_failure_reaches_the_receiver_and_stays_the_same() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            let mut receiver: Receiver<u32> = within("it opens", stream(node, "fail").receive(&())).await.unwrap();
            for expected in 0..3 {
                assert_eq!(within("a value", receiver.next()).await.unwrap(), Some(expected));
            }
            for _ in 0..3 {
                assert_eq!(within("the failure", receiver.next()).await, Err(failure()));
            }
            // Whoever sends is told the same.
            let (mut sender, mut receiver) = within("it opens", stream(node, "fail").raw()).await.unwrap();
            within("room", sender.send("null")).await.unwrap();
            while within("a message", receiver.next()).await.is_ok() {}
            assert_eq!(within("a refusal", sender.send("more")).await, Err(failure()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_or_is_asked_nonsense_ends_its_stream_only() {
    let flows = Flows::over(TRANSPORTS[0]).await;
    for node in flows.callers() {
        let mut receiver: Receiver<u32> = within("it opens", stream(node, "panic").receive(&())).await.unwrap();
        assert_eq!(within("a value", receiver.next()).await.unwrap(), Some(1));
        let status = within("the failure", receiver.next()).await.unwrap_err();
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("too much"), "what a panic says is not for strangers: {status}");
        // Requests of the wrong form.
        let mut receiver: Receiver<u32> = within("it opens", stream(node, "count").receive(&"many")).await.unwrap();
        assert_eq!(within("the failure", receiver.next()).await.unwrap_err().code(), Code::InvalidArgument);
        let (mut sender, answer) = within("it opens", stream(node, "sum").send::<&str, u64>()).await.unwrap();
        within("room", sender.send(&"three")).await.unwrap();
        assert_eq!(within("the failure", answer.into_future()).await.unwrap_err().code(), Code::InvalidArgument);
    }
    flows.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_kind_of_call_is_told_the_way_out() {
    let flows = Flows::over(TRANSPORTS[0]).await;
    for node in flows.callers() {
        let call = node.client("flows").unwrap().call::<_, Value>("count", &3);
        let status = within("the answer", call.into_future()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains("flows/count") && status.message().contains("--stream"), "{status}");

        let mut receiver: Receiver<u32> = within("it opens", stream(node, "one").receive(&3)).await.unwrap();
        let status = within("the answer", receiver.next()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains("flows/one") && status.message().contains("one answer"), "{status}");

        let mut receiver: Receiver<u32> = within("it opens", stream(node, "none").receive(&3)).await.unwrap();
        let status = within("the answer", receiver.next()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert!(status.message().contains("count") && status.message().contains("sum"), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_stops_the_writer() {
    const SIZE: u64 = 4 * 1024;
    const FRAME: u64 = SIZE + STREAM_OVERHEAD as u64;
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            flows.seen.sent.store(0, std::sync::atomic::Ordering::SeqCst);
            let sent = || Seen::count(&flows.seen.sent) / SIZE;
            let (mut sender, mut receiver) = within("it opens", stream(node, "flood").raw()).await.unwrap();
            within("room", sender.send(SIZE.to_string())).await.unwrap();
            let window = STREAM_WINDOW / FRAME;
            crate::testing::eventually("the window is used", || sent() >= window).await;
            // However long nobody reads.
            for _ in 0..50 {
                flows.stands().await;
                assert_eq!(sent(), window, "nothing was taken, and no credit given");
            }
            for taken in 1..=2_000_u64 {
                assert_eq!(within("a message", receiver.next()).await.unwrap().unwrap().len() as u64, SIZE);
                let under_way = sent().saturating_sub(taken) * FRAME;
                assert!(under_way <= STREAM_WINDOW_MAX, "{under_way} bytes under way over {transport}");
            }
            drop((sender, receiver));
            flows.seen.ended("flood").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_does_not_read_stops_its_caller() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            let (mut sender, mut receiver) = within("it opens", stream(node, "hang").raw()).await.unwrap();
            assert_eq!(within("a message", receiver.next()).await.unwrap().unwrap(), "begun");
            // Exactly what the smallest window holds can be sent.
            for _ in 0..STREAM_WINDOW / (STREAM_MESSAGE as u64 + 16) {
                within("room", sender.send(vec![0; STREAM_MESSAGE])).await.unwrap();
            }
            let mut waits = Box::pin(sender.send("one more"));
            for _ in 0..50 {
                flows.stands().await;
                assert!(futures::poll!(waits.as_mut()).is_pending());
            }
            drop(waits);
            drop((sender, receiver));
            flows.seen.ended("hang").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_stream_at_both_ends() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            let short = Duration::from_millis(300);
            let call = stream(node, "hang").deadline(short);
            let (mut sender, mut receiver) = within("it opens", call.raw()).await.unwrap();
            assert_eq!(within("a message", receiver.next()).await.unwrap().unwrap(), "begun");
            for _ in 0..2 {
                let status = within("the deadline", receiver.next()).await.unwrap_err();
                assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
            }
            assert!(within("a refusal", sender.send("late")).await.is_err());
            flows.seen.ended("the deadline").await;

            // Whoever waits for room is told, too.
            let (mut sender, receiver) = within("it opens", stream(node, "hang").deadline(short).raw()).await.unwrap();
            let status = within("the deadline", async {
                loop {
                    if let Err(status) = sender.send(vec![0; STREAM_MESSAGE]).await {
                        break status;
                    }
                }
            })
            .await;
            assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
            flows.seen.ended("the deadline of a sender").await;
            drop(receiver);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_has_no_time_left_does_no_harm() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            for _ in 0..10 {
                let call = stream(node, "count").deadline(Duration::ZERO);
                let status: Status = match within("it ends", call.receive::<_, u32>(&3)).await {
                    Err(status) => status,
                    Ok(mut receiver) => within("it ends", receiver.next()).await.unwrap_err(),
                };
                assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
            }
            let instances = node.0.rpc.directory.find(&"flows".parse().unwrap());
            assert!(instances.iter().all(|instance| !instance.suspect), "the caller's haste is not the node's fault");
            let now = node.0.rpc.directory.now();
            let load = node.0.rpc.instances.of(flows.server.id(), flows.serving.instance());
            assert!(!load.is_blocked(now));
        }
        flows.stands().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_learns_who_calls_and_with_what() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            let call = stream(node, "tell").metadata("traceparent", "00-ab-cd-01").metadata("a", "b");
            let mut receiver: Receiver<Value> =
                within("it opens", call.deadline(Duration::from_secs(60)).receive(&())).await.unwrap();
            let told = within("a value", receiver.next()).await.unwrap().unwrap();
            assert_eq!(told["caller"], node.id().to_string());
            assert_eq!(told["node"], flows.server.id().to_string());
            assert_eq!(told["metadata"], json!({ "traceparent": "00-ab-cd-01", "a": "b" }));
            assert!(told["remaining"].as_u64().unwrap() <= 60_000, "{told}");
            // Without a deadline there is none.
            let mut receiver: Receiver<Value> = within("it opens", stream(node, "tell").receive(&())).await.unwrap();
            assert_eq!(within("a value", receiver.next()).await.unwrap().unwrap()["remaining"], Value::Null);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_does_not_fit_is_refused_before_anything_is_opened() {
    let flows = Flows::over(TRANSPORTS[0]).await;
    for node in flows.callers() {
        let many = (0..33).fold(stream(node, "count"), |call, i| call.metadata(i.to_string(), ""));
        let large = stream(node, "count").metadata("text", "x".repeat(20_000));
        for call in [many, large] {
            let status = within("a refusal", call.receive::<_, u32>(&1)).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        }
    }
}
