//! `http://<service>.localhost:<port>/`: a service's own web pages, wherever it runs.
//!
//! The gateway asks here first, by the name under which it was reached, before it looks at a request's path: everything below such a
//! name belongs to the service. What is exposed, and how a request gets there and its response back, is [`tunnel`](crate::tunnel)'s.

use axum::{body::Body, extract::Request, response::Response};

use super::{Shared, guard::Way, problem::Problem};
use crate::tunnel::web::{Asker, http_code};

/// The service that this host stands for; none if the host is the gateway itself.
pub(super) fn service_of(host: &str) -> Option<&str> {
    host.strip_suffix(".localhost").filter(|service| !service.is_empty())
}

/// Passes a request on to the service's web pages.
///
/// # Errors
/// What keeps it from getting there: 404 where nothing is exposed by that name, 502 where the application does not answer.
pub(super) async fn pass(shared: &Shared, service: &str, request: Request, way: Way) -> Result<Response, Problem> {
    // The node is not held while the application takes its time.
    let tunnels = shared.node()?.tunnels.clone();
    let asker = Asker { address: Some(way.peer), encrypted: way.secure, key: None };
    match tunnels.web(service, request, &asker).await {
        Ok(response) => Ok(response.map(Body::new)),
        Err(status) => Err(Problem::of(&status).status(http_code(&status))),
    }
}
