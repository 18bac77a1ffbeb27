//! Request and response heads.

use std::{borrow::Cow, time::Duration};

use proptest::{collection, prelude::*};

use crate::{
    codec::{DecodeError, encode},
    golden, limits,
    rpc::{Code, ContentType, Metadata, RequestHead, ResponseHead, Status},
    strategies,
};

fn metadata(count: usize) -> Metadata {
    (0..count).map(|i| (format!("key-{i}"), "value".into())).collect()
}

#[test]
fn a_request_head_copies_no_name() {
    let bytes = encode(&golden::request_head()).unwrap();
    let head = RequestHead::decode(&bytes).unwrap();
    for name in [&head.service, &head.version, &head.method] {
        assert!(matches!(name, Cow::Borrowed(_)), "{name}");
    }
}

#[test]
fn a_plain_answer_has_no_head_at_all() {
    let plain = ResponseHead::ok(ContentType::Json);
    assert_eq!(plain.encode(), Ok(Vec::new()));
    assert_eq!(ResponseHead::decode(&[]), Ok(plain.clone()));
    assert_eq!(plain.failure(&[]), None);
    // Written out in full it means the same.
    assert_eq!(ResponseHead::decode(&encode(&plain).unwrap()), Ok(plain.clone()));
    // With anything to say there is one.
    let mut head = plain.clone();
    head.extensions.insert(7, vec![1]);
    assert_eq!(ResponseHead::decode(&head.encode().unwrap()), Ok(head));
}

#[test]
fn metadata_has_a_limit_in_both_directions() {
    let wanted = "33 metadata entries, at most 32 are allowed";
    for (count, good) in [(limits::METADATA_ENTRIES, true), (limits::METADATA_ENTRIES + 1, false)] {
        let request = encode(&RequestHead { metadata: metadata(count), ..golden::request_head() }).unwrap();
        let mut answer = ResponseHead::ok(ContentType::Json);
        answer.metadata = metadata(count);
        let errors = [RequestHead::decode(&request).err(), ResponseHead::decode(&answer.encode().unwrap()).err()];
        for error in errors {
            assert_eq!(error.map(|e| e.to_string()), (!good).then(|| wanted.to_owned()));
        }
    }
}

#[test]
fn a_head_above_its_limit_is_refused() {
    let (len, limit) = (limits::RPC_HEAD + 1, limits::RPC_HEAD);
    assert_eq!(RequestHead::decode(&vec![0; len]), Err(DecodeError::TooLong { len, limit }));
    assert_eq!(ResponseHead::decode(&vec![0; len]), Err(DecodeError::TooLong { len, limit }));
}

#[test]
fn an_unknown_code_is_a_failure() {
    // Code, message "no", not retryable, JSON, no metadata, no extensions.
    let head = ResponseHead::decode(&[99, 2, b'n', b'o', 0, 0, 0, 0]).unwrap();
    let status = head.failure(b"detail").unwrap();
    assert_eq!((status.code(), status.message(), status.detail()), (Code::Unknown, "no", b"detail".as_slice()));
    assert!(!status.is_retryable());
}

#[test]
fn retryable_is_what_the_service_says() {
    let [unavailable, internal] = [14, 13].map(|code| ResponseHead::decode(&[code, 0, 1 - code % 2, 0, 0, 0]));
    // 14 is even and says yes, 13 is odd and says no; then the other way round.
    assert!(unavailable.unwrap().failure(&[]).unwrap().is_retryable());
    assert!(!internal.unwrap().failure(&[]).unwrap().is_retryable());
    let [unavailable, internal] = [14, 13].map(|code| ResponseHead::decode(&[code, 0, code % 2, 0, 0, 0]));
    assert!(!unavailable.unwrap().failure(&[]).unwrap().is_retryable());
    assert!(internal.unwrap().failure(&[]).unwrap().is_retryable());
}

#[test]
fn a_wait_travels_in_whole_milliseconds_among_other_extensions() {
    for (wait, comes) in [
        (Duration::ZERO, Duration::ZERO),
        (Duration::from_micros(1999), Duration::from_millis(1)),
        (Duration::from_millis(u32::MAX.into()), Duration::from_millis(u32::MAX.into())),
        (Duration::MAX, Duration::from_millis(u32::MAX.into())),
    ] {
        let status = Status::resource_exhausted("full").retry_after(wait);
        let mut head = ResponseHead::failed(&status);
        for unknown in [0, 2, u16::MAX] {
            head.extensions.insert(unknown, vec![9; 5]);
        }
        let head = ResponseHead::decode(&head.encode().unwrap()).unwrap();
        assert_eq!(head.extensions.len(), 4, "what this version does not know is kept");
        assert_eq!(head.failure(&[]).unwrap().wait(), Some(comes));
    }
}

#[test]
fn a_wait_that_is_none_is_passed_over() {
    for bytes in [vec![], vec![1, 2, 3], vec![1, 2, 3, 4, 5]] {
        let mut head = ResponseHead::failed(&Status::internal("no"));
        head.extensions.insert(1, bytes);
        let status = head.failure(&[]).unwrap();
        assert_eq!((status.wait(), status.is_retryable()), (None, false));
    }
    let mut answer = ResponseHead::ok(ContentType::Json);
    answer.extensions.insert(1, vec![0; 4]);
    assert_eq!(answer.failure(&[]), None, "an answer waits for nothing");
}

#[test]
fn a_strangers_long_message_is_cut() {
    let mut bytes = vec![13, 0xfb, 0x10, 0x27];
    bytes.extend([b'x'; 10_000]);
    bytes.extend([0; 4]);
    let status = ResponseHead::decode(&bytes).unwrap().failure(&[]).unwrap();
    assert_eq!(status.message().len(), limits::STATUS_MESSAGE);
}

proptest! {
    #[test]
    fn request_heads_come_back(head in strategies::request_head()) {
        let bytes = encode(&head).unwrap();
        prop_assert_eq!(RequestHead::decode(&bytes), Ok(head));
    }

    #[test]
    fn noise_is_read_or_refused(bytes in collection::vec(any::<u8>(), 0..60)) {
        if let Ok(head) = ResponseHead::decode(&bytes) {
            let _ = head.failure(&bytes);
        }
        let _ = RequestHead::decode(&bytes);
    }
}
