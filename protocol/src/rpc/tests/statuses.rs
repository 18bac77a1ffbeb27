//! Status codes and statuses.

use std::time::Duration;

use proptest::prelude::*;

use crate::{
    limits,
    rpc::{Code, ContentType, ResponseHead, Status},
};

#[test]
fn codes_come_back_from_name_and_number() {
    for code in Code::ALL.iter().copied() {
        assert_eq!(code.name().parse(), Ok(code));
        assert_eq!(Code::from_number(code as u8), code);
        assert_eq!(format!("[{code:<19}]"), format!("[{:<19}]", code.name()));
    }
    for number in 17..=u8::MAX {
        assert_eq!(Code::from_number(number), Code::Unknown);
    }
}

#[test]
fn a_name_that_is_no_code_is_refused_in_words() {
    let error = "NOT_FOUND".parse::<Code>().unwrap_err().to_string();
    assert_eq!(error, "\"NOT_FOUND\" is not a status code; use a gRPC name such as not_found");
    let error = "é".repeat(1000).parse::<Code>().unwrap_err().to_string();
    assert_eq!(error.chars().filter(|c| *c == 'é').count(), 40);
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let limit = limits::STATUS_MESSAGE;
    assert_eq!(Status::internal("x".repeat(limit)).message().len(), limit);
    assert_eq!(Status::internal("x".repeat(limit + 1)).message().len(), limit);
    // Two, three and four bytes each, shifted so that a character lies across the limit.
    for (letter, shift) in [('é', 1), ('€', 0), ('🏝', 1)] {
        let text = "x".repeat(shift) + &letter.to_string().repeat(limit);
        let cut = Status::internal(text.clone());
        assert!(text.starts_with(cut.message()));
        assert!(cut.message().len() < limit && cut.message().len() > limit - letter.len_utf8(), "{letter}");
    }
}

#[test]
fn what_may_help_to_try_again_starts_out_retryable() {
    for code in Code::ALL.iter().copied() {
        let expected = matches!(code, Code::Unavailable | Code::ResourceExhausted);
        assert_eq!(Status::new(code, "").is_retryable(), expected, "{code}");
    }
    assert!(Status::internal("").retryable(true).is_retryable());
    assert!(!Status::unavailable("").retryable(false).is_retryable());
    // So does what says when.
    let status = Status::internal("").retry_after(Duration::from_secs(1));
    assert_eq!((status.is_retryable(), status.wait()), (true, Some(Duration::from_secs(1))));
    assert_eq!(Status::internal("").wait(), None);
}

#[test]
fn ok_is_no_failure() {
    let status = Status::new(Code::Ok, "fine");
    assert_eq!((status.code(), status.message()), (Code::Unknown, "fine"));
    assert!(ResponseHead::failed(&status).failure(&[]).is_some());
}

#[test]
fn a_status_reads_well() {
    let status = Status::not_found("no service math.calc; see `node services`").with_detail(vec![1, 2]);
    assert_eq!(status.to_string(), "not_found: no service math.calc; see `node services`");
    assert_eq!(status.detail(), [1, 2]);
    for (status, code) in [
        (Status::invalid_argument(""), Code::InvalidArgument),
        (Status::deadline_exceeded(""), Code::DeadlineExceeded),
        (Status::not_found(""), Code::NotFound),
        (Status::permission_denied(""), Code::PermissionDenied),
        (Status::resource_exhausted(""), Code::ResourceExhausted),
        (Status::failed_precondition(""), Code::FailedPrecondition),
        (Status::unimplemented(""), Code::Unimplemented),
        (Status::internal(""), Code::Internal),
        (Status::unavailable(""), Code::Unavailable),
        (Status::cancelled(""), Code::Cancelled),
    ] {
        assert_eq!(status.code(), code);
    }
}

#[test]
fn media_types() {
    assert_eq!(ContentType::default().media_type(), "application/json");
    assert_eq!(ContentType::Raw.media_type(), "application/octet-stream");
}

proptest! {
    #[test]
    fn a_status_survives_its_head(
        number in 1..=16_u8, message in ".{0,900}", retryable: bool, detail: Vec<u8>, wait: Option<u32>,
    ) {
        let status = Status::new(Code::from_number(number), message).with_detail(detail);
        let status = match wait {
            Some(millis) => status.retry_after(Duration::from_millis(millis.into())),
            None => status,
        };
        let status = status.retryable(retryable);
        let bytes = ResponseHead::failed(&status).encode().unwrap();
        prop_assert!(bytes.len() <= limits::RPC_HEAD);
        prop_assert_eq!(ResponseHead::decode(&bytes).unwrap().failure(status.detail()), Some(status));
    }
}
