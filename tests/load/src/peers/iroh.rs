//! iroh: QUIC between public keys, as Atoll's nodes are. Straight to the other's address: without relays, and without
//! looking anyone up. A bidirectional stream for each call, as iroh's examples have it.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use bytes::Bytes;
use iroh::{
    Endpoint, EndpointAddr, EndpointId, RelayMode,
    endpoint::{Builder, Connection, Incoming, QuicTransportConfig, RecvStream, SendStream, presets},
};

use super::{Peer, Place, QUIC_STREAMS};
use crate::work;

const ALPN: &[u8] = b"load";

/// A connection, and the endpoint that it lives in.
#[derive(Clone)]
pub(super) struct Iroh {
    connection: Connection,
    _endpoint: Endpoint,
}

impl Peer for Iroh {
    async fn serve(_broker: Option<Place>) -> Result<()> {
        let endpoint = builder()?.alpns(vec![ALPN.to_vec()]).bind().await?;
        let address = endpoint.bound_sockets().into_iter().next().context("the endpoint is bound to nothing")?;
        Place::plain(format!("{}@{address}", endpoint.id())).announce()?;
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(serve_connection(incoming));
        }
        Ok(())
    }

    async fn connect(to: &Place) -> Result<Self> {
        let (id, address) = to.address.split_once('@').context("an address is ID@IP:PORT")?;
        let (id, address): (EndpointId, SocketAddr) = (id.parse()?, address.parse()?);
        let endpoint = builder()?.bind().await?;
        let connection = endpoint.connect(EndpointAddr::new(id).with_ip_addr(address), ALPN).await?;
        Ok(Self { connection, _endpoint: endpoint })
    }

    async fn call(&mut self, request: Bytes) -> Result<Bytes> {
        let mut answer = self.ask(request).await?;
        Ok(answer.read_to_end(work::CHUNK).await?.into())
    }

    async fn stream(&mut self, size: u64) -> Result<u64> {
        let mut answer = self.ask(work::ask_for_stream(size)).await?;
        let mut received = 0;
        while let Some(chunk) = answer.read_chunk(work::CHUNK).await? {
            received += chunk.len() as u64;
        }
        Ok(received)
    }
}

impl Iroh {
    async fn ask(&self, request: Bytes) -> Result<RecvStream> {
        let (mut sender, receiver) = self.connection.open_bi().await?;
        sender.write_chunk(request).await?;
        sender.finish()?;
        Ok(receiver)
    }
}

async fn serve_connection(incoming: Incoming) -> Result<()> {
    let connection = incoming.await?;
    loop {
        let (sender, receiver) = connection.accept_bi().await?;
        tokio::spawn(answer(sender, receiver));
    }
}

async fn answer(mut sender: SendStream, mut receiver: RecvStream) -> Result<()> {
    let request = receiver.read_to_end(work::CHUNK).await?;
    match work::asked_for(&request) {
        Some(size) => {
            for chunk in work::chunks(size) {
                sender.write_chunk(chunk).await?;
            }
        }
        None => sender.write_chunk(request.into()).await?,
    }
    Ok(sender.finish()?)
}

/// The preset has neither relays nor a way to look addresses up; relays are switched off by name all the same, since
/// another preset would bring them. Windows stay as they are: with wider ones a loss leaves more gaps in what has come
/// than iroh puts up with, and it ends the connection.
fn builder() -> Result<Builder> {
    let transport = QuicTransportConfig::builder().max_concurrent_bidi_streams(QUIC_STREAMS.into()).build();
    Ok(Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .transport_config(transport)
        .clear_ip_transports()
        .bind_addr((Ipv4Addr::LOCALHOST, 0))?)
}
