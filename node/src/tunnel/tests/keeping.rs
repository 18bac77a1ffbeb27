//! What is kept is there after a restart, and what the configuration says.

use std::{path::Path, time::Duration};

use super::*;
use crate::config::{ExposeConfig, ForwardConfig};

fn at(dir: &Path) -> Builder {
    builder().data_dir(dir)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_there_after_a_restart() {
    let (server_dir, client_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (server, client) = (listening(at(server_dir.path())).await, listening(at(client_dir.path())).await);
    let kept = server.expose("app", Target::Tcp(echo().await)).private().keep().await.unwrap();
    assert_eq!(kept.origin, Origin::Kept);
    let (issued, ticket) = server.issue_ticket("app", Duration::from_secs(3600)).await.unwrap();
    let port = client.open(&ticket).unwrap().keep().await.unwrap();
    let session = server.expose("gone", Target::Tcp(echo().await)).begin().await.unwrap();
    let file = server_dir.path().join("tunnels.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // The node is there as long as something of it is held.
    drop(session);
    server.shutdown().await;
    client.shutdown().await;
    drop((server, client));
    let server = eventually_spawned(server_dir.path()).await;
    let client = eventually_spawned(client_dir.path()).await;
    assert_eq!((server.tunnels().exposed, server.tickets()), (vec![kept], vec![issued.clone()]));
    assert_eq!(client.tunnels().forwarded.first().map(|found| found.local), Some(port.local));
    // It listens elsewhere now, and the ticket says where it was.
    client.connect(&server.addresses()[0]).await.unwrap();
    let mut stream = TcpStream::connect(port.local).await.unwrap();
    assert_eq!(exchange(&mut stream, b"hello").await.unwrap(), b"hello");
    server.remove_tunnel("app").await.unwrap();
    client.remove_tunnel(&port.local.port().to_string()).await.unwrap();
    server.revoke_ticket(issued.id).await.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("app"), "{text}");
}

async fn eventually_spawned(dir: &Path) -> Node {
    within("it starts again", async {
        loop {
            match at(dir).spawn().await {
                Ok(node) => {
                    eventually("it listens", || node.addresses().len() >= 2).await;
                    break node;
                }
                // The last one has not let go of the directory yet.
                Err(crate::error::SpawnError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_exposes_and_forwards() {
    let address = echo().await;
    let server = listening(with(|config| {
        config.expose =
            vec![ExposeConfig::new("app".parse().unwrap(), &Target::Tcp(address), &Access::default(), None)];
    }))
    .await;
    let forward = |local| ForwardConfig { service: "app".to_owned(), local, peer: None, ticket: None };
    let client = beside(&server, with(|config| config.forward = vec![forward(LocalAddress::ANY)])).await;
    eventually("it is listed", || lists(&client, "app")).await;
    let port = client.tunnels().forwarded.remove(0);
    assert_eq!(port.origin, Origin::Config);
    let mut stream = TcpStream::connect(port.local).await.unwrap();
    assert_eq!(exchange(&mut stream, b"hello").await.unwrap(), b"hello");
    for (node, what) in [(&server, "app".to_owned()), (&client, port.local.to_string())] {
        let refused = node.remove_tunnel(&what).await.unwrap_err();
        assert!(matches!(refused, RemoveError::Configured { .. }), "{refused}");
    }
    // What cannot be done keeps the node from starting.
    let taken = with(|config| config.forward = vec![forward(LocalAddress(port.local))]).spawn().await.unwrap_err();
    assert!(taken.to_string().contains(&port.local.to_string()), "{taken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_without_a_data_directory() {
    let node = listening(builder()).await;
    let refused = node.expose("app", Target::Tcp(echo().await)).keep().await.unwrap_err();
    assert!(refused.to_string().contains("--data-dir"), "{refused}");
    assert!(node.tunnels().exposed.is_empty());
    let refused = node.forward("app").unwrap().keep().await.unwrap_err();
    assert!(refused.to_string().contains("--data-dir"), "{refused}");
    assert!(node.tunnels().forwarded.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_named_and_left_alone() {
    for text in ["{", "{\"form\": 2}"] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tunnels.json");
        std::fs::write(&file, text).unwrap();
        let error = at(dir.path()).spawn().await.unwrap_err().to_string();
        assert!(error.contains("tunnels.json") && error.contains("move it away"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
}
