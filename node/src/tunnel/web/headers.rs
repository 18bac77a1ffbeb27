//! Headers on their way through: what is between two neighbours stays there, and what tells who asked is added.

use std::net::IpAddr;

use atoll_protocol::rpc::Status;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, header};

use super::Asker;

/// What this node calls itself in `Via`: the same everywhere, since what is counted is how many of us there were.
const NAME: &str = "1.1 atoll";
/// Nodes that a request may pass.
pub(super) const HOPS: usize = 8;

/// Fields that are between two neighbours (RFC 9110, 7.6.1), those that `Connection` names apart. `TE` and `Trailer` are handled
/// where they are made; credentials for a proxy are for this one.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Makes a request's headers those that the application is to see, and gives the host that was asked for.
///
/// # Errors
/// `aborted` if the request has passed too many nodes, `invalid_argument` if it names no host.
pub(super) fn to_application<B>(
    request: &mut Request<B>,
    asker: &Asker,
    upgrade: Option<&HeaderValue>,
) -> Result<HeaderValue, Status> {
    let passed = passed(request.headers());
    if passed >= HOPS {
        let text = format!("the request has passed {passed} nodes: some service leads to itself");
        return Err(Status::new(atoll_protocol::rpc::Code::Aborted, text));
    }
    let host = host(request)?;
    let headers = request.headers_mut();
    strip(headers);
    // Whoever is asked for more says so to their own neighbour.
    headers.remove(header::EXPECT);
    headers.append(header::VIA, HeaderValue::from_static(NAME));
    let scheme = if asker.encrypted { "https" } else { "http" };
    tell(headers, asker.address, &host, scheme);
    if let Some(protocol) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol.clone());
    }
    Ok(host)
}

/// Takes out of a response what is between the application and this node.
pub(super) fn from_application(headers: &mut HeaderMap) {
    strip(headers);
}

/// How many nodes have passed it on.
fn passed(headers: &HeaderMap) -> usize {
    let texts = headers.get_all(header::VIA).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).filter(|entry| entry.trim().eq_ignore_ascii_case(NAME)).count()
}

/// The host that was asked for, which HTTP/2 has in the target.
fn host<B>(request: &Request<B>) -> Result<HeaderValue, Status> {
    let named = request.headers().get(header::HOST).cloned();
    let target = || request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let none = || Status::invalid_argument("the request names no host");
    named.or_else(target).filter(|host| !host.is_empty()).ok_or_else(none)
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Nobody takes away by it what the message itself depends on.
        .filter(|name| ![header::HOST, header::CONTENT_LENGTH, header::COOKIE].contains(name))
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Says who asked: `Forwarded` (RFC 7239), and what was there before it. Earlier proxies keep their entries.
fn tell(headers: &mut HeaderMap, address: Option<IpAddr>, host: &HeaderValue, scheme: &'static str) {
    let shown = match address {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => format!("\"[{ip}]\""),
    };
    let host_text = host.to_str().unwrap_or_default();
    let forwarded = match host_text.contains(['"', '\\']) {
        true => format!("for={shown};proto={scheme}"),
        false => format!("for={shown};host=\"{host_text}\";proto={scheme}"),
    };
    if let Ok(value) = HeaderValue::from_str(&forwarded) {
        headers.append(header::FORWARDED, value);
    }
    if let Some(value) = address.and_then(|ip| HeaderValue::from_str(&ip.to_string()).ok()) {
        headers.append(FORWARDED_FOR, value);
    }
    if passed(headers) <= 1 {
        // The first of us is the one that the browser has spoken to: what else it says of itself is nobody's word.
        headers.insert(FORWARDED_HOST, host.clone());
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(scheme));
    }
}
