//! Who is charged with what was not taken in.

use super::*;

/// All that it says of itself, as it is gossiped.
fn announced(peer: &mut Peer) -> Announcement {
    let wall = peer.at().wall;
    peer.exchange.publisher.retell();
    let mut said = peer.exchange.publisher.renewal(Duration::from_secs(90), usize::MAX, wall).unwrap().announcements;
    assert_eq!(said.len(), 1);
    said.remove(0)
}

fn news(peer: &mut Peer) -> News {
    if let Announcement::Lease(news) = announced(peer) { news } else { panic!("a lease") }
}

/// A record that is later than the lease that covers it: no honest node says that.
fn contradictory(peer: &Peer) -> Announcement {
    let record = ServiceRecord { seq: Seq(u64::MAX), issued: WALL, ..record("a.lie", "1.0.0", 1) };
    let record = Proved::own(&peer.key, record).unwrap();
    let lease = Lease { news: vec![Hash::of_set([record.hash()])], ..peer.holding().lease.value().clone() };
    let lease = Signed::seal(&peer.key, &NetworkName::main(), lease).unwrap().signed();
    Announcement::Lease(News { lease, node: None, services: vec![record.body().clone()] })
}

/// Who is charged, and whether with a replay.
fn charged(peer: &mut Peer) -> Vec<(Option<NodeId>, bool)> {
    let charge = |effect| match effect {
        Effect::Refused { source, .. } => Some((source, false)),
        Effect::Replayed { source, .. } => Some((source, true)),
        _ => None,
    };
    peer.effects().into_iter().filter_map(charge).collect()
}

#[test]
fn what_is_refused_is_charged_to_who_sent_it() {
    let (mut peer, sender) = (provider(1), provider(9));
    let liar = provider(2);
    assert_eq!(peer.hear_from(Some(sender.id()), contradictory(&liar)), Verdict::Reject);
    assert_eq!(charged(&mut peer), [(Some(sender.id()), false)]);

    let mut ahead = provider(4);
    ahead.now = Time(48 * 3600 * 1000);
    ahead.offer("a.b", 5);
    assert_eq!(peer.hear_from(Some(sender.id()), announced(&mut ahead)), Verdict::Ignore);
    let Holding { lease, node, services, .. } = ahead.holding();
    let batch = Batch { lease, remaining: Some(Duration::from_secs(9)), node, services, whole: true };
    peer.tell(|exchange, view, at| exchange.learned(view, sender.id(), vec![batch], at));
    assert_eq!(charged(&mut peer), [(Some(sender.id()), false); 2]);
    assert!([&liar, &ahead].iter().all(|author| !peer.lists(author)));
}

/// What does not open is refused before any exchange sees it: whoever sent it is charged all the same.
#[test]
fn records_that_their_lease_does_not_cover_are_a_proof() {
    use crate::peers::conduct::Fault;
    let (mut mine, mut theirs) = (provider(2), provider(3));
    let (earlier, theirs) = (news(&mut mine), news(&mut theirs));
    mine.offer("c.d", 4);
    let later = news(&mut mine);
    for services in [theirs.services, earlier.services, Vec::from(&later.services[..1])] {
        let lie = Announcement::Lease(News { services, ..later.clone() });
        let error = Opened::verify(lie, &NetworkName::main()).unwrap_err();
        assert!(matches!(error, SealError::NotCovered { author, .. } if author == mine.id()), "{error}");
        assert!(Fault::from(&error) == Fault::Inconsistent && Fault::Inconsistent.is_proof());
    }
    assert!(Opened::verify(Announcement::Lease(later), &NetworkName::main()).is_ok());
}

#[test]
fn a_replay_is_told_of_and_changes_nothing() {
    let (mut peer, sender) = (provider(1), provider(9));
    let mut author = provider(2);
    let before = announced(&mut author);
    let farewell = author.tell(|exchange, view, at| exchange.leave(view, at)).unwrap();
    let left = || Announcement::Withdrawal { withdrawal: farewell.signed(), lease: None };
    assert_eq!(peer.hear_from(Some(sender.id()), before.clone()), Verdict::Accept);
    assert_eq!(peer.hear_from(Some(sender.id()), left()), Verdict::Accept);
    // For a moment it may still be on its way, by gossip and by word of mouth.
    assert_eq!(peer.hear_from(Some(sender.id()), before.clone()), Verdict::Ignore);
    assert_eq!(peer.hear_from(Some(sender.id()), left()), Verdict::Accept);
    peer.tell(|exchange, view, at| exchange.goodbye(view, sender.id(), &farewell, at));
    assert_eq!(charged(&mut peer), []);

    peer.now = peer.now + Duration::from_secs(10);
    assert_eq!(peer.hear_from(Some(sender.id()), before), Verdict::Ignore);
    assert_eq!(peer.hear_from(Some(sender.id()), left()), Verdict::Ignore, "nobody needs to hear it any more");
    peer.tell(|exchange, view, at| exchange.goodbye(view, sender.id(), &farewell, at));
    assert_eq!(charged(&mut peer), [(Some(sender.id()), true); 3]);
    assert!(!peer.lists(&author));
}

/// Whoever passes on what no honest node sends is charged with it, so a node has to check also what it has no place for.
#[test]
fn what_is_only_passed_on_is_checked_too() {
    let mut peer = Peer::new(1);
    peer.view = Directory::new(peer.id(), DirectoryLimits { records: 8, nodes: 8, ..DirectoryLimits::default() });
    let mut others: Vec<Peer> = (10..60).map(provider).collect();
    others.iter().for_each(|other| peer.learn(other));
    let outside = others.iter_mut().find(|other| !peer.view.has_place_for(&other.id())).unwrap();
    peer.effects();
    assert_eq!(peer.hear(announced(outside)), Verdict::Accept, "others may have a place for it");
    let sender = provider(9).id();
    assert_eq!(peer.hear_from(Some(sender), contradictory(outside)), Verdict::Reject);
    assert_eq!(charged(&mut peer), [(Some(sender), false)]);
}

#[test]
fn a_sender_is_blamed_for_proofs_only() {
    use crate::peers::conduct::Fault;
    let node = provider(2).id();
    let ahead = Refused::FutureDated { node, ahead: Duration::from_secs(100_000) };
    let foreign = Refused::Foreign { node, author: provider(3).id() };
    assert_eq!((Fault::of(&ahead), ahead.blames_sender()), (Some(Fault::FutureDated), false));
    assert_eq!((Fault::of(&foreign), foreign.blames_sender()), (Some(Fault::Inconsistent), true));
    assert_eq!(Fault::of(&Refused::Mine { seq: Seq(1) }), None, "no fault of the sender at all");
}
