use std::io::BufReader;

use atoll_protocol::topic::{Epoch, Seq};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::*;

fn row(level: &str) -> PublishedRow {
    PublishedRow {
        topic: "rooms/lobby".parse().unwrap(),
        epoch: Epoch(1_800_000_000_123),
        seq: Seq(17),
        level: level.to_owned(),
    }
}

fn head() -> PublishRequest {
    PublishRequest {
        topic: Some("rooms/lobby".to_owned()),
        ack: Some("local".to_owned()),
        key: Some("k".to_owned()),
        ..PublishRequest::default()
    }
}

#[test]
fn what_was_reached_is_said_in_words() {
    for (level, words) in [
        ("gossip", "gossip, sent, nothing is promised"),
        ("local", "local, on this node's disk"),
        ("kept:1", "kept:1, on the disk of a keeper"),
        ("kept:3", "kept:3, on the disks of 3 keepers"),
    ] {
        let said = published(&row(level));
        assert_eq!(said, format!("published on rooms/lobby at position 17 (epoch 2027-01-15T08:00:00.123Z): {words}"));
    }
}

#[test]
fn what_was_not_reached_comes_with_a_way_out() {
    let failed = |reached: Option<&str>| FailedRow { error: "no".to_owned(), reached: reached.map(str::to_owned) };
    assert_eq!(with_way_out(failed(None)), failed(None));
    let said = with_way_out(failed(Some("local"))).error;
    for words in ["no (on this node's disk). It stays published", "topic outbox", "--ack local", "--within 1m"] {
        assert!(said.contains(words), "{said}");
    }
}

/// What becomes of these bytes of stdin: requests, and the numbers of the lines that were sent and not sent.
fn read(input: &[u8]) -> (Vec<PublishRequest>, Vec<u64>, u64) {
    let ((to, mut requests), (failed, mut failure)) = (mpsc::channel(1000), oneshot::channel());
    let sent = std::sync::Arc::new(Mutex::new(lines::Sent::default()));
    lines::read(BufReader::with_capacity(16, input), &head(), &to, &sent, failed);
    assert!(failure.try_recv().is_err());
    drop(to);
    let mut all = Vec::new();
    while let Some(chunk) = requests.blocking_recv() {
        let lines = chunk.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n');
        all.extend(lines.map(|line| serde_json::from_slice(line).unwrap()));
    }
    let sent = sent.lock();
    (all, sent.unanswered.iter().copied().collect(), sent.refused)
}

#[test]
fn each_line_is_a_message() {
    let (requests, sent, refused) = read(b"one\n\n  \n{\"two\": 2}\n\xff\nlast");
    let texts: Vec<_> = requests.iter().map(|request| (request.text.as_deref(), request.base64.as_deref())).collect();
    assert_eq!(texts, [(Some("one"), None), (Some("{\"two\": 2}"), None), (None, Some("/w==")), (Some("last"), None)]);
    assert_eq!((sent, refused), (vec![1, 4, 5, 6], 0));
    let topics: Vec<_> = requests.iter().map(|request| request.topic.is_some()).collect();
    assert_eq!(topics, [true, false, false, false], "the first one says it for all");
    assert!(requests.iter().all(|request| request.key.as_deref() == Some("k")));
    assert!(read(b"").0.is_empty() && read(b"\n\n").0.is_empty());
}

#[test]
fn a_line_that_is_too_long_is_left_out() {
    let long = [b"x".repeat(limits::ENTRY_PAYLOAD), b"\n".to_vec(), b"x".repeat(2_000_000), b"\nafter\n".to_vec()];
    let (requests, sent, refused) = read(&long.concat());
    assert_eq!((requests.len(), sent, refused), (2, vec![1, 3], 1));
    assert_eq!(requests.last().unwrap().text.as_deref(), Some("after"));
    let said = too_large(300_000).unwrap();
    assert!(said.contains("300,000") && said.contains("262,144") && said.contains("pieces"), "{said}");
    assert_eq!(too_large(limits::ENTRY_PAYLOAD), None);
}
