use serde_json::json;

use super::*;

#[test]
fn a_request_is_json() {
    assert_eq!(one(b" {\"a\": [1, 2]} ", "stdin").unwrap(), json!({ "a": [1, 2] }));
    assert_eq!(one(b"3", "stdin").unwrap(), json!(3));
}

#[test]
fn a_mistake_is_shown_with_its_place() {
    let expected = "\
the request from the command line is not JSON: key must be a string at line 1 column 10
  {\"a\": 1, b: 2}
           ^";
    let text = b"{\"a\": 1, b: 2}";
    for failure in [one(text, "the command line").unwrap_err(), many(text, "the command line").unwrap_err()] {
        assert_eq!(failure.to_string(), expected);
        assert_eq!(failure.exit_code(), 2);
    }
}

#[test]
fn a_mistake_without_a_showable_line_is_named_only() {
    let long = format!("{{\"a\": \"{}\", b}}", "x".repeat(200));
    for text in [long.as_bytes(), b"\"\xff\"", "{\"ä\": x}".as_bytes(), b"{\"a\": \x1b[2J}"] {
        let said = one(text, "stdin").unwrap_err().to_string();
        assert!(said.contains("line 1 column") && said.lines().count() == 1, "{said}");
    }
    let lines = one(b"{\n \"a\": 1,\n \"b\" 2\n}", "stdin").unwrap_err().to_string();
    assert!(lines.contains("line 3 column 6") && lines.ends_with("\n   \"b\" 2\n       ^"), "{lines}");
}

#[test]
fn a_stream_may_have_many_requests_or_none() {
    let origin = "the command line";
    assert_eq!(many(b"{\"a\": 1}{\"a\": 2} [3]", origin).unwrap(), [json!({ "a": 1 }), json!({ "a": 2 }), json!([3])]);
    assert_eq!(many(b"  ", origin).unwrap(), [json!(null); 0]);
    assert!(many(b"1 2 x", origin).is_err() && many(b"{\"a\": 1} {", origin).is_err());
}

#[test]
fn lines_are_read_one_by_one() {
    let mut lines = lines(&b"{\"a\": 1}\r\n\n  2\nthree\n4"[..]);
    assert_eq!(lines.next().unwrap().unwrap(), json!({ "a": 1 }));
    assert_eq!(lines.next().unwrap().unwrap(), json!(2));
    let said = lines.next().unwrap().unwrap_err().to_string();
    assert!(said.contains("line 4 of stdin") && said.contains("three\n   ^"), "{said}");
    assert_eq!(lines.next().unwrap().unwrap(), json!(4));
    assert!(lines.next().is_none());
}
