//! Neighbours that were lost.

use super::*;

/// A node, one that is lost, and others that know both.
fn island(others: u8) -> (Peer, Peer, Vec<Peer>) {
    let first = provider(200);
    let mut lost = provider(100);
    lost.join(&first);
    let mut peer = Peer::joined(99, &first);
    peer.learn(&lost);
    peer.learn(&first);
    let others: Vec<Peer> = (1..=others)
        .map(|seed| {
            let mut other = provider(seed);
            other.learn(&lost);
            peer.learn(&other);
            other
        })
        .collect();
    peer.effects();
    (peer, lost, others)
}

/// What `reporter` says of having lost `lost`.
fn report(reporter: &Peer, lost: &Peer) -> Announcement {
    let suspicion = Suspicion { node: lost.id(), lease: lost.view.lease_of(&lost.id()).unwrap(), issued: WALL };
    let sealed = atoll_protocol::sealed::Signed::seal(&reporter.key, &NetworkName::main(), suspicion).unwrap();
    Announcement::Suspicion { suspicion: sealed.signed() }
}

#[test]
fn three_reports_end_a_node_and_two_do_not() {
    let (mut peer, lost, others) = island(4);
    for other in &others[..2] {
        assert_eq!(peer.hear(report(other, &lost)), Verdict::Accept);
        assert_eq!(peer.hear(report(other, &lost)), Verdict::Ignore, "the same one again");
    }
    assert!(!peer.suspects(&lost));
    assert_eq!(peer.hear(report(&others[2], &lost)), Verdict::Accept);
    assert!(peer.suspects(&lost));
    assert_eq!(peer.hear(report(&others[3], &lost)), Verdict::Ignore, "three are enough for everybody");
    peer.wait(Duration::from_secs(14));
    assert!(peer.lists(&lost), "it may still speak up");
    peer.wait(Duration::from_secs(2));
    assert!(!peer.lists(&lost));
    peer.learn(&lost);
    assert!(!peer.lists(&lost), "the lease under which it was lost does not bring it back");
}

#[test]
fn a_new_lease_ends_the_matter() {
    let (mut peer, mut lost, others) = island(3);
    let reports: Vec<_> = others.iter().map(|other| report(other, &lost)).collect();
    for report in reports.clone() {
        peer.hear(report);
    }
    assert!(peer.suspects(&lost));
    // It hears of it and speaks up.
    (lost.now, peer.now) = (Time(60_000), Time(10_000));
    others.iter().for_each(|other| lost.learn(other));
    lost.effects();
    assert_eq!(lost.hear(reports[0].clone()), Verdict::Accept);
    lost.wait(Duration::from_secs(1));
    let [renewal] = <[_; 1]>::try_from(lost.said()).unwrap();
    assert_eq!(peer.hear(renewal), Verdict::Accept);
    assert!(!peer.suspects(&lost));
    peer.wait(Duration::from_secs(20));
    assert!(peer.lists(&lost));
    for report in reports {
        assert_eq!(peer.hear(report), Verdict::Ignore, "it has spoken since");
    }
}

#[test]
fn strangers_are_not_believed() {
    let (mut peer, lost, _) = island(0);
    for seed in 150..160 {
        assert_eq!(peer.hear(report(&provider(seed), &lost)), Verdict::Ignore);
    }
    assert!(!peer.suspects(&lost));
}

#[test]
fn who_is_connected_here_is_not_lost() {
    let (mut peer, lost, others) = island(3);
    peer.tell(|exchange, view, at| exchange.ready(view, lost.id(), at));
    for other in &others {
        peer.hear(report(other, &lost));
    }
    assert!(!peer.suspects(&lost));
    // Until it is: those who lost it first are believed now.
    peer.tell(|exchange, view, at| exchange.lost(view, lost.id(), true, at));
    peer.wait(Duration::from_secs(16));
    assert!(!peer.lists(&lost));
}

#[test]
fn a_lost_neighbour_is_told_of_unless_enough_have_done_so() {
    for (heard, tells) in [(0, 1), (2, 1), (3, 0)] {
        let (mut peer, lost, others) = island(3);
        peer.tell(|exchange, view, at| exchange.ready(view, lost.id(), at));
        peer.tell(|exchange, view, at| exchange.lost(view, lost.id(), true, at));
        assert!(peer.suspects(&lost), "by its own experience");
        for other in &others[..heard] {
            peer.hear(report(other, &lost));
        }
        peer.effects();
        peer.wait(Duration::from_secs(3));
        let told = peer.said().into_iter().filter(|said| matches!(said, Announcement::Suspicion { .. })).count();
        assert_eq!(told, tells, "after {heard} reports");
    }
}

#[test]
fn a_neighbour_that_closed_in_good_order_is_not_suspected() {
    let (mut peer, lost, _) = island(0);
    peer.tell(|exchange, view, at| exchange.ready(view, lost.id(), at));
    peer.tell(|exchange, view, at| exchange.lost(view, lost.id(), false, at));
    assert!(!peer.suspects(&lost));
}

#[test]
fn who_has_lost_everyone_has_lost_its_own_link() {
    let (mut peer, lost, _) = island(0);
    let first = provider(200);
    peer.tell(|exchange, view, at| exchange.ready(view, lost.id(), at));
    peer.tell(|exchange, view, at| exchange.lost(view, first.id(), true, at));
    peer.tell(|exchange, view, at| exchange.lost(view, lost.id(), true, at));
    peer.effects();
    peer.wait(Duration::from_secs(3));
    assert_eq!(peer.said().into_iter().filter(|said| matches!(said, Announcement::Suspicion { .. })).count(), 0);
}

#[test]
fn reports_of_another_lease_do_not_count() {
    let (mut peer, mut lost, others) = island(3);
    let old: Vec<_> = others.iter().map(|other| report(other, &lost)).collect();
    lost.now = Time(50_000);
    lost.offer("new.one", 5);
    peer.now = Time(50_000);
    peer.learn(&lost);
    for report in old {
        assert_eq!(peer.hear(report), Verdict::Ignore);
    }
    assert!(!peer.suspects(&lost));
}

/// What `knowing` answers when `peer` compares views with it.
fn compared(peer: &mut Peer, knowing: &Peer) {
    let summary = peer.view.summary();
    let heads = knowing.view.heads(&summary);
    peer.tell(|exchange, view, at| exchange.compared(view, knowing.id(), &summary, &heads, at));
}

#[test]
fn a_newcomer_learns_of_ends_that_it_missed_from_three_neighbours() {
    let (mut newcomer, mut lost, mut others) = island(4);
    let all: Vec<Holding> = others.iter().map(Peer::holding).collect();
    others.iter_mut().for_each(|other| all.iter().for_each(|set| other.take_in(set.clone())));
    let farewell = lost.tell(|exchange, view, at| exchange.leave(view, at)).unwrap();
    // One has not heard it either.
    for other in &mut others[1..] {
        other.tell(|exchange, view, at| exchange.goodbye(view, farewell.author(), &farewell, at));
    }
    others[1..].iter().for_each(|other| compared(&mut newcomer, other));
    assert!(!newcomer.suspects(&lost), "they may not have heard of it yet");
    newcomer.wait(Duration::from_secs(61));
    for other in &others[..3] {
        compared(&mut newcomer, other);
        compared(&mut newcomer, other);
    }
    assert!(!newcomer.suspects(&lost), "two do not list it");
    compared(&mut newcomer, &others[3]);
    assert!(newcomer.suspects(&lost));
    newcomer.wait(Duration::from_secs(16));
    assert!(!newcomer.lists(&lost));
}

#[test]
fn a_neighbour_that_has_heard_of_a_node_and_waits_for_its_records_does_not_lack_it() {
    let (mut peer, mut node, mut others) = island(3);
    node.offer("new.one", 5);
    let set = node.holding();
    peer.take_in(set.clone());
    let all: Vec<Holding> = others.iter().map(Peer::holding).collect();
    for other in &mut others {
        all.iter().for_each(|set| other.take_in(set.clone()));
        assert_eq!(other.hear(Announcement::Lease(News::none(set.lease.signed()))), Verdict::Accept);
        assert!(other.view.holding(&node.id(), other.now).is_none(), "the records have not come yet");
    }
    peer.wait(Duration::from_secs(61));
    others.iter().for_each(|other| compared(&mut peer, other));
    assert!(!peer.suspects(&node));
}

#[test]
fn a_neighbour_that_lacks_much_is_no_evidence() {
    let (mut peer, _, others) = island(20);
    peer.wait(Duration::from_secs(61));
    let newcomers: Vec<Peer> = (150..154).map(|seed| Peer::joined(seed, &others[0])).collect();
    newcomers.iter().for_each(|newcomer| compared(&mut peer, newcomer));
    assert!(others.iter().all(|other| peer.lists(other) && !peer.suspects(other)));
}

#[test]
fn who_is_not_listed_speaks_up() {
    let (_, mut lost, mut others) = island(1);
    let other = &mut others[0];
    other.now = Time(1_000_000);
    other.tell(|_, view, at| view.expire(at.now));
    assert!(!other.lists(&lost), "it missed its renewals");
    lost.now = other.now;
    lost.wait(Duration::from_secs(1));
    lost.now = lost.now + Duration::from_secs(61);
    lost.effects();
    compared(&mut lost, other);
    lost.wait(Duration::from_secs(1));
    assert_eq!(lost.said().len(), 1, "a renewal");
}
