//! Web applications behind tunnels: takes an HTTP request, gives it to the application wherever it runs, and gives back the
//! response, as a reverse proxy does (RFC 9110, 7.6).
//!
//! ```text
//! request ──► headers ──► an idle connection, or a new tunnel ──► HTTP/1.1 ──► application
//!             hop by hop   pool, by instance                       bodies stream both ways; after 101 so do bytes
//! ```
//!
//! - The host that the browser has named, and cookies, reach the application unchanged, so redirects and cookies are right as they
//!   come back. `Forwarded` and `X-Forwarded-*` say who asked, and how.
//! - Requests of one user go to one instance: by a key that the caller gives, else by a cookie of our own, which is given only
//!   where there is more than one instance and never reaches the application.
//! - `Via` counts the nodes that a request has passed; it is refused before it goes round in circles.
//!
//! Nothing here buffers a body. What the application says is passed on as it is, its errors too; a [`Status`] is only what keeps
//! a request from reaching it.

mod affinity;
mod headers;
mod pool;
mod upgrade;

use std::{net::IpAddr, sync::Arc};

use atoll_protocol::{
    names::{NameError, ServiceQuery},
    rpc::{Code, Status},
    tunnel::Purpose,
};
use axum::http::{Method, Request, Response, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;

use self::{affinity::Affinity, pool::Pool};
use super::{Tunnels, dial::Dialer};
use crate::Node;

/// Connections that are tried: an idle one may be closed by the application in the moment in which it is used.
const TRIES: usize = 3;

/// Why a body broke off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// A request's body, whatever it was.
type Sent = UnsyncBoxBody<Bytes, BodyError>;

/// Who asks, as the application is told.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    /// The address that the request came from.
    pub address: Option<IpAddr>,
    /// Whether it came encrypted: `https` rather than `http`.
    pub encrypted: bool,
    /// A key by which requests go to one instance, instead of by a cookie.
    pub key: Option<String>,
}

/// Web applications that this node speaks to; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Web(Arc<Pool>);

impl Node {
    /// Gives a request to the web application that somebody exposes as `service` (`name` or `name@requirement`), and gives its
    /// response. Both bodies stream; so do upgraded connections, such as WebSockets, for which `request` has to be as a
    /// hyper server has given it.
    ///
    /// # Errors
    /// [`Status`] if the request does not reach an application; [`http_code`] says which HTTP code that is.
    pub async fn web<B>(&self, service: &str, request: Request<B>, asker: &Asker) -> Result<Response<Incoming>, Status>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        self.0.tunnels.web(service, request, asker).await
    }
}

impl Tunnels {
    /// See [`Node::web`].
    pub(crate) async fn web<B>(
        &self,
        service: &str,
        request: Request<B>,
        asker: &Asker,
    ) -> Result<Response<Incoming>, Status>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let query: ServiceQuery = service.parse().map_err(|e: NameError| Status::invalid_argument(e.to_string()))?;
        let dialer = Dialer::new(Arc::clone(&self.0.rpc), query, None);
        self.0.web.send(&dialer, request, asker).await
    }
}

/// The HTTP code for what keeps a request from reaching an application.
#[must_use]
pub fn http_code(status: &Status) -> StatusCode {
    match status.code() {
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::PermissionDenied | Code::Unauthenticated => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::ResourceExhausted => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Aborted => StatusCode::LOOP_DETECTED,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::BAD_GATEWAY,
    }
}

impl Web {
    /// Gives a request to the application at the other end.
    pub(crate) async fn send<B>(
        &self,
        dialer: &Dialer,
        mut request: Request<B>,
        asker: &Asker,
    ) -> Result<Response<Incoming>, Status>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        if request.method() == Method::CONNECT {
            return Err(Status::unimplemented("CONNECT asks for a proxy, and this is none"));
        }
        let upgrade = upgrade::asked(&mut request);
        let affinity = Affinity::of(asker.key.clone(), &request, dialer.instances());
        let host = headers::to_application(&mut request, asker, upgrade.as_ref().map(upgrade::Asked::protocol))?;
        affinity::take_cookie(request.headers_mut());
        *request.uri_mut() = origin_form(request.uri())?;
        *request.version_mut() = axum::http::Version::HTTP_11;
        request.headers_mut().insert(header::HOST, host);
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let mut response = self.exchange(dialer, request, affinity.key()).await?;
        match (response.status(), upgrade) {
            (StatusCode::SWITCHING_PROTOCOLS, Some(asked)) => asked.carry(&mut response),
            (StatusCode::SWITCHING_PROTOCOLS, None) => {
                return Err(Status::unavailable("the application changes the protocol, which nobody has asked for"));
            }
            _ => headers::from_application(response.headers_mut()),
        }
        affinity.give_cookie(response.headers_mut());
        Ok(response)
    }

    /// Asks an application for something that is nobody's request but this node's own.
    pub(in crate::tunnel) async fn ask(
        &self,
        dialer: &Dialer,
        request: Request<http_body_util::Empty<Bytes>>,
    ) -> Result<Response<Incoming>, Status> {
        let request = request.map(|body| body.map_err(|never| match never {}).boxed_unsync());
        self.exchange(dialer, request, None).await
    }

    /// Sends it over an idle connection if there is one, or over a new one.
    async fn exchange(
        &self,
        dialer: &Dialer,
        mut request: Request<Sent>,
        key: Option<&str>,
    ) -> Result<Response<Incoming>, Status> {
        let place = pool::Place::new(dialer, key);
        for _ in 0..TRIES {
            let copy = copy_of(&request);
            // An application may close an idle connection in this very moment. What must not be sent twice gets a new one.
            let idle = copy.is_some().then(|| self.0.take(&place)).flatten();
            let (mut connection, used) = match idle {
                Some(idle) => (idle, true),
                None => (connect(dialer, key).await?, false),
            };
            match connection.try_send_request(request).await {
                Ok(response) => {
                    self.0.give_back(place, connection);
                    return Ok(response);
                }
                Err(mut error) => match (error.take_message().or(copy), used) {
                    (Some(again), true) => request = again,
                    _ => return Err(broken(dialer, error.error())),
                },
            }
        }
        Err(Status::unavailable(format!("{} closes its connections before it was asked anything", dialer.query())))
    }
}

/// The same request once more, if sending it twice does no more than sending it once (RFC 9110, 9.2.2), and it has no body.
fn copy_of(request: &Request<Sent>) -> Option<Request<Sent>> {
    if !request.method().is_idempotent() || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// A new connection to the application.
async fn connect(dialer: &Dialer, key: Option<&str>) -> Result<http1::SendRequest<Sent>, Status> {
    let stream = dialer.stream(Purpose::Http, key).await?;
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|error| broken(dialer, &error))?;
    // It ends with the application's side, or when nobody wants it any more.
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!("a connection to a web application has broken: {error}");
        }
    });
    Ok(sender)
}

/// What went wrong between this node and the application.
fn broken(dialer: &Dialer, error: &hyper::Error) -> Status {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Status::unavailable(format!("{} did not answer as a web application does: {error}{cause}", dialer.query()))
        .retryable(false)
}

/// The target as HTTP/1.1 has it for a server, whichever form it came in.
fn origin_form(uri: &Uri) -> Result<Uri, Status> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    target.parse().map_err(|_| Status::invalid_argument(format!("{target:.200} cannot be asked for")))
}

#[cfg(test)]
mod tests;
