//! Callers that say something else than a tunnel does.

use atoll_protocol::tunnel::CONNECT;
use bytes::Bytes;

use super::*;
use crate::Code;

/// How a stream ends that begins with this.
async fn ends(client: &Node, first: Option<&[u8]>) -> Status {
    let (mut sender, mut receiver) =
        within("it opens", client.client("app").unwrap().stream(CONNECT).raw()).await.unwrap();
    match first {
        Some(first) => sender.send(Bytes::copy_from_slice(first)).await.unwrap(),
        None => sender.finish(),
    }
    within("the end", receiver.next()).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_greeting_is_refused_before_anything_is_opened() {
    let (server, client) = pair().await;
    let exposed = server.expose("app", Target::Tcp(echo().await)).begin().await.unwrap();
    eventually("it is listed", || lists(&client, "app")).await;
    for first in [None, Some([].as_slice()), Some(&[9, 0]), Some(&[1]), Some(&[1, 7, 0, 0]), Some(&[1; 4000])] {
        let status = ends(&client, first).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{first:?}: {status}");
    }
    assert_eq!(exposed.report().connections_total, 0);
}
