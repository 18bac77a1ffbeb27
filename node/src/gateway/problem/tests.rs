use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::json;

use super::*;

async fn parts(problem: Problem) -> (u16, axum::http::HeaderMap, Value) {
    let (head, body) = problem.into_response().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), head.headers, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_status_becomes_a_problem_with_all_that_it_says() {
    let status = Status::resource_exhausted("too many").retry_after(Duration::from_millis(1200));
    let (code, headers, body) = parts(Problem::of(&status).call("math.calc", "add")).await;
    assert_eq!((code, headers["retry-after"].to_str().unwrap()), (429, "2"));
    assert_eq!(headers["content-type"], MEDIA);
    let expected = json!({
        "type": "urn:atoll:status:resource_exhausted", "title": "Too Many Requests", "status": 429, "detail": "too many",
        "code": "resource_exhausted", "service": "math.calc", "method": "add", "retryable": true, "retry_after_ms": 1200,
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn what_a_service_says_to_programs_is_passed_on_if_it_is_json() {
    let status = Status::failed_precondition("night").with_detail(br#"{"until": 6}"#.to_vec());
    assert_eq!(parts(Problem::of(&status)).await.2["data"], json!({ "until": 6 }));
    let status = Status::failed_precondition("night").with_detail(vec![0xff]);
    assert_eq!(parts(Problem::of(&status)).await.2.get("data"), None);
}

#[test]
fn every_code_has_a_status_and_only_ok_a_good_one() {
    for code in Code::ALL {
        assert_eq!(http_status(*code).is_success(), *code == Code::Ok, "{code}");
    }
}
