//! How connections end: one direction after the other, or broken, and never one for the other.

use std::io::ErrorKind;

use tokio::sync::mpsc;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn who_has_said_all_still_hears_the_answer() {
    let count = app(|mut socket| async move {
        let mut all = Vec::new();
        socket.read_to_end(&mut all).await.unwrap();
        socket.write_all(format!("{} bytes", all.len()).as_bytes()).await.unwrap();
    })
    .await;
    let way = Way::to(Target::Tcp(count)).await;
    let heard = exchange(&mut connected(&way.forwarded).await, &[7; 100_000]).await.unwrap();
    assert_eq!(heard, b"100000 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_has_said_all_still_hears_the_rest() {
    let (tell, mut told) = mpsc::channel(1);
    let greet = app(move |mut socket| {
        let tell = tell.clone();
        async move {
            socket.write_all(b"welcome").await.unwrap();
            socket.shutdown().await.unwrap();
            let mut all = Vec::new();
            socket.read_to_end(&mut all).await.unwrap();
            tell.send(all.len()).await.unwrap();
        }
    })
    .await;
    let way = Way::to(Target::Tcp(greet)).await;
    let mut stream = connected(&way.forwarded).await;
    let mut heard = Vec::new();
    within("the end", stream.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"welcome");
    stream.write_all(&[7; 300_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(within("all", told.recv()).await, Some(300_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_before_all_was_said_arrives() {
    let hasty = app(|mut socket| async move {
        socket.read_exact(&mut [0; 1000]).await.unwrap();
        socket.write_all(b"enough").await.unwrap();
        socket.shutdown().await.unwrap();
        // As servers do that want their answer to be read.
        let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
    })
    .await;
    let way = Way::to(Target::Tcp(hasty)).await;
    let mut stream = connected(&way.forwarded).await;
    assert_eq!(exchange(&mut stream, &vec![7; 5 << 20]).await.unwrap(), b"enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_breaks_off_does_not_look_as_if_it_had_ended() {
    let broken = app(|mut socket| async move {
        socket.write_all(b"half of").await.unwrap();
        let _ = socket.read(&mut [0]).await;
        socket.set_zero_linger().unwrap();
    })
    .await;
    let mut way = Way::to(Target::Tcp(broken)).await;
    let mut stream = connected(&way.forwarded).await;
    let mut heard = [0; 7];
    within("what there is", stream.read_exact(&mut heard)).await.unwrap();
    stream.write_all(b"!").await.unwrap();
    let ended = within("the end", stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
    let failure = within("it is told", way.forwarded.failure()).await.unwrap();
    let address = way.exposed.report().target;
    assert!(failure.contains(&format!("{address} broke the connection")), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_breaks_off_does_not_look_as_if_it_had_ended() {
    let (tell, mut told) = mpsc::channel(1);
    let witness = app(move |mut socket| {
        let tell = tell.clone();
        async move {
            socket.write_all(b"hello").await.unwrap();
            let mut all = Vec::new();
            let ended = socket.read_to_end(&mut all).await.map_err(|error| error.kind());
            tell.send(ended).await.unwrap();
        }
    })
    .await;
    let way = Way::to(Target::Tcp(witness)).await;
    let mut stream = way_open(&way).await;
    stream.write_all(b"half of").await.unwrap();
    stream.set_zero_linger().unwrap();
    drop(stream);
    assert_eq!(within("the end", told.recv()).await, Some(Err(ErrorKind::ConnectionReset)));
}

async fn way_open(way: &Way) -> TcpStream {
    let mut stream = connected(&way.forwarded).await;
    within("a greeting", stream.read_exact(&mut [0; 5])).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_goes_breaks_its_connections() {
    let way = Way::to(Target::Tcp(echo().await)).await;
    let mut stream = way.open().await;
    way.server.shutdown().await;
    let ended = within("the end", stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_refuses_is_told_with_the_way_out() {
    let address = nobody().await;
    let mut way = Way::to(Target::Tcp(address.clone())).await;
    let expected = format!("connection refused by {address}: is the application running?");
    assert_eq!(way.exposed.trouble().await.as_deref(), Some(expected.as_str()));
    let status = refusal(&way.client, "app").await;
    assert_eq!(status.message(), format!("app at {}: {expected}", way.server.id().short()));
    assert!(is_reset(&way.forwarded).await);
    assert_eq!(within("it is told", way.forwarded.failure()).await.as_deref(), Some(status.message()));
    let _exposed = way.server.expose("alive", Target::Tcp(echo().await)).begin().await.unwrap();
    assert_eq!(_exposed.trouble().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_told_why_there_is_no_page() {
    let way = Way::to(Target::Http(nobody().await)).await;
    let mut stream = connected(&way.forwarded).await;
    let asked = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let answer = String::from_utf8(exchange(&mut stream, asked).await.unwrap()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("is the application running?"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_through_what_was_taken_away() {
    let way = Way::to(Target::Tcp(echo().await)).await;
    let mut stream = way.open().await;
    let Way { client, exposed, mut forwarded, .. } = way;
    drop(exposed);
    assert!(within("the end", stream.read(&mut [0])).await.is_err(), "it is reset");
    let failure = within("it is told", forwarded.failure()).await.unwrap();
    assert!(failure.contains("app is no longer exposed"), "{failure}");
    eventually("it is gone", || !lists(&client, "app")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_away_is_free_again() {
    let mut way = Way::to(Target::Tcp(echo().await)).await;
    let mut stream = way.open().await;
    let address = way.forwarded.local();
    way.client.remove_tunnel(&address.to_string()).await.unwrap();
    assert!(within("the end", stream.read(&mut [0])).await.is_err(), "it is reset");
    assert_eq!(within("the end is told", way.forwarded.failure()).await, None);
    eventually("nobody listens", || std::net::TcpListener::bind(address).is_ok()).await;
    let again = way.client.remove_tunnel(&address.to_string()).await.unwrap_err();
    assert!(matches!(again, RemoveError::Unknown { .. }), "{again}");
    let _ = local(&stream);
}
