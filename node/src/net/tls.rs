//! TLS over TCP as libp2p specifies it (`/tls/1.0.0`), with the quicker cipher first.
//!
//! libp2p-tls 0.7 puts ChaCha20-Poly1305 before AES-GCM, and has no setting. On a processor with instructions for AES
//! that is the slower one by far, and ciphering is what a large stream costs most. Certificates, their proof and their
//! checks are libp2p-tls's own; only the order is chosen here, so both ends understand every other implementation.

use std::{net::Ipv4Addr, sync::Arc};

use futures::{AsyncRead, AsyncWrite, FutureExt, future::BoxFuture};
use futures_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use libp2p::{
    PeerId,
    core::{
        UpgradeInfo,
        upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade},
    },
    identity::Keypair,
    tls::{certificate, make_client_config, make_server_config},
};
use rustls::{
    CertificateError, ClientConfig, CommonState, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme, SupportedCipherSuite,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{
        CryptoProvider,
        aws_lc_rs::{
            self,
            cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256},
        },
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
    version::TLS13,
};

#[cfg(test)]
mod tests;

/// What libp2p-tls accepts of certificates: what its [`certificate::parse`] and `verify_signature` know.
const SCHEMES: [SignatureScheme; 6] = [
    SignatureScheme::ED25519,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
];

/// Secures a TCP connection; see the [module docs](self).
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Tls {
    /// With a new certificate for this identity.
    ///
    /// # Errors
    /// If the certificate cannot be made.
    pub(crate) fn new(identity: &Keypair) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let provider = Arc::new(provider());
        // What carries the certificates is taken from libp2p-tls; what checks the other side's is not to be had there.
        let (theirs, versions) = (make_client_config(identity, None)?, &[&TLS13]);
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier))
            .with_client_cert_resolver(theirs.client_auth_cert_resolver);
        client.alpn_protocols = theirs.alpn_protocols;

        let theirs = make_server_config(identity)?;
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(Arc::new(Verifier))
            .with_cert_resolver(theirs.cert_resolver);
        server.alpn_protocols = theirs.alpn_protocols;
        Ok(Self { client: Arc::new(client), server: Arc::new(server) })
    }
}

fn provider() -> CryptoProvider {
    let aes = [TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384];
    let chacha = [TLS13_CHACHA20_POLY1305_SHA256];
    let cipher_suites: Vec<SupportedCipherSuite> =
        if has_aes() { aes.into_iter().chain(chacha).collect() } else { chacha.into_iter().chain(aes).collect() };
    CryptoProvider { cipher_suites, ..aws_lc_rs::default_provider() }
}

/// Whether the processor has instructions for AES.
fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    false
}

impl UpgradeInfo for Tls {
    type Info = &'static str;
    type InfoIter = std::iter::Once<Self::Info>;

    fn protocol_info(&self) -> Self::InfoIter {
        std::iter::once("/tls/1.0.0")
    }
}

impl<C> InboundConnectionUpgrade<C> for Tls
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = (PeerId, TlsStream<C>);
    type Error = std::io::Error;
    type Future = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, socket: C, _: Self::Info) -> Self::Future {
        async move {
            let stream = TlsAcceptor::from(self.server).accept(socket).await?;
            Ok((peer(stream.get_ref().1)?, stream.into()))
        }
        .boxed()
    }
}

impl<C> OutboundConnectionUpgrade<C> for Tls
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = (PeerId, TlsStream<C>);
    type Error = std::io::Error;
    type Future = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn upgrade_outbound(self, socket: C, _: Self::Info) -> Self::Future {
        async move {
            // An address instead of a name leaves the name out of the handshake, as the specification asks.
            let nameless = ServerName::from(std::net::IpAddr::from(Ipv4Addr::UNSPECIFIED));
            let stream = TlsConnector::from(self.client).connect(nameless, socket).await?;
            Ok((peer(stream.get_ref().1)?, stream.into()))
        }
        .boxed()
    }
}

/// Who is at the other end of a connection whose handshake is done.
fn peer(state: &CommonState) -> std::io::Result<PeerId> {
    match state.peer_certificates() {
        Some([only]) => proved(only, &[]).map_err(std::io::Error::other),
        _ => Err(std::io::Error::other("the peer has shown no certificate")),
    }
}

/// Who a certificate says its holder is, once everything that it says of itself is checked.
fn proved(certificate: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Result<PeerId, Error> {
    if !others.is_empty() {
        return Err(Error::General("a libp2p peer shows exactly one certificate".to_owned()));
    }
    Ok(certificate::parse(certificate)?.peer_id())
}

/// Checks certificates as libp2p-tls does. That the peer is the one that was dialled is checked by the swarm.
#[derive(Debug)]
struct Verifier;

impl Verifier {
    fn signature(message: &[u8], by: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Signature {
        certificate::parse(by)?.verify_signature(dss.scheme, message, dss.signature())?;
        Ok(HandshakeSignatureValid::assertion())
    }
}

type Signature = Result<HandshakeSignatureValid, Error>;

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        proved(end, others).map(|_| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(&self, _: &[u8], _: &CertificateDer<'_>, _: &DigitallySignedStruct) -> Signature {
        Err(CertificateError::BadSignature.into())
    }

    fn verify_tls13_signature(&self, said: &[u8], by: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Signature {
        Self::signature(said, by, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        proved(end, others).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(&self, _: &[u8], _: &CertificateDer<'_>, _: &DigitallySignedStruct) -> Signature {
        Err(CertificateError::BadSignature.into())
    }

    fn verify_tls13_signature(&self, said: &[u8], by: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Signature {
        Self::signature(said, by, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}
