//! The gateway: the door by which programs in any language, browsers and people reach the node over HTTP.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use crate::error::SpawnError;

/// The port that the program's gateway listens on unless told otherwise, or unless it is taken.
pub const GATEWAY_PORT: u16 = 4080;

/// Connections that the gateway takes at a time unless told otherwise.
pub const GATEWAY_CONNECTIONS: usize = 16 * 1024;

/// Shortest token, in bytes: what is shorter can be guessed.
const TOKEN_MIN: usize = 16;
/// Longest token, in bytes: it has to fit a header.
const TOKEN_MAX: usize = 512;

/// The gateway. Without an address to listen on there is none, as in a program that embeds a node; the program `node` listens on
/// [`GatewayConfig::at_home`] unless it is told something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Addresses to listen on, such as `127.0.0.1:4080`. One that others than this machine can reach needs a token. A port that is
    /// taken gives way to the next one that is free.
    pub listen: Vec<SocketAddr>,
    /// What everybody has to know who uses the gateway, at whichever address: 16 to 512 visible ASCII characters. Sent as
    /// `Authorization: Bearer …`, or as the password that a browser asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// The file that holds it. One that is not there is made, with a token drawn at random, for its owner alone (mode 0600).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// A chain of certificates in PEM, to serve HTTPS instead of HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The certificate's key in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Names by which it may be reached beside `localhost`, those that end in `.localhost`, and the addresses that it listens on.
    /// Others are refused, or a page from elsewhere could have its own name point here.
    pub hosts: Vec<String>,
    /// Origins of pages from elsewhere that may use it, such as `https://app.example.org`.
    pub origins: Vec<String>,
    /// Whether programs that offer services over HTTP may run on other machines than this one.
    pub remote_upstreams: bool,
    /// Connections that it takes at a time; further ones are refused with 503.
    pub connections: usize,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            token: None,
            token_file: None,
            certificate: None,
            key: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            remote_upstreams: false,
            connections: GATEWAY_CONNECTIONS,
        }
    }
}

impl GatewayConfig {
    /// Where the program's gateway listens unless told otherwise: for this machine alone.
    #[must_use]
    pub fn at_home() -> Vec<SocketAddr> {
        vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), GATEWAY_PORT)]
    }

    /// Whether these settings can be.
    pub(crate) fn check(&self) -> Result<(), SpawnError> {
        let wrong = |setting, value: String, rule: String| Err(SpawnError::Setting { setting, value, rule });
        if let Some(token) = &self.token {
            token.check().map_err(|rule| SpawnError::Setting {
                setting: "gateway.token",
                value: "…".to_owned(),
                rule,
            })?;
        }
        if self.token.is_some() && self.token_file.is_some() {
            let rule = "gateway.token says the same already: leave out one of them".to_owned();
            return wrong("gateway.token_file", "given".to_owned(), rule);
        }
        let open = self.listen.iter().find(|address| !address.ip().is_loopback());
        if let Some(address) = open.filter(|_| self.token.is_none() && self.token_file.is_none()) {
            let rule = "others than this machine can reach that, so everybody has to give a token: name a file for it in \
                        gateway.token_file (--gateway-token FILE; it is made if it is not there), or listen on 127.0.0.1";
            return wrong("gateway.listen", address.to_string(), rule.to_owned());
        }
        if self.certificate.is_some() != self.key.is_some() {
            let (setting, other) =
                if self.key.is_none() { ("gateway.certificate", "key") } else { ("gateway.key", "certificate") };
            return wrong(setting, "given alone".to_owned(), format!("HTTPS takes gateway.{other}, too"));
        }
        if let Some(host) = self.hosts.iter().find(|host| !is_host(host)) {
            let rule = "it takes names without a port, such as node.example.org".to_owned();
            return wrong("gateway.hosts", host.clone(), rule);
        }
        if let Some(origin) = self.origins.iter().find(|origin| !is_origin(origin)) {
            let rule =
                "it takes a scheme and a host and nothing behind them, such as https://app.example.org".to_owned();
            return wrong("gateway.origins", origin.clone(), rule);
        }
        if self.connections == 0 {
            return wrong("gateway.connections", "0".to_owned(), "it takes a number above 0".to_owned());
        }
        Ok(())
    }
}

/// Letters, digits, hyphens and dots.
fn is_host(text: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    text.split('.').all(label)
}

fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@', ' ']))
}

/// A secret word. It is not shown when it is logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// A token.
    ///
    /// # Errors
    /// The rule, in words, if it cannot be one.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let token = Self(text.into());
        token.check()?;
        Ok(token)
    }

    fn check(&self) -> Result<(), String> {
        let visible = self.0.bytes().all(|b| b.is_ascii_graphic());
        if visible && (TOKEN_MIN..=TOKEN_MAX).contains(&self.0.len()) {
            Ok(())
        } else {
            Err(format!("a token takes {TOKEN_MIN} to {TOKEN_MAX} visible ASCII characters, without spaces"))
        }
    }

    /// The word itself.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
