//! Questions.

use super::*;

#[test]
fn find_goes_by_name_and_version() {
    let (mut directory, mut a, mut b) = (directory(), Author::new(1), Author::new(2));
    a.offer(1, "math.calc", "1.2.0");
    a.offer(2, "math.calc", "2.0.0");
    a.offer(3, "math.calc", "3.0.0-beta.1");
    b.offer(4, "math.calc", "1.10.0");
    b.offer(5, "math.calcs", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    apply(&mut directory, b.whole(), at(0));
    assert_eq!(found(&directory, "math.calc"), [3, 2, 4, 1], "latest version first");
    assert_eq!(found(&directory, "math.calc@1"), [4, 1]);
    assert_eq!(found(&directory, "math.calc@^1.5"), [4]);
    assert_eq!(found(&directory, "math.calc@=2.0.0"), [2]);
    assert!(found(&directory, "math.calc@4").is_empty() && found(&directory, "math").is_empty());
}

#[test]
fn one_node_may_be_asked_about() {
    let (mut directory, mut a, mut b) = (directory(), Author::new(1), Author::new(2));
    a.offer(2, "math.calc", "2.0.0");
    a.offer(1, "math.calc", "1.2.0");
    a.offer(3, "math.calcs", "1.0.0");
    b.offer(4, "math.calc", "1.0.0");
    apply(&mut directory, a.whole(), at(0));
    apply(&mut directory, b.whole(), at(0));
    let of = |node: &NodeId, query: &str| {
        let found = directory.of_node(node, &query.parse().unwrap());
        found.iter().map(|instance| instance.record.value().instance.0).collect::<Vec<_>>()
    };
    assert_eq!(of(&a.id(), "math.calc"), [1, 2]);
    assert_eq!(of(&a.id(), "math.calc@2"), [2]);
    assert_eq!(of(&b.id(), "math.calc"), [4]);
    assert!(of(&b.id(), "math.calcs").is_empty() && of(&Author::new(3).id(), "math.calc").is_empty());
}

#[test]
fn instances_are_ordered() {
    let (mut directory, mut a, mut b) = (directory(), Author::new(1), Author::new(2));
    for (author, first) in [(&mut a, 10), (&mut b, 20)] {
        author.offer(first, "z", "1.0.0");
        author.offer(first + 1, "a", "1.0.0");
        author.offer(first + 2, "a", "1.0.1");
        apply(&mut directory, author.whole(), at(0));
    }
    let order: Vec<_> = directory
        .instances()
        .map(|i| (i.record.value().name.clone(), std::cmp::Reverse(i.record.value().version.clone()), i.node))
        .collect();
    assert_eq!(order.len(), 6);
    assert!(order.is_sorted());
}

#[test]
fn synchronisation_offers_whole_sets_that_are_newer() {
    let (mut directory, mut me, mut a, mut b) = (directory(), Author::new(0), Author::new(1), Author::new(2));
    me.offer(1, "own", "1.0.0");
    a.introduce("/ip4/10.0.0.1/tcp/1");
    a.offer(2, "a", "1.0.0");
    b.offer(3, "b", "1.0.0");
    apply(&mut directory, me.whole(), at(0));
    apply(&mut directory, a.whole(), at(0));
    apply(&mut directory, b.renewal(), at(0));
    let known = directory.known();
    assert_eq!(known.len(), 2, "the incomplete one is not offered");
    assert!(directory.newer_than(&known).is_empty());
    assert_eq!(directory.newer_than(&[]).len(), 2);
    let lease = Seq(a.seq);
    assert_eq!(directory.newer_than(&[(me.id(), Seq(me.seq)), (a.id(), Seq(lease.0 - 1))]), [a.id()]);
    assert!(directory.newer_than(&[(me.id(), Seq(99)), (a.id(), Seq(0)), (a.id(), lease)]).is_empty());
    assert!(directory.holding(&b.id(), at(0)).is_none());

    let holding = directory.holding(&a.id(), at(30)).unwrap();
    assert_eq!((holding.remaining, holding.services.len()), (Duration::from_secs(60), 1));
    let batch = Batch {
        lease: holding.lease,
        remaining: Some(holding.remaining),
        node: holding.node,
        services: holding.services,
        whole: true,
    };
    let mut other = Directory::new(b.id(), DirectoryLimits::default());
    assert_eq!(other.apply(batch, at(500), WALL), Ok(Applied::Complete));
    assert_eq!(other.next_expiry(), Some(at(560)));
    assert!(directory.holding(&a.id(), at(90)).is_none(), "ended, if not yet dropped");
}

#[test]
fn this_nodes_own_set_is_offered_as_long_as_its_lease_would_last() {
    let (mut directory, mut me) = (directory(), Author::new(0));
    me.offer(1, "own", "1.0.0");
    apply(&mut directory, me.whole(), at(100));
    assert_eq!(directory.holding(&me.id(), at(130)).unwrap().remaining, Duration::from_secs(60));
    assert!(directory.holding(&me.id(), at(190)).is_none());
    assert_eq!(directory.nodes().next().unwrap().node, me.id());
}
