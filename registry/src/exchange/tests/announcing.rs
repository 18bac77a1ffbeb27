//! What a node says of itself, and when.

use super::*;

fn records(announcement: &Announcement) -> usize {
    if let Announcement::Lease { services, .. } = announcement { services.len() } else { 0 }
}

#[test]
fn the_larger_the_network_the_rarer_are_renewals() {
    assert_eq!(renewal(1), Duration::from_secs(30));
    assert_eq!(renewal(60), Duration::from_secs(30));
    assert_eq!(renewal(900), Duration::from_secs(450));
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
        assert!(matches!(&said[..], [Announcement::Lease { services, .. }] if services.is_empty()), "{said:?}");
    }
}

#[test]
fn in_a_large_network_only_the_head_of_much_is_pushed() {
    for (nodes, pushed) in [(20_u8, 20), (200, 0)] {
        let first = Peer::new(255);
        let mut peer = Peer::new(254);
        peer.join(&first);
        for seed in 1..=nodes {
            peer.learn(&provider(seed));
        }
        peer.effects();
        (0..20).for_each(|instance| peer.offer("c.d", instance));
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
