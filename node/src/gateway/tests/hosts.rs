//! Applications of other nodes, by their own names.

use super::*;
use crate::{
    testing::{eventually, lists},
    tunnel::Target,
};

/// An application that gives back the head of what it is asked.
async fn mirror() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = socket.read_u8().await else { return };
                    asked.push(byte);
                }
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", asked.len());
                let _ = socket.write_all(&[head.as_bytes(), &asked].concat()).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_has_a_name_of_its_own() {
    let home = listening(builder()).await;
    let _exposed = home.expose("photos.family", Target::Http(mirror().await.into())).begin().await.unwrap();
    let node = node_with_gateway(&home.addresses()).await;
    eventually("it is listed", || lists(&node, "photos.family")).await;
    let ask = async |host: &str, path: &str| send(&node, "GET", path, &[("host", host), ("cookie", "a=1")], b"").await;
    let reply = ask("photos.family.localhost:4080", "/v1/status?x=1").await;
    let asked = reply.text().to_lowercase();
    assert_eq!(reply.status, 200, "{asked}");
    assert!(asked.starts_with("get /v1/status?x=1 http/1.1\r\n"), "all paths are the application's: {asked}");
    for line in
        ["host: photos.family.localhost:4080", "cookie: a=1", "x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"]
    {
        assert!(asked.contains(&format!("\r\n{line}\r\n")), "{line}: {asked}");
    }
    let nobody = ask("nobody.localhost", "/").await.problem(404);
    assert!(nobody.contains("nobody"), "{nobody}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _dead = node.expose("dead", Target::Http(closed.into())).begin().await.unwrap();
    let dead = ask("dead.localhost", "/").await.problem(502);
    assert!(dead.contains("is the application running?"), "{dead}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_never_sees_the_gateways_token() {
    let node =
        configured(|config| config.token = Some(crate::config::Token::new("sesame-open-yourself").unwrap())).await;
    let _exposed = node.expose("app", Target::Http(mirror().await.into())).begin().await.unwrap();
    let headers = [("host", "app.localhost"), ("authorization", "Bearer sesame-open-yourself")];
    let reply = send(&node, "GET", "/", &headers, b"").await;
    assert!(reply.status == 200 && !reply.text().contains("sesame"), "{}", reply.text());
    assert_eq!(send(&node, "GET", "/", &headers[..1], b"").await.status, 401);
}
