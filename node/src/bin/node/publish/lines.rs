//! Lines of stdin on their way to the node: as many at a time as there are, and never a line longer than a message.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader},
    sync::Arc,
};

use atoll_node::{cli::text::complain, control::api::PublishRequest};
use atoll_protocol::limits;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::{line, too_large, with_payload};
use crate::failure::Failure;

/// Bytes that are handed on at a time, if there are so many.
pub(super) const AT_A_TIME: usize = 64 * 1024;

/// What was read and sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The lines, by number, of which the node has not said what has become of them.
    pub(super) unanswered: VecDeque<u64>,
    /// Lines that were not sent.
    pub(super) refused: u64,
}

/// Reads all lines of `input`, and hands them on as requests. The first one says everything, the others what is theirs.
pub(super) fn read<R: io::Read>(
    mut input: BufReader<R>,
    head: &PublishRequest,
    to: &mpsc::Sender<Bytes>,
    sent: &Arc<Mutex<Sent>>,
    failed: oneshot::Sender<Failure>,
) {
    let rest = PublishRequest { topic: None, ack: None, within_ms: None, ..head.clone() };
    let (mut message, mut requests, mut number, mut is_first) = (Vec::new(), Vec::new(), 0_u64, true);
    loop {
        let len = match next_line(&mut input, &mut message) {
            Ok(Some(len)) => len,
            Ok(None) => break,
            // Told before the channel is closed, or it would look like the end.
            Err(error) => return drop(failed.send(Failure::Input(error))),
        };
        number += 1;
        if let Some(reason) = too_large(len) {
            sent.lock().refused += 1;
            complain(&format!("line {number} of stdin {reason}"));
        } else if !message.trim_ascii().is_empty() {
            match line(&with_payload(if is_first { head } else { &rest }, &message)) {
                Ok(request) => requests.extend_from_slice(&request),
                Err(error) => return drop(failed.send(error)),
            }
            is_first = false;
            sent.lock().unanswered.push_back(number);
        }
        // What has come together goes together; nothing waits for what is still to be typed.
        let more = input.buffer().contains(&b'\n') && requests.len() < AT_A_TIME;
        if !more && !requests.is_empty() && to.blocking_send(std::mem::take(&mut requests).into()).is_err() {
            return;
        }
    }
    if !requests.is_empty() {
        // Whoever does not take it any more says why.
        let _ = to.blocking_send(requests.into());
    }
}

/// The next line, without its end, and its length; of one that is too long only the beginning.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<usize>> {
    line.clear();
    let (mut len, mut any) = (0, false);
    loop {
        let buffer = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        if buffer.is_empty() {
            return Ok(any.then_some(len));
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let piece = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        len += piece.len();
        let room = (limits::ENTRY_PAYLOAD + 1).saturating_sub(line.len());
        line.extend_from_slice(piece.get(..piece.len().min(room)).unwrap_or_default());
        let used = piece.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(Some(len));
        }
    }
}
