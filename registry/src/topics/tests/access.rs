//! Who decides about a topic.

use atoll_protocol::{
    sealed::{Signed, Verified},
    service::{Extensions, Seq},
    topic::{Access, Policy, Retention},
};

use super::*;
use crate::topics::access::{Heard, Policies};

fn policy(author: u8, topic: TopicName, seq: u64, access: Access) -> Verified<Policy> {
    let retention = Retention { entries: Some(seq), ..Retention::default() };
    let (keepers, extensions) = (Vec::new(), Extensions::new());
    let policy = Policy { topic, seq: Seq(seq), issued: NOW, access, keepers, retention, extensions };
    Signed::seal(&key(author), &NetworkName::main(), policy).unwrap()
}

#[test]
fn the_owner_by_name_decides() {
    let owner = key(1).node_id();
    let owned = TopicName::owned_by(&owner, "lobby").unwrap();
    let mut policies = Policies::default();
    assert_eq!(policies.owner(&owned), Some(owner));
    assert!(policies.may_publish(&owned, &node(9)), "open before anything was said");
    let listed = Access::Publishers(vec![node(2)]);
    assert_eq!(policies.hear(policy(1, owned.clone(), 2, listed.clone())), Heard::News);
    assert_eq!(policies.hear(policy(1, owned.clone(), 2, listed)), Heard::Known);
    assert_eq!(policies.hear(policy(1, owned.clone(), 1, Access::Open)), Heard::Overtaken);
    let may = [owner, node(2), node(9)].map(|node| policies.may_publish(&owned, &node));
    assert_eq!((may, policies.may_read(&owned, &node(9))), ([true, true, false], true));
    assert_eq!(policies.retention(&owned).entries, Some(2));
    assert_eq!(policies.hear(policy(1, owned.clone(), 3, Access::Closed(vec![node(2)]))), Heard::News);
    assert_eq!([owner, node(2), node(9)].map(|node| policies.may_read(&owned, &node)), [true, true, false]);
    policies.forget(&owned);
    assert!(policies.may_read(&owned, &node(9)));
}

#[test]
fn nobody_decides_about_everybodys_topics() {
    let nobody = Access::Closed(Vec::new());
    let mut policies = Policies::default();
    assert_eq!(policies.hear(policy(1, topic(0), 1, nobody.clone())), Heard::NotTheOwner);
    // Unless this node's user says so.
    let mut policies = Policies::new(vec![("t0".parse().unwrap(), key(1).node_id())]);
    assert_eq!(policies.hear(policy(1, topic(0), 1, nobody.clone())), Heard::News);
    assert!(!policies.may_read(&topic(0), &node(9)));
    assert_eq!(policies.hear(policy(2, topic(0), 9, Access::Open)), Heard::NotTheOwner);
    assert_eq!(policies.hear(policy(1, topic(1), 1, nobody)), Heard::NotTheOwner);
}

#[test]
fn of_two_with_one_number_everybody_takes_the_same() {
    let named = || Policies::new(vec![(">".parse().unwrap(), key(1).node_id())]);
    let two = [Access::Open, Access::Closed(Vec::new())].map(|access| policy(1, topic(0), 1, access));
    let (mut one, mut other) = (named(), named());
    for (policy, reversed) in two.iter().zip(two.iter().rev()) {
        one.hear(policy.clone());
        other.hear(reversed.clone());
    }
    assert_eq!(one.of(&topic(0)).unwrap().hash(), other.of(&topic(0)).unwrap().hash());
}
