use atoll_protocol::rpc::Code;

use super::*;

fn status(retry_after_ms: Option<u64>) -> Failure {
    let message = "the queue\u{1b}[2J is full".to_owned();
    Failure::Status(CallStatus { code: Code::ResourceExhausted, message, retryable: true, retry_after_ms })
}

#[test]
fn a_status_says_when_to_try_again() {
    let said = "resource_exhausted: the queue\u{fffd}[2J is full";
    assert_eq!(status(None).words().unwrap(), said);
    assert_eq!(status(Some(30)).words().unwrap(), format!("{said}; try again in 30 ms"));
    assert_eq!(status(Some(1_500)).words().unwrap(), format!("{said}; try again in 1.5 s"));
    assert_eq!(status(Some(30)).exit_code(), 1);
}

#[test]
fn programs_read_the_same() {
    let object = status(None).object().unwrap();
    let expected = json!({ "code": "resource_exhausted", "message": "the queue\u{1b}[2J is full", "retryable": true });
    assert_eq!(object, expected);
    assert_eq!(status(Some(30)).object().unwrap()["retry_after_ms"], 30);
}
