//! Against libp2p's own client and server, over TCP on loopback.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use libp2p::{
    PeerId, Swarm, SwarmBuilder,
    autonat::v2,
    identify,
    identity::Keypair,
    multiaddr::Protocol,
    noise,
    swarm::{
        FromSwarm, NetworkBehaviour, NewExternalAddrCandidate, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
    tcp, yamux,
};
use tokio::sync::mpsc;

use super::*;
use crate::{
    net::{
        Counters,
        connections::{Connection, Connections},
        node_id,
        streams::{self, Accepted, Inbound},
    },
    testing::{connection, within},
};

/// The node's substreams, and identify: by what it says libp2p's client knows a server.
#[derive(NetworkBehaviour)]
struct Ours {
    streams: streams::Behaviour,
    identify: identify::Behaviour,
}

#[derive(NetworkBehaviour)]
struct Client {
    client: v2::client::Behaviour,
    identify: identify::Behaviour,
}

fn identify(key: &Keypair) -> identify::Behaviour {
    identify::Behaviour::new(identify::Config::new("/test/1".to_owned(), key.public()))
}

/// A swarm, and where it listens.
async fn swarm<B: NetworkBehaviour>(behaviour: impl FnOnce(&Keypair) -> B) -> (Swarm<B>, Multiaddr) {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|key| behaviour(key))
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    swarm.listen_on(address("/ip4/127.0.0.1/tcp/0")).unwrap();
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return (swarm, address);
        }
    }
}

/// What a node has of its swarm.
struct Near {
    connections: Connections,
    inbound: mpsc::Receiver<Inbound>,
    dials: mpsc::Sender<DialOpts>,
    here: Multiaddr,
    me: PeerId,
}

/// A swarm that takes substreams of `protocol`, and dials as it is told.
async fn near(protocol: StreamProtocol) -> Near {
    let connections = Connections::default();
    let (incoming, inbound) = mpsc::channel(8);
    let (dials, mut to_dial) = mpsc::channel::<DialOpts>(8);
    let (mut swarm, here) = swarm(|key| Ours {
        streams: streams::Behaviour::new(
            Accepted::new([protocol], []),
            8,
            connections.clone(),
            incoming,
            Arc::new(Counters::default()),
        ),
        identify: identify(key),
    })
    .await;
    let me = *swarm.local_peer_id();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(dial) = to_dial.recv() => swarm.dial(dial).unwrap(),
                _ = swarm.select_next_some() => {}
            }
        }
    });
    Near { connections, inbound, dials, here, me }
}

/// A connection that `is` as it should be, waited for.
async fn connection_that(connections: &Connections, is: impl Fn(&Connection) -> bool) -> Arc<Connection> {
    loop {
        if let Some(found) = connections.all().into_iter().find(|connection| is(connection)) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn our_client_asks_their_server() {
    let (mut theirs, there) = swarm(|_| v2::server::Behaviour::<rand::rngs::StdRng>::default()).await;
    let server = *theirs.local_peer_id();
    tokio::spawn(async move {
        loop {
            theirs.select_next_some().await;
        }
    });
    let Near { connections, mut inbound, dials, here, .. } = near(DIAL_BACK).await;
    let nonces = Nonces::default();
    let expected = nonces.clone();
    tokio::spawn(async move {
        while let Some(Inbound { connection, stream, .. }) = inbound.recv().await {
            assert!(!connection.outbound);
            accept_dial_back(stream, connection.established, &expected).await.unwrap();
        }
    });
    dials.send(DialOpts::peer_id(server).addresses(vec![there]).build()).await.unwrap();
    let connection = connection(&connections, node_id(&server).unwrap()).await;
    let vacant = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = address(&format!("/ip4/127.0.0.1/tcp/{vacant}"));
    for (candidate, reachable) in [(here, true), (nobody, false)] {
        let stream = connection.open(DIAL_REQUEST).await.unwrap();
        let answer = within("an answer", ask(stream, std::slice::from_ref(&candidate), &nonces)).await;
        assert_eq!(answer.unwrap(), verdict(&candidate, reachable));
    }
}

/// Where nobody is: what is dialled instead is on loopback.
const ELSEWHERE: [u8; 4] = [203, 0, 113, 9];

/// Dials the client at the port it has asked about, over a new connection.
async fn dial(
    connections: Connections,
    dials: mpsc::Sender<DialOpts>,
    client: PeerId,
    at: Multiaddr,
    nonce: u64,
) -> Result<(), DialBackError> {
    let mut parts = at.iter();
    assert_eq!(parts.next(), Some(Protocol::Ip4(ELSEWHERE.into())));
    let there = parts.fold(address("/ip4/127.0.0.1"), Multiaddr::with);
    let options = DialOpts::peer_id(client).addresses(vec![there]).condition(PeerCondition::Always);
    dials.send(options.allocate_new_port().build()).await.unwrap();
    let back = connection_that(&connections, |connection| connection.outbound).await;
    say_nonce(back.open(DIAL_BACK).await.unwrap(), nonce).await
}

#[tokio::test]
async fn their_client_asks_our_server() {
    let config = v2::client::Config::default().with_probe_interval(Duration::from_millis(100));
    let (mut theirs, here) = swarm(|key| Client {
        client: v2::client::Behaviour::new(rand::make_rng::<rand::rngs::StdRng>(), config),
        identify: identify(key),
    })
    .await;
    let client = *theirs.local_peer_id();
    let Near { connections, mut inbound, dials, here: there, me } = near(DIAL_REQUEST).await;
    let serving = tokio::spawn(async move {
        // It may ask about the address that identify has found as well, which is none to dial.
        loop {
            let Inbound { peer, connection, stream, .. } = inbound.recv().await.unwrap();
            let from = connection.address.clone();
            let (connections, dials) = (connections.clone(), dials.clone());
            let dial = async move |to, nonce| dial(connections, dials, client, to, nonce).await;
            let served = serve(stream, &Asker { peer, from }, &Limits::default(), |_| true, dial).await;
            if matches!(served, Ok(Served::Dialled { .. })) {
                return served;
            }
        }
    });
    theirs.dial(DialOpts::peer_id(me).addresses(vec![there]).build()).unwrap();
    let candidate = here.iter().skip(1).fold(Multiaddr::from(std::net::Ipv4Addr::from(ELSEWHERE)), Multiaddr::with);
    let found = FromSwarm::NewExternalAddrCandidate(NewExternalAddrCandidate { addr: &candidate });
    theirs.behaviour_mut().client.on_swarm_event(found);
    let event = within("a result", async {
        loop {
            if let SwarmEvent::Behaviour(ClientEvent::Client(event)) = theirs.select_next_some().await
                && event.tested_addr == candidate
            {
                return event;
            }
        }
    })
    .await;
    assert_eq!(event.tested_addr, candidate);
    assert!((30_000..=100_000).contains(&event.bytes_sent), "{}", event.bytes_sent);
    assert!(event.result.is_ok(), "{:?}", event.result);
    let served = within("it is served", serving).await.unwrap();
    assert_eq!(served.unwrap(), Served::Dialled { address: candidate, result: Ok(()) });
}
