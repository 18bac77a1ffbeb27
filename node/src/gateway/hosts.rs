//! `http://<service>.localhost:<port>/`: a service's own web pages, wherever it runs.
//!
//! The gateway asks here first, by the name under which it was reached, before it looks at a request's path: everything below such a
//! name belongs to the service. What is exposed, and the proxying, is `tunnel`'s.

use axum::{extract::Request, response::Response};

use super::{Shared, problem::Problem};

/// The service that this host stands for; none if the host is the gateway itself.
pub(super) fn service_of(host: &str) -> Option<&str> {
    host.strip_suffix(".localhost").filter(|service| !service.is_empty())
}

/// Passes a request on to the service's web pages.
///
/// # Errors
/// 404 while nothing is exposed by that name.
pub(super) async fn pass(_shared: &Shared, service: &str, _request: Request) -> Result<Response, Problem> {
    Err(Problem::not_found(format!("no web pages are exposed as {service}; the gateway's own are at http://localhost")))
}
