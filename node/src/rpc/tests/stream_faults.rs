//! How streams end before their time: by either half being dropped, with their task, with their node.

use std::future::IntoFuture;

use atoll_protocol::{
    limits::{STREAM_MESSAGE, STREAM_WINDOW},
    rpc::{ResponseHead, frame::FrameKind},
};

use super::{
    TRANSPORTS,
    flows::{Flows, Seen, stream},
    wire::{Wire, header, request_head},
};
use crate::{
    Code, Status,
    testing::{Bare, eventually, rpc, within},
};

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_receiver_cancels_the_stream() {
    for transport in TRANSPORTS {
        let flows = Flows::over(transport).await;
        for node in flows.callers() {
            for finished in [false, true] {
                let (sender, receiver) = within("it opens", stream(node, "hang").raw()).await.unwrap();
                within("the handler begins", flows.seen.begun.happened()).await;
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
            within("the handler begins", flows.seen.begun.happened()).await;
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
            within("the handler begins", flows.seen.begun.happened()).await;
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
            within("the handler begins", flows.seen.begun.happened()).await;
            receiving.abort();
            flows.seen.ended("aborting who receives").await;

            let answered = tokio::spawn(async move {
                let (sender, answer) = answered.send::<u32, u32>().await.unwrap();
                sender.finish();
                let _ = answer.into_future().await;
                std::future::pending::<()>().await;
            });
            within("the handler begins", flows.seen.begun.happened()).await;
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
                    within("the handler begins", flows.seen.begun.happened()).await;
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
                within("the handler begins", flows.seen.begun.happened()).await;
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
        within("the handler begins", flows.seen.begun.happened()).await;
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
                within("the handler is over", flows.seen.dropped.happened()).await;
            }
        }
        eventually("all substreams are closed", || rpc(&flows.client).net.connections.all().len() == 1).await;
        flows.stands().await;
        let mut cancelled = Box::pin(flows.seen.cancelled.happened());
        assert!(futures::poll!(cancelled.as_mut()).is_pending(), "nobody has given up");
    }
}

/// A peer that opens streams of `flows`, and says on them what a test makes it say.
struct Attack {
    flows: Flows,
    attacker: Bare,
}

impl Attack {
    async fn begin(transport: &str) -> Self {
        let flows = Flows::over(transport).await;
        let attacker = Bare::beside(&flows.server).await;
        Self { flows, attacker }
    }

    async fn substream(&self) -> Wire {
        Wire::new(self.attacker.open(&self.flows.server, &self.attacker.net.protocols.bulk).await)
    }

    async fn open(&self, method: &str) -> Wire {
        let mut wire = self.substream().await;
        wire.send(FrameKind::Open, 0, &request_head("flows", method), b"").await;
        wire
    }
}

/// How the server concludes; `None` if it ends the stream without a word.
async fn conclusion(wire: &mut Wire) -> Option<Code> {
    loop {
        let frame = wire.next().await?;
        if frame.kind == FrameKind::Response {
            let head = ResponseHead::decode(&frame.head).unwrap();
            return Some(head.failure(&frame.body).map_or(Code::Ok, |status| status.code()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_stream_ends_its_handler_and_nothing_else() {
    for transport in TRANSPORTS {
        let attack = Attack::begin(transport).await;
        let mut honest = attack.open("hold").await;
        let too_long = u32::try_from(STREAM_MESSAGE).unwrap() + 1;
        let frames = [
            ("too long a message", header(FrameKind::Data as u8, 0, 0, too_long, 0)),
            ("four gigabytes", header(FrameKind::Data as u8, 0, 0, u32::MAX, 0)),
            ("the reserved byte", header(FrameKind::Data as u8, 7, 0, 0, 0)),
            ("text", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
            ("a response", header(FrameKind::Response as u8, 0, 0, 0, 0)),
            ("a request", header(FrameKind::Request as u8, 0, 0, 0, 0)),
            ("another opening", header(FrameKind::Open as u8, 0, 0, 0, 0)),
            ("a ping", header(FrameKind::Ping as u8, 0, 0, 0, 0)),
        ];
        for (what, bytes) in frames {
            let mut wire = attack.open("collect").await;
            within("the handler begins", attack.flows.seen.begun.happened()).await;
            wire.write(&bytes).await;
            attack.flows.seen.ended(what).await;
            assert!(!matches!(conclusion(&mut wire).await, Some(Code::Ok)), "{what}");
            attack.flows.stands().await;
        }
        assert_eq!(Seen::count(&attack.flows.seen.complete), 0);
        // A kind that nobody knows yet is skipped.
        let mut wire = attack.open("join").await;
        let mut unknown = header(200, 0, 3, 5, 1);
        unknown.extend_from_slice(b"headbody");
        wire.write(&unknown).await;
        wire.send(FrameKind::Data, 0, b"", b"kept").await;
        wire.send(FrameKind::End, 0, b"", b"").await;
        assert_eq!(conclusion(&mut wire).await, Some(Code::Ok));
        // The same peer's other stream goes on, too.
        honest.send(FrameKind::End, 0, b"", b"").await;
        assert_eq!(conclusion(&mut honest).await, Some(Code::Ok));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_credit_allows_ends_the_stream() {
    for transport in TRANSPORTS {
        let attack = Attack::begin(transport).await;
        let mut wire = attack.open("hang").await;
        within("the handler begins", attack.flows.seen.begun.happened()).await;
        let message = vec![0; STREAM_MESSAGE];
        for _ in 0..=STREAM_WINDOW / STREAM_MESSAGE as u64 {
            wire.send(FrameKind::Data, 0, b"", &message).await;
        }
        attack.flows.seen.ended("the overrun").await;
        assert!(!matches!(conclusion(&mut wire).await, Some(Code::Ok)));
        attack.flows.stands().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_a_head_that_can_be_read() {
    let attack = Attack::begin(TRANSPORTS[0]).await;
    let mut wire = attack.substream().await;
    wire.send(FrameKind::Open, 0, b"no head at all", b"").await;
    assert_eq!(conclusion(&mut wire).await, Some(Code::InvalidArgument));
    let mut wire = attack.open("none").await;
    assert_eq!(conclusion(&mut wire).await, Some(Code::Unimplemented));
    // Before it is opened a stream has nothing to say.
    for kind in [FrameKind::Data, FrameKind::Credit, FrameKind::End, FrameKind::Ping, FrameKind::Pong] {
        let mut wire = attack.substream().await;
        wire.send(kind, 0, b"", b"early").await;
        assert_ne!(conclusion(&mut wire).await, Some(Code::Ok), "{kind:?}");
    }
    // Neither has an opening a body.
    let mut wire = attack.substream().await;
    wire.send(FrameKind::Open, 0, &request_head("flows", "hang"), b"body").await;
    assert_ne!(conclusion(&mut wire).await, Some(Code::Ok));
    attack.flows.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_never_reads_its_stream_blocks_its_handler_until_it_goes() {
    for transport in TRANSPORTS {
        let attack = Attack::begin(transport).await;
        let mut wire = attack.open("flood").await;
        wire.send(FrameKind::Data, 0, b"", b"65536").await;
        // It allows everything, and takes nothing.
        wire.send(FrameKind::Credit, u64::MAX, b"", b"").await;
        wire.send(FrameKind::Credit, u64::MAX, b"", b"").await;
        let sent = || Seen::count(&attack.flows.seen.sent);
        eventually("it is sent what it asked for", || sent() >= STREAM_WINDOW / 2).await;
        let mut before = 0;
        within("the handler is stopped", async {
            while before != sent() {
                before = sent();
                for _ in 0..100 {
                    attack.flows.stands().await;
                }
            }
        })
        .await;
        // What the transport itself takes comes on top.
        assert!(before <= 64 * 1024 * 1024, "{before} bytes over {transport}");
        drop(wire);
        attack.flows.seen.ended("the stream is dropped").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_answered_and_a_pong_ignored() {
    let attack = Attack::begin(TRANSPORTS[0]).await;
    let mut lane = Wire::new(attack.attacker.open(&attack.flows.server, &attack.attacker.net.protocols.rpc).await);
    for number in [0, 7, u64::MAX] {
        lane.send(FrameKind::Ping, number, b"", b"").await;
        let frame = lane.next().await.unwrap();
        assert_eq!((frame.kind, frame.call), (FrameKind::Pong, number));
    }
    lane.send(FrameKind::Pong, 3, b"", b"").await;
    assert_ne!(lane.answer().await.1, Code::Ok);
    lane.send(FrameKind::Ping, 9, b"", b"").await;
    assert_eq!(lane.next().await.unwrap().kind, FrameKind::Pong);
}

/// What a caller is told by a server that says `bytes` on its stream, and then ends it.
async fn told(transport: &str, bytes: &[u8]) -> (Vec<usize>, Status) {
    let client = crate::testing::listening(super::over(transport)).await;
    let mut liar = Bare::beside(&client).await;
    let bulk = liar.net.protocols.bulk.clone();
    let call = stream(&client, "any").peer(liar.net.me);
    let (sender, mut receiver) = within("it opens", call.raw()).await.unwrap();
    let mut wire = Wire::new(liar.accept(&bulk).await);
    assert_eq!(wire.next().await.unwrap().kind, FrameKind::Open);
    wire.write(bytes).await;
    let closing = tokio::spawn(async move { wire.close().await });
    let mut messages = Vec::new();
    let status = within("the end", async {
        loop {
            match receiver.next().await {
                Ok(Some(message)) => messages.push(message.len()),
                Ok(None) => panic!("it has not ended well"),
                Err(status) => break status,
            }
        }
    })
    .await;
    assert_eq!(within("the same again", receiver.next()).await, Err(status.clone()));
    within("it is closed", closing).await.unwrap();
    drop(sender);
    (messages, status)
}

fn data(size: usize) -> Vec<u8> {
    let mut bytes = header(FrameKind::Data as u8, 0, 0, u32::try_from(size).unwrap(), 0);
    bytes.resize(16 + size, 7);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lies_on_a_stream_fails_it() {
    for transport in TRANSPORTS {
        // Closed early, with and without a message before.
        let (messages, status) = told(transport, &data(3)).await;
        assert_eq!(messages, [3]);
        assert_eq!((status.code(), status.is_retryable()), (Code::Unavailable, false), "{status}");
        let (_, status) = told(transport, b"").await;
        assert_eq!((status.code(), status.is_retryable()), (Code::Unavailable, false), "{status}");
        // What only a caller may say, and an outcome that cannot be read.
        for kind in [FrameKind::End, FrameKind::Cancel, FrameKind::Open, FrameKind::Request] {
            let (_, status) = told(transport, &header(kind as u8, 0, 0, 0, 0)).await;
            assert_eq!(status.code(), Code::Internal, "{kind:?}: {status}");
        }
        let mut outcome = header(FrameKind::Response as u8, 0, 20, 0, 0);
        outcome.extend_from_slice(&[0xff; 20]);
        let (_, status) = told(transport, &outcome).await;
        assert_eq!(status.code(), Code::Internal, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_sends_without_credit_is_cut_off() {
    for transport in TRANSPORTS {
        let client = crate::testing::listening(super::over(transport)).await;
        let mut liar = Bare::beside(&client).await;
        let bulk = liar.net.protocols.bulk.clone();
        let call = stream(&client, "any").peer(liar.net.me);
        let (mut sender, mut receiver) = within("it opens", call.raw()).await.unwrap();
        let mut wire = Wire::new(liar.accept(&bulk).await);
        assert_eq!(wire.next().await.unwrap().kind, FrameKind::Open);
        // Absurd credit, twice, is credit enough.
        wire.send(FrameKind::Credit, u64::MAX, b"", b"").await;
        wire.send(FrameKind::Credit, u64::MAX, b"", b"").await;
        within("room", sender.send("hello")).await.unwrap();
        assert_eq!(wire.next().await.unwrap().body, "hello");
        for _ in 0..=STREAM_WINDOW / STREAM_MESSAGE as u64 {
            wire.send(FrameKind::Data, 0, b"", &vec![0; STREAM_MESSAGE]).await;
        }
        wire.ended().await;
        let status = within("the failure", async {
            loop {
                match receiver.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("it has not ended well"),
                    Err(status) => break status,
                }
            }
        })
        .await;
        assert_eq!(status.code(), Code::Internal, "{status}");
        assert!(status.message().contains("credit"), "{status}");
        assert!(rpc(&client).net.connections.best(&liar.net.me).is_some(), "the connection stays");
    }
}
