//! An identity, one connection, and substreams on it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use atoll_protocol::identity::SecretKey;
use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identify, identity,
    multiaddr::Protocol,
    noise,
    swarm::{NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use libp2p_stream::Control;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout_at},
};

/// How long a node may take to let somebody in.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than anything here takes.
const IDLE: Duration = Duration::from_secs(3600);

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    streams: libp2p_stream::Behaviour,
}

/// See the [module docs](self). The connection ends with it.
pub struct Stranger {
    network: String,
    node: PeerId,
    control: Control,
    task: JoinHandle<()>,
}

impl Stranger {
    /// Connects to the node at an address that ends in `/p2p/<id>`, as somebody of its network, and waits until both have said who
    /// they are.
    ///
    /// # Errors
    /// If the address names nobody, or the node does not let it in.
    pub async fn connect(network: &str, key: &SecretKey, node: &Multiaddr) -> Result<Self> {
        let Some(Protocol::P2p(id)) = node.iter().last() else { bail!("{node} does not end in /p2p/<id>") };
        let mut swarm = swarm(network, key)?;
        let control = swarm.behaviour().streams.new_control();
        swarm.dial(DialOpts::peer_id(id).addresses(vec![node.clone()]).build())?;
        let until = Instant::now() + PATIENCE;
        loop {
            let event = timeout_at(until, swarm.select_next_some()).await;
            match event.with_context(|| format!("{node} has not identified itself within {PATIENCE:?}"))? {
                SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received { .. })) => break,
                SwarmEvent::OutgoingConnectionError { error, .. } => bail!("{node} cannot be reached: {error}"),
                SwarmEvent::ConnectionClosed { cause, .. } => bail!("{node} has hung up: {cause:?}"),
                _ => {}
            }
        }
        let task = tokio::spawn(async move {
            loop {
                swarm.select_next_some().await;
            }
        });
        Ok(Self { network: network.to_owned(), node: id, control, task })
    }

    /// Opens a substream of one of the network's protocols, such as `rpc`.
    ///
    /// # Errors
    /// If the node does not take it.
    pub async fn open(&mut self, protocol: &str) -> Result<libp2p::Stream> {
        let protocol = StreamProtocol::try_from_owned(format!("/atoll/{}/{protocol}/1", self.network))?;
        let opening = self.control.open_stream(self.node, protocol.clone());
        opening.await.with_context(|| format!("the node does not take a substream of {protocol}"))
    }
}

impl std::fmt::Debug for Stranger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stranger").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn swarm(network: &str, key: &SecretKey) -> Result<Swarm<Behaviour>> {
    let keypair = identity::Keypair::ed25519_from_bytes(*key.seed())?;
    let behaviour = |key: &identity::Keypair| Behaviour {
        identify: identify::Behaviour::new(identify::Config::new(format!("/atoll/{network}/1"), key.public())),
        streams: libp2p_stream::Behaviour::new(),
    };
    Ok(SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_quic()
        .with_behaviour(behaviour)?
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE))
        .build())
}
