//! Why something of a tunnel could not be done.

use std::path::PathBuf;

use atoll_protocol::{
    names::{NameError, ServiceName},
    sealed::SealError,
    ticket::{TicketError, TicketId, TicketRefusal},
};

use super::{address::LocalAddress, files::ShareError};
use crate::error::RegisterError;

/// Why what is to survive a restart could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// The file cannot be used.
    #[error("cannot read {path}: {reason}; repair it, or move it away to begin without what was kept", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be written.
    #[error("cannot keep this in {path}: {reason}", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The node has no data directory.
    #[error("this node forgets everything when it stops; give it a --data-dir to keep something")]
    Nowhere,
}

/// Why an application was not exposed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ExposeError {
    /// The name is none, or the service cannot be registered.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// This node exposes something under that name.
    #[error(
        "{service} is exposed by this node already, at {target}; take that away first: node tunnel remove {service}"
    )]
    Already {
        /// The name.
        service: ServiceName,
        /// What it stands for.
        target: String,
    },
    /// There is too much of it.
    #[error("{most} applications are exposed here, as many as may be; take one away: node tunnel remove NAME")]
    TooMany {
        /// How many may be.
        most: usize,
    },
    /// It cannot be kept.
    #[error(transparent)]
    Keep(#[from] KeepError),
}

impl From<NameError> for ExposeError {
    fn from(error: NameError) -> Self {
        Self::Register(error.into())
    }
}

/// Why a port is not forwarded.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The ticket cannot be used.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// Connections cannot be taken there.
    #[error("cannot listen on {local}: {reason}; use another port, or 0 for one that is free")]
    Listen {
        /// The address.
        local: LocalAddress,
        /// Why not.
        reason: String,
    },
    /// There is too much of it.
    #[error("{most} ports are forwarded here, as many as may be; take one away: node tunnel remove PORT")]
    TooMany {
        /// How many may be.
        most: usize,
    },
    /// It cannot be kept.
    #[error(transparent)]
    Keep(#[from] KeepError),
}

/// Why something is not taken away.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// There is nothing like that.
    #[error("nothing is exposed or forwarded here as {what:?}; see: node tunnel list")]
    Unknown {
        /// What was named.
        what: String,
    },
    /// It would be back after a restart.
    #[error("{what} stands in the configuration; take it out there, and start the node anew")]
    Configured {
        /// What was named.
        what: String,
    },
    /// It cannot be forgotten.
    #[error(transparent)]
    Keep(#[from] KeepError),
}

/// Why a ticket was not issued, or not revoked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is nothing to give a ticket for.
    #[error("this node exposes nothing as {service}; do that first: node expose {service} --http ADDR")]
    Unknown {
        /// What was named.
        service: ServiceName,
    },
    /// There are too many.
    #[error("{most} tickets of this node are good now, as many as may be; revoke some: node share --revoke ID")]
    TooMany {
        /// How many may be.
        most: usize,
    },
    /// It breaks a rule, such as to be good for no time, or for years.
    #[error("a ticket is good for a second to {days} days: {source}")]
    Life {
        /// The longest life.
        days: u64,
        /// The rule.
        source: SealError,
    },
    /// The file or folder cannot be shared.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// What is shared cannot be exposed.
    #[error(transparent)]
    Expose(#[from] ExposeError),
    /// There is no such ticket.
    #[error("no ticket {id} of this node is good now; see: node share --list")]
    NoTicket {
        /// Which.
        id: TicketId,
    },
    /// It cannot be kept.
    #[error(transparent)]
    Keep(#[from] KeepError),
}

/// Why a ticket lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAdmitted {
    /// It is not good.
    #[error(transparent)]
    Refused(#[from] TicketRefusal),
    /// It was, and is no more.
    #[error("the ticket {0} was revoked; ask for a new one")]
    Revoked(TicketId),
}
