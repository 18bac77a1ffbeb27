//! Peers of other networks, and peers that are no nodes at all.

use futures::StreamExt;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, identify, identity::Keypair, noise, swarm::SwarmEvent, tcp, yamux};

use crate::{
    error::ConnectError,
    testing::{Bare, builder, eventually, listening, node, pair, rpc, within},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_network_is_named_and_let_go_of() {
    let ours = node(&[]).await;
    let theirs = listening(builder().network("elsewhere")).await;
    for address in theirs.addresses() {
        let error = within("connecting", ours.connect(&address)).await.unwrap_err();
        let ConnectError::WrongNetwork { peer, theirs: network, .. } = &error else { panic!("{error}") };
        assert_eq!((*peer, network.as_str()), (theirs.id(), "elsewhere"));
        assert!(error.to_string().contains("--network elsewhere"), "{error}");
        for node in [&ours, &theirs] {
            eventually("both have let go", || node.0.net().connections.len() == 0).await;
        }
    }
    assert_eq!((ours.services().len(), theirs.services().len()), (1, 1), "neither has learnt of the other");
}

/// A libp2p program that has nothing to do with Atoll.
async fn foreign() -> (Swarm<identify::Behaviour>, Multiaddr) {
    let key = Keypair::ed25519_from_bytes(rand::random::<[u8; 32]>()).unwrap();
    let mut swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| {
            identify::Behaviour::new(
                identify::Config::new("/another/1".to_owned(), key.public())
                    .with_agent_version("another/2.0".to_owned()),
            )
        })
        .unwrap()
        .build();
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let address = within("it listens", async {
        loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                return address;
            }
        }
    })
    .await;
    (swarm, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_libp2p_program_is_no_node() {
    let node = node(&[]).await;
    let (mut swarm, bare) = foreign().await;
    let named = bare.clone().with_p2p(*swarm.local_peer_id()).unwrap();
    let program = tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    // The third time it is connected already, and known not to be a node.
    for address in [&bare, &named, &named] {
        let error = within("connecting", node.connect(address)).await.unwrap_err();
        assert!(matches!(&error, ConnectError::NotAtoll { agent, .. } if agent == "another/2.0"), "{error}");
    }
    program.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_no_node_is_not_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let (mut swarm, address) = foreign().await;
    let program = tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    let seed = node(&[]).await;
    let start = || builder().data_dir(dir.path());
    let first = listening(start().bootstrap([address.clone()].into_iter().chain(seed.addresses()))).await;
    within("joining", first.joined()).await;
    eventually("both are connected", || first.0.net().connections.len() == 2).await;
    first.shutdown().await;
    drop(first);
    program.abort();
    let storage = crate::storage::Storage::open(Some(dir.path())).unwrap();
    let remembered: Vec<_> = storage.remembered().into_iter().map(|(peer, _)| peer).collect();
    assert_eq!(remembered, [seed.id()]);
    storage.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_opens_substreams_without_end_is_refused_at_the_bound() {
    use futures::{AsyncReadExt, AsyncWriteExt};
    const OPEN: usize = 2 * atoll_protocol::limits::LANES_PER_PEER;
    let node = node(&[]).await;
    let bare = Bare::beside(&node).await;
    let refused = || rpc(&node).net.counters.refused_streams.count();
    let mut streams = Vec::new();
    for _ in 0..OPEN + 20 {
        let mut stream = bare.open(&node, &bare.net.protocols.rpc).await;
        // The first bytes of a frame that never goes on; without any, the other side would not see the substream.
        stream.write_all(&[1, 0]).await.unwrap();
        stream.flush().await.unwrap();
        streams.push(stream);
    }
    eventually("those above the bound are refused", || refused() >= 20).await;
    assert_eq!(refused(), 20, "and none below it");
    let mut last = streams.pop().unwrap();
    let ended = within("the refused one ends", last.read(&mut [0; 1])).await;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");

    // Others are not concerned, and neither is the peer once it has closed some.
    let (server, client) = pair().await;
    let call = client.client("system").unwrap().call::<_, serde_json::Value>("ping", &()).peer(server.id());
    within("a call", std::future::IntoFuture::into_future(call)).await.unwrap();
    drop(streams);
    drop(last);
    within("there is room again", async {
        loop {
            let mut stream = bare.open(&node, &bare.net.protocols.rpc).await;
            // Frame kind 9 does not exist: whoever reads it says so.
            let mut frame = [0; 16];
            frame[0] = 9;
            let sent = async {
                stream.write_all(&frame).await?;
                stream.flush().await?;
                stream.read(&mut frame).await
            };
            if matches!(sent.await, Ok(read) if read > 0) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
}
