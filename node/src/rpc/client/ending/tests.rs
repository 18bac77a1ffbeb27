use atoll_protocol::codec;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn answer() -> Result<Result<Body, Status>, Unreadable> {
    Ok(Ok(Body::json("1")))
}

#[test]
fn an_answer_is_good_unless_it_is_later_than_promised() {
    assert_eq!(of_answer(&answer(), 500 * MS, None), Some(Ending::Good));
    assert_eq!(of_answer(&answer(), 500 * MS, Some(500 * MS)), Some(Ending::Good));
    assert_eq!(of_answer(&answer(), 501 * MS, Some(500 * MS)), Some(Ending::Slow));
}

#[test]
fn silence_counts_only_where_there_was_time() {
    assert_eq!(of_silence(999 * MS, None), None);
    assert_eq!(of_silence(1000 * MS, None), Some(Ending::Lost));
    assert_eq!(of_silence(20 * MS, Some(10 * MS)), Some(Ending::Lost));
    assert_eq!(of_silence(5000 * MS, Some(10_000 * MS)), None);
    let gave_up = Ok(Err(Status::deadline_exceeded("x")));
    assert_eq!(of_answer(&gave_up, 10 * MS, None), None);
    assert_eq!(of_answer(&gave_up, 2000 * MS, None), Some(Ending::Lost));
}

#[test]
fn only_what_a_service_is_to_blame_for_counts_against_it() {
    for status in [Status::internal("x"), Status::new(Code::Unknown, "x"), Status::new(Code::DataLoss, "x")] {
        assert_eq!(of_answer(&Ok(Err(status)), MS, None), Some(Ending::Lost));
    }
    for status in [
        Status::not_found("x"),
        Status::invalid_argument("x"),
        Status::unavailable("x"),
        Status::resource_exhausted("x"),
        Status::unimplemented("x"),
    ] {
        assert_eq!(of_answer(&Ok(Err(status)), MS, None), None);
    }
    let unreadable = codec::decode::<u64>(&[255; 3], 100).unwrap_err();
    assert_eq!(of_answer(&Err(Unreadable(unreadable)), MS, None), Some(Ending::Fault));
}
