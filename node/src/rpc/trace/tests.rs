//! Who sees which parent.

use super::*;

#[test]
fn each_hop_has_a_parent_id_of_its_own() {
    let of = |value: &str| {
        let metadata =
            Metadata::from([(TRACEPARENT.to_owned(), value.to_owned()), ("tenant".to_owned(), "a".to_owned())]);
        onward(&metadata, 0xab)
    };
    let next = of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    assert_eq!(next[TRACEPARENT], "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000ab-01");
    assert_eq!(next["tenant"], "a");
    for foreign in ["", "00-ab-cd-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "my own"] {
        assert_eq!(of(foreign)[TRACEPARENT], foreign);
    }
    let zero = with_parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 0).into_owned();
    assert!(zero.contains("-0000000000000001-"), "zero would mean that there is none: {zero}");
}
