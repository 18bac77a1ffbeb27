//! Messages between members and their coordinator, on a stream of bytes. One that is longer than a stream's message goes in pieces:
//!
//! ```text
//! ┌────────────┬─────────────────────────────┐
//! │ 1: more is │ a piece of the message, as  │
//! │ to come, 0 │ much as fits                │
//! └────────────┴─────────────────────────────┘
//! ```

use atoll_protocol::{
    codec,
    limits::STREAM_MESSAGE,
    names::{GroupName, TopicName},
    rpc::Status,
    sealed::Hash,
};
use bytes::Bytes;
use serde::Serialize;

use crate::{RawReceiver, RawSender};

/// What of a message fits in a piece.
const PIECE: usize = STREAM_MESSAGE - 1;

/// The method by which members and their coordinator speak.
pub(super) const WORK: &str = "work";
/// The method that tells how the group is doing.
pub(super) const REPORT: &str = "report";

/// The service that every node with members of a group offers: `group.<group>.<of the topic's name>`. A topic's name may be longer
/// than a label can be; two that share a service are told apart when somebody joins.
pub(super) fn service(topic: &TopicName, group: &GroupName) -> String {
    let hash: String =
        Hash::of(topic.as_str().as_bytes()).0.iter().take(10).map(|byte| format!("{byte:02x}")).collect();
    format!("group.{group}.{hash}")
}

pub(super) async fn send<T: Serialize>(sender: &mut RawSender, message: &T) -> Result<(), Status> {
    let encoded = codec::encode(message).map_err(|error| Status::internal(error.to_string()))?;
    let mut pieces = encoded.chunks(PIECE).peekable();
    while let Some(piece) = pieces.next() {
        let more = u8::from(pieces.peek().is_some());
        sender.send(Bytes::from([&[more], piece].concat())).await?;
    }
    Ok(())
}

/// Reads messages.
pub(super) struct Reader {
    receiver: RawReceiver,
    /// Bytes that a message has at most.
    limit: usize,
    begun: Vec<u8>,
}

impl Reader {
    pub(super) fn new(receiver: RawReceiver, limit: usize) -> Self {
        Self { receiver, limit, begun: Vec::new() }
    }

    /// The next message; none at the end. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Status> {
        while let Some(piece) = self.receiver.next().await? {
            let (Some(more), Some(rest)) = (piece.first(), piece.get(1..)) else {
                return Err(Status::invalid_argument("a message of a group is empty"));
            };
            if self.begun.len() + rest.len() > self.limit {
                return Err(Status::invalid_argument(format!(
                    "a message of a group is longer than {} bytes",
                    self.limit
                )));
            }
            self.begun.extend_from_slice(rest);
            if *more == 0 {
                return Ok(Some(std::mem::take(&mut self.begun)));
            }
        }
        Ok(None)
    }
}
