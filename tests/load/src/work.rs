//! The work itself: the same bytes for everyone who is measured.

use std::{fmt, str::FromStr};

use anyhow::{Context, Error, Result};
use bytes::Bytes;

/// What is sent and comes back, in bytes.
pub(crate) const REQUEST: usize = 100;

/// What a stream is cut into, in bytes.
pub(crate) const CHUNK: usize = 64 * 1024;

/// The request of an echo. Its content does not matter: nobody compresses.
pub(crate) fn request() -> Bytes {
    Bytes::from(vec![0x5a; REQUEST])
}

/// A stream of `size` bytes. All chunks share one buffer, so that making them costs nothing.
pub(crate) fn chunks(size: u64) -> impl Iterator<Item = Bytes> + Send + 'static {
    let whole = Bytes::from(vec![0xa5; CHUNK]);
    let mut left = size;
    std::iter::from_fn(move || {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK);
        left -= length as u64;
        (length > 0).then(|| whole.slice(..length))
    })
}

/// Asks for a stream of `size` bytes, where one kind of call has to serve for both works.
pub(crate) fn ask_for_stream(size: u64) -> Bytes {
    Bytes::copy_from_slice(&size.to_be_bytes())
}

/// The size of the stream that is asked for. A request of another length is to be echoed.
pub(crate) fn asked_for(request: &[u8]) -> Option<u64> {
    request.try_into().ok().map(u64::from_be_bytes)
}

/// How much a stream carries, in bytes. Written as `512MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

/// From the largest to the smallest; the last fits every size.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unit = UNITS.iter().find_map(|(name, bytes)| Some((text.strip_suffix(name)?, *bytes)));
        let (number, bytes) = unit.unwrap_or((text, 1));
        let number: u64 = number.trim().parse().context("a size is a number and KiB, MiB or GiB, such as 512MiB")?;
        number.checked_mul(bytes).map(Self).context("that is more than can be counted")
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes) = UNITS.iter().find(|(_, bytes)| self.0.is_multiple_of(*bytes)).unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / bytes)
    }
}

#[cfg(test)]
mod tests;
