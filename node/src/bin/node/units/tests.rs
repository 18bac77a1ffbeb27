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

#[test]
fn waits_and_latencies_use_one_unit() {
    for (millis, expected) in [(0, "0 ms"), (30, "30 ms"), (999, "999 ms"), (1_000, "1 s"), (1_500, "1.5 s")] {
        assert_eq!(wait(millis), expected);
    }
    let cases = [(0, "0 µs"), (999, "999 µs"), (1_204, "1.20 ms"), (999_000, "999.00 ms"), (3_050_000, "3.05 s")];
    for (micros, expected) in cases {
        assert_eq!(latency(micros), expected);
    }
}

#[test]
fn sizes_are_as_they_were_meant() {
    let cases = [
        (0, "0 B"),
        (100, "100 B"),
        (1_024, "1 KiB"),
        (9_999, "9999 B"),
        (65_536, "64 KiB"),
        (536_870_912, "512 MiB"),
        (1 << 30, "1 GiB"),
        (1_500_000, "1.5 MB"),
        (12_345, "12.3 kB"),
        (5_000_000_001, "5.0 GB"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(size(bytes), expected);
    }
}

#[test]
fn thousands_stand_apart() {
    for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")]
    {
        assert_eq!(thousands(number), expected);
    }
}

#[test]
fn spans_are_whole_numbers_of_a_unit() {
    for (secs, text) in [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "90 seconds"),
        (3_600, "1 hour"),
        (129_600, "36 hours"),
        (604_800, "7 days"),
    ] {
        assert_eq!(span(secs), text);
    }
}

#[test]
fn moments_are_written_in_rfc_3339() {
    assert_eq!(moment(1_800_000_000_999), "2027-01-15T08:00:00Z");
    assert_eq!(precise_moment(1_800_000_000_999), "2027-01-15T08:00:00.999Z");
    assert_eq!(moment(u64::MAX), "9999-12-31T23:59:59Z");
    assert_eq!(ago(u64::MAX), "0s ago");
}
