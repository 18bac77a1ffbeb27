//! Bare QUIC: what a call costs with nothing around it. A bidirectional stream for each call, as quinn's documentation
//! shows it.

use std::{net::Ipv4Addr, sync::Arc};

use anyhow::Result;
use bytes::Bytes;
use quinn::{
    ClientConfig, Connection, Endpoint, Incoming, RecvStream, SendStream, ServerConfig, TransportConfig,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rustls::{
    RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::TLS13,
};

use super::{Peer, Place, QUIC_STREAMS, tls};
use crate::work;

const ALPN: &[u8] = b"load";

/// A connection, and the endpoint that it lives in.
#[derive(Clone)]
pub(super) struct Quinn {
    connection: Connection,
    _endpoint: Endpoint,
}

impl Peer for Quinn {
    async fn serve(_broker: Option<Place>) -> Result<()> {
        let identity = tls::identity()?;
        let endpoint = Endpoint::server(server_config(&identity)?, (Ipv4Addr::LOCALHOST, 0).into())?;
        let place = Place { certificate: Some(identity.certificate), ..Place::plain(endpoint.local_addr()?) };
        place.announce()?;
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(serve_connection(incoming));
        }
        Ok(())
    }

    async fn connect(to: &Place) -> Result<Self> {
        let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
        endpoint.set_default_client_config(client_config(to.certificate()?)?);
        let connection = endpoint.connect(to.address.parse()?, tls::SERVER_NAME)?.await?;
        Ok(Self { connection, _endpoint: endpoint })
    }

    async fn call(&mut self, request: Bytes) -> Result<Bytes> {
        let mut answer = self.ask(request).await?;
        Ok(answer.read_to_end(work::CHUNK).await?.into())
    }

    async fn stream(&mut self, size: u64) -> Result<u64> {
        let mut answer = self.ask(work::ask_for_stream(size)).await?;
        let mut received = 0;
        while let Some(chunk) = answer.read_chunk(work::CHUNK, true).await? {
            received += chunk.bytes.len() as u64;
        }
        Ok(received)
    }
}

impl Quinn {
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

fn server_config(identity: &tls::Identity) -> Result<ServerConfig> {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport());
    Ok(config)
}

fn client_config(certificate: &str) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes())?)?;
    let mut tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport());
    Ok(config)
}

/// Named, since another peer's dependencies may bring a second provider, and rustls would not choose between them.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Windows and packet sizes stay as they are: on loopback, wider windows change nothing that can be measured.
fn transport() -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport.max_concurrent_bidi_streams(QUIC_STREAMS.into());
    Arc::new(transport)
}
