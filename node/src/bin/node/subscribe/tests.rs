use atoll_node::control::api::{GapRow, MessageRow, SubscribeFrom};
use atoll_protocol::{
    identity::NodeId,
    topic::{Epoch, Seq},
};
use serde_json::json;

use super::{start::*, *};

fn row(payload: serde_json::Value) -> MessageRow {
    let mut row = json!({
        "topic": "rooms/lobby", "author": NodeId::from_public_key([7; 32]), "epoch": 1, "seq": 17,
        "at_unix_ms": 1_800_000_000_123_u64,
    });
    row.as_object_mut().unwrap().extend(payload.as_object().unwrap().clone());
    serde_json::from_value(row).unwrap()
}

#[test]
fn a_message_is_a_line() {
    let author = NodeId::from_public_key([7; 32]).short();
    for (payload, expected) in [
        (json!({ "text": "ahoy" }), "ahoy"),
        (json!({ "text": "two\nlines\tand \u{1b}[2J" }), "two\\nlines\\tand \u{fffd}[2J"),
        (json!({ "base64": "/w==" }), "base64:/w=="),
        (json!({ "key": "k", "text": "ahoy" }), "[k]  ahoy"),
        (json!({ "key_base64": "/w==", "text": "ahoy" }), "[/w==]  ahoy"),
    ] {
        let time = "2027-01-15T08:00:00.123Z";
        assert_eq!(line::message(&row(payload.clone()), false), format!("{time}  {author}  {expected}"));
        assert_eq!(line::message(&row(payload), true), format!("{time}  {author}  rooms/lobby  {expected}"));
    }
    let published = r#"{"topic":"a","author":"12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477","epoch":1,"seq":1,"at_unix_ms":0,"json":{"b": 1.50, "a": 12345678901234567890123}}"#;
    let line = line::message(&serde_json::from_str(published).unwrap(), false);
    assert!(line.ends_with(r#"{"b": 1.50, "a": 12345678901234567890123}"#), "JSON stays as it was published: {line}");
    let null = r#"{"topic":"a","author":"12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477","epoch":1,"seq":1,"at_unix_ms":0,"json":null}"#;
    assert!(line::message(&serde_json::from_str(null).unwrap(), false).ends_with("  null"));
}

#[test]
fn a_gap_cannot_be_overlooked() {
    let author = NodeId::from_public_key([7; 32]);
    let gap = |from, to| GapRow {
        topic: "rooms/lobby".parse().unwrap(),
        author,
        epoch: Epoch(1_800_000_000_000),
        from_seq: Seq(from),
        to_seq: Seq(to),
        messages: to - from + 1,
    };
    let of = format!("of {} on rooms/lobby cannot be had any more", author.short());
    let epoch = "epoch 2027-01-15T08:00:00.000Z";
    assert_eq!(line::gap(&gap(3, 3)), format!("!!! gap: 1 message {of}: position 3 of {epoch} !!!"));
    assert_eq!(line::gap(&gap(3, 1002)), format!("!!! gap: 1,000 messages {of}: positions 3 to 1002 of {epoch} !!!"));
}

#[test]
fn a_beginning_is_a_word_a_position_a_time_or_an_age() {
    assert_eq!(begin("latest"), Ok(Begin(SubscribeFrom::Latest)));
    assert_eq!(begin("earliest"), Ok(Begin(SubscribeFrom::Earliest)));
    assert_eq!(begin("seq:17"), Ok(Begin(SubscribeFrom::Seq(17))));
    for time in ["2027-01-15T08:00:00Z", "2027-01-15 08:00:00"] {
        assert_eq!(begin(time), Ok(Begin(SubscribeFrom::AtUnixMs(1_800_000_000_000))), "{time}");
    }
    let now = u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let Ok(Begin(SubscribeFrom::AtUnixMs(then))) = begin("10m") else { panic!("no age") };
    assert!((599_000..=601_000).contains(&(now - then)), "{then}");
    assert_eq!(begin("90000y"), Ok(Begin(SubscribeFrom::AtUnixMs(0))));
    for bad in ["", "first", "seq:", "seq:0", "seq:x", "2027-13-01T00:00:00Z", "10", "-10m"] {
        let said = begin(bad).unwrap_err();
        assert!(said.contains("latest") && said.contains("seq:") && said.contains("10m"), "{bad}: {said}");
    }
    assert_eq!((number("3"), number("0").is_err(), number("x").is_err()), (Ok(3), true, true));
}
