//! The heads of request and response frames.
//!
//! They borrow from the frame they were read from: looking up a method copies no name.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::status::{Code, Status};
use crate::{
    codec::{self, DecodeError},
    limits,
    service::Extensions,
};

/// A small map of text that travels with a call, such as `traceparent`.
pub type Metadata = BTreeMap<String, String>;

/// How a body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum ContentType {
    /// `application/json`: the default, for every language.
    #[default]
    Json,
    /// `application/octet-stream`: bytes whose meaning the two sides know.
    Raw,
}

impl ContentType {
    /// The media type, as HTTP names it.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Raw => "application/octet-stream",
        }
    }
}

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestHead<'a> {
    /// The service's name.
    #[serde(borrow)]
    pub service: Cow<'a, str>,
    /// The versions that will do, as text; empty for any.
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    /// The method's name.
    #[serde(borrow)]
    pub method: Cow<'a, str>,
    /// What is left of the caller's deadline, in milliseconds; 0 means that none is set.
    pub deadline_ms: u32,
    /// How to read the body.
    pub content: ContentType,
    /// Text that travels with the call.
    pub metadata: Metadata,
    /// Room for later fields.
    pub extensions: Extensions,
}

impl<'a> RequestHead<'a> {
    /// Reads a request's head.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no request head, or hold too much metadata.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let head: Self = codec::decode(bytes, limits::RPC_HEAD)?;
        bounded(&head.metadata)?;
        Ok(head)
    }
}

fn bounded(metadata: &Metadata) -> Result<(), DecodeError> {
    let (what, limit) = ("metadata entries", limits::METADATA_ENTRIES);
    match metadata.len() {
        count if count > limit => Err(DecodeError::TooMany { what, count, limit }),
        _ => Ok(()),
    }
}

/// Key of the extension that says, in milliseconds (u32, little endian), when to try again: nothing has been done.
const RETRY_AFTER: u16 = 1;

/// How a call ended. Encoded as nothing at all where it ended well and has nothing to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseHead {
    /// The status code's number ([`Code`]).
    code: u8,
    /// Why, for people; empty for `ok`.
    message: String,
    /// Whether the same call may well succeed if tried again.
    retryable: bool,
    /// How to read the body.
    pub content: ContentType,
    /// Text that travels with the answer.
    pub metadata: Metadata,
    /// Room for later fields.
    pub extensions: Extensions,
}

impl ResponseHead {
    /// The head of an answer.
    #[must_use]
    pub fn ok(content: ContentType) -> Self {
        Self {
            code: Code::Ok as u8,
            message: String::new(),
            retryable: false,
            content,
            metadata: Metadata::new(),
            extensions: Extensions::new(),
        }
    }

    /// The head of a failure.
    #[must_use]
    pub fn failed(status: &Status) -> Self {
        Self {
            code: status.code() as u8,
            message: status.message().to_owned(),
            retryable: status.is_retryable(),
            extensions: status.wait().map(retry_after).into_iter().collect(),
            ..Self::ok(ContentType::Raw)
        }
    }

    /// The encoded head: empty for a plain JSON answer, which most answers are.
    ///
    /// # Errors
    /// [`EncodeError`](codec::EncodeError), which no head of this type causes.
    pub fn encode(&self) -> Result<Vec<u8>, codec::EncodeError> {
        if *self == Self::ok(ContentType::Json) { Ok(Vec::new()) } else { codec::encode(self) }
    }

    /// Reads a response's head.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no response head, or hold too much metadata.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            return Ok(Self::ok(ContentType::Json));
        }
        let head: Self = codec::decode(bytes, limits::RPC_HEAD)?;
        bounded(&head.metadata)?;
        Ok(head)
    }

    /// The failure that this head reports with `detail` as its body, or `None` for an answer.
    #[must_use]
    pub fn failure(&self, detail: &[u8]) -> Option<Status> {
        let code = match Code::from_number(self.code) {
            Code::Ok => return None,
            code => code,
        };
        let status = Status::new(code, self.message.clone()).with_detail(detail.to_vec());
        let wait = self.extensions.get(&RETRY_AFTER).and_then(|bytes| <[u8; 4]>::try_from(bytes.as_slice()).ok());
        let status = match wait {
            Some(millis) => status.retry_after(Duration::from_millis(u32::from_le_bytes(millis).into())),
            None => status,
        };
        // Last, since a wait alone implies that trying again helps.
        Some(status.retryable(self.retryable))
    }
}

fn retry_after(wait: Duration) -> (u16, Vec<u8>) {
    let millis = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
    (RETRY_AFTER, millis.to_le_bytes().to_vec())
}
