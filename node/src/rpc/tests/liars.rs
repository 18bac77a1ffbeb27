//! Servers that answer what they should not.

use std::{future::IntoFuture, time::Duration};

use atoll_protocol::rpc::{ContentType, ResponseHead, frame::FrameKind};

use super::wire::{Wire, header};
use crate::{
    Code, Node, RawCall,
    testing::{Bare, eventually, node, rpc, within},
};

/// A call to the lying server, which is asked by name.
fn ask(client: &Node, liar: &Bare) -> RawCall {
    client.client("test").unwrap().call_raw("echo", "hello").peer(liar.net.me).deadline(Duration::from_secs(600))
}

async fn lane(liar: &mut Bare) -> Wire {
    let protocol = liar.net.protocols.rpc.clone();
    Wire::new(liar.accept(&protocol).await)
}

fn raw() -> Vec<u8> {
    ResponseHead::ok(ContentType::Raw).encode().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_nothing_and_double_answers_are_ignored() {
    let client = node(&[]).await;
    let mut liar = Bare::beside(&client).await;
    let first = tokio::spawn(ask(&client, &liar).into_future());
    let mut lane = lane(&mut liar).await;
    let call = lane.next().await.unwrap().call;
    for unknown in [call + 1, call + 2, 0, u64::MAX] {
        lane.send(FrameKind::Response, unknown, &raw(), b"not asked for").await;
    }
    // Frames that mean nothing to a caller, known or not; and a ticket that is too short to be one.
    lane.send(FrameKind::Request, call, b"", b"").await;
    lane.send(FrameKind::Cancel, call, b"", b"").await;
    lane.send(FrameKind::Fetch, call, b"", b"").await;
    lane.send(FrameKind::Parked, call, b"", b"1234").await;
    lane.write(&header(200, 0, 0, 0, call)).await;
    lane.send(FrameKind::Response, call, &raw(), b"the answer").await;
    lane.send(FrameKind::Response, call, &raw(), b"another one").await;
    assert_eq!(within("the answer", first).await.unwrap().unwrap(), "the answer");

    // The next call is on the same lane, and gets its own answer.
    let second = tokio::spawn(ask(&client, &liar).into_future());
    let next = lane.next().await.unwrap().call;
    assert_ne!(next, call);
    lane.send(FrameKind::Response, call, &raw(), b"the first one once more").await;
    lane.send(FrameKind::Response, next, &raw(), b"its own").await;
    assert_eq!(within("the answer", second).await.unwrap().unwrap(), "its own");
    assert_eq!(rpc(&client).net.counters.broken_frames.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_the_protocol_fails_the_lanes_calls_at_once() {
    let client = node(&[]).await;
    let mut liar = Bare::beside(&client).await;
    for (i, bytes) in [header(2, 0, 0, u32::MAX, 1), header(2, 1, 0, 0, 1), vec![0xff; 64]].iter().enumerate() {
        let calls: Vec<_> = (0..3).map(|_| tokio::spawn(ask(&client, &liar).into_future())).collect();
        let mut lane = lane(&mut liar).await;
        for _ in &calls {
            lane.next().await.unwrap();
        }
        lane.write(bytes).await;
        for call in calls {
            let status = within("the call fails", call).await.unwrap().unwrap_err();
            assert_eq!((status.code(), status.is_retryable()), (Code::Unavailable, false), "{status}");
        }
        eventually("it is counted", || rpc(&client).net.counters.broken_frames.count() == i as u64 + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_cannot_be_read_is_no_answer() {
    let client = node(&[]).await;
    let mut liar = Bare::beside(&client).await;
    let call = tokio::spawn(ask(&client, &liar).into_future());
    let mut lane = lane(&mut liar).await;
    let id = lane.next().await.unwrap().call;
    lane.send(FrameKind::Response, id, &[0xff; 20], b"").await;
    let status = within("the call fails", call).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Internal);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_said_to_wait_and_does_not_fails_the_call() {
    let client = node(&[]).await;
    let mut liar = Bare::beside(&client).await;
    let bulk = liar.net.protocols.bulk.clone();
    let call = tokio::spawn(ask(&client, &liar).into_future());
    let mut lane = lane(&mut liar).await;
    let id = lane.next().await.unwrap().call;
    lane.send(FrameKind::Parked, id, b"", &7_u64.to_le_bytes()).await;
    let mut fetch = Wire::new(liar.accept(&bulk).await);
    let frame = fetch.next().await.unwrap();
    assert_eq!((frame.kind, frame.call), (FrameKind::Fetch, 7));
    // Parked once more, without end.
    fetch.send(FrameKind::Parked, 0, b"", &8_u64.to_le_bytes()).await;
    let status = within("the call fails", call).await.unwrap().unwrap_err();
    assert_eq!((status.code(), status.is_retryable()), (Code::Unavailable, false), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_the_lane_without_a_word_fails_its_calls() {
    let client = node(&[]).await;
    let mut liar = Bare::beside(&client).await;
    for _ in 0..2 {
        let call = tokio::spawn(ask(&client, &liar).into_future());
        let mut lane = lane(&mut liar).await;
        lane.next().await.unwrap();
        drop(lane);
        let status = within("the call fails", call).await.unwrap().unwrap_err();
        assert_eq!((status.code(), status.is_retryable()), (Code::Unavailable, false), "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_the_lane_after_a_silence_can_be_called_at_once() {
    let client = node(&[]).await;
    let mut liar = Bare::beside(&client).await;
    let connection = rpc(&client).net.connections.best(&liar.net.me).unwrap();
    let call = tokio::spawn(ask(&client, &liar).into_future());
    let mut first = lane(&mut liar).await;
    first.next().await.unwrap();
    eventually("it is taken to be gone", || connection.is_silent()).await;
    drop(first);
    within("the call fails", call).await.unwrap().unwrap_err();
    assert!(!connection.is_silent(), "it has closed the lane");
    let _call = tokio::spawn(ask(&client, &liar).into_future());
    lane(&mut liar).await.next().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_without_the_service_says_so_itself() {
    let client = node(&[]).await;
    let server = node(&client.addresses()).await;
    within("joining", server.joined()).await;
    let call = client.client("test").unwrap().call_raw("echo", "hello").peer(server.id());
    let status = within("the answer", call.into_future()).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status}");
}
