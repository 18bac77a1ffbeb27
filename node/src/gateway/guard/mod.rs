//! Who may use the gateway: by which name it is reached, from which page, and with what token.
//!
//! - A page that a person looks at may have its own name point to this machine (DNS rebinding), and its browser then takes the gateway
//!   for that page's own server. So only known names are answered to.
//! - A page from elsewhere may have its browser send requests here (cross-site request forgery). Browsers say where such a request
//!   comes from, in `Origin` or `Sec-Fetch-Site` (W3C Fetch Metadata); only the gateway's own pages and those allowed may.
//! - Where a token is set, everybody has to know it, except for asking whether the node is alive.

use std::net::IpAddr;

use atoll_protocol::rpc::Code;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::config::{GatewayConfig, Token};

#[cfg(test)]
mod tests;

/// How a request came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// The address of this machine that it came to.
    pub(super) local: IpAddr,
    /// The address that it came from.
    pub(super) peer: IpAddr,
    /// Whether over TLS.
    pub(super) secure: bool,
}

/// What is asked of requests.
#[derive(Debug)]
pub(super) struct Rules {
    hosts: Vec<String>,
    origins: Vec<String>,
    token: Option<[u8; 32]>,
}

/// A request that may pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    /// The name by which the gateway was reached, in lower case, without a port.
    pub(super) host: String,
    /// The page from elsewhere that may read the answer.
    pub(super) foreign: Option<HeaderValue>,
}

impl Rules {
    pub(super) fn new(config: &GatewayConfig, token: Option<&Token>) -> Self {
        let lower = |list: &[String]| list.iter().map(|text| text.to_ascii_lowercase()).collect();
        Self {
            hosts: lower(&config.hosts),
            origins: lower(&config.origins),
            token: token.map(|token| digest(token.secret().as_bytes())),
        }
    }

    /// Whether requests carry a secret that is this gateway's alone.
    pub(super) fn asks_for_token(&self) -> bool {
        self.token.is_some()
    }

    /// Lets a request pass, or says why not.
    pub(super) fn check(&self, parts: &Parts, way: Way) -> Result<Passed, Problem> {
        let authority = authority(&parts.uri, &parts.headers)?;
        let host = host_of(&authority).to_ascii_lowercase();
        if !self.answers_to(&host, way) {
            let said = format!(
                "this gateway is not called {host:?}; use localhost or an address that it listens on, or name that in gateway.hosts"
            );
            return Err(Problem::new(Code::PermissionDenied, said).status(StatusCode::MISDIRECTED_REQUEST));
        }
        let foreign = self.origin(parts, &authority, way)?;
        // A browser asks about what may be sent without the token.
        let asks = parts.method == Method::OPTIONS && foreign.is_some();
        if !asks && !matches!(parts.uri.path(), "/healthz" | "/readyz") {
            self.authorized(&parts.headers)?;
        }
        Ok(Passed { host, foreign })
    }

    fn answers_to(&self, host: &str, way: Way) -> bool {
        if host == "localhost" || host.ends_with(".localhost") || self.hosts.iter().any(|known| known == host) {
            return true;
        }
        // An address is no name: nobody can make it point elsewhere.
        let ip: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        ip.is_some_and(|ip| ip.is_loopback() || ip == way.local.to_canonical())
    }

    /// The page that a request comes from, if it is from elsewhere and may read the answer.
    fn origin(&self, parts: &Parts, authority: &str, way: Way) -> Result<Option<HeaderValue>, Problem> {
        let Some(origin) = parts.headers.get(header::ORIGIN) else { return from_elsewhere(parts) };
        let text = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        let scheme = if way.secure { "https" } else { "http" };
        if text == format!("{scheme}://{}", authority.to_ascii_lowercase()) {
            return Ok(None);
        }
        if self.origins.contains(&text) {
            return Ok(Some(origin.clone()));
        }
        let said = format!("pages of {text:?} may not use this gateway; allow them in gateway.origins");
        Err(Problem::new(Code::PermissionDenied, said))
    }

    fn authorized(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(expected) = &self.token else { return Ok(()) };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(token_in);
        // Digests are compared: how long that takes says nothing of the token.
        if given.is_some_and(|given| digest(&given) == *expected) {
            return Ok(());
        }
        let said = "this gateway asks for its token: send Authorization: Bearer TOKEN, or TOKEN as the password (the file \
                    gateway.token_file of the node has it)";
        let challenge = HeaderValue::from_static("Basic realm=\"atoll\", charset=\"UTF-8\", Bearer realm=\"atoll\"");
        Err(Problem::new(Code::Unauthenticated, said).header(header::WWW_AUTHENTICATE, challenge))
    }
}

/// A request that names no origin, and yet says that it comes from another page. One that leads a person here is a link.
fn from_elsewhere(parts: &Parts) -> Result<Option<HeaderValue>, Problem> {
    let says = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let elsewhere = matches!(says("sec-fetch-site"), Some("cross-site" | "same-site"));
    let link = says("sec-fetch-mode") == Some("navigate") && matches!(parts.method, Method::GET | Method::HEAD);
    if elsewhere && !link {
        return Err(Problem::new(
            Code::PermissionDenied,
            "a page from elsewhere has sent this, which may not use this gateway",
        ));
    }
    Ok(None)
}

/// The host and the port that a request is for.
fn authority(uri: &Uri, headers: &HeaderMap) -> Result<String, Problem> {
    let mut named = headers.get_all(header::HOST).iter();
    let host = match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().map_err(|_| Problem::refused("the header Host is no text"))?,
        (None, _) => return Err(Problem::refused("the header Host is missing")),
        (Some(_), Some(_)) => return Err(Problem::refused("there is more than one header Host")),
    };
    match uri.authority() {
        // Of two that differ, one is a trick.
        Some(named) if !named.as_str().eq_ignore_ascii_case(host) => {
            Err(Problem::refused("the header Host and the request's address differ"))
        }
        _ => Ok(host.to_owned()),
    }
}

/// Without the port.
fn host_of(authority: &str) -> &str {
    if authority.starts_with('[') {
        return authority.find(']').and_then(|end| authority.get(..=end)).unwrap_or(authority);
    }
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

/// What comes with `Bearer`, or as the password with `Basic` (RFC 6750, RFC 7617).
fn token_in(authorization: &str) -> Option<Vec<u8>> {
    let (scheme, rest) = authorization.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(rest.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    decoded.get(colon + 1..).map(<[u8]>::to_vec)
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// What a page from elsewhere may send and read (W3C Fetch, CORS protocol).
pub(super) fn preflight(headers: &mut HeaderMap) {
    let list = HeaderValue::from_static;
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, list("GET, HEAD, POST, PUT, DELETE"));
    let sent = "authorization, content-type, last-event-id, traceparent, tracestate, x-deadline, idempotency-key";
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, list(sent));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, list("600"));
}

/// Says which page may read an answer.
pub(super) fn readable_by(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}
