//! The one place that knows the binary encoding: `bincode` 2.0.1, standard configuration (little endian, variable
//! length integers, length-prefixed sequences).
//!
//! Golden vectors (`tests.rs`) pin the bytes of every wire type, so a byte-compatible successor can take bincode's
//! place without the network noticing.
//!
//! Decoding never allocates more than a small multiple of the input's length, whatever lengths the input claims, and
//! refuses input that is longer than the caller's limit, cut short, or followed by anything else.

use serde::{Deserialize, Serialize};

use crate::limits;

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
    bincode::serde::encode_to_vec(value, bincode::config::standard()).map_err(|e| EncodeError(e.to_string()))
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
    let (value, used) = bounded(bytes).map_err(|e| DecodeError::Malformed(e.to_string()))?;
    match bytes.len().saturating_sub(used) {
        0 => Ok(value),
        rest => Err(DecodeError::Trailing(rest)),
    }
}

/// Runs bincode with an allocation budget that fits the input. bincode takes its budget as a const generic and counts
/// decoded sizes, so a one-byte integer may claim eight: each rung allows eight times the longest input it serves.
fn bounded<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<(T, usize), bincode::error::DecodeError> {
    const SMALL: usize = 4 * 1024;
    const MEDIUM: usize = 64 * 1024;
    const LARGE: usize = limits::SYNC_MESSAGE;
    let standard = bincode::config::standard();
    match bytes.len() {
        0..=SMALL => bincode::serde::borrow_decode_from_slice(bytes, standard.with_limit::<{ 8 * SMALL }>()),
        ..=MEDIUM => bincode::serde::borrow_decode_from_slice(bytes, standard.with_limit::<{ 8 * MEDIUM }>()),
        _ => bincode::serde::borrow_decode_from_slice(bytes, standard.with_limit::<{ 8 * LARGE }>()),
    }
}
