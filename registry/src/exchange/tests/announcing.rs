//! What a node says of itself, and when.

use super::*;

fn records(announcement: &Announcement) -> usize {
    if let Announcement::Lease(news) = announcement { news.services.len() } else { 0 }
}

/// What the lease of an announcement covers beside the whole set.
fn covered(announcement: &Announcement) -> Vec<Hash> {
    let lease = match announcement.clone() {
        Announcement::Lease(news) => news.lease,
        Announcement::Withdrawal { lease, .. } => lease.unwrap(),
        Announcement::Suspicion { .. } => panic!("it has no lease"),
    };
    lease.open(&NetworkName::main()).unwrap().value().news.clone()
}

/// Offers so many services of eight kilobytes, of which three fit into a message.
fn offer_large(peer: &mut Peer, count: u64) {
    for instance in 0..count {
        let doc = "x".repeat(8_000);
        let large = ServiceRecord { doc, ..record("c.d", "1.0.0", instance) };
        peer.tell(|exchange, view, at| exchange.register(view, large, at)).unwrap();
    }
}

/// All orders of so few.
fn orders<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    let Some((first, rest)) = all.split_first() else { return vec![Vec::new()] };
    let insert = |order: Vec<T>| {
        (0..=order.len()).map(move |at| [&order[..at], std::slice::from_ref(first), &order[at..]].concat())
    };
    orders(rest).into_iter().flat_map(insert).collect()
}

#[test]
fn the_larger_the_network_the_rarer_are_renewals() {
    assert_eq!(renewal(1), Duration::from_secs(30));
    assert_eq!(renewal(50), Duration::from_secs(30));
    assert_eq!(renewal(900), Duration::from_secs(540));
    let longest = atoll_protocol::limits::LEASE_TTL_MAX;
    assert_eq!(renewal(usize::MAX) * 3, longest, "a lease that lasts three renewals is allowed");
}

#[test]
fn nothing_is_told_before_somebody_listens_and_the_network_is_known() {
    let neighbour = Peer::new(1);
    let mut peer = Peer::new(2);
    peer.offer("a.b", 1);
    peer.tell(|exchange, _, at| exchange.listened_to(at));
    peer.wait(Duration::from_secs(1));
    assert_eq!(peer.said(), []);
    peer.tell(|exchange, view, at| exchange.ready(view, neighbour.id(), at));
    let question = peer.question().1;
    peer.tell(|exchange, view, at| exchange.ended(view, neighbour.id(), &question, true, at));
    peer.effects();
    peer.wait(Duration::from_secs(1));
    assert_eq!(peer.said().iter().map(records).sum::<usize>(), 1, "everything, once");
    peer.tell(|exchange, _, at| exchange.listened_to(at));
    peer.wait(Duration::from_secs(1));
    assert_eq!(peer.said(), [], "a second listener heard it with the first, or asks");
}

#[test]
fn a_lease_is_renewed_before_it_ends() {
    let (first, mut peer) = (Peer::new(1), provider(2));
    peer.join(&first);
    for _ in 0..5 {
        peer.wait(Duration::from_secs(30));
        let said = peer.said();
        assert_eq!(said.iter().map(records).collect::<Vec<_>>(), [0]);
        assert_eq!(covered(&said[0]), [], "a renewal brings no news");
    }
}

#[test]
fn in_a_large_network_only_the_head_of_much_is_pushed() {
    for (nodes, pushed) in [(20_u8, 40), (200, 0)] {
        let first = Peer::new(255);
        let mut peer = Peer::new(254);
        peer.join(&first);
        for seed in 1..=nodes {
            peer.learn(&provider(seed));
        }
        peer.effects();
        (0..40).for_each(|instance| peer.offer("c.d", instance));
        peer.wait(Duration::from_millis(20));
        let said: Vec<_> = peer.said();
        assert_eq!(said.iter().map(records).sum::<usize>(), pushed, "among {nodes}");
        assert!(!said.is_empty(), "the lease says that there is something to ask for");
        // A little is worth no question.
        peer.offer("e.f", 100);
        peer.wait(Duration::from_millis(20));
        assert_eq!(peer.said().iter().map(records).sum::<usize>(), 1, "among {nodes}");
    }
}

#[test]
fn the_messages_of_one_lease_may_come_in_any_order_and_twice() {
    let (first, mut peer) = (Peer::new(1), Peer::new(2));
    peer.join(&first);
    offer_large(&mut peer, 10);
    peer.wait(Duration::from_millis(20));
    let said = peer.said();
    assert_eq!(said.iter().map(records).collect::<Vec<_>>(), [3, 3, 3, 1]);
    assert!(said.iter().all(|one| covered(one) == covered(&said[0])) && covered(&said[0]).len() == said.len());
    for order in orders(&said) {
        let mut listener = Peer::joined(3, &first);
        for one in &order {
            assert_eq!(listener.hear(one.clone()), Verdict::Accept);
            assert_eq!(listener.hear(one.clone()), Verdict::Accept, "others may have it only from this node");
        }
        let held = listener.view.holding(&peer.id(), listener.now).expect("the whole set");
        assert_eq!((held.services.len(), held.lease.hash()), (10, peer.holding().lease.hash()));
        assert_eq!(listener.effects().iter().filter(|effect| !matches!(effect, Effect::Ask { .. })).count(), 0);
    }
}

#[test]
fn news_that_need_more_messages_than_a_lease_covers_are_asked_for() {
    let first = Peer::new(1);
    let most = 3 * atoll_protocol::limits::NEWS as u64;
    for (count, pushed) in [(most, most), (most + 1, 0)] {
        let mut peer = Peer::new(2);
        peer.join(&first);
        offer_large(&mut peer, count);
        peer.wait(Duration::from_millis(20));
        let said = peer.said();
        assert_eq!(said.iter().map(records).sum::<usize>() as u64, pushed);
        let mut listener = Peer::joined(3, &peer);
        said.into_iter().for_each(|one| assert_eq!(listener.hear(one), Verdict::Accept));
        listener.wait(Duration::from_millis(200));
        let missed = SyncRequest::Describe { nodes: vec![peer.id()] };
        let asks = |effect: &Effect| matches!(effect, Effect::Ask { question, .. } if *question == missed);
        assert_eq!(listener.effects().iter().any(asks), pushed == 0);
    }
}

#[test]
fn the_lease_of_a_withdrawal_takes_no_news_with_it() {
    let (first, mut peer) = (Peer::new(1), provider(2));
    peer.join(&first);
    peer.offer("c.d", 7);
    peer.tell(|exchange, view, at| exchange.withdraw(view, [InstanceId(2)], at)).unwrap();
    let said = peer.said();
    assert!(matches!(&said[..], [Announcement::Withdrawal { .. }]), "{said:?}");
    assert_eq!(covered(&said[0]), []);
    peer.wait(Duration::from_millis(20));
    let said = peer.said();
    assert_eq!(
        (said.len(), records(&said[0]), covered(&said[0]).len()),
        (1, 1, 1),
        "what is new is told a moment later"
    );
}

#[test]
fn an_earlier_life_is_outnumbered() {
    let mut peer = provider(1);
    let mut former = Peer::new(1);
    former.now = Time(100_000);
    former.offer("a.b", 7);
    let batch = Batch { remaining: Some(Duration::from_secs(9)), ..batch_of(&former) };
    let theirs = former.view.lease_of(&former.id()).unwrap();
    peer.tell(|exchange, view, at| exchange.learned(view, NodeId::from_public_key([9; 32]), vec![batch], at));
    assert!(
        peer.effects()
            .iter()
            .any(|e| matches!(e, Effect::Refused { why: Refused::Mine { seq }, .. } if *seq == theirs))
    );
    peer.wait(Duration::from_secs(1));
    assert!(peer.view.lease_of(&peer.id()).unwrap() > theirs, "it goes on above");
}

fn batch_of(peer: &Peer) -> Batch {
    let Holding { lease, node, services, .. } = peer.holding();
    Batch { lease, remaining: None, node, services, whole: true }
}

/// A node among so many that its view is of this depth or more; it has joined, and says all that there is to say.
fn in_a_large_network(depth: u8, told_of: bool) -> Peer {
    let limits = DirectoryLimits { records: 8, nodes: 8, ..DirectoryLimits::default() };
    let (neighbour, crowd): (_, Vec<Peer>) = (Peer::new(1), (100..=u8::MAX).map(provider).collect());
    // Where a node stands depends on its key alone.
    for mut peer in (2..100).map(provider) {
        let mut view = Directory::new(peer.id(), limits);
        for other in &crowd {
            if view.has_place_for(&other.id()) {
                let Holding { lease, remaining, node, services } = other.holding();
                let batch = Batch { lease, remaining: Some(remaining), node, services, whole: true };
                view.apply(batch, peer.now, WALL).unwrap();
                view.fit();
            }
        }
        if view.depth() >= depth && view.is_told_of(&peer.id()) == told_of {
            peer.view = view;
            peer.join(&neighbour);
            return peer;
        }
    }
    panic!("there is no such node");
}

#[test]
fn only_those_that_views_list_are_gossiped_of_in_a_large_network() {
    let mut listed = in_a_large_network(2, true);
    listed.offer("c.d", 1_000);
    listed.wait(Duration::from_secs(1));
    assert_eq!(listed.said().iter().map(records).sum::<usize>(), 1);
    let mut other = in_a_large_network(2, false);
    other.offer("c.d", 1_000);
    other.wait(Duration::from_secs(1));
    assert_eq!(other.said(), [], "whoever uses it asks it");
    other.tell(|exchange, view, at| exchange.withdraw(view, [InstanceId(1_000)], at)).unwrap();
    other.offer("e.f", 1_001);
    other.tell(|exchange, view, at| exchange.leave(view, at)).unwrap();
    assert_eq!(other.said(), []);
}

#[test]
fn what_was_kept_to_oneself_is_told_once_views_list_it() {
    let mut peer = in_a_large_network(2, false);
    // The others' leases end.
    peer.wait(Duration::from_secs(200));
    assert_eq!(peer.said(), []);
    // A step at a time, as it hears of others.
    while peer.view.depth() > 0 {
        peer.tell(|_, view, _| view.fit());
    }
    peer.wait(Duration::from_secs(60));
    assert_eq!(peer.said().iter().map(records).max(), Some(1), "its service is news");
}
