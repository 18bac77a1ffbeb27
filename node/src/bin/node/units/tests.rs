use super::*;

#[test]
fn ages_use_one_unit() {
    let cases = [
        (0, "0s"),
        (3_999, "3s"),
        (59_999, "59s"),
        (60_000, "1m"),
        (3_599_999, "59m"),
        (7_200_000, "2h"),
        (86_400_000, "1d"),
        (u64::MAX, "213503982334d"),
    ];
    for (millis, expected) in cases {
        assert_eq!(age(millis), expected);
    }
}

#[test]
fn round_trips_are_as_precise_as_useful() {
    let cases = [(None, "-"), (Some(0.042), "0.04"), (Some(9.5), "9.50"), (Some(12.34), "12.3"), (Some(250.4), "250")];
    for (millis, expected) in cases {
        assert_eq!(rtt(millis), expected);
    }
}

#[test]
fn counts_agree_with_their_noun() {
    assert_eq!(count(1, "peer", "peers"), "1 peer");
    assert_eq!(count(0, "peer", "peers"), "0 peers");
}
