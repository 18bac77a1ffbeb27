use super::{Count, Flow, parse};

/// As nft 1.0.6 prints it, shortened.
const LISTED: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}},
    {"set": {"name": "received", "elem": [
        {"elem": {"val": {"concat": ["203.0.113.11", "udp"]}, "counter": {"packets": 3, "bytes": 93}}},
        {"elem": {"val": {"concat": ["203.0.113.11", 132]}, "counter": {"packets": 1, "bytes": 40}}}]}},
    {"set": {"name": "sent", "elem": [
        {"elem": {"val": {"concat": ["203.0.113.11", "udp"]}, "counter": {"packets": 2, "bytes": 60}}}]}},
    {"chain": {"name": "input"}}]}"#;

#[test]
fn both_directions_of_a_flow_come_together() {
    let flow = |protocol: &str, received, sent| Flow {
        remote: [203, 0, 113, 11].into(),
        protocol: protocol.into(),
        received,
        sent,
    };
    let count = |packets, bytes| Count { packets, bytes };
    assert_eq!(
        parse(LISTED).unwrap(),
        [flow("132", count(1, 40), count(0, 0)), flow("udp", count(3, 93), count(2, 60))]
    );
}

#[test]
fn what_is_something_else_is_not_counted_as_nothing() {
    for (text, words) in [
        ("error", "no JSON"),
        ("{}", "no list"),
        (&LISTED.replace("counter", "timeout"), "counts something else"),
        (&LISTED.replace("received", "other"), "\"other\""),
    ] {
        let error = format!("{:#}", parse(text).unwrap_err());
        assert!(error.contains(words), "{error}");
    }
}
