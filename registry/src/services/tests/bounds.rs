//! At every limit something defined and visible happens.

use super::*;

fn small(records: usize, nodes: usize, floors: usize) -> Directory {
    let limits = DirectoryLimits { records, records_per_node: records, nodes, floors };
    Directory::new(Author::new(0).id(), limits)
}

/// A node with `count` instances numbered from `first`, all of service `s<seed>`.
fn crowd(seed: u8, first: u64, count: u64) -> Author {
    let mut author = Author::new(seed);
    for instance in first..first + count {
        author.offer(instance, &format!("s{seed}"), "1.0.0");
    }
    author
}

#[test]
fn the_least_recently_used_node_makes_room() {
    let mut directory = small(6, 100, 100);
    let (mut a, mut b, mut c) = (crowd(1, 10, 2), crowd(2, 20, 2), crowd(3, 30, 2));
    apply(&mut directory, a.whole(), at(0));
    apply(&mut directory, b.whole(), at(1));
    apply(&mut directory, c.whole(), at(2));
    // Found is used, and so is renewed: that leaves b.
    directory.expire(at(3));
    assert_eq!(found(&directory, "s1").len(), 2);
    apply(&mut directory, c.renewal(), at(4));
    told(&mut directory);
    let mut d = crowd(4, 40, 1);
    assert_eq!(apply(&mut directory, d.whole(), at(5)), Applied::Complete);
    assert_eq!(listed(&directory), [10, 11, 30, 31, 40]);
    assert_eq!(told(&mut directory), ["removed 20 evicted", "removed 21 evicted", "added 40"]);
    assert!(directory.node(&b.id()).is_none());
}

#[test]
fn an_evicted_node_may_return_under_the_same_lease_but_not_for_longer() {
    let mut directory = small(2, 100, 100);
    let (mut a, mut b) = (crowd(1, 10, 2), crowd(2, 20, 2));
    let set = a.whole();
    apply(&mut directory, set.clone(), at(0));
    apply(&mut directory, b.whole(), at(10));
    assert_eq!(listed(&directory), [20, 21]);
    assert_eq!(apply(&mut directory, set.clone(), at(20)), Applied::Complete);
    assert_eq!(directory.node(&a.id()).unwrap().expires, at(90));
    assert_eq!(listed(&directory), [10, 11]);
    directory.expire(at(95));
    assert_eq!(apply(&mut directory, set, at(96)), Applied::Stale);
}

#[test]
fn this_nodes_own_records_are_never_evicted() {
    let mut directory = small(3, 100, 100);
    let mut me = crowd(0, 1, 2);
    apply(&mut directory, me.whole(), at(0));
    let mut a = crowd(1, 10, 1);
    apply(&mut directory, a.whole(), at(1));
    let mut b = crowd(2, 20, 1);
    apply(&mut directory, b.whole(), at(2));
    assert_eq!(listed(&directory), [1, 2, 20]);
    let mut c = crowd(3, 30, 2);
    let refused = directory.apply(c.whole(), at(3), WALL);
    assert_eq!(refused, Err(Refused::TooManyRecords { node: c.id(), count: 2, limit: 1 }));
    assert_eq!(listed(&directory), [1, 2, 20], "in vain, nobody is evicted");
    // They come first also when there are more of them.
    me.offer(3, "s0", "1.0.0");
    apply(&mut directory, me.whole(), at(4));
    assert_eq!(listed(&directory), [1, 2, 3]);
}

#[test]
fn one_node_with_bogus_records_does_not_push_out_the_others() {
    let mut directory = Directory::new(
        Author::new(0).id(),
        DirectoryLimits { records: 20, records_per_node: 5, nodes: 10, floors: 50 },
    );
    let mut good: Vec<Author> = (1..=3).map(|seed| crowd(seed, u64::from(seed) * 10, 5)).collect();
    for author in &mut good {
        apply(&mut directory, author.whole(), at(0));
    }
    let mut bad = Author::new(99);
    for instance in 1000..1100 {
        let record = bad.offer(instance, "bogus", "1.0.0");
        let _ = directory.apply(part(bad.lease(), [record]), at(1), WALL);
    }
    assert_eq!(directory.len(), 20);
    assert_eq!(listed(&directory).iter().filter(|instance| **instance < 1000).count(), 15);
}

#[test]
fn nodes_are_bounded_and_those_without_services_go_first() {
    let mut directory = small(100, 3, 100);
    let mut a = crowd(1, 10, 1);
    apply(&mut directory, a.whole(), at(0));
    for seed in 2..20 {
        apply(&mut directory, Author::new(seed).renewal(), at(u64::from(seed)));
        assert!(directory.nodes().count() <= 3);
    }
    assert_eq!(listed(&directory), [10]);
    assert!(directory.node(&Author::new(19).id()).is_some());
}

#[test]
fn floors_are_bounded_and_the_oldest_go_first() {
    let mut directory = small(100, 100, 5);
    let mut authors: Vec<Author> = (1..=20).map(Author::new).collect();
    for author in &mut authors {
        assert_eq!(directory.withdraw(&author.leave(), at(0)), Heard::News);
        assert!(directory.floors.len() <= 5);
    }
    let last = authors.last_mut().unwrap();
    last.seq = 0;
    assert_eq!(apply(&mut directory, last.renewal(), at(1)), Applied::Stale, "remembered");
    let first = authors.first_mut().unwrap();
    first.seq = 0;
    assert_eq!(apply(&mut directory, first.renewal(), at(1)), Applied::Complete, "forgotten");
}

#[test]
fn one_node_has_a_bounded_number_of_floors() {
    let limits = DirectoryLimits { records: 10, records_per_node: 3, nodes: 10, floors: 100 };
    let mut directory = Directory::new(Author::new(0).id(), limits);
    let mut a = Author::new(1);
    for instance in 0..50 {
        directory.withdraw(&a.take_back(&[instance, instance + 1000]), at(0));
    }
    assert_eq!(directory.floors.len(), 4, "one for the node and three for its instances");
}

#[test]
fn unread_changes_are_bounded_and_lead_to_the_same_set() {
    let mut directory = small(4, 100, 100);
    let mut watched: BTreeMap<_, _> = BTreeMap::new();
    for round in 0..40_u64 {
        let seed = u8::try_from(1 + round % 7).unwrap();
        let mut author = crowd(seed, u64::from(seed) * 10, 1 + round % 3);
        author.seq = round * 100;
        for (instance, record) in std::mem::take(&mut author.services) {
            author.offer(instance.0, record.value().name.as_str(), "1.0.0");
        }
        apply(&mut directory, author.whole(), at(round));
        directory.contact_failed(author.id(), at(round));
        directory.contact_made(author.id(), at(round));
        if round == 10 {
            replay(&mut watched, directory.take_changes());
        }
    }
    let changes = directory.take_changes();
    assert!(changes.len() <= 16, "{}", changes.len());
    replay(&mut watched, changes);
    let listed: Vec<_> = watched.into_values().collect();
    let mut held: Vec<_> = directory.instances().map(|instance| fact(&instance)).collect();
    held.sort_unstable();
    assert_eq!(listed, held);
}

/// Applies changes to what a watcher knows, checking that each fits.
pub(super) fn replay(watched: &mut BTreeMap<(NodeId, InstanceId), Fact>, changes: Vec<Change>) {
    for change in changes {
        let fact = fact(change.instance());
        let known = match &change {
            Change::Removed(..) => watched.remove(&(fact.0, fact.1)),
            _ => watched.insert((fact.0, fact.1), fact),
        };
        assert_eq!(known.is_none(), matches!(change, Change::Added(_)), "{change:?}");
    }
}
