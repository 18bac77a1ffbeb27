//! Who is measured. One file for each, with the configuration that its own documentation recommends for this work.
//!
//! All of them run on tokio's default runtime, and all that use TCP send without delay (`TCP_NODELAY`).

use std::{fmt, future::Future, time::Duration};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::{Value, to_value};
use tokio::time::timeout;

use crate::{case::Case, measure};

pub(crate) mod atoll;
#[cfg(feature = "calls")]
mod iroh;
pub(crate) mod nats;
#[cfg(feature = "calls")]
mod quinn;
#[cfg(feature = "calls")]
mod tls;
#[cfg(feature = "calls")]
mod tonic;
#[cfg(feature = "calls")]
mod zenoh;

/// How long a client may take to connect.
const CONNECTING: Duration = Duration::from_secs(10);

/// Streams that a QUIC connection may have open at once: more than are ever in flight, so that no call waits for the
/// leave to open one.
const QUIC_STREAMS: u32 = 1024;

/// A name on the command line and in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PeerName {
    /// Atoll's own program, over QUIC
    AtollQuic,
    /// Atoll's own program, over TCP
    AtollTcp,
    /// Bare QUIC, a stream for each call
    Quinn,
    /// gRPC over TLS
    Tonic,
    /// QUIC between public keys, a stream for each call
    Iroh,
    /// Queries between two peers, in the clear
    Zenoh,
    /// Requests through a nats-server, in the clear
    Nats,
}

impl PeerName {
    /// Whether it is Atoll, over whatever carries it.
    pub(crate) fn is_atoll(self) -> bool {
        matches!(self, Self::AtollQuic | Self::AtollTcp)
    }

    /// Why it cannot be measured at this, if so.
    pub(crate) fn left_out(self, case: Case) -> Option<&'static str> {
        match (self, case) {
            (Self::Nats, Case::Stream) => Some("left out: core NATS drops messages when the reader falls behind"),
            (Self::AtollTcp, Case::Streams) => Some("left out: over TCP a connection carries 4 096"),
            _ => None,
        }
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Err(fmt::Error), |value| f.pad(value.get_name()))
    }
}

/// Where a server can be reached, and how it is recognised.
#[derive(Debug, Clone, Serialize, Deserialize, Args)]
pub(crate) struct Place {
    /// What the server prints as its address
    #[arg(long = "at", value_name = "ADDR")]
    pub(crate) address: String,
    /// The certificate that it prints, where it does: the only one that is accepted
    #[arg(long, value_name = "PEM", allow_hyphen_values = true)]
    pub(crate) certificate: Option<String>,
}

impl Place {
    /// A place that is recognised by its address.
    pub(crate) fn plain(address: impl ToString) -> Self {
        Self { address: address.to_string(), certificate: None }
    }

    /// Prints it, for the driver to read: the server serves from now on.
    fn announce(&self) -> Result<()> {
        let mut event = to_value(self)?;
        if let Value::Object(fields) = &mut event {
            fields.insert("event".to_owned(), "listening".into());
        }
        println!("{event}");
        Ok(())
    }

    fn certificate(&self) -> Result<&str> {
        self.certificate.as_deref().context("this peer is recognised by its certificate; pass --certificate")
    }
}

/// The calling side of a peer, connected. A clone calls over the same connection.
pub(crate) trait Peer: Clone + Send + 'static {
    /// Serves until it is killed. `broker` is who to serve through, for those that have one.
    fn serve(broker: Option<Place>) -> impl Future<Output = Result<()>> + Send;

    /// Connects to a server.
    fn connect(to: &Place) -> impl Future<Output = Result<Self>> + Send;

    /// One call; returns what came back.
    fn call(&mut self, request: Bytes) -> impl Future<Output = Result<Bytes>> + Send;

    /// Has the server send a stream of `size` bytes, and returns how many came.
    fn stream(&mut self, size: u64) -> impl Future<Output = Result<u64>> + Send;
}

/// What a process of this program is to do for a peer.
#[derive(Debug)]
pub(crate) enum Task {
    /// Serve until killed.
    Serve { broker: Option<Place> },
    /// Measure calls.
    Echo { place: Place, concurrency: usize, duration: Duration },
    /// Measure a stream.
    Stream { place: Place, size: u64 },
}

/// Does it, and returns what is to be printed.
pub(crate) async fn run(peer: PeerName, task: Task) -> Result<Value> {
    match peer {
        PeerName::AtollQuic | PeerName::AtollTcp => bail!("Atoll is measured with its own program; see `compare`"),
        PeerName::Nats => run_as::<nats::Nats>(task).await,
        #[cfg(feature = "calls")]
        PeerName::Quinn => run_as::<quinn::Quinn>(task).await,
        #[cfg(feature = "calls")]
        PeerName::Tonic => run_as::<tonic::Tonic>(task).await,
        #[cfg(feature = "calls")]
        PeerName::Iroh => run_as::<iroh::Iroh>(task).await,
        #[cfg(feature = "calls")]
        PeerName::Zenoh => run_as::<zenoh::Zenoh>(task).await,
        #[cfg(not(feature = "calls"))]
        other => bail!("{other} is not in this build; build it with: cargo build --release -p atoll-load"),
    }
}

async fn run_as<P: Peer>(task: Task) -> Result<Value> {
    Ok(match task {
        Task::Serve { broker } => to_value(P::serve(broker).await?)?,
        Task::Echo { place, concurrency, duration } => {
            to_value(measure::echo(connect::<P>(&place).await?, concurrency, duration).await?)?
        }
        Task::Stream { place, size } => to_value(measure::stream(connect::<P>(&place).await?, size).await?)?,
    })
}

async fn connect<P: Peer>(place: &Place) -> Result<P> {
    timeout(CONNECTING, P::connect(place))
        .await
        .with_context(|| format!("cannot connect to {} within {CONNECTING:?}", place.address))?
}
