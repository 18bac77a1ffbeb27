//! Tests of the DHT keys.

use super::*;

fn key(network: &str, name: &str, major: Option<u64>) -> Vec<u8> {
    super::key(&network.parse().unwrap(), &name.parse().unwrap(), major)
}

fn wanted(query: &str) -> Vec<u8> {
    super::wanted(&"main".parse().unwrap(), &query.parse().unwrap())
}

#[test]
fn a_key_is_a_multihash_that_never_changes() {
    let network = "main".parse().unwrap();
    let [any, major] = provided(&network, &"math.calc".parse().unwrap(), &Version::new(1, 2, 3));
    // Computed apart from this program: SHA-256 of "main", 0, "math.calc", 0 (and 1 as 64 bits, little endian).
    let mut expected = Sha256::new();
    expected.update(b"main\0math.calc\0");
    // 0x12 is SHA-256 in the table of multicodecs, 0x20 the digest's length.
    let multihash = |digest: Sha256| [&[0x12, 0x20], digest.finalize().as_slice()].concat();
    assert_eq!(any, multihash(expected.clone()));
    expected.update([1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(major, multihash(expected));
}

#[test]
fn keys_differ_by_network_name_and_major() {
    let keys = [
        key("main", "math.calc", None),
        key("main", "math.calc", Some(0)),
        key("main", "math.calc", Some(1)),
        key("main", "math.cal", None),
        key("other", "math.calc", None),
    ];
    for (i, one) in keys.iter().enumerate() {
        assert!(keys[i + 1..].iter().all(|other| other != one));
    }
}

#[test]
fn a_caller_looks_where_a_provider_of_what_it_wants_has_put_itself() {
    for settled in ["math.calc@1", "math.calc@^1.2", "math.calc@~1.2", "math.calc@=1.2.3"] {
        assert_eq!(wanted(settled), key("main", "math.calc", Some(1)), "{settled}");
    }
    assert_eq!(wanted("math.calc@0.3"), key("main", "math.calc", Some(0)));
    for open in ["math.calc", "math.calc@*", "math.calc@>=1", "math.calc@>1.0,<3", "math.calc@1.*"] {
        assert_eq!(wanted(open), key("main", "math.calc", None), "{open}");
    }
}
