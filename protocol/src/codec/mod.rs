//! The one place that knows the binary encoding: `bincode` 2.0.1, standard configuration (little endian, variable
//! length integers, length-prefixed sequences).
//!
//! Golden vectors (the crate's `golden` tests) pin the bytes of every wire type, so a byte-compatible successor can
//! take bincode's place without the network noticing.
//!
//! Decoding allocates for what the input holds, never for what it claims to hold, and refuses input that is longer
//! than the caller's limit, cut short, or followed by anything else.

use std::marker::PhantomData;

use bincode::error::DecodeError as Cause;
use serde::{Deserialize, Serialize};

use crate::limits;

pub(crate) mod bytes;
mod frugal;

#[cfg(test)]
mod tests;

/// Why bytes were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input is longer than its kind may be.
    #[error("{len} bytes exceed the limit of {limit}")]
    TooLong {
        /// Length of the input, in bytes.
        len: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The input is not an encoding of the expected type.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The value has more of something than its kind may have.
    #[error("{count} {what}, at most {limit} are allowed")]
    TooMany {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A well-formed value is followed by more bytes.
    #[error("{0} bytes follow the end of the value")]
    Trailing(usize),
}

/// Why a value could not be encoded; only a value that no wire type may hold (such as an iterator of unknown length)
/// gets here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot encode: {0}")]
pub struct EncodeError(String);

/// Encodes `value`.
///
/// # Errors
/// [`EncodeError`] where `T` serialises to something the encoding has no form for.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    // Room for what most heads take: growing there byte by byte would cost more than encoding does.
    encode_in(value, TYPICAL)
}

/// The same, with room for `capacity` bytes to begin with.
pub(crate) fn encode_in<T: Serialize>(value: &T, capacity: usize) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Writer(Vec::with_capacity(capacity));
    bincode::serde::encode_into_writer(value, &mut bytes, bincode::config::standard())
        .map_err(|e| EncodeError(e.to_string()))?;
    Ok(bytes.0)
}

/// Bytes that most heads take at most.
const TYPICAL: usize = 128;

/// Writes to memory.
struct Writer(Vec<u8>);

impl bincode::enc::write::Writer for Writer {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Decodes a value that must fill `bytes`, which may borrow from them.
///
/// # Errors
/// [`DecodeError::TooLong`] if there are more than `limit` bytes (checked before anything is parsed),
/// [`DecodeError::Malformed`] or [`DecodeError::Trailing`] if they are not exactly one value.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], limit: usize) -> Result<T, DecodeError> {
    if bytes.len() > limit {
        return Err(DecodeError::TooLong { len: bytes.len(), limit });
    }
    // Counts decoded sizes, so that a one-byte integer may claim eight. It is a second fence: what `frugal` reads is
    // in the input already.
    let config = bincode::config::standard().with_limit::<{ 8 * limits::SYNC_MESSAGE }>();
    let seed = frugal::Frugal::new(PhantomData, bytes.len());
    let (value, used) = bincode::serde::seed_decode_from_slice(seed, bytes, config).map_err(|e| malformed(&e))?;
    match bytes.len().saturating_sub(used) {
        0 => Ok(value),
        rest => Err(DecodeError::Trailing(rest)),
    }
}

/// bincode's error in words; its own text is the `Debug` form.
fn malformed(cause: &Cause) -> DecodeError {
    DecodeError::Malformed(match cause {
        Cause::UnexpectedEnd { additional } => format!("cut short, at least {additional} more bytes are needed"),
        Cause::LimitExceeded => "a text or byte string claims more bytes than any message has".to_owned(),
        Cause::InvalidBooleanValue(byte) => format!("{byte} is neither 0 (false) nor 1 (true)"),
        Cause::Utf8 { inner } => format!("a text is not UTF-8: {inner}"),
        Cause::UnexpectedVariant { type_name, found, .. } => format!("{found} is no variant of {type_name}"),
        Cause::InvalidIntegerType { expected, found } => format!("a {found:?} where a {expected:?} belongs"),
        Cause::Other(text) => (*text).to_owned(),
        Cause::OtherString(text) => text.clone(),
        other => other.to_string(),
    })
}
