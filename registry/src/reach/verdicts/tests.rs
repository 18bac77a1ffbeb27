//! Who is believed, for how long, and what changes it.

use proptest::{collection, prelude::*};

use super::*;

fn node(n: u16) -> NodeId {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    NodeId::from_public_key(key)
}

fn subnet(n: u16) -> Option<Subnet> {
    Some(Subnet::V4([8, 8, n as u8]))
}

const A: &str = "/ip4/8.8.4.4/udp/1/quic-v1";
const B: &str = "/ip4/8.8.4.4/tcp/1";

type Machine = Verdicts<&'static str>;

/// Servers 1 to `n`, each in a subnet of its own, are known, and one address.
fn with_servers(n: u16) -> Machine {
    let mut verdicts = Machine::new();
    (1..=n).for_each(|n| assert!(verdicts.server(node(n), subnet(n))));
    assert!(verdicts.add(A));
    verdicts
}

fn tell(verdicts: &mut Machine, server: u16, reachable: bool, now: Time) -> &Reachability<&'static str> {
    verdicts.told(&A, node(server), subnet(server), reachable, now);
    verdicts.reachability()
}

fn public() -> Reachability<&'static str> {
    Reachability::Public { addresses: [A].into() }
}

#[test]
fn two_must_agree_where_two_are_known() {
    let mut verdicts = with_servers(3);
    assert_eq!(tell(&mut verdicts, 1, true, Time(0)), &Reachability::Unknown);
    assert_eq!(tell(&mut verdicts, 1, true, Time(0)), &Reachability::Unknown, "the same one again");
    assert_eq!(tell(&mut verdicts, 2, true, Time(0)), &public());
    assert_eq!(tell(&mut verdicts, 1, false, Time(1)), &public(), "they disagree: it stays");
    assert_eq!(tell(&mut verdicts, 3, false, Time(2)), &Reachability::Private);
    assert_eq!(tell(&mut verdicts, 2, false, Time(3)), &Reachability::Private);
    assert_eq!(tell(&mut verdicts, 1, true, Time(4)), &Reachability::Private);
}

#[test]
fn servers_of_one_subnet_have_one_voice() {
    let mut verdicts = with_servers(2);
    for n in 10..20 {
        verdicts.told(&A, node(n), subnet(1), true, Time(0));
    }
    assert_eq!(verdicts.reachability(), &Reachability::Unknown);
    // At home everybody stands for themselves.
    verdicts.told(&A, node(30), None, true, Time(0));
    assert_eq!(verdicts.reachability(), &public());
}

#[test]
fn one_alone_is_preliminary() {
    let mut verdicts = with_servers(1);
    assert_eq!(tell(&mut verdicts, 1, true, Time(0)), &public());
    assert!(verdicts.all().all(|(_, standing)| standing.preliminary && standing.yes == 1));
    assert_eq!(tell(&mut verdicts, 1, false, Time(1)), &public(), "once is not enough to change it");
    assert_eq!(tell(&mut verdicts, 1, false, Time(2)), &Reachability::Private);
    verdicts.server(node(2), subnet(2));
    assert_eq!(tell(&mut verdicts, 1, true, Time(3)), &Reachability::Private);
    assert_eq!(tell(&mut verdicts, 1, true, Time(4)), &Reachability::Private, "others could be asked");
    assert_eq!(tell(&mut verdicts, 2, true, Time(5)), &public());
    assert!(verdicts.all().all(|(_, standing)| !standing.preliminary && standing.reachable == Some(true)));
}

#[test]
fn answers_expire() {
    let mut verdicts = with_servers(2);
    tell(&mut verdicts, 1, true, Time(0));
    tell(&mut verdicts, 2, true, Time(1_000));
    assert_eq!(verdicts.tick(Time(0) + EXPIRY), None, "one is left, and nobody says otherwise");
    assert_eq!(verdicts.tick(Time(1_000) + EXPIRY), Some(&Reachability::Unknown));
    assert_eq!(verdicts.tick(Time(1_000) + EXPIRY), None);
}

#[test]
fn a_new_network_makes_everything_void() {
    let mut verdicts = with_servers(2);
    verdicts.due(Time(0));
    tell(&mut verdicts, 1, true, Time(0));
    tell(&mut verdicts, 2, true, Time(0));
    assert!(verdicts.due(Time(1)).is_empty());
    assert_eq!(verdicts.network_changed(), Some(&Reachability::Unknown));
    assert_eq!(verdicts.due(Time(2)).len(), 2, "asked anew at once");
    assert_eq!(tell(&mut verdicts, 1, false, Time(3)), &Reachability::Unknown);
}

#[test]
fn any_reachable_address_makes_public() {
    let mut verdicts = with_servers(2);
    for n in [1, 2] {
        verdicts.told(&A, node(n), subnet(n), false, Time(0));
        verdicts.told(&B, node(n), subnet(n), true, Time(0));
    }
    assert_eq!(verdicts.reachability(), &Reachability::Public { addresses: [B].into() });
    assert_eq!(verdicts.remove(&B), Some(&Reachability::Private));
    assert_eq!(verdicts.remove(&A), Some(&Reachability::Unknown));
    assert_eq!(verdicts.reachability().name(), "unknown");
}

/// The times at which server 1 alone is asked, in seconds.
fn rounds(verdicts: &mut Machine, from: Time, count: usize) -> Vec<u64> {
    let mut now = from;
    (0..count)
        .map(|_| {
            now = now.max(verdicts.next().unwrap());
            assert_eq!(verdicts.due(now).len(), 1);
            tell(verdicts, 1, true, now);
            now.since(from).as_secs()
        })
        .collect()
}

#[test]
fn questions_become_rare_and_are_frequent_again_after_a_change() {
    let mut verdicts = with_servers(1);
    let times = rounds(&mut verdicts, Time(0), 8);
    assert_eq!(times, [0, 30, 90, 210, 450, 930, 1530, 2130]);
    let now = Time(2_130_000);
    tell(&mut verdicts, 1, false, now);
    tell(&mut verdicts, 1, false, now);
    assert_eq!(verdicts.next(), Some(now + RETEST_FIRST));
}

#[test]
fn three_are_asked_and_in_turn() {
    let mut verdicts = with_servers(7);
    let mut asked: BTreeMap<NodeId, usize> = BTreeMap::new();
    let mut now = Time(0);
    for _ in 0..14 {
        let due = verdicts.due(now);
        assert_eq!(due.len(), ASKED);
        for test in due {
            *asked.entry(test.server).or_default() += 1;
        }
        assert!(verdicts.due(now).is_empty());
        now = verdicts.next().unwrap();
    }
    // Whoever was asked longest ago comes first, so each is asked in every third round at least.
    assert!(asked.len() == 7 && asked.values().all(|times| *times >= 4), "{asked:?}");
}

#[test]
fn tables_are_bounded() {
    let mut verdicts: Verdicts<u32> = Verdicts::new();
    for n in 0..200 {
        assert_eq!(verdicts.server(node(n), subnet(n)), usize::from(n) < SERVERS);
        assert_eq!(verdicts.add(n.into()), usize::from(n) < ADDRESSES);
        verdicts.told(&7, node(n), subnet(n), n < 180, Time(n.into()));
    }
    verdicts.told(&5_000, node(1), subnet(1), true, Time(0));
    assert_eq!(verdicts.all().count(), ADDRESSES);
    let (_, standing) = verdicts.all().find(|(address, _)| **address == 7).unwrap();
    assert_eq!((standing.yes, standing.no), (SERVERS - 20, 20));
    verdicts.server_gone(&node(1));
    assert!(verdicts.server(node(199), subnet(199)));
}

proptest! {
    #[test]
    fn one_liar_among_three_is_not_believed(
        answers in collection::vec((1_u16..=4, 0_u64..200_000), 1..100),
        truth: bool,
    ) {
        let mut verdicts = with_servers(4);
        let mut now = Time(0);
        for (server, wait) in answers {
            // The fourth one lies.
            let reachability = tell(&mut verdicts, server, (server != 4) == truth, now).clone();
            let lie = if truth { Reachability::Private } else { public() };
            prop_assert_ne!(reachability, lie);
            now = now + Duration::from_millis(wait);
            prop_assert!(verdicts.tick(now).is_none_or(|changed| *changed == Reachability::Unknown));
        }
    }
}
