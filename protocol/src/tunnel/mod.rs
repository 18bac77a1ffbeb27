//! Tunnels: what is said on a stream before it carries somebody's bytes.
//!
//! A service that can be reached as [`Http`](crate::service::Protocol::Http) or [`Tcp`](crate::service::Protocol::Tcp) has one
//! method, [`CONNECT`], a stream of bytes both ways. Each connection to the application is one call of it:
//!
//! ```text
//! caller                                         server
//!   │ ┌───────┬───────────────┐                    │
//!   │ │ 1: u8 │ Hello (codec) │                    │  the first message
//!   │ └───────┴───────────────┘                    │
//!   │ bytes, bytes, …                              │  each further one is a piece of what is sent to the application;
//!   │ ───────────────────────────────────────────► │  the caller need not wait for the welcome
//!   │                    ┌───────┬───────────────┐ │
//!   │                    │ 1: u8 │Welcome (codec)│ │  the first message: the application has taken the connection
//!   │                    └───────┴───────────────┘ │
//!   │                              bytes, bytes, … │  each further one is a piece of what the application sends
//!   │ ◄─────────────────────────────────────────── │
//!   │ End                          an empty piece  │  nothing more comes in this direction; the other one goes on
//!   │ ◄──────────────────────────────────────────► │
//!   │                                     Response │  both have ended, or why the connection broke
//!   │ ◄─────────────────────────────────────────── │
//! ```
//!
//! Pieces have no meaning: they may be cut and joined on the way. No piece is empty but the server's last one, since a server cannot end
//! its side of a stream without concluding it. A connection that broke never looks like one that has ended: the stream is
//! concluded with a failure, or cancelled.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    codec::{self, DecodeError, EncodeError},
    limits,
    sealed::Signed,
    service::Extensions,
    ticket::Ticket,
};

#[cfg(test)]
mod tests;

/// The method that tunnels are opened by.
pub const CONNECT: &str = "connect";

/// The form of the two first messages.
const FORM: u8 = 1;

/// What the bytes are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Purpose {
    /// Whatever the application takes.
    Bytes,
    /// HTTP/1.1: a service that is no web application says so, rather than to answer with something else.
    Http,
    /// Nothing: the caller asks whether it would be let in. The application is not asked, and the stream ends with the welcome.
    Nothing,
}

/// The caller's first message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// What the bytes are to be.
    pub purpose: Purpose,
    /// What lets in a caller who would not be otherwise.
    pub ticket: Option<Signed<Ticket>>,
    /// Room for later fields.
    pub extensions: Extensions,
}

/// The server's first message: the application has taken the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Room for later fields.
    pub extensions: Extensions,
}

/// Why a first message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GreetingError {
    /// It has no form.
    #[error("a tunnel's first message is empty")]
    Empty,
    /// It is of a form that is not known here.
    #[error("a tunnel's first message is of form {0}, and only form {FORM} is known here")]
    Form(u8),
    /// It cannot be read.
    #[error("a tunnel's first message cannot be read: {0}")]
    Unreadable(#[from] DecodeError),
}

impl Hello {
    /// As it crosses the wire.
    ///
    /// # Errors
    /// [`EncodeError`], which no greeting meets.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        encode(self)
    }

    /// Reads a caller's first message.
    ///
    /// # Errors
    /// [`GreetingError`] if it is none.
    pub fn decode(message: &[u8]) -> Result<Self, GreetingError> {
        decode(message)
    }
}

impl Welcome {
    /// As it crosses the wire.
    ///
    /// # Errors
    /// [`EncodeError`], which no greeting meets.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        encode(self)
    }

    /// Reads a server's first message.
    ///
    /// # Errors
    /// [`GreetingError`] if it is none.
    pub fn decode(message: &[u8]) -> Result<Self, GreetingError> {
        decode(message)
    }
}

fn encode<T: Serialize>(greeting: &T) -> Result<Vec<u8>, EncodeError> {
    let mut message = vec![FORM];
    message.extend(codec::encode(greeting)?);
    Ok(message)
}

fn decode<T: DeserializeOwned>(message: &[u8]) -> Result<T, GreetingError> {
    match message.split_first() {
        Some((&FORM, greeting)) => Ok(codec::decode(greeting, limits::TUNNEL_GREETING)?),
        Some((form, _)) => Err(GreetingError::Form(*form)),
        None => Err(GreetingError::Empty),
    }
}
