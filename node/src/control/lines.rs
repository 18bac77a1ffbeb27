//! Lines of an HTTP body, as they arrive: how both directions of `/v1/call/stream` are framed.

use std::fmt;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;

#[cfg(test)]
mod tests;

/// The longest line, in bytes: a stream's longest message, several times over.
pub const LONGEST: usize = 1024 * 1024;

/// Reads lines. It never holds more than the longest line and what comes at a time.
pub struct Lines<B> {
    body: B,
    buffer: BytesMut,
    /// How much of the buffer is known to be without an end of line.
    searched: usize,
}

/// Why there is no next line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// A line is longer than [`LONGEST`].
    #[error("a line is longer than {LONGEST} bytes")]
    TooLong,
    /// The connection ended before the body did.
    #[error("it ended early: {0}")]
    Broken(String),
}

impl<B> Lines<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    /// Reads the lines of this body.
    pub fn new(body: B) -> Self {
        Self { body, buffer: BytesMut::new(), searched: 0 }
    }

    /// The next line that is not blank, without white space around it; `None` at the end of the body. Dropping the
    /// future loses nothing.
    ///
    /// # Errors
    /// [`LineError`]; there is no going on then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LineError> {
        loop {
            if let Some(line) = self.complete_line() {
                return Ok(Some(line));
            }
            if self.buffer.len() > LONGEST {
                return Err(LineError::TooLong);
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.buffer.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(LineError::Broken(error.to_string())),
                None => {
                    let rest = trimmed(self.buffer.split().freeze());
                    return Ok((!rest.is_empty()).then_some(rest));
                }
            }
        }
    }

    /// Reads what is left, and drops it.
    pub async fn drain(mut self) {
        while let Some(Ok(_)) = self.body.frame().await {}
    }

    fn complete_line(&mut self) -> Option<Bytes> {
        loop {
            let end = self.buffer.iter().skip(self.searched).position(|byte| *byte == b'\n');
            let Some(end) = end else {
                self.searched = self.buffer.len();
                return None;
            };
            let line = self.buffer.split_to(self.searched + end + 1).freeze();
            self.searched = 0;
            let line = trimmed(line);
            if !line.is_empty() {
                return Some(line);
            }
        }
    }
}

fn trimmed(line: Bytes) -> Bytes {
    line.slice_ref(line.trim_ascii())
}

impl<B> fmt::Debug for Lines<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines")
    }
}
