//! An HTTP exchange with a node's control socket in which both sides say lines for as long as they like.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// The longest head of an answer, and the longest line, in bytes.
const LONGEST: usize = 1024 * 1024;

/// Bytes that are read at a time.
const AT_A_TIME: usize = 64 * 1024;

/// What is said to the node: the lines of the request.
#[derive(Debug)]
pub struct Saying(OwnedWriteHalf);

/// What the node says: the lines of its answer.
#[derive(Debug)]
pub struct Hearing {
    from: OwnedReadHalf,
    status: Option<u16>,
    /// What was read and is still in chunks.
    raw: Vec<u8>,
    /// Bytes that are left of the chunk that is being read.
    left: usize,
    /// The beginning of a line.
    line: Vec<u8>,
    ended: bool,
}

/// Begins an exchange. The node answers nothing before the first line is said.
pub(super) async fn begin(socket: &Path, path: &str) -> Result<(Saying, Hearing)> {
    let stream =
        UnixStream::connect(socket).await.with_context(|| format!("no node answers at {}", socket.display()))?;
    let (from, to) = stream.into_split();
    let mut saying = Saying(to);
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    saying.0.write_all(head.as_bytes()).await?;
    Ok((saying, Hearing::new(from)))
}

impl Hearing {
    pub(super) fn new(from: OwnedReadHalf) -> Self {
        Self { from, status: None, raw: Vec::new(), left: 0, line: Vec::new(), ended: false }
    }
}

impl Saying {
    /// Says these lines together.
    ///
    /// # Errors
    /// If the node has gone.
    pub async fn say(&mut self, lines: &str) -> Result<()> {
        let mut chunk = format!("{:x}\r\n", lines.len()).into_bytes();
        chunk.extend_from_slice(lines.as_bytes());
        chunk.extend_from_slice(b"\r\n");
        Ok(self.0.write_all(&chunk).await?)
    }

    /// Has nothing more to say.
    ///
    /// # Errors
    /// If the node has gone.
    pub async fn end(&mut self) -> Result<()> {
        Ok(self.0.write_all(b"0\r\n\r\n").await?)
    }
}

impl Hearing {
    /// The next lines, as many as have come; none at the end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// If the node has gone in the middle of something, or has refused, with what it says.
    pub async fn lines(&mut self) -> Result<Option<Vec<String>>> {
        loop {
            let lines = self.take_lines()?;
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
            if self.ended {
                return Ok(None);
            }
            ensure!(self.raw.len() + self.line.len() < LONGEST, "a line has no end");
            // Much at a time: whoever answers each piece says less.
            self.raw.reserve(AT_A_TIME);
            let read = self.from.read_buf(&mut self.raw).await?;
            ensure!(read > 0, "the node has gone");
        }
    }

    fn take_lines(&mut self) -> Result<Vec<String>> {
        if self.status.is_none() && !self.take_head()? {
            return Ok(Vec::new());
        }
        let status = self.status.unwrap_or_default();
        ensure!(status == 200, "the node answers {status}: {}", String::from_utf8_lossy(&self.raw));
        self.take_chunks()?;
        let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let rest = self.line.split_off(end + 1);
        let text = String::from_utf8(std::mem::replace(&mut self.line, rest))?;
        Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// Reads the head. False if it is not all there.
    fn take_head(&mut self) -> Result<bool> {
        let Some(end) = self.raw.windows(4).position(|at| at == b"\r\n\r\n") else { return Ok(false) };
        let rest = self.raw.split_off(end + 4);
        let head = String::from_utf8(std::mem::replace(&mut self.raw, rest))?.to_ascii_lowercase();
        let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        self.status = Some(status.with_context(|| format!("this is no HTTP: {head:?}"))?);
        ensure!(self.status != Some(200) || head.contains("transfer-encoding: chunked"), "not in chunks: {head}");
        Ok(true)
    }

    /// Moves what is complete of chunks to the line.
    fn take_chunks(&mut self) -> Result<()> {
        loop {
            if self.left > 0 {
                let some = self.left.min(self.raw.len());
                self.line.extend(self.raw.drain(..some));
                self.left -= some;
                if self.left > 0 {
                    return Ok(());
                }
            }
            // What ends the chunk before, or nothing at the first one.
            let skipped = self.raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.raw.drain(..skipped);
            let Some(end) = self.raw.windows(2).position(|at| at == b"\r\n") else { return Ok(()) };
            let size: Vec<u8> = self.raw.drain(..end + 2).collect();
            let size = String::from_utf8_lossy(&size);
            self.left = usize::from_str_radix(size.trim(), 16).with_context(|| format!("no chunk's size: {size:?}"))?;
            if self.left == 0 {
                self.ended = true;
                return Ok(());
            }
        }
    }
}
