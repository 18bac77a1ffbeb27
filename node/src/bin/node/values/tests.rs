use super::*;

#[test]
fn times_have_a_unit() {
    for (text, millis) in [("500ms", 500), ("2s", 2000), ("1m", 60_000), ("1m 30s", 90_000)] {
        assert_eq!(time(text), Ok(Duration::from_millis(millis)));
    }
    for text in ["", "2", "-2s", "2 parsecs", "0s", "10us"] {
        assert!(time(text).is_err(), "{text}");
    }
    assert_eq!(millis(Duration::from_micros(2_900)), 2);
    assert_eq!(millis(Duration::MAX), u64::MAX);
}

#[test]
fn sizes_are_bytes_or_have_a_unit() {
    let cases = [
        ("0", 0),
        ("100", 100),
        ("100B", 100),
        ("1kB", 1_000),
        ("64KiB", 65_536),
        ("64 KiB", 65_536),
        ("10MB", 10_000_000),
        ("100M", 100_000_000),
        ("512MiB", 536_870_912),
        ("2GB", 2_000_000_000),
        ("1GiB", 1_073_741_824),
    ];
    for (text, bytes) in cases {
        assert_eq!(size(text), Ok(bytes), "{text}");
    }
    for text in
        ["", "MiB", "-1", "+1", "1.5GiB", "1m", "1 TiB", "1e6", "99999999999999999999", "18446744073709551615GiB"]
    {
        assert!(size(text).is_err_and(|said| said.contains("64KiB")), "{text}");
    }
}

#[test]
fn at_least_one_at_a_time() {
    assert_eq!((concurrency("1"), concurrency("65536")), (Ok(1), Ok(65_536)));
    for text in ["0", "-1", "65537", "many", ""] {
        assert!(concurrency(text).is_err_and(|said| said.contains("from 1 to 65536")), "{text}");
    }
}

#[test]
fn pairs_are_split_at_the_first_sign() {
    let pair_of = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
    assert_eq!(pair("zone=eu"), pair_of("zone", "eu"));
    assert_eq!(pair("a=b=c"), pair_of("a", "b=c"));
    assert_eq!(pair("a="), pair_of("a", ""));
    for text in ["", "zone", "=eu", "="] {
        assert!(pair(text).is_err(), "{text}");
    }
}
