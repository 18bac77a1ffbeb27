//! Requests on their way to a real application and back, through a server as a gateway has one.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{
    Router,
    body::Body as AxumBody,
    extract::Request as Asked,
    response::{IntoResponse, Response as Answer},
    routing::{any, get, post},
};
use futures::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{
    testing::{builder, eventually, listening, lists, pair, within},
    tunnel::{AppAddress, Exposed, Target},
};

/// What the application has been asked, as JSON.
async fn shown(request: Asked) -> Answer {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in request.headers() {
        headers.entry(name.to_string()).or_default().push(value.to_str().unwrap().to_owned());
    }
    let target = request.uri().to_string();
    axum::Json(serde_json::json!({ "method": request.method().as_str(), "target": target, "headers": headers }))
        .into_response()
}

/// Agrees to speak `shout` from now on: what is said comes back in capitals.
async fn shout(mut request: Asked) -> Answer {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        let mut buffer = [0; 256];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            stream.write_all(&buffer[..read].to_ascii_uppercase()).await.unwrap();
        }
    });
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, "shout")];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Counts the bytes of a body as they come.
async fn count(request: Asked) -> String {
    let mut stream = request.into_body().into_data_stream();
    let mut sum = 0_u64;
    while let Some(piece) = stream.next().await {
        sum += piece.unwrap().len() as u64;
    }
    sum.to_string()
}

const PIECE: usize = 1 << 20;

/// Gives so many MiB.
async fn give(uri: Uri) -> Answer {
    let pieces: usize = uri.query().unwrap().parse().unwrap();
    let piece = Bytes::from(vec![7; PIECE]);
    let pieces = (0..pieces).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    AxumBody::from_stream(futures::stream::iter(pieces)).into_response()
}

async fn served(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn application() -> AppAddress {
    let cookies = [(header::SET_COOKIE, "a=1; Path=/"), (header::SET_COOKIE, "b=2"), (header::LOCATION, "/elsewhere")];
    let hop =
        [("connection", "keep-alive, x-hop"), ("x-hop", "secret"), ("x-kept", "yes"), ("keep-alive", "timeout=5")];
    let router = Router::new()
        .route("/shown/{*rest}", any(shown))
        .route("/shout", get(shout))
        .route("/count", post(count))
        .route("/give", get(give))
        .route("/cookies", get(async move || (StatusCode::FOUND, axum::response::AppendHeaders(cookies))))
        .route("/hop", get(async move || (hop, "body")))
        .route("/teapot", get(async || (StatusCode::IM_A_TEAPOT, "short and stout")));
    served(router).await.into()
}

/// What a gateway has: a server whose requests go through this node.
async fn front(node: &Node, asker: Asker) -> SocketAddr {
    let node = node.clone();
    served(Router::new().fallback(async move |request: Asked| match node.web("app", request, &asker).await {
        Ok(response) => response.map(AxumBody::new),
        Err(status) => (http_code(&status), status.message().to_owned()).into_response(),
    }))
    .await
}

struct Stage {
    _server: Node,
    client: Node,
    _exposed: Exposed,
    front: SocketAddr,
}

impl Stage {
    async fn set() -> Self {
        let (server, client) = pair().await;
        let exposed = server.expose("app", Target::Http(application().await)).begin().await.unwrap();
        eventually("it is listed", || lists(&client, "app")).await;
        let asker = Asker { address: Some("192.0.2.7".parse().unwrap()), ..Asker::default() };
        let front = front(&client, asker).await;
        Self { _server: server, client, _exposed: exposed, front }
    }

    /// The head and the body of an answer to a request that ends its connection.
    async fn ask(&self, request: &str) -> (String, String) {
        ask(self.front, request).await
    }
}

async fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let answer = within("an answer", async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.replace('\n', "\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    })
    .await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

fn values(body: &str, name: &str) -> Vec<String> {
    let shown: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body}"));
    serde_json::from_value(shown["headers"][name].clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_sees_who_has_asked_and_how() {
    let stage = Stage::set().await;
    let (head, body) = stage
        .ask(
            "GET /shown/a%20b?x=1&y=%2F HTTP/1.1\nHost: photos.localhost:4080\nCookie: session=abc; atoll-affinity=1\n\
             Cookie: more=1\nX-Forwarded-For: 198.51.100.1\nX-Forwarded-Host: evil\nX-Forwarded-Proto: https\n\
             Connection: close, X-Secret\nX-Secret: s\nKeep-Alive: 5\nTE: trailers\nProxy-Authorization: p\nExpect: 100-continue\n\n",
        )
        .await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let shown: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((shown["method"].as_str(), shown["target"].as_str()), (Some("GET"), Some("/shown/a%20b?x=1&y=%2F")));
    for (name, expected) in [
        ("host", ["photos.localhost:4080"].as_slice()),
        ("cookie", &["session=abc; more=1"]),
        ("x-forwarded-for", &["198.51.100.1", "192.0.2.7"]),
        ("x-forwarded-host", &["photos.localhost:4080"]),
        ("x-forwarded-proto", &["http"]),
        ("forwarded", &["for=192.0.2.7;host=\"photos.localhost:4080\";proto=http"]),
        ("via", &["1.1 atoll"]),
        ("connection", &[]),
        ("x-secret", &[]),
        ("keep-alive", &[]),
        ("te", &[]),
        ("proxy-authorization", &[]),
        ("expect", &[]),
        ("upgrade", &[]),
    ] {
        assert_eq!(values(&body, name), expected, "{name}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_back_as_they_are() {
    let stage = Stage::set().await;
    let (head, body) = stage.ask("GET /teapot HTTP/1.1\nHost: a\nConnection: close\n\n").await;
    assert!(head.starts_with("http/1.1 418") && body == "short and stout", "{head}");
    let (head, _) = stage.ask("GET /cookies HTTP/1.1\nHost: a\nConnection: close\n\n").await;
    for line in ["set-cookie: a=1; path=/", "set-cookie: b=2", "location: /elsewhere"] {
        assert!(head.lines().any(|found| found == line), "{line}: {head}");
    }
    assert!(!head.contains("atoll-affinity"), "with one instance there is nothing to choose: {head}");
    let (head, body) = stage.ask("GET /hop HTTP/1.1\nHost: a\nConnection: close\n\n").await;
    assert!(head.contains("x-kept: yes") && body == "body", "{head}");
    assert!(!head.contains("x-hop:") && !head.contains("keep-alive:"), "{head}");
    let (head, _) = stage.ask("HEAD /shown/x HTTP/1.1\nHost: a\nConnection: close\n\n").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-length:"), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_both_ways() {
    let stage = Stage::set().await;
    const MIB: usize = 64;
    let mut stream = TcpStream::connect(stage.front).await.unwrap();
    let head =
        format!("POST /count HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", MIB * PIECE);
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = vec![1; PIECE];
    for _ in 0..MIB {
        within("room", stream.write_all(&piece)).await.unwrap();
    }
    let mut answer = String::new();
    within("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.ends_with(&format!("\r\n\r\n{}", MIB * PIECE)), "{answer}");

    let mut stream = TcpStream::connect(stage.front).await.unwrap();
    let head = format!("GET /give?{MIB} HTTP/1.0\r\nHost: a\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut buffer, mut sum) = (vec![0; PIECE], 0);
    while let Ok(read @ 1..) = within("more", stream.read(&mut buffer)).await {
        sum += read;
    }
    assert!((MIB * PIECE..MIB * PIECE + 1000).contains(&sum), "{sum}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_changes_its_protocol_goes_both_ways() {
    let stage = Stage::set().await;
    let mut stream = TcpStream::connect(stage.front).await.unwrap();
    let asked = b"GET /shout HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: shout\r\n\r\n";
    stream.write_all(asked).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("the head", stream.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(
        head.starts_with("http/1.1 101") && head.contains("upgrade: shout") && head.contains("connection: upgrade"),
        "{head}"
    );
    for said in ["hello", "once more"] {
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut heard = vec![0; said.len()];
        within("an answer", stream.read_exact(&mut heard)).await.unwrap();
        assert_eq!(heard, said.to_ascii_uppercase().as_bytes());
    }
    stream.shutdown().await.unwrap();
    assert_eq!(within("the end", stream.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_used_again() {
    let stage = Stage::set().await;
    for _ in 0..5 {
        let (head, _) = stage.ask("GET /teapot HTTP/1.1\nHost: a\nConnection: close\n\n").await;
        assert!(head.starts_with("http/1.1 418"), "{head}");
        let pool = || format!("{:?}", stage.client.0.tunnels.0.web);
        eventually("it waits for the next one", || pool().contains("Pool(1 idle)")).await;
    }
    assert_eq!(stage._exposed.report().connections_total, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_application_closes_is_not_used_again() {
    // Answers one request on each connection, and says that it would take more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: AppAddress = listener.local_addr().unwrap().into();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = socket.read_u8().await else { return };
                    asked.push(byte);
                }
                socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
            });
        }
    });
    let (server, client) = pair().await;
    let _exposed = server.expose("app", Target::Http(address)).begin().await.unwrap();
    eventually("it is listed", || lists(&client, "app")).await;
    let front = front(&client, Asker::default()).await;
    for _ in 0..5 {
        let (head, body) = ask(front, "GET / HTTP/1.1\nHost: a\nConnection: close\n\n").await;
        assert!(head.starts_with("http/1.1 200") && body == "ok", "{head} {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_stays_with_an_instance() {
    let (first, client) = pair().await;
    let second = listening(builder().bootstrap(first.addresses())).await;
    within("joining", second.joined()).await;
    let named = async |name: &'static str| -> AppAddress {
        served(Router::new().fallback(async move |request: Asked| {
            let cookie = request.headers().get(header::COOKIE).and_then(|c| c.to_str().ok()).unwrap_or("none");
            format!("{name} {cookie}")
        }))
        .await
        .into()
    };
    let _one = first.expose("app", Target::Http(named("one").await)).begin().await.unwrap();
    let _two = second.expose("app", Target::Http(named("two").await)).begin().await.unwrap();
    eventually("both are listed", || {
        client.services().iter().filter(|i| i.record.value().name.as_str() == "app").count() == 2
    })
    .await;
    let front = front(&client, Asker::default()).await;
    let mut seen = std::collections::BTreeSet::new();
    // One that was slow to answer is left out for a while.
    let end = tokio::time::Instant::now() + crate::testing::PATIENCE;
    while tokio::time::Instant::now() < end {
        let (head, body) = ask(front, "GET / HTTP/1.1\nHost: a\nConnection: close\n\n").await;
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        assert!(cookie.contains("httponly") && cookie.contains("samesite=lax"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap();
        for _ in 0..3 {
            let again = format!("GET / HTTP/1.1\nHost: a\nCookie: {cookie}; own=1\nConnection: close\n\n");
            let (head, same) = ask(front, &again).await;
            assert_eq!(same, body.replace("none", "own=1"), "another instance, or our cookie");
            assert!(!head.contains("set-cookie"), "{head}");
        }
        seen.insert(body);
        if seen.len() == 2 {
            return;
        }
    }
    panic!("everybody gets the same instance: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_does_not_go_round_in_circles() {
    let (server, client) = pair().await;
    // The front leads to itself.
    let circle = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = circle.local_addr().unwrap();
    let _exposed = server.expose("app", Target::Http(address.into())).begin().await.unwrap();
    eventually("it is listed", || lists(&client, "app")).await;
    let node = client.clone();
    let router =
        Router::new().fallback(async move |request: Asked| match node.web("app", request, &Asker::default()).await {
            Ok(response) => response.map(AxumBody::new),
            Err(status) => (http_code(&status), status.message().to_owned()).into_response(),
        });
    tokio::spawn(async move { axum::serve(circle, router).await });
    let (head, body) = ask(address, "GET / HTTP/1.1\nHost: a\nConnection: close\n\n").await;
    assert!(head.starts_with("http/1.1 508") && body.contains("has passed 8 nodes"), "{head} {body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_reach_an_application_is_told_by_code() {
    let stage = Stage::set().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let _dead = stage._server.expose("dead", Target::Http(nobody.into())).begin().await.unwrap();
    let _tcp = stage._server.expose("tcp", Target::Tcp(nobody.into())).begin().await.unwrap();
    eventually("all are listed", || lists(&stage.client, "dead") && lists(&stage.client, "tcp")).await;
    let asked = |method: &str, host: Option<&str>| {
        let request = Request::builder().method(method).uri("/");
        let request = host.into_iter().fold(request, |request, host| request.header(header::HOST, host));
        request.body(http_body_util::Empty::<Bytes>::new()).unwrap()
    };
    let code = async |service: &str, request| {
        let asker = Asker::default();
        let sent = within("an answer", stage.client.web(service, request, &asker)).await;
        http_code(&sent.unwrap_err()).as_u16()
    };
    assert_eq!(code("nobody", asked("GET", Some("a"))).await, 404);
    assert_eq!(code("No Name", asked("GET", Some("a"))).await, 400);
    assert_eq!(code("dead", asked("GET", Some("a"))).await, 502);
    assert_eq!(code("tcp", asked("GET", Some("a"))).await, 502);
    assert_eq!(code("app", asked("GET", None)).await, 400);
    assert_eq!(code("app", asked("CONNECT", Some("a"))).await, 501);
}
