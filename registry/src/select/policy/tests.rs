//! What people write, and what they get.

use proptest::prelude::*;

use super::*;

#[test]
fn every_policy_is_read_as_it_is_shown() {
    let shown = [
        (Policy::PowerOfTwo, "p2c"),
        (Policy::RoundRobin, "round_robin"),
        (Policy::LeastInFlight, "least_inflight"),
        (Policy::Random, "random"),
        (Policy::Affinity(0x0123_4567_89ab_cdef), "affinity(#0123456789abcdef)"),
        (Policy::Affinity(7), "affinity(#0000000000000007)"),
    ];
    for (policy, text) in shown {
        assert_eq!(policy.to_string(), text);
        assert_eq!(text.parse(), Ok(policy));
    }
    assert_eq!(format!("{:>5}|{:<7}|", Policy::PowerOfTwo, Policy::Random), "  p2c|random |");
    assert_eq!("p2c".parse(), Ok(Policy::default()), "the one that is taken unless another is asked for");
}

#[test]
fn the_hash_is_fnv_1a() {
    // From the test vectors of draft-eastlake-fnv.
    for (key, hash) in
        [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8_u64)]
    {
        assert_eq!(Policy::affinity(key), Policy::Affinity(hash), "{key:?}");
    }
}

#[test]
fn a_key_is_any_text_as_it_stands() {
    // The last ones look like a hash and are none.
    for key in ["a", " a", "(b)", "affinity(x)", "Zürich", "#", "#123", "#+123456789abcdef", "#0123456789abcdeg"] {
        assert_eq!(format!("affinity({key})").parse(), Ok(Policy::affinity(key)), "{key:?}");
    }
    assert_ne!("affinity( a)".parse::<Policy>(), "affinity(a)".parse());
    assert_eq!("affinity(#00000000000000FF)".parse(), Ok(Policy::Affinity(255)));
}

#[test]
fn what_is_no_policy_is_named_with_the_choices() {
    for text in ["", "P2C", "p2c ", "fastest", "affinity", "affinity()", "affinity(a", "affinity a", "random(1)"] {
        let error = text.parse::<Policy>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{text:?} is not a policy; use ")), "{error}");
        for choice in ["p2c", "round_robin", "least_inflight", "random", "affinity(KEY)"] {
            assert!(error.contains(choice), "{error} lacks {choice}");
        }
    }
    let long = "ü".repeat(10_000).parse::<Policy>().unwrap_err().to_string();
    assert!(long.chars().count() < 300, "a slip of the clipboard does not fill the screen");
}

proptest! {
    #[test]
    fn any_hash_returns_and_any_text_is_bearable(hash in any::<u64>(), text in ".*") {
        let policy = Policy::Affinity(hash);
        prop_assert_eq!(policy.to_string().parse(), Ok(policy));
        if let Ok(policy) = text.parse::<Policy>() {
            prop_assert_eq!(policy.to_string().parse(), Ok(policy));
        }
    }
}
