use atoll_node::control::api::WatchedInstance;
use atoll_protocol::{identity::NodeId, names::InstanceId};

use super::*;

fn event(change: WatchedChange, reason: Option<&str>, suspect: bool) -> WatchEvent {
    let instance = WatchedInstance {
        service: "math.calc".parse().unwrap(),
        version: "1.2.0".to_owned(),
        instance: InstanceId(7),
        node: NodeId::from_public_key([7; 32]),
        suspect,
    };
    WatchEvent { at_unix_ms: 1_800_000_000_999, change, reason: reason.map(str::to_owned), instance: Some(instance) }
}

#[test]
fn a_change_is_a_line() {
    let node = NodeId::from_public_key([7; 32]).short();
    for (change, reason, suspect, expected) in [
        (WatchedChange::Present, None, false, format!("present    {node}  math.calc 1.2.0")),
        (WatchedChange::Present, None, true, format!("present    {node}  math.calc 1.2.0  (suspect)")),
        (WatchedChange::Added, None, false, format!("added      {node}  math.calc 1.2.0")),
        (WatchedChange::Changed, None, false, format!("changed    {node}  math.calc 1.2.0")),
        (WatchedChange::Suspect, None, true, format!("suspect    {node}  math.calc 1.2.0")),
        (WatchedChange::Recovered, None, false, format!("recovered  {node}  math.calc 1.2.0")),
        (WatchedChange::Removed, Some("expired"), true, format!("removed    {node}  math.calc 1.2.0  (expired)")),
    ] {
        let line = line(&event(change, reason, suspect)).unwrap();
        assert_eq!(line, format!("2027-01-15T08:00:00Z  {expected}"));
        assert!(line.chars().count() <= 80);
    }
    let ready = WatchEvent { instance: None, ..event(WatchedChange::Ready, None, false) };
    assert_eq!(line(&ready), None);
}

#[test]
fn no_time_is_too_far_away() {
    let never = WatchEvent { at_unix_ms: u64::MAX, ..event(WatchedChange::Added, None, false) };
    assert!(line(&never).is_some());
}

#[test]
fn a_count_is_at_least_one() {
    assert_eq!(changes("3"), Ok(3));
    for bad in ["0", "-1", "", "many"] {
        assert!(changes(bad).unwrap_err().contains("at least 1"), "{bad}");
    }
}
