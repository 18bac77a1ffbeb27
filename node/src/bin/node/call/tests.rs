use std::collections::BTreeMap;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    call: CallArgs,
}

fn read(line: &str) -> Result<CallArgs, clap::Error> {
    Program::try_parse_from(std::iter::once("call").chain(line.split_whitespace())).map(|program| program.call)
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[test]
fn every_option_travels() {
    let line =
        "a@1 b --where zone=eu --where disk=ssd --metadata user=x=y --policy affinity(x) --hedge 20ms --deadline 2s";
    let request = head(&read(line).unwrap()).unwrap();
    let expected = CallRequest {
        service: "a@^1".to_owned(),
        method: "b".to_owned(),
        deadline_ms: Some(2_000),
        labels: pairs([("zone", "eu"), ("disk", "ssd")]),
        metadata: pairs([("user", "x=y")]),
        policy: Some(Policy::affinity("x").to_string()),
        hedge_ms: Some(20),
        ..CallRequest::default()
    };
    assert_eq!(request, expected);
    // What is not given is not said.
    let said = serde_json::to_value(head(&read("a b").unwrap()).unwrap()).unwrap();
    assert_eq!(said, json!({ "service": "a", "method": "b" }), "{said}");
}

#[test]
fn what_excludes_each_other_is_refused() {
    let id = NodeId::from_public_key([7; 32]);
    for line in [
        "a b --stream --hedge 20ms".to_owned(),
        format!("a b --peer {id} --where a=b"),
        format!("a b --peer {id} --policy random"),
        format!("a b --peer {id} --hedge 20ms"),
    ] {
        let said = read(&line).expect_err(&line).to_string();
        assert!(said.contains("cannot be used with"), "{line}: {said}");
    }
}

#[test]
fn a_key_has_one_value() {
    for (line, option) in [("--where a=1 --where a=2", "--where"), ("--metadata a=1 --metadata a=2", "--metadata")] {
        let failure = head(&read(&format!("a b {line}")).unwrap()).unwrap_err();
        let said = failure.to_string();
        assert!(said.contains(option) && said.contains("\"1\" and as \"2\""), "{said}");
        assert_eq!(failure.exit_code(), 2);
    }
}

#[test]
fn answers_are_spread_out_for_people() {
    assert_eq!(pretty(&json!({ "sum": 5 })), "{\n  \"sum\": 5\n}");
    assert_eq!(pretty(&json!("a\u{9b}2J")), "\"a\\u009b2J\"");
    assert_eq!(pretty(&Value::Null), "null");
}
