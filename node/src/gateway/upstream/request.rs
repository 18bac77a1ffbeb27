//! What a program says of the service that it offers, checked.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use atoll_protocol::{
    limits,
    names::{MethodName, parse_version},
    schema::Document,
    service::Schema,
};
use axum::http::Uri;
use semver::Version;
use serde::Deserialize;
use serde_json::Value;

use super::super::problem::Problem;

/// How long a registration lasts that does not say, in seconds.
const TTL: u64 = 60;
/// Shortest and longest that it may, in seconds.
const TTL_RANGE: std::ops::RangeInclusive<u64> = 1..=3600;
/// Addresses that one request may name.
const ADDRESSES: usize = 32;
/// Longest address, in bytes.
const ADDRESS: usize = 256;

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: String,
    url: Option<String>,
    #[serde(default)]
    urls: Vec<String>,
    #[serde(default)]
    doc: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default = "usual_ttl")]
    ttl_s: u64,
    health: Option<String>,
    endpoints: Vec<WrittenEndpoint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEndpoint {
    name: MethodName,
    #[serde(default)]
    doc: String,
    #[serde(default)]
    idempotent: bool,
    deadline_hint_ms: Option<u32>,
    /// A JSON Schema; left out for bytes of which nothing is said.
    request: Option<Value>,
    response: Option<Value>,
}

fn usual_ttl() -> u64 {
    TTL
}

/// A service as a program offers it.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) version: Version,
    pub(super) doc: String,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) endpoints: Vec<Offered>,
    /// A path that answers with 2xx while the program is well; without it, it is well while it takes connections.
    pub(super) health: Option<String>,
    pub(super) addresses: Vec<String>,
    pub(super) ttl: Duration,
}

/// One method.
#[derive(Debug, PartialEq)]
pub(super) struct Offered {
    pub(super) name: MethodName,
    pub(super) doc: String,
    pub(super) idempotent: bool,
    pub(super) deadline_hint_ms: Option<u32>,
    pub(super) request: Schema,
    pub(super) response: Schema,
}

impl Offer {
    /// Reads it; `remote` if the program may be on another machine.
    pub(super) fn read(body: &[u8], remote: bool) -> Result<Self, Problem> {
        let written: Written = serde_json::from_slice(body)
            .map_err(|e| Problem::refused(format!("this does not describe a service: {e}")))?;
        let addresses: Vec<String> = written.url.into_iter().chain(written.urls).collect();
        if addresses.is_empty() || addresses.len() > ADDRESSES {
            let said = format!("there are {} addresses; url or urls takes 1 to {ADDRESSES}", addresses.len());
            return Err(Problem::refused(said));
        }
        let addresses = addresses.iter().map(|text| address(text, remote)).collect::<Result<_, _>>()?;
        if !TTL_RANGE.contains(&written.ttl_s) {
            let said = format!("ttl_s is {}; it takes {} to {} s", written.ttl_s, TTL_RANGE.start(), TTL_RANGE.end());
            return Err(Problem::refused(said));
        }
        if let Some(path) =
            written.health.as_ref().filter(|path| !path.starts_with('/') || path.parse::<Uri>().is_err())
        {
            return Err(Problem::refused(format!("health is {path:.64?}; it takes a path such as /healthz")));
        }
        if written.endpoints.is_empty() || written.endpoints.len() > limits::ENDPOINTS {
            let said =
                format!("there are {} endpoints; a service has 1 to {}", written.endpoints.len(), limits::ENDPOINTS);
            return Err(Problem::refused(said));
        }
        Ok(Self {
            version: parse_version(&written.version).map_err(Problem::refused)?,
            doc: written.doc,
            metadata: written.metadata,
            endpoints: written.endpoints.into_iter().map(endpoint).collect::<Result<_, _>>()?,
            health: written.health,
            addresses,
            ttl: Duration::from_secs(written.ttl_s),
        })
    }

    /// Whether another one describes the same service; where it is and for how long does not matter.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        (&self.doc, &self.metadata, &self.endpoints, &self.health)
            == (&other.doc, &other.metadata, &other.endpoints, &other.health)
    }
}

fn endpoint(written: WrittenEndpoint) -> Result<Offered, Problem> {
    let schema = |side: &str, schema: Option<Value>| match schema {
        None => Ok(Schema::Raw),
        Some(schema @ (Value::Object(_) | Value::Bool(_))) => {
            let text = schema.to_string();
            let wrong = |e| Problem::refused(format!("the {side} schema of {} cannot be used: {e}", written.name));
            Document::canonical(&text).map_err(wrong)?;
            Ok(Schema::Json(text))
        }
        Some(_) => Err(Problem::refused(format!("the {side} schema of {} is no JSON Schema", written.name))),
    };
    Ok(Offered {
        request: schema("request", written.request)?,
        response: schema("response", written.response)?,
        name: written.name,
        doc: written.doc,
        idempotent: written.idempotent,
        deadline_hint_ms: written.deadline_hint_ms,
    })
}

/// An address that methods are appended to: without a slash at its end.
fn address(text: &str, remote: bool) -> Result<String, Problem> {
    let wrong = |rule: &str| Problem::refused(format!("{text:.64?} is no address of a program: {rule}"));
    let uri: Uri = text.parse().map_err(|_| wrong("it takes a form like http://127.0.0.1:9000/rpc"))?;
    if uri.scheme_str() != Some("http") || text.len() > ADDRESS {
        return Err(wrong("it begins with http:// and is not longer than 256 bytes"));
    }
    if uri.query().is_some() || text.contains(['#', '@']) {
        return Err(wrong("nothing may stand in it but a host, a port and a path"));
    }
    let host = uri.host().unwrap_or_default();
    let ip: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    if !remote && host != "localhost" && !ip.is_some_and(|ip| ip.is_loopback()) {
        return Err(wrong("the program has to be on this machine, unless gateway.remote_upstreams allows others"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}
