//! What watchers are told.

use super::*;

#[test]
fn changes_are_told_once_and_in_order() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    a.offer(1, "a", "1.0.0");
    a.offer(2, "b", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    a.offer(1, "a", "1.1.0");
    a.services.remove(&InstanceId(2));
    a.offer(3, "c", "1.0.0");
    apply(&mut directory, a.whole(), at(1));
    directory.contact_failed(a.id(), at(2));
    directory.contact_made(a.id(), at(3));
    directory.withdraw(&a.take_back(&[1]), at(4));
    directory.expire(at(1000));
    let expected = [
        "added 1",
        "added 2",
        "removed 2 superseded",
        "changed 1",
        "added 3",
        "suspect 1",
        "suspect 3",
        "recovered 1",
        "recovered 3",
        "removed 1 withdrawn",
        "removed 3 expired",
    ];
    assert_eq!(told(&mut directory), expected);
    assert!(told(&mut directory).is_empty());
}

#[test]
fn a_removed_instance_is_told_as_it_was() {
    let (mut directory, mut a) = (directory(), Author::new(1));
    let record = a.offer(1, "a", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    directory.contact_failed(a.id(), at(1));
    directory.take_changes();
    directory.expire(at(90));
    let changes = directory.take_changes();
    let instance = changes.first().unwrap().instance();
    assert_eq!(instance.record.hash(), record.hash());
    assert!(instance.suspect);
    assert_eq!(instance.expires, at(90));
}
