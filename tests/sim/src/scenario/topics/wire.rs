//! What nodes say to each other, and what it costs.

use std::sync::Arc;

use atoll_protocol::{
    codec,
    topic::{
        Batch,
        sync::{Reply, Request},
    },
};
use serde::Serialize;

/// Traffic of synchronisation is booked under this class.
pub(super) const SYNC: &str = "sync";
/// That of what is passed on at once.
pub(super) const NEWS: &str = "news";

/// IP, UDP and QUIC headers and authentication of each packet, and what a packet carries.
const PACKET: (usize, usize) = (60, 1_200);
/// The length before each message.
const LENGTH: usize = 4;

#[derive(Debug, Clone)]
pub(super) enum Message {
    /// A batch that is news, whose signature has been checked.
    News(Arc<Batch>),
    Request(Arc<Request>),
    Reply(Arc<Reply>),
}

impl Message {
    /// Its class, and its size on the wire.
    pub(super) fn cost(&self) -> (&'static str, u32) {
        let (class, body) = match self {
            Self::News(batch) => (NEWS, batch.signed().wire_len()),
            Self::Request(request) => (SYNC, encoded(&**request)),
            Self::Reply(reply) => (SYNC, encoded(&**reply)),
        };
        let (head, room) = PACKET;
        let body = body + LENGTH;
        (class, u32::try_from(body + body.div_ceil(room) * head).unwrap_or(u32::MAX))
    }
}

fn encoded<T: Serialize>(value: &T) -> usize {
    codec::encode(value).map_or(0, |bytes| bytes.len())
}
