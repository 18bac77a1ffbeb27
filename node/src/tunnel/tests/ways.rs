//! What is said at one end arrives at the other.

use super::*;
use crate::protocol::service::Protocol;

/// Bytes that tell if some are missing or changed places.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 ^ (i >> 16) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_both_ways_over_either_transport() {
    for transport in ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"] {
        let server = listening(builder().listen([transport.parse().unwrap()])).await;
        let client = beside(&server, builder().listen([transport.parse().unwrap()])).await;
        let way = Way::between(server, client, Target::Tcp(echo().await)).await;
        let said = pattern(8 << 20);
        let stream = connected(&way.forwarded).await;
        let (mut read, mut write) = stream.into_split();
        let sending = {
            let said = said.clone();
            tokio::spawn(async move {
                write.write_all(&said).await.unwrap();
                write.shutdown().await.unwrap();
                write
            })
        };
        let mut heard = Vec::new();
        within("all of it", read.read_to_end(&mut heard)).await.unwrap();
        assert!(heard == said, "{} of {} bytes over {transport}", heard.len(), said.len());
        drop(sending.await.unwrap());
        eventually("it is over", || way.exposed.report().connections == 0).await;
        let (exposed, port) = (way.exposed.report(), way.forwarded.report());
        let len = said.len() as u64;
        assert_eq!((exposed.connections_total, exposed.bytes_in, exposed.bytes_out), (1, len, len));
        assert_eq!((port.connections_total, port.bytes_in, port.bytes_out), (1, len, len));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_reaches_what_it_exposes_itself() {
    let (server, _) = pair().await;
    let _exposed = server.expose("app", Target::Tcp(echo().await)).begin().await.unwrap();
    assert!(echoes(within("it opens", server.connect_to("app")).await.unwrap()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_read_and_written_in_pieces_of_any_size() {
    let (server, client) = pair().await;
    let _exposed = server.expose("app", Target::Tcp(echo().await)).begin().await.unwrap();
    eventually("it is listed", || lists(&client, "app")).await;
    let stream = within("it opens", client.connect_to("app")).await.unwrap();
    assert_eq!(stream.node(), server.id());
    let (mut read, mut write) = tokio::io::split(stream);
    let said = pattern(3 << 20);
    let sending = {
        let said = said.clone();
        tokio::spawn(async move {
            for piece in said.chunks(700_001) {
                write.write_all(piece).await.unwrap();
                write.flush().await.unwrap();
            }
            write.shutdown().await.unwrap();
        })
    };
    let mut heard = vec![0; said.len()];
    for piece in heard.chunks_mut(333_333) {
        within("a piece", read.read_exact(piece)).await.unwrap();
    }
    assert!(heard == said);
    assert_eq!(within("the end", read.read(&mut [0])).await.unwrap(), 0);
    sending.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_says_how_it_is_reached() {
    let (server, client) = pair().await;
    let expose = server.expose("wiki", Target::Http(echo().await)).doc("What we know.");
    let exposed = expose.begin().await.unwrap();
    eventually("it is listed", || lists(&client, "wiki")).await;
    let found = client.services().into_iter().find(|i| i.record.value().name.as_str() == "wiki").unwrap();
    let record = found.record.value();
    assert_eq!((record.protocols.as_slice(), record.doc.as_str()), ([Protocol::Http].as_slice(), "What we know."));
    assert_eq!(
        client.forward("wiki").unwrap().begin().await.unwrap().report().url.map(|url| url.contains("127.0.0.1")),
        Some(true)
    );
    drop(exposed);
    eventually("it is gone", || !lists(&client, "wiki")).await;
    assert_eq!(refusal(&client, "wiki").await.code(), crate::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_instance_is_asked_if_the_first_has_no_application() {
    let (dead, client) = pair().await;
    let alive = beside(&dead, builder()).await;
    let exposed_dead = dead.expose("app", Target::Tcp(nobody().await)).begin().await.unwrap();
    let _exposed = alive.expose("app", Target::Tcp(echo().await)).begin().await.unwrap();
    eventually("both are listed", || {
        client.services().iter().filter(|i| i.record.value().name.as_str() == "app").count() == 2
    })
    .await;
    for _ in 0..10 {
        assert!(echoes(within("it opens", client.connect_to("app")).await.unwrap()).await);
    }
    assert_eq!(exposed_dead.report().connections_total, 0);
    // The one that is named is asked, and no other.
    let forwarded = client.forward("app").unwrap().peer(dead.id()).begin().await.unwrap();
    assert!(is_reset(&forwarded).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_web_applications_are_asked_for_the_web() {
    let (server, client) = pair().await;
    let _tcp = server.expose("db", Target::Tcp(echo().await)).begin().await.unwrap();
    let _http = server.expose("wiki", Target::Http(echo().await)).begin().await.unwrap();
    eventually("both are listed", || lists(&client, "db") && lists(&client, "wiki")).await;
    let dialer = |name: &str| Dialer::new(client.0.rpc.clone(), name.parse().unwrap(), None);
    let refused = within("an answer", dialer("db").stream(Purpose::Http, None)).await.unwrap_err();
    assert!(refused.message().contains("node forward db PORT"), "{refused}");
    assert!(echoes(within("it opens", dialer("wiki").stream(Purpose::Http, None)).await.unwrap()).await);
}
