//! The answer to a request for schemas.

use serde::{Deserialize, Serialize};

use crate::{
    codec::{self, DecodeError},
    limits,
};

/// Some of the schemas that were asked for, in any order: those that the answering node has, as far as they fit into one
/// message. Whoever wants more asks for the rest. They are strangers' words until each has been found to be
/// [a schema](crate::schema::Document) with one of the hashes that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaReply {
    /// The schemas' texts.
    pub schemas: Vec<String>,
}

impl SchemaReply {
    /// As many of these, from the first on, as fit into one message.
    #[must_use]
    pub fn filled<T: Into<String> + AsRef<str>>(schemas: impl IntoIterator<Item = T>) -> Self {
        let mut room = limits::SYNC_MESSAGE.saturating_sub(LENGTH);
        let fits = |schema: &T| {
            let taken = schema.as_ref().len().saturating_add(LENGTH);
            let fits = taken <= room;
            room = room.saturating_sub(taken);
            fits
        };
        Self { schemas: schemas.into_iter().take(limits::SCHEMAS_ASKED).take_while(fits).map(Into::into).collect() }
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no such answer, it has more than [`SCHEMAS_ASKED`](limits::SCHEMAS_ASKED) schemas,
    /// or one is longer than [`SCHEMA`](limits::SCHEMA).
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let reply: Self = codec::decode(bytes, limits::SYNC_MESSAGE)?;
        let (count, limit) = (reply.schemas.len(), limits::SCHEMAS_ASKED);
        if count > limit {
            return Err(DecodeError::TooMany { what: "schemas in an answer", count, limit });
        }
        match reply.schemas.iter().map(String::len).find(|len| *len > limits::SCHEMA) {
            Some(len) => Err(DecodeError::TooLong { len, limit: limits::SCHEMA }),
            None => Ok(reply),
        }
    }
}

/// Bytes that a length takes at most, where no message is longer than [`limits::SYNC_MESSAGE`].
const LENGTH: usize = 5;
