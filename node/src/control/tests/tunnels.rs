//! Exposing, forwarding, sharing and fetching through the control socket.

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::*;

/// What is told, for as long as this is held.
struct Held(BufReader<UnixStream>);

impl Held {
    async fn new(node: &Node, path: &str, request: Value) -> Self {
        let mut socket = UnixStream::connect(socket_path(node.data_dir().unwrap())).await.unwrap();
        let body = request.to_string();
        let head = format!("content-type: application/json\r\ncontent-length: {}", body.len());
        socket.write_all(format!("POST {path} HTTP/1.0\r\n{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
        let mut held = Self(BufReader::new(socket));
        while !held.line().await.unwrap().is_empty() {}
        held
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = within("a line", self.0.read_line(&mut line)).await.unwrap();
        (read > 0).then(|| line.trim().to_owned())
    }

    /// The next event; `None` at the end.
    async fn next<T: DeserializeOwned>(&mut self) -> Option<T> {
        loop {
            let line = self.line().await?;
            if !line.is_empty() {
                return Some(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}")));
            }
        }
    }
}

/// Says hello to everybody.
async fn greeter() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(b"hello").await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_exposed_for_as_long_as_the_answer_is_read() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = with_socket(here.path(), Vec::new()).await;
    let client = with_socket(there.path(), server.addresses()).await;
    let app = greeter().await;
    let mut exposed = Held::new(&server, "/v1/tunnels/expose", json!({ "name": "app", "tcp": app })).await;
    let Some(TunnelEvent::Exposed { app: told, trouble: None }) = exposed.next().await else { panic!("not exposed") };
    assert_eq!((told.target, told.origin), (app.clone(), Origin::Session));
    eventually("it is listed", || lists(&client, "app")).await;
    let mut forwarded = Held::new(&client, "/v1/tunnels/forward", json!({ "service": "app" })).await;
    let Some(TunnelEvent::Forwarded { port, trouble: None }) = forwarded.next().await else { panic!("not forwarded") };
    let mut heard = String::new();
    let mut socket = TcpStream::connect(port.local).await.unwrap();
    within("all", socket.read_to_string(&mut heard)).await.unwrap();
    assert_eq!(heard, "hello");
    let report: TunnelsReport = get(&client, "/v1/tunnels").await;
    assert_eq!((report.exposed.len(), report.forwarded[0].local), (0, port.local));
    // Somebody takes the one away, and the other goes with whoever has asked for it.
    let () = ask(&client, "/v1/tunnels/remove", &RemoveRequest { what: port.local.port().to_string() }).await;
    assert_eq!(forwarded.next::<TunnelEvent>().await, Some(TunnelEvent::Ended));
    assert_eq!(forwarded.next::<TunnelEvent>().await, None);
    drop(exposed);
    eventually("it is gone", || !lists(&client, "app") && server.tunnels().exposed.is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_stays_and_what_fails_is_told() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = with_socket(here.path(), Vec::new()).await;
    let client = with_socket(there.path(), server.addresses()).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let request = json!({ "name": "app", "tcp": nobody, "keep": true });
    let mut exposed = Held::new(&server, "/v1/tunnels/expose", request.clone()).await;
    let Some(TunnelEvent::Exposed { app, trouble: Some(trouble) }) = exposed.next().await else {
        panic!("not exposed")
    };
    assert!(app.origin == Origin::Kept && trouble.contains("is the application running?"), "{trouble}");
    assert_eq!(exposed.next::<TunnelEvent>().await, None);
    let again = error(post(&server, "/v1/tunnels/expose", &request.to_string()).await, 409);
    assert!(again.contains("exposed by this node already"), "{again}");
    eventually("it is listed", || lists(&client, "app")).await;
    let mut forwarded = Held::new(&client, "/v1/tunnels/forward", json!({ "service": "app" })).await;
    let Some(TunnelEvent::Forwarded { port, .. }) = forwarded.next().await else { panic!("not forwarded") };
    let _ = TcpStream::connect(port.local).await.unwrap().read(&mut [0]).await;
    let Some(TunnelEvent::Failed { error }) = forwarded.next().await else { panic!("nothing failed") };
    assert!(error.contains(&nobody), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_issued_opened_and_revoked() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (server, client) = (with_socket(here.path(), Vec::new()).await, with_socket(there.path(), Vec::new()).await);
    let request = json!({ "name": "app", "tcp": greeter().await, "private": true, "keep": true });
    let mut exposed = Held::new(&server, "/v1/tunnels/expose", request).await;
    assert!(exposed.next::<TunnelEvent>().await.is_some());
    let request = TicketRequest { service: "app".to_owned(), for_secs: 60 };
    let TicketReply { ticket, issued } = ask(&server, "/v1/tickets", &request).await;
    assert_eq!(get::<Vec<IssuedTicket>>(&server, "/v1/tickets").await, std::slice::from_ref(&issued));
    let mut opened = Held::new(&client, "/v1/tunnels/forward", json!({ "ticket": ticket })).await;
    let Some(TunnelEvent::Forwarded { port, trouble: None }) = opened.next().await else { panic!("not opened") };
    let mut heard = String::new();
    within("all", TcpStream::connect(port.local).await.unwrap().read_to_string(&mut heard)).await.unwrap();
    assert_eq!(heard, "hello");
    let revoked: IssuedTicket = ask(&server, "/v1/tickets/revoke", &RevokeRequest { id: issued.id }).await;
    assert_eq!(revoked, issued);
    let refused = error(post(&client, "/v1/tunnels/forward", &json!({ "ticket": ticket }).to_string()).await, 403);
    assert!(refused.contains("was revoked"), "{refused}");
    error(post(&server, "/v1/tickets/revoke", &json!({ "id": issued.id }).to_string()).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_shared_and_fetched() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (server, client) = (with_socket(here.path(), Vec::new()).await, with_socket(there.path(), Vec::new()).await);
    let (files, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(files.path().join("a"), "hello").unwrap();
    let request = ShareRequest { path: files.path().to_owned(), for_secs: 60, upload_bytes: None };
    let TicketReply { ticket, .. } = ask(&server, "/v1/shares", &request).await;
    let mut got = Held::new(&client, "/v1/shares/get", json!({ "ticket": ticket, "into": into.path() })).await;
    let done = loop {
        match got.next().await.unwrap() {
            GetEvent::Progress(_) => {}
            GetEvent::Got(done) => break done,
            GetEvent::Failed { error } => panic!("{error}"),
        }
    };
    assert_eq!((done.progress.files, done.progress.bytes), (1, 5));
    assert_eq!(fs::read(into.path().join("a")).unwrap(), b"hello");
    fs::write(into.path().join("a"), "my own").unwrap();
    let mut again = Held::new(&client, "/v1/shares/get", json!({ "ticket": ticket, "into": into.path() })).await;
    let failed = loop {
        match again.next().await.unwrap() {
            GetEvent::Progress(_) => {}
            GetEvent::Got(got) => panic!("{got:?}"),
            GetEvent::Failed { error } => break error,
        }
    };
    assert!(failed.contains("is there already"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let node = with_socket(dir.path(), Vec::new()).await;
    for (path, request, code, word) in [
        ("/v1/tunnels/expose", json!({ "name": "app" }), 400, "either http or tcp"),
        ("/v1/tunnels/expose", json!({ "name": "app", "http": "1", "tcp": "2" }), 400, "either http or tcp"),
        ("/v1/tunnels/expose", json!({ "name": "No Name", "http": "1" }), 400, "No Name"),
        ("/v1/tunnels/expose", json!({ "name": "app", "http": "http://x/" }), 422, "without http://"),
        ("/v1/tunnels/forward", json!({}), 400, "either a service or a ticket"),
        ("/v1/tunnels/forward", json!({ "ticket": "atoll:2" }), 422, "not copied whole"),
        ("/v1/tunnels/remove", json!({ "what": "nothing" }), 404, "node tunnel list"),
        ("/v1/tickets", json!({ "service": "app", "for_secs": 60 }), 404, "node expose app"),
        ("/v1/shares", json!({ "path": "here", "for_secs": 60 }), 400, "full path"),
        ("/v1/shares", json!({ "path": "/nowhere", "for_secs": 60 }), 400, "cannot share /nowhere"),
    ] {
        let refused = error(post(&node, path, &request.to_string()).await, code);
        assert!(refused.contains(word), "{path} {request}: {refused}");
    }
}
