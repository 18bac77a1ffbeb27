//! Where applications are, and where connections to them are taken: what people type as `3000` or `127.0.0.1:3000`.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest name of a host, in bytes (RFC 1035, 2.3.4).
const HOST: usize = 253;

/// Where an application takes TCP connections: a host, by name or address, and a port. A port alone is this machine's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppAddress {
    host: String,
    port: u16,
}

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not an address: {rule}")]
pub struct AddressError {
    value: String,
    rule: &'static str,
}

const APP_RULE: &str =
    "use a port, or a host and a port, such as 3000, 127.0.0.1:3000 or [::1]:3000, without http:// and without a path";
const LOCAL_RULE: &str = "use a port, or an address of this machine and a port, such as 8080 or 127.0.0.1:8080; port 0 takes one that is free";

impl AddressError {
    fn new(value: &str, rule: &'static str) -> Self {
        Self { value: value.chars().take(80).collect(), rule }
    }
}

impl AppAddress {
    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl From<SocketAddr> for AppAddress {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl fmt::Display for AppAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl FromStr for AppAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError::new(text, APP_RULE);
        let (host, port) = split(text).ok_or_else(wrong)?;
        let host = match host {
            None => Ipv4Addr::LOCALHOST.to_string(),
            Some(Host::V6(ip)) => ip.to_string(),
            Some(Host::Name(name)) => {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
                if name.is_empty() || name.len() > HOST || !name.bytes().all(allowed) {
                    return Err(wrong());
                }
                name.to_owned()
            }
        };
        if port == 0 { Err(wrong()) } else { Ok(Self { host, port }) }
    }
}

/// Where connections are taken on this machine. A port alone means its loopback address: another one has to be written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalAddress(pub SocketAddr);

impl LocalAddress {
    /// Any free port of the loopback address.
    pub const ANY: Self = Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
}

impl fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for LocalAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError::new(text, LOCAL_RULE);
        let (host, port) = split(text).ok_or_else(wrong)?;
        let ip = match host {
            None => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(Host::V6(ip)) => IpAddr::V6(ip),
            Some(Host::Name("localhost")) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(Host::Name(name)) => IpAddr::V4(name.parse().map_err(|_| wrong())?),
        };
        Ok(Self(SocketAddr::new(ip, port)))
    }
}

enum Host<'a> {
    V6(Ipv6Addr),
    Name(&'a str),
}

/// The host, if one is named, and the port.
fn split(text: &str) -> Option<(Option<Host<'_>>, u16)> {
    let port = |digits: &str| {
        // The standard library's parser would take a sign as well.
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    if let Some(rest) = text.strip_prefix('[') {
        let (ip, rest) = rest.split_once(']')?;
        return Some((Some(Host::V6(ip.parse().ok()?)), port(rest.strip_prefix(':')?)?));
    }
    match text.split_once(':') {
        None => Some((None, port(text)?)),
        Some((host, digits)) => Some((Some(Host::Name(host)), port(digits)?)),
    }
}

/// Both travel as their texts.
macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

as_text!(AppAddress, LocalAddress);
