//! Bounds: of connections, heads and bodies, and of a client's slowness.

use atoll_protocol::limits;

use super::*;
use crate::testing::eventually;

/// What is answered to bytes that are sent as they are.
async fn raw(node: &Node, bytes: &[u8]) -> Vec<u8> {
    let (mut from, mut to) = connect(node).await.into_split();
    let mut answer = Vec::new();
    let _ = within("an answer", async { tokio::join!(to.write_all(bytes), from.read_to_end(&mut answer)) }).await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let node = node_with_gateway(&[]).await;
    let head = format!(
        "POST /v1/call/system/ping HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
        limits::RPC_BODY + 1
    );
    let answer = Reply::read(&raw(&node, head.as_bytes()).await);
    assert!(answer.problem(413).contains(&limits::RPC_BODY.to_string()));
    // One that does not say how large it is is cut off when it is too large.
    let _serving = offer(&node).await;
    let chunk = format!("{:x}\r\n{}\r\n", 64 * 1024, "1".repeat(64 * 1024)).repeat(4);
    let head = "POST /v1/call/demo/count HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = Reply::read(&raw(&node, [head, &chunk].concat().as_bytes()).await);
    assert!(answer.problem(413).contains(&limits::STREAM_MESSAGE.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_body_passes() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    let body = vec![7; limits::RPC_BODY - 1];
    let reply = send(&node, "POST", "/v1/call/demo/bytes", &[], &body).await;
    assert_eq!((reply.status, reply.body.len()), (200, limits::RPC_BODY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_or_none_is_refused() {
    let node = node_with_gateway(&[]).await;
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(80 * 1024));
    assert_eq!(Reply::read(&raw(&node, large.as_bytes()).await).status, 431);
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(100));
    assert_eq!(Reply::read(&raw(&node, many.as_bytes()).await).status, 431);
    assert_eq!(Reply::read(&raw(&node, b"\x16\x03\x01 nonsense\r\n\r\n").await).status, 400);
    assert_eq!(get(&node, "/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_too_many_is_refused_and_the_place_is_free_again() {
    let node = configured(|config| config.connections = 2).await;
    let held = [connect(&node).await, connect(&node).await];
    let refused = async |node: &Node| {
        let answer = raw(node, b"").await;
        (!answer.is_empty()).then(|| Reply::read(&answer).status)
    };
    within("one too many", async { while refused(&node).await != Some(503) {} }).await;
    drop(held);
    within("a place is free", async {
        loop {
            let mut stream = connect(&node).await;
            let _ = stream.write_all(b"GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n").await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            if answer.starts_with(b"HTTP/1.0 200") {
                break;
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up() {
    use std::time::Duration;

    use crate::gateway::patience::Patient;

    let (near, _far) = tokio::io::duplex(8);
    let mut patient = Patient::new(near, Duration::from_secs(60));
    let error = patient.write_all(&[0; 64]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_a_little_now_and_then_is_not_given_up() {
    use std::time::Duration;

    use crate::gateway::patience::Patient;

    let (near, mut far) = tokio::io::duplex(8);
    let mut patient = Patient::new(near, Duration::from_secs(60));
    let slow = async move {
        let mut byte = [0; 8];
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_secs(50)).await;
            far.read_exact(&mut byte).await.unwrap();
        }
    };
    let (written, ()) = tokio::join!(patient.write_all(&[0; 64]), slow);
    written.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_in_the_middle_of_a_call_cancels_it() {
    let node = node_with_gateway(&[]).await;
    let running = std::sync::Arc::new(());
    let held = std::sync::Arc::clone(&running);
    let _serving = node
        .service("wait", "1.0.0")
        .unwrap()
        .method("ever", move |_: Context, _: Value| {
            let held = std::sync::Arc::clone(&held);
            async move {
                std::future::pending::<()>().await;
                drop(held);
                Ok(())
            }
        })
        .register()
        .await
        .unwrap();
    let mut stream = connect(&node).await;
    stream
        .write_all(b"POST /v1/call/wait/ever?deadline=10m HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    eventually("it runs", || std::sync::Arc::strong_count(&running) == 3).await;
    drop(stream);
    eventually("it is cancelled", || std::sync::Arc::strong_count(&running) == 2).await;
}

/// A door to no node: enough for what happens before a request is understood.
fn door() -> std::sync::Arc<crate::gateway::Door> {
    use crate::gateway::{Door, Rules, Shared, Targets, Upstreams, router};

    let (node, targets, upstreams) = (std::sync::Weak::new(), Targets::default(), Upstreams::new(false));
    let shared = std::sync::Arc::new(Shared { node, targets, upstreams, figures: std::sync::Arc::default() });
    let rules = Rules::new(&GatewayConfig::default(), None);
    std::sync::Arc::new(Door { rules, router: router::router(std::sync::Arc::clone(&shared)), shared })
}

/// What a client is answered that sends this and then nothing more; and how long that takes, in a time that flies.
async fn slow(sent: &[u8]) -> (String, std::time::Duration) {
    use crate::gateway::{connection, guard::Way};

    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let loopback = std::net::Ipv4Addr::LOCALHOST.into();
    let way = Way { local: loopback, peer: loopback, secure: false };
    let served = tokio::spawn(connection::talk(near, door(), way));
    let began = tokio::time::Instant::now();
    far.write_all(sent).await.unwrap();
    let mut answer = String::new();
    far.read_to_string(&mut answer).await.unwrap();
    served.await.unwrap();
    (answer, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_too_slowly_ends_the_connection() {
    use crate::gateway::connection::HEAD_PATIENCE;

    for sent in [&b""[..], b"GET / HTTP/1.1\r\nhost: local"] {
        let (answer, took) = slow(sent).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(took >= HEAD_PATIENCE && took < 2 * HEAD_PATIENCE, "{took:?}");
    }
    // One that is silent after an answer is ended likewise.
    let (answer, took) = slow(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(took >= HEAD_PATIENCE && took < 2 * HEAD_PATIENCE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_too_slowly_is_refused() {
    use axum::{body::Body, response::IntoResponse};
    use bytes::Bytes;
    use futures::{StreamExt, stream};

    use crate::gateway::body;

    let begun = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"["))]);
    let stuck = body::read(Body::from_stream(begun.chain(stream::pending())), 1024).await.unwrap_err();
    assert_eq!(stuck.into_response().status().as_u16(), 408);
    // A byte now and then is not enough either.
    let dripping = stream::unfold((), |()| async {
        tokio::time::sleep(std::time::Duration::from_secs(15)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
    });
    let dripping = body::read(Body::from_stream(dripping), 1024).await.unwrap_err();
    assert_eq!(dripping.into_response().status().as_u16(), 408);
    let broken = stream::iter([Err(std::io::Error::other("gone"))]);
    let broken = body::read(Body::from_stream(broken.map(|e: Result<Bytes, _>| e)), 1024).await.unwrap_err();
    assert_eq!(broken.into_response().status().as_u16(), 400);
}

#[tokio::test]
async fn a_connection_takes_little_besides_its_buffers() {
    use crate::gateway::connection;

    let listener = tokio::net::TcpListener::bind(anywhere()).await.unwrap();
    let (client, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (_client, (stream, _)) = (client.unwrap(), accepted.unwrap());
    let room = std::sync::Arc::new(tokio::sync::Semaphore::new(1));
    let place = room.try_acquire_owned().unwrap();
    // There may be ten thousand of them that only listen.
    let size = std::mem::size_of_val(&connection::serve(stream, None, door(), place));
    assert!(size < 3 * 1024, "{size}");
}
