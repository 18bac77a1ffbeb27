//! NATS: a request and its reply, between two clients of one `nats-server`, in the clear, without persistence.
//!
//! There is no stream: a subscriber of core NATS that falls behind loses messages, so that nothing tells the sender how
//! fast it may be.

use std::{net::Ipv4Addr, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use async_nats::{Client, ConnectOptions, Subject};
use bytes::Bytes;
use futures::StreamExt;

use super::{Peer, Place};
use crate::process::{Process, command};

const SUBJECT: &str = "load.echo";

/// The program between the two clients.
const BROKER: &str = "nats-server";

/// How long it may take to start.
const STARTING: Duration = Duration::from_secs(10);

/// Starts a broker on a port of the system's choice.
pub(crate) async fn broker() -> Result<(Process, Place)> {
    let mut broker = command(&installed(BROKER).with_context(|| format!("{BROKER} is not installed"))?);
    broker.args(["--addr", &Ipv4Addr::LOCALHOST.to_string(), "--port", "-1"]);
    let process = Process::spawn(BROKER, broker)?;
    let address = process.complaint("address", STARTING, |line| {
        Some(line.split_once("Listening for client connections on ")?.1.trim().to_owned())
    });
    let place = Place::plain(address.await?);
    Ok((process, place))
}

/// Where it is, on the PATH or where Debian puts servers, which is on the PATH of root only.
fn installed(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    directories.map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// A client.
#[derive(Clone)]
pub(super) struct Nats {
    client: Client,
    subject: Subject,
}

impl Peer for Nats {
    async fn serve(broker: Option<Place>) -> Result<()> {
        let broker = broker.context("NATS serves through a broker; pass its address with --through")?;
        let Self { client, subject } = Self::connect(&broker).await?;
        let mut requests = client.subscribe(subject).await?;
        // The broker knows of the subscription before anyone is told to send requests.
        client.flush().await?;
        broker.announce()?;
        while let Some(request) = requests.next().await {
            let reply_to = request.reply.context("a request that wants no reply")?;
            client.publish(reply_to, request.payload).await?;
        }
        bail!("the broker is gone")
    }

    async fn connect(to: &Place) -> Result<Self> {
        // The client sets TCP_NODELAY by itself.
        let client = ConnectOptions::new().connect(to.address.as_str()).await?;
        Ok(Self { client, subject: Subject::from_static(SUBJECT) })
    }

    async fn call(&mut self, request: Bytes) -> Result<Bytes> {
        Ok(self.client.request(self.subject.clone(), request).await?.payload)
    }

    async fn stream(&mut self, _size: u64) -> Result<u64> {
        bail!("core NATS has no streams")
    }
}
