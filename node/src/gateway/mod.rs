//! The gateway: the node's door for browsers, people and programs in any language, over HTTP.
//!
//! | path | what for |
//! |---|---|
//! | `POST /v1/call/{service}/{method}` | a call; a server stream as server-sent events |
//! | `GET /v1/call/{service}/{method}` as a WebSocket | a stream of any kind |
//! | `GET /v1/{status,nodes,services,routes,connections,graph,doctor,search}` | what the node knows, as [`control::api`] has it |
//! | `/v1/topics`, `/v1/topics/{topic}` | publishing and subscribing ([`topics`]) |
//! | `PUT`, `DELETE /v1/services/{name}` | services of programs in any language ([`upstream`]) |
//! | `/openapi.json`, `/metrics` | what can be called, and what is counted |
//! | `/healthz`, `/readyz` | whether it is alive, and part of a network |
//! | `/`, `/docs` | pages for people ([`pages`]) |
//! | anything at `<service>.localhost` | that service's own web pages ([`hosts`]) |
//!
//! A request passes [`connection`] (how many, how large, how slow), [`guard`] (by which name, from which page, with what token), then
//! [`hosts`] or the [`router`]. It must never do what only the node's owner may, which is said at the control socket: the configuration,
//! connecting, deciding about topics. What the node has to tell is made by [`control`], for both doors.
//!
//! [`control`]: crate::control
//! [`control::api`]: crate::control::api

mod body;
mod call;
mod connection;
mod figures;
mod guard;
mod hosts;
mod listener;
mod metrics;
mod openapi;
mod pages;
mod params;
mod patience;
mod problem;
mod reports;
mod router;
mod sse;
#[cfg(test)]
mod tests;
mod topics;
mod upstream;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet};
use tower::Service;

pub(crate) use self::listener::{Opened, open};
use self::{
    call::Targets,
    figures::Figures,
    guard::{Rules, Way},
    problem::Problem,
    upstream::Upstreams,
};
use crate::node::Inner;

/// The file in the data directory that says where the gateway is, while the node runs.
#[must_use]
pub fn address_path(data_dir: &Path) -> PathBuf {
    data_dir.join("gateway.url")
}

/// What the handlers share.
pub(crate) struct Shared {
    node: Weak<Inner>,
    targets: Targets,
    upstreams: Upstreams,
    figures: Arc<Figures>,
}

impl Shared {
    /// The node; gone if it is stopping.
    fn node(&self) -> Result<Arc<Inner>, Problem> {
        self.node.upgrade().ok_or_else(Problem::stopping)
    }
}

/// Answers requests.
struct Door {
    rules: Rules,
    router: axum::Router,
    shared: Arc<Shared>,
}

impl Door {
    async fn answer(&self, request: Request, way: Way) -> Response {
        let (parts, body) = request.into_parts();
        let mut response = match self.rules.check(&parts, way) {
            Err(problem) => problem.into_response(),
            Ok(passed) => {
                let mut response = self.pass(Request::from_parts(parts, body), &passed, way).await;
                if let Some(origin) = passed.foreign {
                    guard::readable_by(response.headers_mut(), origin);
                }
                response
            }
        };
        // What a service gives is what it says to be, and no page of this gateway.
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        self.shared.figures.answered(response.status().as_u16());
        response
    }

    async fn pass(&self, mut request: Request, passed: &guard::Passed, way: Way) -> Response {
        if let Some(service) = hosts::service_of(&passed.host) {
            if self.rules.asks_for_token() {
                // The token is this gateway's, and nobody else's business.
                request.headers_mut().remove(header::AUTHORIZATION);
            }
            return hosts::pass(&self.shared, service, request, way).await.into_response();
        }
        if passed.foreign.is_some() && request.method() == Method::OPTIONS {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            guard::preflight(response.headers_mut());
            return response;
        }
        match self.router.clone().call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Serves all who have connected and will, for as long as the future is polled; says in the data directory where.
pub(crate) async fn serve(opened: Opened, node: Weak<Inner>) {
    let Opened { config, listeners, tls, token, .. } = opened;
    let upstreams = Upstreams::new(config.remote_upstreams);
    let shared = Arc::new(Shared { node, targets: Targets::default(), upstreams, figures: Arc::default() });
    let door = Arc::new(Door {
        rules: Rules::new(&config, token.as_ref()),
        router: router::router(Arc::clone(&shared)),
        shared: Arc::clone(&shared),
    });
    let room = Arc::new(Semaphore::new(config.connections.min(Semaphore::MAX_PERMITS)));
    let mut doors = JoinSet::new();
    for listener in listeners {
        match TcpListener::from_std(listener) {
            Ok(listener) => {
                doors.spawn(connection::accept(listener, tls.clone(), Arc::clone(&door), Arc::clone(&room)));
            }
            Err(error) => tracing::error!("the gateway cannot listen: {error}"),
        }
    }
    doors.spawn(async move { shared.upstreams.look_after().await });
    while doors.join_next().await.is_some() {}
}

/// Says in the data directory where the gateway is.
pub(crate) fn say_where(data_dir: &Path, url: &str) {
    if let Err(error) = fs::write(address_path(data_dir), format!("{url}\n")) {
        tracing::warn!("cannot write where the gateway is: {error}");
    }
}

/// The gateway is gone.
pub(crate) fn forget_where(data_dir: &Path) {
    // What is not there need not be removed.
    let _ = fs::remove_file(address_path(data_dir));
}
