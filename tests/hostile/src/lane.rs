//! Calls on a lane, made up frame by frame.

use anyhow::{Result, bail, ensure};
use atoll_protocol::{
    codec,
    rpc::{
        ContentType, Frame, FrameKind, Metadata, RequestHead, ResponseHead, Status,
        frame::{self, Decoded},
    },
    service::Extensions,
};
use bytes::{Bytes, BytesMut};
use futures::{AsyncReadExt, AsyncWriteExt};

use crate::Stranger;

/// Largest body that a lane carries.
const BODY: usize = atoll_protocol::limits::RPC_INLINE_BODY;

/// What a node says to a call: a body, or why not.
pub type Answer = std::result::Result<Bytes, Status>;

/// A substream that carries calls.
#[derive(Debug)]
pub struct Lane {
    stream: libp2p::Stream,
    read: BytesMut,
    calls: u64,
}

impl Lane {
    /// Opens one.
    ///
    /// # Errors
    /// If the node does not take it.
    pub async fn open(stranger: &mut Stranger) -> Result<Self> {
        Ok(Self { stream: stranger.open("rpc").await?, read: BytesMut::new(), calls: 0 })
    }

    /// Makes a call with a raw body, and waits for its answer.
    ///
    /// # Errors
    /// If the node breaks off, or says something that is no answer to this call.
    pub async fn call(&mut self, service: &str, method: &str, body: &[u8]) -> Result<Answer> {
        let call = self.send(service, method, body).await?;
        let (answered, answer) = self.answer().await?;
        ensure!(answered == call, "call {answered} is answered, {call} was made");
        Ok(answer)
    }

    /// Makes a call, and does not wait. Gives its number.
    ///
    /// # Errors
    /// If the node takes nothing any more, or the call has no encoding.
    pub async fn send(&mut self, service: &str, method: &str, body: &[u8]) -> Result<u64> {
        self.calls += 1;
        let head = RequestHead {
            service: service.into(),
            version: "".into(),
            method: method.into(),
            deadline_ms: 10_000,
            content: ContentType::Raw,
            metadata: Metadata::new(),
            extensions: Extensions::new(),
        };
        let mut out = BytesMut::new();
        ensure!(
            frame::encode(&mut out, FrameKind::Request, self.calls, &codec::encode(&head)?, body),
            "the call is too long for a frame"
        );
        self.write(&out).await?;
        Ok(self.calls)
    }

    /// Writes bytes that need not be a frame.
    ///
    /// # Errors
    /// If the node takes nothing any more.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// The next answer, and the number of its call.
    ///
    /// # Errors
    /// If the node breaks off, or says something else.
    pub async fn answer(&mut self) -> Result<(u64, Answer)> {
        loop {
            let Frame { kind, call, head, body } = self.frame().await?;
            match kind {
                FrameKind::Response => {
                    let failure = ResponseHead::decode(&head)?.failure(&body);
                    return Ok((call, failure.map_or(Ok(body), Err)));
                }
                FrameKind::Ping => {
                    let mut out = BytesMut::new();
                    ensure!(frame::encode(&mut out, FrameKind::Pong, call, &[], &[]), "a pong always fits");
                    self.write(&out).await?;
                }
                FrameKind::Pong => {}
                other => bail!("the node says {other:?} on a lane on which only answers are expected"),
            }
        }
    }

    async fn frame(&mut self) -> Result<Frame> {
        loop {
            match frame::decode(&mut self.read, BODY)? {
                Decoded::Frame(frame) => return Ok(frame),
                Decoded::Unknown { kind, .. } => bail!("a frame of an unknown kind, {kind}"),
                Decoded::Incomplete { .. } => {}
            }
            let mut some = [0; 4096];
            let read = self.stream.read(&mut some).await?;
            ensure!(read > 0, "the node has closed the lane");
            self.read.extend_from_slice(some.get(..read).unwrap_or_default());
        }
    }
}
