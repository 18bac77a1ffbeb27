//! Streams over WebSockets.

use futures::{SinkExt, StreamExt};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

use super::*;

pub(super) async fn open(node: &Node, path: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let url = format!("ws://localhost{path}");
    within("a handshake", client_async(url, connect(node).await)).await.map(|(socket, _)| socket)
}

/// The next message that is said.
pub(super) async fn next(socket: &mut WebSocketStream<TcpStream>) -> Message {
    within("a message", async {
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                other => return other,
            }
        }
    })
    .await
}

/// The code and the reason of the close frame that comes next.
async fn closed(socket: &mut WebSocketStream<TcpStream>) -> (u16, String) {
    match next(socket).await {
        Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_talk_until_the_client_has_said_all() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    let mut socket = open(&node, "/v1/call/demo/shout").await.unwrap();
    for text in ["one", "two"] {
        socket.send(Message::text(format!("\"{text}\""))).await.unwrap();
        assert_eq!(next(&mut socket).await, Message::text(format!("\"{}\"", text.to_uppercase())));
    }
    socket.send(Message::text("")).await.unwrap();
    assert_eq!(closed(&mut socket).await, (1000, "ok".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_stream_gives_its_answer_as_the_only_message() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    let mut socket = open(&node, "/v1/call/demo/sum").await.unwrap();
    for n in ["1", "2", "39", ""] {
        socket.send(Message::text(n)).await.unwrap();
    }
    assert_eq!(next(&mut socket).await, Message::text("42"));
    assert_eq!(closed(&mut socket).await.0, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_stream_takes_one_request() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    let mut socket = open(&node, "/v1/call/demo/count").await.unwrap();
    socket.send(Message::text("2")).await.unwrap();
    assert_eq!(next(&mut socket).await, Message::text("1"));
    assert_eq!(next(&mut socket).await, Message::text("2"));
    assert_eq!(closed(&mut socket).await.0, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_it_failed_is_told_when_it_is_closed() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    let mut socket = open(&node, "/v1/call/demo/shout").await.unwrap();
    socket.send(Message::text("\"quiet\"")).await.unwrap();
    assert_eq!(closed(&mut socket).await, (4007, "permission_denied: shouting is not forbidden".to_owned()));
    let mut socket = open(&node, "/v1/call/demo/shout").await.unwrap();
    socket.send(Message::text("{")).await.unwrap();
    let (code, reason) = closed(&mut socket).await;
    assert!(code == 4003 && reason.contains("not JSON"), "{code} {reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_is_refused_before_it_is_a_socket() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    let mut refused = Vec::new();
    for path in ["/v1/call/demo/add", "/v1/call/no.such/x", "/v1/call/demo/nothing"] {
        match open(&node, path).await {
            Err(Error::Http(response)) => refused.push(response.status().as_u16()),
            other => panic!("{path}: {other:?}"),
        }
    }
    assert_eq!(refused, [400, 404, 404]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_has_cancelled() {
    let node = node_with_gateway(&[]).await;
    let (gone, is_gone) = tokio::sync::oneshot::channel::<()>();
    let gone = std::sync::Mutex::new(Some(gone));
    let _serving = node
        .service("wait", "1.0.0")
        .unwrap()
        .bidirectional("ever", move |_: Context, mut from: crate::Receiver<Value>, mut out: crate::Sender<Value>| {
            let held = gone.lock().unwrap().take();
            async move {
                out.send(&Value::Null).await?;
                let _ = from.next().await;
                drop(held);
                Ok(())
            }
        })
        .register()
        .await
        .unwrap();
    let mut socket = open(&node, "/v1/call/wait/ever").await.unwrap();
    assert_eq!(next(&mut socket).await, Message::text("null"));
    drop(socket);
    // The handler is dropped, and with it what it holds.
    within("it is cancelled", is_gone).await.unwrap_err();
}
