//! How a command can fail, what it says then, and the exit code.

use std::{io, path::PathBuf};

use atoll_node::{
    cli::{RunError, text::printable},
    control::api::{CallStatus, FailedRow},
};
use serde_json::{Value, json};

use crate::units::wait;

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line is wrong in a way that only shows when it is carried out.
    #[error("{0}")]
    Usage(String),
    /// Nobody answers in the data directory.
    #[error("no node is running in {data_dir}; start one with: {start}", data_dir = .data_dir.display())]
    NoNode {
        /// The data directory.
        data_dir: PathBuf,
        /// The command that starts one there.
        start: String,
    },
    /// The node's socket is there, but cannot be used.
    #[error("cannot use the control socket {path}: {reason}", path = .path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The node does not do what was asked.
    #[error("{0}")]
    Refused(String),
    /// The node went away, or answered something else than expected.
    #[error("{0}")]
    NoAnswer(String),
    /// A call ended with an error.
    #[error("{}: {}", .0.code, .0.message)]
    Status(CallStatus),
    /// A message was not published, or not as was asked for.
    #[error("{}", .0.error)]
    Unpublished(FailedRow),
    /// Some of many were not, which has been said.
    #[error("{0}")]
    Incomplete(String),
    /// Nothing came of a measurement.
    #[error("{0}")]
    Unmeasured(String),
    /// There is no identity yet, or none that can be used.
    #[error("{0}")]
    Identity(String),
    /// A result has no text form.
    #[error("the result cannot be printed: {0}")]
    Unprintable(String),
    /// The request could not be read.
    #[error("cannot read the request from stdin: {0}")]
    Input(io::Error),
    /// The result could not be written.
    #[error("cannot write the result: {0}")]
    Output(io::Error),
    /// The node could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl Failure {
    /// What to say of it on stderr. `None` where nobody wants to hear: the reader of a pipe has left.
    pub(crate) fn words(&self) -> Option<String> {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            Self::NoNode { .. } => Some(self.to_string()),
            Self::Status(CallStatus { code, message, retry_after_ms, .. }) => {
                let wait = retry_after_ms.map(|millis| format!("; try again in {}", wait(millis))).unwrap_or_default();
                Some(format!("{code}: {}{wait}", printable(message)))
            }
            Self::Refused(reason)
            | Self::Unmeasured(reason)
            | Self::Incomplete(reason)
            | Self::Unpublished(FailedRow { error: reason, .. }) => Some(format!("error: {}", printable(reason))),
            other => Some(format!("error: {other}")),
        }
    }

    /// What programs read on stdout, where the node itself said why.
    pub(crate) fn object(&self) -> Option<Value> {
        match self {
            Self::Status(status) => serde_json::to_value(status).ok(),
            Self::Unpublished(row) => serde_json::to_value(row).ok(),
            Self::Refused(error) => Some(json!({ "error": error })),
            _ => None,
        }
    }

    /// 0 ok, 1 the call's status was an error or the node refused, 2 usage, 3 no node.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Usage(_) => 2,
            Self::NoNode { .. } => 3,
            Self::Run(error) => error.exit_code(),
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests;
