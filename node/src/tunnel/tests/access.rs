//! Who is let in.

use std::time::Duration;

use super::*;
use crate::Code;

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_peers_may_use_what_is_for_them() {
    let (server, client) = pair().await;
    let other = beside(&server, builder()).await;
    let _exposed = server.expose("app", Target::Tcp(echo().await)).allow([client.id()]).begin().await.unwrap();
    eventually("it is listed", || lists(&client, "app") && lists(&other, "app")).await;
    assert!(echoes(within("it opens", client.connect_to("app")).await.unwrap()).await);
    let refused = refusal(&other, "app").await;
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains(&other.id().to_string()) && refused.message().contains("--allow"), "{refused}");
    // It is its own friend.
    assert!(echoes(within("it opens", server.connect_to("app")).await.unwrap()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_private_is_told_to_nobody_and_opened_by_ticket() {
    let (server, client) = pair().await;
    let _private = server.expose("secret", Target::Tcp(echo().await)).private().begin().await.unwrap();
    let _public = server.expose("public", Target::Tcp(echo().await)).begin().await.unwrap();
    eventually("what is public is listed", || lists(&client, "public")).await;
    assert!(!lists(&client, "secret"));
    assert_eq!(refusal(&client, "secret").await.code(), Code::NotFound);
    let dialer = Dialer::new(client.0.rpc.clone(), "secret".parse().unwrap(), Some(server.id()));
    let refused = within("an answer", dialer.stream(Purpose::Bytes, None)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    let (_, ticket) = server.issue_ticket("secret", Duration::from_secs(60)).await.unwrap();
    assert!(echoes(within("it opens", client.connect_by(&ticket)).await.unwrap()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_leads_to_its_issuer_by_itself() {
    // Two networks of one node each, which know nothing of each other.
    let (server, client) = (listening(builder()).await, listening(builder()).await);
    let _exposed = server.expose("app", Target::Http(echo().await)).private().begin().await.unwrap();
    let (issued, ticket) = server.issue_ticket("app", Duration::from_secs(60)).await.unwrap();
    assert_eq!(server.tickets(), [issued]);
    let text = ticket.to_string();
    let forwarded = client.open(&text.parse().unwrap()).unwrap().begin().await.unwrap();
    assert!(forwarded.report().by_ticket && forwarded.report().url.is_some());
    assert_eq!(exchange(&mut connected(&forwarded).await, b"hello").await.unwrap(), b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_ticket_lets_nobody_in_and_ends_what_it_has_opened() {
    let (server, client) = pair().await;
    let _exposed = server.expose("app", Target::Tcp(echo().await)).private().begin().await.unwrap();
    let (issued, ticket) = server.issue_ticket("app", Duration::from_secs(60)).await.unwrap();
    let (_, other) = server.issue_ticket("app", Duration::from_secs(60)).await.unwrap();
    let mut stream = within("it opens", client.connect_by(&ticket)).await.unwrap();
    let mut beside = within("it opens", client.connect_by(&other)).await.unwrap();
    server.revoke_ticket(issued.id).await.unwrap();
    let ended = within("the end", stream.read(&mut [0])).await.unwrap_err().to_string();
    assert!(ended.contains("the ticket was revoked"), "{ended}");
    let refused = within("an answer", client.connect_by(&ticket)).await.unwrap_err();
    assert!(refused.message().contains(&format!("the ticket {} was revoked", issued.id)), "{refused}");
    beside.write_all(b"on").await.unwrap();
    within("it goes on", beside.read_exact(&mut [0; 2])).await.unwrap();
    assert!(matches!(server.revoke_ticket(issued.id).await, Err(IssueError::NoTicket { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_ticket_lets_nobody_in() {
    let (server, client) = pair().await;
    let _exposed = server.expose("app", Target::Tcp(echo().await)).private().begin().await.unwrap();
    let (_, ticket) = server.issue_ticket("app", Duration::from_millis(1)).await.unwrap();
    eventually("it is no longer listed", || server.tickets().is_empty()).await;
    let refused = within("an answer", client.connect_by(&ticket)).await.unwrap_err();
    assert!(refused.message().contains("was good until 0 s ago"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_good_for_its_service_and_its_issuer_alone() {
    let (server, client) = pair().await;
    let [_one, _two] = [
        server.expose("one", Target::Tcp(echo().await)).private().begin().await.unwrap(),
        server.expose("two", Target::Tcp(echo().await)).private().begin().await.unwrap(),
    ];
    let (_, ticket) = server.issue_ticket("one", Duration::from_secs(60)).await.unwrap();
    let door = |node: &Node, service: &str| {
        let signed = ticket.open(&crate::testing::network()).unwrap().signed();
        node.0.tunnels.0.tickets.admit(signed, &service.parse().unwrap()).map(drop)
    };
    assert_eq!(door(&server, "one"), Ok(()));
    let elsewhere = door(&server, "two").unwrap_err().to_string();
    assert_eq!(elsewhere, "the ticket is for one, not for two");
    let foreign = door(&client, "one").unwrap_err().to_string();
    assert!(foreign.contains("only that node takes it"), "{foreign}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_cannot_be_are_not_issued() {
    let node = listening(builder()).await;
    let unknown = node.issue_ticket("app", Duration::from_secs(60)).await.unwrap_err();
    assert!(unknown.to_string().contains("node expose app"), "{unknown}");
    let _exposed = node.expose("app", Target::Tcp(echo().await)).begin().await.unwrap();
    for life in [Duration::ZERO, Duration::from_secs(400 * 86_400), Duration::MAX] {
        let wrong = node.issue_ticket("app", life).await.unwrap_err();
        assert!(wrong.to_string().contains("a second to 366 days"), "{wrong}");
    }
    for _ in 0..super::super::tickets::TICKETS {
        node.issue_ticket("app", Duration::from_secs(60)).await.unwrap();
    }
    let full = node.issue_ticket("app", Duration::from_secs(60)).await.unwrap_err();
    assert!(matches!(full, IssueError::TooMany { .. }), "{full}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_of_another_network_is_known_for_that() {
    let there = listening(builder().network("elsewhere")).await;
    let _exposed = there.expose("app", Target::Tcp(echo().await)).begin().await.unwrap();
    let (_, ticket) = there.issue_ticket("app", Duration::from_secs(60)).await.unwrap();
    let here = listening(builder()).await;
    let refused = here.open(&ticket).unwrap_err();
    assert!(refused.to_string().contains("--network elsewhere"), "{refused}");
}
