//! Where the gateway is, whom it lets in, and what it never does.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::{config::Token, error::SpawnError, gateway::address_path, testing::eventually};

async fn refused(change: impl FnOnce(&mut GatewayConfig)) -> SpawnError {
    let mut config = Config::default();
    config.gateway.listen = vec![anywhere()];
    change(&mut config.gateway);
    Node::builder().config(config).mdns(false).listen(loopback()).spawn().await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_node_has_no_gateway_unless_it_is_asked_for() {
    let node = listening(builder()).await;
    assert_eq!(node.gateway(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_address_is_in_the_data_directory_while_the_node_runs() {
    let dir = tempfile::tempdir().unwrap();
    for stop in [true, false] {
        let node = listening(builder().data_dir(dir.path()).gateway([anywhere()])).await;
        let path = address_path(node.data_dir().unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), node.gateway().unwrap());
        assert_eq!(get(&node, "/healthz").await.status, 200);
        if stop {
            node.shutdown().await;
        }
        let address = address(&node);
        drop(node);
        assert!(!path.exists());
        let gone = || std::net::TcpListener::bind(address).is_ok();
        eventually("the port is free", gone).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_gives_way_and_that_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let wanted = taken.local_addr().unwrap();
    let (told, events) = std::sync::mpsc::sync_channel(64);
    let told = move |event| drop(told.try_send(event));
    let node = listening(builder().gateway([wanted]).on_event(told)).await;
    let using = address(&node).port();
    assert_ne!(using, wanted.port());
    let url = node.gateway().unwrap().to_owned();
    let mut moved = false;
    loop {
        match events.recv_timeout(crate::testing::PATIENCE).unwrap() {
            crate::NodeEvent::PortTaken { wanted: of, using: now } if of == wanted.port() => moved = now == using,
            crate::NodeEvent::Gateway { url: at } => break assert!(moved && at == url),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_can_reach_takes_a_token() {
    let open = "0.0.0.0:0".parse().unwrap();
    let error = refused(|config| config.listen = vec![open]).await.to_string();
    assert!(error.contains("0.0.0.0:0") && error.contains("--gateway-token"), "{error}");
    let token = Token::new("correct-horse-battery").unwrap();
    let node = configured(|config| (config.listen, config.token) = (vec![open], Some(token))).await;
    assert_eq!(get(&node, "/v1/status").await.problem(401).len(), get(&node, "/").await.problem(401).len());
    assert!(get(&node, "/v1/status").await.header("www-authenticate").contains("Bearer"));
    let headers = [("authorization", "Bearer correct-horse-battery")];
    assert_eq!(send(&node, "GET", "/v1/status", &headers, b"").await.status, 200);
    assert_eq!(get(&node, "/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_file_is_made_for_its_owner_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.token");
    for _ in 0..2 {
        let node = configured(|config| config.token_file = Some(path.clone())).await;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let token = format!("Bearer {}", std::fs::read_to_string(&path).unwrap().trim());
        assert_eq!(send(&node, "GET", "/v1/status", &[("authorization", &token)], b"").await.status, 200);
    }
    std::fs::write(&path, "short\n").unwrap();
    let error = refused(|config| config.token_file = Some(path.clone())).await.to_string();
    assert!(error.contains("gateway.token") && error.contains("16 to 512"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_are_named() {
    let error = |error: SpawnError| error.to_string();
    assert!(error(refused(|c| c.certificate = Some("/x".into())).await).contains("gateway.key"));
    assert!(error(refused(|c| c.key = Some("/x".into())).await).contains("gateway.certificate"));
    assert!(error(refused(|c| c.hosts = vec!["a:1".to_owned()]).await).contains("gateway.hosts is a:1"));
    assert!(error(refused(|c| c.origins = vec!["app.example".to_owned()]).await).contains("gateway.origins"));
    assert!(error(refused(|c| c.origins = vec!["https://a/b".to_owned()]).await).contains("gateway.origins"));
    assert!(error(refused(|c| c.connections = 0).await).contains("gateway.connections is 0"));
    let files = |c: &mut GatewayConfig| (c.certificate, c.key) = (Some("/no.pem".into()), Some("/no.key".into()));
    assert!(error(refused(files).await).contains("/no.pem"));
    let twice = |c: &mut GatewayConfig| {
        (c.token, c.token_file) = (Token::new("correct-horse-battery").ok(), Some("/t".into()));
    };
    assert!(error(refused(twice).await).contains("gateway.token_file"));
    let nowhere = refused(|c| c.listen = vec!["192.0.2.1:0".parse().unwrap()]).await;
    assert!(error(nowhere).contains("--gateway-token"), "a token is asked for before anything is bound");
    assert_eq!(format!("{:?}", Token::new("correct-horse-battery").unwrap()), "Token(…)");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_pages_from_elsewhere_are_refused() {
    let node = configured(|config| config.origins = vec!["https://app.example.org".to_owned()]).await;
    let as_host = |host| [("host", host)];
    assert!(
        send(&node, "GET", "/v1/status", &as_host("evil.example"), b"").await.problem(421).contains("evil.example")
    );
    let from = |origin| [("origin", origin), ("content-type", "application/json")];
    assert!(
        send(&node, "POST", "/v1/call/system/ping", &from("http://evil.example"), b"{}")
            .await
            .problem(403)
            .contains("evil")
    );
    let allowed = from("https://app.example.org");
    let reply = send(&node, "POST", "/v1/call/system/ping", &allowed, b"{}").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, "https://app.example.org"));
    let asked = send(&node, "OPTIONS", "/v1/call/system/ping", &allowed, b"").await;
    assert_eq!(asked.status, 204);
    assert!(asked.header("access-control-allow-headers").contains("content-type"));
    let refused = send(&node, "OPTIONS", "/v1/call/system/ping", &from("http://evil.example"), b"").await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_host_without_pages_is_not_found_whatever_the_path() {
    let node = node_with_gateway(&[]).await;
    for path in ["/", "/v1/status"] {
        let reply = send(&node, "GET", path, &[("host", "photos.localhost:4080")], b"").await;
        assert!(reply.problem(404).contains("photos"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_owner_may_do_is_not_to_be_had_here() {
    let node = node_with_gateway(&[]).await;
    for (method, path) in [
        ("GET", "/v1/config"),
        ("POST", "/v1/connect"),
        ("GET", "/v1/outbox"),
        ("GET", "/v1/groups"),
        ("POST", "/v1/bench/rpc"),
        ("POST", "/v1/watch"),
    ] {
        assert_eq!(send(&node, method, path, &[], b"").await.status, 404, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_it_speaks_https() {
    use futures_rustls::TlsConnector;
    use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
    use tokio_util::compat::{FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};

    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.key_pair.serialize_pem()).unwrap();
    let node = configured(|config| (config.certificate, config.key) = (Some(certificate), Some(key))).await;
    assert!(node.gateway().unwrap().starts_with("https://"));

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(std::sync::Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(std::sync::Arc::new(client));
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, connect(&node).await.compat()).await.unwrap().compat();
    stream.write_all(b"GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = within("an answer", stream.read_to_end(&mut answer)).await;
    assert_eq!(Reply::read(&answer).status, 200);
    // Who does not speak TLS is not answered, and holds up nobody.
    let mut plain = connect(&node).await;
    plain.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut nothing = Vec::new();
    let _ = within("it is closed", plain.read_to_end(&mut nothing)).await;
    assert!(!nothing.starts_with(b"HTTP"));
}
