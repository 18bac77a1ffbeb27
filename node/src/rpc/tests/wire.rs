//! A lane in a test's hands, to write what no node would.

use std::collections::BTreeMap;

use atoll_protocol::{
    codec,
    rpc::{
        ContentType, RequestHead, ResponseHead,
        frame::{self, Decoded, Frame, FrameKind},
    },
};
use bytes::{BufMut, Bytes, BytesMut};
use futures::{AsyncReadExt, AsyncWriteExt};

use crate::{Code, net::streams::Substream, testing::within};

pub(super) struct Wire {
    stream: Substream,
    buffer: BytesMut,
}

/// A frame with any header, whatever it claims.
pub(super) fn header(kind: u8, reserved: u8, head: u16, body: u32, call: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.put_u8(kind);
    bytes.put_u8(reserved);
    bytes.put_u16_le(head);
    bytes.put_u32_le(body);
    bytes.put_u64_le(call);
    bytes
}

pub(super) fn request_head(service: &str, method: &str) -> Bytes {
    let head = RequestHead {
        service: service.into(),
        version: "".into(),
        method: method.into(),
        deadline_ms: 0,
        content: ContentType::Raw,
        metadata: BTreeMap::new(),
        extensions: BTreeMap::new(),
    };
    codec::encode(&head).unwrap().into()
}

impl Wire {
    pub(super) fn new(stream: Substream) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        within("writing", async {
            self.stream.write_all(bytes).await.unwrap();
            self.stream.flush().await.unwrap();
        })
        .await;
    }

    pub(super) async fn send(&mut self, kind: FrameKind, call: u64, head: &[u8], body: &[u8]) {
        let mut bytes = BytesMut::new();
        assert!(frame::encode(&mut bytes, kind, call, head, body));
        self.write(&bytes).await;
    }

    pub(super) async fn request(&mut self, call: u64, service: &str, method: &str, body: &[u8]) {
        self.send(FrameKind::Request, call, &request_head(service, method), body).await;
    }

    /// The next frame; `None` when the stream has ended or broken.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        within("a frame or the end", async {
            loop {
                match frame::decode(&mut self.buffer, usize::MAX).unwrap() {
                    Decoded::Frame(frame) => return Some(frame),
                    Decoded::Unknown { kind, .. } => panic!("a frame of kind {kind}"),
                    Decoded::Incomplete { .. } => {}
                }
                let mut bytes = vec![0; 64 * 1024];
                match self.stream.read(&mut bytes).await {
                    Ok(0) | Err(_) => return None,
                    Ok(read) => self.buffer.extend_from_slice(&bytes[..read]),
                }
            }
        })
        .await
    }

    /// The next frame as an answer: to which call, how it ended, and with what.
    pub(super) async fn answer(&mut self) -> (u64, Code, Bytes) {
        let frame = self.next().await.expect("an answer");
        assert_eq!(frame.kind, FrameKind::Response);
        let head = ResponseHead::decode(&frame.head).unwrap();
        (frame.call, head.failure(&frame.body).map_or(Code::Ok, |s| s.code()), frame.body)
    }

    /// Says that nothing more comes, and waits until the other side has ended the stream.
    pub(super) async fn close(mut self) {
        within("closing", self.stream.close()).await.unwrap();
        self.ended().await;
    }

    /// Waits until the other side has ended the stream.
    pub(super) async fn ended(&mut self) {
        while self.next().await.is_some() {}
    }
}
