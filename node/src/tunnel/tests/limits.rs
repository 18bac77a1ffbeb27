//! What happens at the bounds.

use std::time::Duration;

use super::*;
use crate::Code;

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_has_as_many_connections_as_it_may() {
    let server = listening(with(|config| config.connections_per_peer = 2)).await;
    let client = beside(&server, builder()).await;
    let other = beside(&server, builder()).await;
    let _exposed = server.expose("app", Target::Tcp(echo().await)).begin().await.unwrap();
    eventually("it is listed", || lists(&client, "app") && lists(&other, "app")).await;
    let open = async || within("it opens", client.connect_to("app")).await.unwrap();
    let (first, _second) = (open().await, open().await);
    let refused = refusal(&client, "app").await;
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("tunnels.connections_per_peer"), "{refused}");
    assert!(echoes(within("others come in", other.connect_to("app")).await.unwrap()).await);
    assert!(echoes(first).await);
    let mut again = None;
    within("there is room again", async {
        while again.is_none() {
            again = client.connect_to("app").await.ok();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_together_have_as_many_connections_as_may_be() {
    let server = listening(with(|config| config.connections = 1)).await;
    let client = beside(&server, builder()).await;
    let _one = server.expose("one", Target::Tcp(echo().await)).begin().await.unwrap();
    let _two = server.expose("two", Target::Tcp(echo().await)).begin().await.unwrap();
    eventually("it is listed", || lists(&client, "one") && lists(&client, "two")).await;
    let _open = within("it opens", client.connect_to("one")).await.unwrap();
    let refused = refusal(&client, "two").await;
    assert!(refused.message().contains("tunnels.connections)"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_ended() {
    let server = listening(with(|config| config.idle_secs = 1)).await;
    let client = beside(&server, builder()).await;
    let way = Way::between(server, client, Target::Tcp(echo().await)).await;
    let mut stream = way.open().await;
    assert!(within("the end", stream.read(&mut [0])).await.is_err(), "it is reset");
    let Way { mut forwarded, .. } = way;
    let failure = within("it is told", forwarded.failure()).await.unwrap();
    assert!(failure.contains("nothing came through for 1 s (tunnels.idle_secs)"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_takes_no_connection_is_given_up() {
    let server = listening(with(|config| config.connect_secs = 1)).await;
    // TEST-NET-1 (RFC 5737) leads nowhere; where the system knows that, it says so itself.
    let exposed = server.expose("app", Target::Tcp("192.0.2.1:9".parse().unwrap())).begin().await.unwrap();
    let refused = refusal(&server, "app").await;
    assert!(refused.message().contains("192.0.2.1:9"), "{refused}");
    assert!(tokio::time::timeout(Duration::from_secs(30), exposed.trouble()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_exposed_once() {
    let node = listening(builder()).await;
    let address = echo().await;
    let _exposed = node.expose("app", Target::Tcp(address.clone())).begin().await.unwrap();
    let again = node.expose("app", Target::Http(nobody().await)).begin().await.unwrap_err();
    assert!(
        again.to_string().contains(&address.to_string()) && again.to_string().contains("node tunnel remove app"),
        "{again}"
    );
    assert!(node.expose("No Name", Target::Tcp(address)).begin().await.is_err());
    assert!(node.forward("No Name").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let node = listening(builder()).await;
    let taken = node.forward("app").unwrap().begin().await.unwrap();
    let refused = node.forward("app").unwrap().to(LocalAddress(taken.local())).begin().await.unwrap_err();
    assert!(refused.to_string().contains(&taken.local().to_string()), "{refused}");
}
