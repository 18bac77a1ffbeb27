//! The sockets that the gateway listens on, its certificate and its token: everything that can be wrong before anybody is served.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};

use futures_rustls::TlsAcceptor;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{
    config::{GatewayConfig, Token},
    error::SpawnError,
    identity_file::write_private,
};

/// Ports above the wanted one that are tried before the operating system picks one.
const NEIGHBOURS: u16 = 16;
/// Random bytes of a token that is made: as many as nobody guesses.
const TOKEN_BYTES: usize = 24;

/// A gateway that is open, and not served yet: whoever connects waits.
pub(crate) struct Opened {
    pub(super) config: GatewayConfig,
    pub(super) listeners: Vec<TcpListener>,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) token: Option<Token>,
    /// Where people find it.
    pub(crate) url: String,
    /// Ports that were wanted and taken, with the ones used instead.
    pub(crate) moved: Vec<(u16, u16)>,
}

/// Opens the gateway, if there is to be one.
pub(crate) fn open(config: &GatewayConfig) -> Result<Option<Opened>, SpawnError> {
    config.check()?;
    if config.listen.is_empty() {
        return Ok(None);
    }
    let token = token(config)?;
    let tls = tls(config)?;
    let (mut listeners, mut moved) = (Vec::new(), Vec::new());
    for wanted in &config.listen {
        let listener = bind(*wanted).map_err(|e| failed(wanted, &e))?;
        let using = listener.local_addr().map_err(|e| failed(wanted, &e))?.port();
        if wanted.port() != 0 && wanted.port() != using {
            moved.push((wanted.port(), using));
        }
        listener.set_nonblocking(true).map_err(|e| failed(wanted, &e))?;
        listeners.push(listener);
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    let first = listeners.first().and_then(|listener| listener.local_addr().ok());
    let url = first.map(|address| format!("{scheme}://{}/", dialled(address))).unwrap_or_default();
    if token.is_some() && tls.is_none() && config.listen.iter().any(|address| !address.ip().is_loopback()) {
        tracing::warn!(
            "the gateway's token travels in the clear: set gateway.certificate and gateway.key, or trust the network"
        );
    }
    Ok(Some(Opened { config: config.clone(), listeners, tls, token, url, moved }))
}

fn failed(address: &SocketAddr, error: &dyn std::fmt::Display) -> SpawnError {
    let reason = format!("{error}; pass --gateway with an address of this machine, or --no-gateway");
    SpawnError::Gateway { address: address.to_string(), reason }
}

/// The wanted port, the next one that is free, or any.
fn bind(wanted: SocketAddr) -> std::io::Result<TcpListener> {
    let last = if wanted.port() == 0 { 0 } else { wanted.port().saturating_add(NEIGHBOURS) };
    for port in (wanted.port()..=last).chain([0]) {
        match TcpListener::bind(SocketAddr::new(wanted.ip(), port)) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    Err(ErrorKind::AddrInUse.into())
}

/// An address that can be dialled, where it listens on all.
fn dialled(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The token, out of the configuration or its file.
fn token(config: &GatewayConfig) -> Result<Option<Token>, SpawnError> {
    let Some(path) = &config.token_file else { return Ok(config.token.clone()) };
    let wrong =
        |rule: String| SpawnError::Setting { setting: "gateway.token_file", value: path.display().to_string(), rule };
    match std::fs::read_to_string(path) {
        Ok(text) => Token::new(text.trim()).map(Some).map_err(wrong),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let token = hex(&rand::random::<[u8; TOKEN_BYTES]>());
            write_private(path, &format!("{token}\n")).map_err(|e| wrong(format!("it cannot be written: {e}")))?;
            tracing::info!("a token for the gateway was made: {}", path.display());
            Token::new(token).map(Some).map_err(wrong)
        }
        Err(error) => Err(wrong(format!("it cannot be read: {error}"))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What serves HTTPS, if there is a certificate.
fn tls(config: &GatewayConfig) -> Result<Option<TlsAcceptor>, SpawnError> {
    let (Some(certificate), Some(key)) = (&config.certificate, &config.key) else { return Ok(None) };
    let wrong = |setting, path: &Path, rule: String| SpawnError::Setting {
        setting,
        value: path.display().to_string(),
        rule: format!("{rule}; it takes a file in PEM"),
    };
    let bad_certificate = |rule| wrong("gateway.certificate", certificate, rule);
    let bad_key = |rule| wrong("gateway.key", key, rule);
    let read = CertificateDer::pem_file_iter(certificate).map_err(|e| bad_certificate(e.to_string()))?;
    let chain: Vec<_> = read.collect::<Result<_, _>>().map_err(|e| bad_certificate(e.to_string()))?;
    if chain.is_empty() {
        return Err(bad_certificate("there is no certificate in it".to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| bad_key(e.to_string()))?;
    let mut server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| bad_certificate(e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(|e| bad_key(format!("it does not go with the certificate: {e}")))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}
