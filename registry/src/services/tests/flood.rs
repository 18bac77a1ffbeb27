//! Floods: more than there is room for, all of it validly signed, of ever new identities.

use std::collections::BTreeSet;

use atoll_protocol::directory::{Announcement, News};

use super::*;
use crate::{
    exchange::Opened,
    peers::{
        Subnet,
        conduct::{Fault, Ledger, Verdict},
    },
    services::names::{STRANGERS, TURN},
};

const FLOOD: u32 = 100_000;

/// An identity that is made in an instant, and has one service.
fn stranger(number: u32, name: &str, version: &str) -> Author {
    let mut seed = [5; 32];
    seed[..4].copy_from_slice(&number.to_le_bytes());
    let key = SecretKey::from_seed(&seed);
    let mut author = Author { key, seq: 0, node: None, services: BTreeMap::new() };
    author.offer(number.into(), name, version);
    author
}

/// Takes in what there is a place for, as gossip does.
fn hear(directory: &mut Directory, batch: Batch, now: Time) {
    if directory.has_place_for(&batch.lease.author()) {
        let _ = directory.apply(batch, now, WALL);
        directory.fit();
    }
}

fn within_limits(directory: &Directory) {
    let limits = DirectoryLimits::default();
    assert!(directory.len() <= limits.records && directory.node_count() <= limits.nodes);
    assert!(directory.floors.len() <= limits.floors);
}

/// Names in the index: each costs look-ups of others a step of a binary search at most.
fn names(directory: &Directory) -> usize {
    directory.table.names().all().count()
}

fn looked_up(directory: &Directory, name: &str) -> usize {
    directory.table.names().looked_up(&name.parse().unwrap(), &directory.me, directory.now).count()
}

fn holds_all(directory: &Directory, author: &Author) -> bool {
    directory.holding(&author.id(), at(1)).is_some_and(|held| held.services.len() == author.services.len())
}

#[test]
fn a_hundred_thousand_strangers_displace_nobody_who_is_known_or_used() {
    let mut directory = directory();
    let mut me = Author::new(0);
    me.offer(1, "own", "1.0.0");
    apply(&mut directory, me.whole(), at(0));
    let mut friends: Vec<Author> = (1..=100).map(|number| stranger(FLOOD + number, "math.calc", "1.0.0")).collect();
    for friend in &mut friends {
        friend.offer(1, "friendly", "1.0.0");
        directory.connected(friend.id(), None, at(0));
        hear(&mut directory, friend.whole(), at(0));
        directory.disconnected(friend.id());
    }
    let mut used: Vec<Author> = (101..=120).map(|n| stranger(FLOOD + n, &format!("used.by-{n}"), "1.0.0")).collect();
    used.iter_mut().for_each(|author| hear(&mut directory, author.whole(), at(0)));

    for number in 0..FLOOD {
        // Half of them squat on a name that is looked for, under a version that looks newer.
        let squatter = number % 2 == 0;
        let name = if squatter { "math.calc".to_owned() } else { format!("bogus.number-{number}") };
        hear(&mut directory, stranger(number, &name, "9.9.9").whole(), Time(u64::from(number) / 100));
        within_limits(&directory);
        if number % 1_000 == 0 {
            used.iter().for_each(|author| {
                let record = author.services.values().next().unwrap();
                assert_eq!(found(&directory, record.value().name.as_str()).len(), 1);
            });
            assert!(directory.take_changes().len() <= 4 * DirectoryLimits::default().records);
        }
    }
    assert!(holds_all(&directory, &me));
    assert!(friends.iter().all(|friend| holds_all(&directory, friend)));
    assert!(used.iter().all(|author| holds_all(&directory, author)));
    // What a look-up goes through does not grow with the flood, not even under the name that it squats on.
    assert!(names(&directory) <= directory.len());
    assert_eq!(looked_up(&directory, "friendly"), 100);
    assert_eq!(looked_up(&directory, "math.calc"), 100 + STRANGERS);
    assert_eq!(found(&directory, "math.calc@1").len(), 100, "known nodes are always among what is found");
}

#[test]
fn a_hundred_thousand_records_of_one_node_are_as_many_as_a_node_may_have() {
    let mut directory = directory();
    let mut friend = stranger(1, "friendly", "1.0.0");
    apply(&mut directory, friend.whole(), at(0));
    let mut liar = Author::new(9);
    let record = liar.offer(0, "bogus", "1.0.0");
    let limit = DirectoryLimits::default().records_per_node;
    // Signed once, and said under ever other numbers: what is counted is what would be held.
    let mut refused = 0;
    for chunk in 0..100_u64 {
        let services: Vec<_> = (0..1_000)
            .map(|n| {
                let value = ServiceRecord { instance: InstanceId(chunk * 1_000 + n), ..record.value().clone() };
                liar.record(value)
            })
            .collect();
        let lease = liar.lease();
        match directory.apply(part(lease, services), at(1), WALL) {
            Ok(_) => {}
            Err(why) => {
                refused += 1;
                assert_eq!(Fault::of(&why), Some(Fault::Excess), "{why}");
            }
        }
        assert!(directory.table.count_of(&liar.id()) <= limit);
    }
    assert_eq!((refused, directory.len()), (96, 4_001));
    assert!(holds_all(&directory, &friend));
}

#[test]
fn a_hundred_thousand_forgeries_cost_a_few_checks_and_a_bar() {
    let mut ledger = Ledger::default();
    let directory = directory();
    let (sender, network) = (Author::new(9).id(), NetworkName::main());
    let elsewhere: NetworkName = "elsewhere".parse().unwrap();
    let key = SecretKey::from_seed(&[3; 32]);
    let value = Author::new(3).lease().value().clone();
    let lease = Signed::seal(&key, &elsewhere, value).unwrap().signed();
    let mut checks = 0;
    for number in 0..FLOOD {
        let now = Time(u64::from(number) / 100);
        if !ledger.is_worth_checking(&sender, now) {
            continue;
        }
        checks += 1;
        let lie = Announcement::Lease(News::none(lease.clone()));
        let forged = Opened::verify(lie, &network).unwrap_err();
        ledger.charge(sender, Fault::from(&forged), now);
    }
    assert!(matches!(ledger.verdict(&sender, Time(1_000)), Verdict::Barred { .. }));
    assert!(checks <= 25, "{checks} signatures were checked");
    assert_eq!(ledger.faults(&sender).count(Fault::Forged), checks);
    assert!(directory.is_empty());
}

#[test]
fn all_nodes_of_one_subnet_have_a_tenth_of_the_view_at_most() {
    let mut directory = directory();
    let subnet = Subnet::counted("198.51.100.7".parse().unwrap());
    assert!(subnet.is_some());
    let mut friend = stranger(FLOOD, "friendly", "1.0.0");
    directory.connected(friend.id(), Subnet::counted("203.0.113.7".parse().unwrap()), at(0));
    apply(&mut directory, friend.whole(), at(0));
    for number in 0..1_200 {
        let mut author = stranger(number, "bogus", "1.0.0");
        directory.connected(author.id(), subnet, at(1));
        apply(&mut directory, author.whole(), at(1));
        assert!(directory.len() <= 1_001);
    }
    assert_eq!(directory.len(), 1_001);
    assert!(holds_all(&directory, &friend));
}

#[test]
fn a_flood_that_has_gone_leaves_no_room_behind() {
    let mut directory = directory();
    let name = "math.calc".parse().unwrap();
    for number in 0..2_000 {
        hear(&mut directory, stranger(number, "math.calc", "1.0.0").whole(), at(0));
    }
    assert!(directory.table.names().room(&name) >= 2_000);
    hear(&mut directory, stranger(2_000, "math.calc", "1.0.0").whole(), at(60));
    directory.expire(at(100));
    assert_eq!(looked_up(&directory, "math.calc"), 1);
    assert!(directory.table.names().room(&name) <= 8);
}

#[test]
fn a_look_up_sees_all_of_a_crowd_in_turn_and_all_of_the_known_at_once() {
    let mut directory = directory();
    let crowd = 3_000;
    for number in 0..crowd {
        let mut author = stranger(number, "math.calc", &format!("{}.0.0", number % 7));
        // Never to end while this lasts.
        let lease = author.lease_of(3 * 3600, WALL);
        hear(&mut directory, author.whole_under(lease), at(1));
    }
    let mut seen: BTreeSet<u64> = BTreeSet::new();
    for turn in 0..30 {
        directory.expire(at(turn * TURN.as_secs()));
        let now = found(&directory, "math.calc");
        assert_eq!(now.len(), STRANGERS);
        seen.extend(now);
    }
    assert_eq!(seen.len(), crowd as usize, "nobody stays unseen");
    let versions: Vec<_> =
        directory.find(&"math.calc".parse().unwrap()).iter().map(|i| i.record.value().version.clone()).collect();
    assert!(versions.is_sorted_by(|a, b| a >= b), "latest first");
    let mut other = Directory::new(Author::new(1).id(), DirectoryLimits::default());
    std::mem::swap(&mut other.table, &mut directory.table);
    assert_ne!(found(&other, "math.calc")[..], found(&directory, "math.calc")[..]);
    std::mem::swap(&mut other.table, &mut directory.table);

    // Whoever is met is looked at each time, and listed once.
    for number in 0..1_500 {
        directory.connected(stranger(number, "x", "1.0.0").id(), None, at(2_000));
    }
    assert_eq!((looked_up(&directory, "math.calc"), listed(&directory).len()), (1_500 + STRANGERS, crowd as usize));
    let met: BTreeSet<u64> = found(&directory, "math.calc").into_iter().collect();
    assert!((0..1_500).all(|number| met.contains(&number)));
}
