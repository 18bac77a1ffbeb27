use super::*;

#[test]
fn a_request_is_json() {
    assert_eq!(parse(b" {\"a\": [1, 2]} ", "stdin").unwrap(), json!({ "a": [1, 2] }));
    assert_eq!(parse(b"3", "stdin").unwrap(), json!(3));
}

#[test]
fn a_mistake_is_shown_with_its_place() {
    let failure = parse(b"{\"a\": 1, b: 2}", "the command line").unwrap_err();
    let expected = "\
the request from the command line is not JSON: key must be a string at line 1 column 10
  {\"a\": 1, b: 2}
           ^";
    assert_eq!(failure.to_string(), expected);
    assert_eq!(failure.exit_code(), 2);
}

#[test]
fn a_mistake_without_a_showable_line_is_named_only() {
    let long = format!("{{\"a\": \"{}\", b}}", "x".repeat(200));
    for text in [long.as_bytes(), b"\"\xff\"", "{\"ä\": x}".as_bytes(), b"{\"a\": \x1b[2J}"] {
        let said = parse(text, "stdin").unwrap_err().to_string();
        assert!(said.contains("line 1 column") && said.lines().count() == 1, "{said}");
    }
    let lines = parse(b"{\n \"a\": 1,\n \"b\" 2\n}", "stdin").unwrap_err().to_string();
    assert!(lines.contains("line 3 column 6") && lines.ends_with("\n   \"b\" 2\n       ^"), "{lines}");
}

#[test]
fn times_have_a_unit() {
    for (text, millis) in [("500ms", 500), ("2s", 2000), ("1m", 60_000), ("1m 30s", 90_000)] {
        assert_eq!(deadline(text), Ok(Duration::from_millis(millis)));
    }
    for text in ["", "2", "-2s", "2 parsecs", "0s", "10us"] {
        assert!(deadline(text).is_err(), "{text}");
    }
}

#[test]
fn answers_are_spread_out_for_people() {
    assert_eq!(pretty(&json!({ "sum": 5 })), "{\n  \"sum\": 5\n}");
    assert_eq!(pretty(&json!("a\u{9b}2J")), "\"a\\u009b2J\"");
    assert_eq!(pretty(&Value::Null), "null");
}
