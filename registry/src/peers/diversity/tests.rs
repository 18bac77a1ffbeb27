//! The bounds by example, then against a model that counts everyone anew each time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn node(n: u16) -> NodeId {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    NodeId::from_public_key(key)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn subnets_are_those_that_one_customer_gets() {
    let same = |a: &str, b: &str| Subnet::counted(ip(a)).unwrap() == Subnet::counted(ip(b)).unwrap();
    assert!(same("8.8.8.1", "8.8.8.255") && !same("8.8.8.1", "8.8.9.1"));
    assert!(same("2606:4700:1::1", "2606:4700:1:ffff::2") && !same("2606:4700:1::1", "2606:4700:2::1"));
    assert!(same("8.8.8.1", "::ffff:8.8.8.2"), "mapped");
    assert!(same("8.8.8.1", "64:ff9b::8.8.8.2") && !same("64:ff9b::8.8.8.2", "64:ff9b::8.8.9.2"), "translated");
    // Not routed by any registry, but somebody was reached there.
    assert!(same("198.18.0.1", "198.18.0.2"));
}

#[test]
fn at_home_nobody_is_counted() {
    let home = ["127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "fe80::1"];
    for address in home.into_iter().chain(["fc00::1", "fdff::1", "::ffff:192.168.1.1"]) {
        assert_eq!(Subnet::counted(ip(address)), None, "{address}");
        let mut diversity = Diversity::new();
        for n in 0..100 {
            assert_eq!(diversity.enter(node(n), 255, ip(address)), Ok(()), "{address}");
        }
        assert_eq!(diversity.len(), 100);
    }
}

#[test]
fn two_in_a_bucket_and_ten_in_the_table() {
    let mut diversity = Diversity::new();
    for n in 0..10 {
        let bucket = 255 - (n / 2) as u8;
        assert_eq!(diversity.enter(node(n), bucket, ip(&format!("8.8.8.{n}"))), Ok(()));
    }
    assert_eq!(diversity.enter(node(10), 255, ip("8.8.8.10")), Err(Crowded::Bucket));
    assert_eq!(diversity.enter(node(10), 0, ip("8.8.8.10")), Err(Crowded::Table));
    assert!(!diversity.contains(&node(10)));
    assert_eq!(diversity.enter(node(10), 255, ip("8.8.9.10")), Ok(()), "another subnet");
    assert!(diversity.leave(&node(0)) && !diversity.leave(&node(0)));
    assert_eq!(diversity.enter(node(11), 254, ip("8.8.8.11")), Err(Crowded::Bucket), "room in another bucket only");
    assert_eq!(diversity.enter(node(11), 255, ip("8.8.8.11")), Ok(()));
    assert_eq!(diversity.len(), 11);
}

#[test]
fn a_peer_counts_once_and_where_it_was_reached_last() {
    let mut diversity = Diversity::new();
    for _ in 0..5 {
        assert_eq!(diversity.enter(node(1), 255, ip("8.8.8.1")), Ok(()));
    }
    assert_eq!(diversity.enter(node(2), 255, ip("8.8.8.2")), Ok(()));
    assert_eq!(diversity.enter(node(1), 255, ip("9.9.9.1")), Ok(()), "it moves");
    assert_eq!(diversity.enter(node(3), 255, ip("8.8.8.3")), Ok(()), "and leaves its place to another");
    assert_eq!(diversity.enter(node(1), 255, ip("8.8.8.1")), Err(Crowded::Bucket), "it cannot go back");
    assert!(!diversity.contains(&node(1)), "and is nowhere then");
    assert_eq!(diversity.enter(node(4), 255, ip("9.9.9.2")), Ok(()));
    assert_eq!(diversity.enter(node(5), 255, ip("9.9.9.3")), Ok(()));
}

/// Few peers, buckets and subnets, so that they meet.
fn step() -> impl Strategy<Value = (u16, Option<(Bucket, IpAddr)>)> {
    let addresses = prop_oneof![
        4 => (0..3_u8, any::<u8>()).prop_map(|(subnet, host)| IpAddr::from([8, 8, subnet, host])),
        2 => (0..2_u16, any::<u16>()).prop_map(|(subnet, host)| IpAddr::from([0x2606, 0x4700, subnet, host, 0, 0, 0, 1])),
        1 => any::<u8>().prop_map(|host| IpAddr::from([192, 168, 1, host])),
    ];
    (0..60_u16, prop::option::weighted(0.8, (0..8_u8, addresses)))
}

/// What the account must say, by counting everyone.
fn may_enter(others: &BTreeMap<u16, (Bucket, IpAddr)>, bucket: Bucket, address: IpAddr) -> Result<(), Crowded> {
    let text = |address: &IpAddr| match address {
        IpAddr::V4(v4) => v4.to_string().rsplit_once('.').map(|(subnet, _)| subnet.to_owned()).unwrap(),
        IpAddr::V6(v6) => format!("{:x?}", &v6.segments()[..3]),
    };
    if text(&address).starts_with("192.168") {
        return Ok(());
    }
    let neighbours: Vec<Bucket> =
        others.values().filter(|(_, other)| text(other) == text(&address)).map(|(bucket, _)| *bucket).collect();
    if neighbours.iter().filter(|other| **other == bucket).count() >= 2 {
        return Err(Crowded::Bucket);
    }
    if neighbours.len() >= 10 { Err(Crowded::Table) } else { Ok(()) }
}

proptest! {
    #[test]
    fn it_counts_as_one_who_counts_everyone(steps in prop::collection::vec(step(), 0..300)) {
        let mut diversity = Diversity::new();
        let mut model: BTreeMap<u16, (Bucket, IpAddr)> = BTreeMap::new();
        for (peer, enters) in steps {
            let was = model.remove(&peer);
            match enters {
                Some((bucket, address)) => {
                    let expected = may_enter(&model, bucket, address);
                    prop_assert_eq!(diversity.enter(node(peer), bucket, address), expected);
                    if expected.is_ok() {
                        model.insert(peer, (bucket, address));
                    }
                }
                None => prop_assert_eq!(diversity.leave(&node(peer)), was.is_some()),
            }
            prop_assert_eq!(diversity.contains(&node(peer)), model.contains_key(&peer));
            prop_assert_eq!(diversity.len(), model.len());
        }
        for peer in model.keys() {
            diversity.leave(&node(*peer));
        }
        prop_assert!(diversity.is_empty() && diversity.in_bucket.is_empty() && diversity.in_table.is_empty());
    }
}
