//! What the owner says is public, and what never is.

use proptest::prelude::*;

use super::{super::Diversity, *};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn ranges(text: &str) -> PublicRanges {
    text.parse().unwrap()
}

#[test]
fn without_ranges_the_registries_decide() {
    let none = PublicRanges::default();
    for address in ["8.8.8.8", "2606:4700::1", "10.0.0.1", "127.0.0.1", "fe80::1", "203.0.113.1", "224.0.0.1", "::"] {
        assert_eq!(none.scope(ip(address)), Scope::of(ip(address)), "{address}");
        assert_eq!(none.subnet(ip(address)), Subnet::counted(ip(address)), "{address}");
    }
    assert!(none.contains(ip("8.8.8.8")) && !none.contains(ip("203.0.113.1")) && none.is_empty());
}

#[test]
fn what_is_added_is_public() {
    let ranges = ranges("203.0.113.0/24, 10.0.0.0/8 2001:db8::/32,100.64.0.0/10");
    for address in ["203.0.113.9", "::ffff:203.0.113.9", "10.9.8.7", "2001:db8::1", "100.64.0.1", "8.8.8.8"] {
        assert!(ranges.contains(ip(address)), "{address}");
    }
    for address in ["198.51.100.9", "192.168.0.1", "3fff::1", "fd00::1"] {
        assert!(!ranges.contains(ip(address)), "{address}");
    }
    assert_eq!(ranges.scope(ip("192.168.0.1")), Some(Scope::Private));
}

#[test]
fn some_addresses_are_never_public() {
    let all = ranges("0.0.0.0/0 ::/0 127.0.0.0/8 169.254.0.0/16 fe80::/10 224.0.0.0/4");
    for (address, scope) in [
        ("127.0.0.1", Some(Scope::Loopback)),
        ("::1", Some(Scope::Loopback)),
        ("::ffff:127.0.0.1", Some(Scope::Loopback)),
        ("169.254.3.4", Some(Scope::LinkLocal)),
        ("fe80::7", Some(Scope::LinkLocal)),
        ("0.0.0.0", None),
        ("::", None),
        ("224.0.0.1", None),
        ("ff02::1", None),
        ("255.255.255.255", None),
        ("192.168.0.1", Some(Scope::Global)),
    ] {
        assert_eq!(all.scope(ip(address)), scope, "{address}");
    }
}

#[test]
fn mapped_addresses_are_the_ipv4_ones() {
    let mapped = ranges("::ffff:203.0.113.0/120");
    assert_eq!(mapped, ranges("203.0.113.0/24"));
    assert!(mapped.contains(ip("203.0.113.7")) && mapped.contains(ip("::ffff:203.0.113.7")));
    // A range of IPv6 addresses says nothing of IPv4 ones, even if it is all there are.
    assert!(!ranges("::/0").contains(ip("::ffff:10.0.0.1")));
}

#[test]
fn who_is_public_counts_for_diversity() {
    let lab = ranges("10.0.0.0/8");
    assert_eq!(lab.subnet(ip("10.1.2.3")), Some(Subnet::V4([10, 1, 2])));
    assert_eq!(lab.subnet(ip("192.168.2.3")), None);
    let mut diversity = Diversity::with_public(lab);
    let node = |n: u8| atoll_protocol::identity::NodeId::from_public_key([n; 32]);
    assert!(
        diversity.enter(node(1), 255, ip("10.1.2.3")).is_ok() && diversity.enter(node(2), 255, ip("10.1.2.4")).is_ok()
    );
    assert!(diversity.enter(node(3), 255, ip("10.1.2.5")).is_err());
    assert!(diversity.enter(node(3), 255, ip("192.168.2.5")).is_ok());
}

#[test]
fn faults_name_the_value_and_the_way_out() {
    for (text, shown) in [
        ("10.0.0.0/40", "10.0.0.0/40"),
        ("10.0.0.0/8,10.0.0.0", "10.0.0.0"),
        ("home", "home"),
        ("2001:db8::/129", "2001:db8::/129"),
        ("10.0.0/8", "10.0.0/8"),
    ] {
        let error = text.parse::<PublicRanges>().unwrap_err().to_string();
        let expected = format!("{shown} is no range of addresses; write it like 203.0.113.0/24 or 2001:db8::/32");
        assert_eq!(error, expected, "{text}");
    }
    assert!("/".repeat(10_000).parse::<PublicRange>().unwrap_err().to_string().len() < 200);
    assert!("".parse::<PublicRange>().is_err());
}

#[test]
fn ranges_are_written_as_they_are_read() {
    let text = "10.0.0.0/8,203.0.113.0/24,2001:db8::/32";
    assert_eq!(ranges("2001:db8::/32 203.0.113.77/24,, 10.0.0.0/8 10.0.0.0/8").to_string(), text);
    assert_eq!(ranges(text).iter().count(), 3);
    assert_eq!(ranges("").to_string(), "");
    let json = serde_json::to_string(&ranges(text)).unwrap();
    assert_eq!(json, r#"["10.0.0.0/8","203.0.113.0/24","2001:db8::/32"]"#);
    assert_eq!(serde_json::from_str::<PublicRanges>(&json).unwrap(), ranges(text));
    let error = serde_json::from_str::<PublicRanges>(r#"["10.0.0.0/40"]"#).unwrap_err().to_string();
    assert!(error.starts_with("10.0.0.0/40 is no range of addresses"), "{error}");
}

proptest! {
    #[test]
    fn a_range_contains_its_addresses_and_no_others(base: u32, length in 8_u8..=32, other: u32) {
        let range: PublicRanges = format!("{}/{length}", std::net::Ipv4Addr::from(base)).parse().unwrap();
        let address = IpAddr::V4(other.into());
        let inside = (base ^ other).checked_shr(32 - u32::from(length)).unwrap_or(0) == 0;
        let before = Scope::of(address);
        let hosts = !matches!(before, Some(Scope::Loopback | Scope::LinkLocal)) && is_of_one_host(address);
        prop_assert_eq!(range.scope(address), if inside && hosts { Some(Scope::Global) } else { before });
    }
}
