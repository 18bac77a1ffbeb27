//! The application behind an exposed service.

use std::{fmt, io, sync::Arc, time::Duration};

use atoll_protocol::{rpc::Status, service::Protocol, ticket::Opens};
use tokio::{net::TcpStream, time::timeout};

use super::{address::AppAddress, carry::Socket, files::FileShare};

/// How long it is tried whether an application answers, when it is exposed.
const TRIAL: Duration = Duration::from_secs(2);

/// What is exposed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A web application, spoken to in HTTP/1.1.
    Http(AppAddress),
    /// Whatever takes TCP connections.
    Tcp(AppAddress),
    /// Files, served by the node itself.
    Files(Arc<FileShare>),
}

impl Target {
    /// How the service can be reached.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Http(_) | Self::Files(_) => Protocol::Http,
            Self::Tcp(_) => Protocol::Tcp,
        }
    }

    /// What a ticket for it opens.
    #[must_use]
    pub fn opens(&self) -> Opens {
        match self {
            Self::Http(_) => Opens::Http,
            Self::Tcp(_) => Opens::Tcp,
            Self::Files(_) => Opens::Files,
        }
    }

    /// Why the application does not answer now, if it does not.
    pub(crate) async fn trouble(&self) -> Option<String> {
        let (Self::Http(address) | Self::Tcp(address)) = self else { return None };
        match connect(address, TRIAL).await {
            Ok(socket) => {
                socket.ended();
                None
            }
            Err(status) => Some(status.message().to_owned()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(address) | Self::Tcp(address) => address.fmt(f),
            Self::Files(share) => share.path().display().fmt(f),
        }
    }
}

/// A connection to an application.
pub(super) async fn connect(address: &AppAddress, patience: Duration) -> Result<Socket, Status> {
    let connecting = TcpStream::connect((address.host(), address.port()));
    match timeout(patience, connecting).await {
        Ok(Ok(stream)) => Ok(Socket::new(stream)),
        Ok(Err(error)) => Err(Status::unavailable(unreachable(address, &error))),
        Err(_) => {
            let seconds = patience.as_secs();
            let text = format!("{address} did not answer within {seconds} s: is the application running?");
            Err(Status::unavailable(text))
        }
    }
}

/// Why there is no connection, and what to do.
fn unreachable(address: &AppAddress, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("connection refused by {address}: is the application running?")
        }
        _ => format!("{address} cannot be reached: {error}"),
    }
}
