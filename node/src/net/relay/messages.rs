//! The messages of Circuit Relay v2: Protocol Buffers, each with its length before it.
//!
//! Fields that a relay neither says nor heeds are left out, which Protocol Buffers allows: vouchers, limits, addresses of
//! targets. Enumerations stand as numbers, since a peer may send one that nobody knows.

use prost::Message;

pub(super) use crate::net::delimited::{MAX_MESSAGE, ReadError, read, write};

/// What a hop message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum HopKind {
    Reserve = 0,
    Connect = 1,
    Status = 2,
}

/// What a stop message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum StopKind {
    Connect = 0,
    Status = 1,
}

/// How a request has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Status {
    Ok = 100,
    ReservationRefused = 200,
    ResourceLimitExceeded = 201,
    PermissionDenied = 202,
    ConnectionFailed = 203,
    NoReservation = 204,
    MalformedMessage = 400,
    UnexpectedMessage = 401,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct HopMessage {
    #[prost(int32, optional, tag = "1")]
    pub(super) kind: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub(super) peer: Option<Peer>,
    #[prost(message, optional, tag = "3")]
    pub(super) reservation: Option<Reservation>,
    #[prost(int32, optional, tag = "5")]
    pub(super) status: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StopMessage {
    #[prost(int32, optional, tag = "1")]
    pub(super) kind: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub(super) peer: Option<Peer>,
    #[prost(int32, optional, tag = "4")]
    pub(super) status: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Peer {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Reservation {
    /// Seconds since 1970.
    #[prost(uint64, optional, tag = "1")]
    pub(super) expire: Option<u64>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(super) addrs: Vec<Vec<u8>>,
}

impl HopMessage {
    pub(super) fn answer(status: Status) -> Self {
        Self { kind: Some(HopKind::Status.into()), status: Some(status.into()), ..Self::default() }
    }
}
