//! Whom a node asks, and what follows.

use super::*;

fn compare(peer: &mut Peer, other: &Peer) -> Heads {
    let (asked, question) = peer.question();
    assert_eq!(asked, other.id());
    let SyncRequest::Compare { summary } = &question else { panic!("{question:?}") };
    let heads = other.view.heads(summary);
    peer.tell(|exchange, view, at| {
        exchange.compared(view, other.id(), summary, &heads, at);
        exchange.ended(view, other.id(), &question, true, at);
    });
    heads
}

#[test]
fn a_new_node_asks_one_neighbour_for_everything_and_compares_with_the_next() {
    let (first, second) = (provider(1), provider(2));
    let mut peer = Peer::new(3);
    peer.tell(|exchange, view, at| exchange.ready(view, first.id(), at));
    peer.tell(|exchange, view, at| exchange.ready(view, second.id(), at));
    let (asked, question) = peer.question();
    assert_eq!((asked, &question), (first.id(), &SyncRequest::Newer { known: Vec::new() }));
    peer.learn(&first);
    peer.tell(|exchange, view, at| exchange.ended(view, first.id(), &question, true, at));
    assert!(peer.exchange.has_joined() && peer.lists(&first));
    peer.effects();
    peer.wait(Duration::from_secs(40));
    let compared = |effect: &Effect| matches!(effect, Effect::Ask { question: SyncRequest::Compare { .. }, .. });
    assert!(peer.effects().iter().any(compared));
}

#[test]
fn a_restarted_node_asks_for_what_is_newer_and_a_comparison_tells_what_still_holds() {
    let (first, gone) = (provider(1), provider(2));
    let mut neighbour = Peer::joined(3, &first);
    neighbour.learn(&first);
    let mut peer = Peer::new(4);
    for known in [&first, &gone] {
        let Holding { lease, remaining, node, services } = known.holding();
        let batch = Batch { lease, remaining: None, node, services, whole: true };
        assert_eq!(peer.view.restore(batch, remaining, peer.now, WALL), Ok(true));
    }
    peer.tell(|exchange, view, at| exchange.ready(view, neighbour.id(), at));
    let (_, question) = peer.question();
    let SyncRequest::Newer { known } = &question else { panic!("{question:?}") };
    let asked: BTreeSet<NodeId> = known.iter().map(|(node, _)| *node).collect();
    assert_eq!(asked, BTreeSet::from([first.id(), gone.id()]));
    // What the neighbour knows is not asked for again.
    assert_eq!(neighbour.view.newer_than(known), []);
    peer.tell(|exchange, view, at| exchange.ended(view, neighbour.id(), &question, true, at));
    assert!(peer.exchange.has_joined() && peer.suspects(&first) && peer.suspects(&gone));
    peer.effects();
    peer.wait(Duration::from_secs(2));
    compare(&mut peer, &neighbour);
    assert!(peer.lists(&first) && !peer.suspects(&first));
    assert!(!peer.lists(&gone));
}

#[test]
fn nobody_is_asked_while_what_was_known_is_still_being_read() {
    let first = provider(1);
    let mut peer = Peer::new(3);
    peer.tell(|exchange, _, at| exchange.restoring(at));
    peer.tell(|exchange, view, at| exchange.ready(view, first.id(), at));
    assert_eq!(peer.effects(), []);
    let Holding { lease, remaining, node, services } = first.holding();
    let batch = Batch { lease, remaining: None, node, services, whole: true };
    assert_eq!(peer.view.restore(batch, remaining, peer.now, WALL), Ok(true));
    peer.tell(Exchange::restored);
    let (asked, SyncRequest::Newer { known }) = peer.question() else { panic!("the first question") };
    assert_eq!((asked, known.len()), (first.id(), 1));
    // Where the disk is slow it goes on without.
    let mut peer = Peer::new(3);
    peer.tell(|exchange, _, at| exchange.restoring(at));
    peer.tell(|exchange, view, at| exchange.ready(view, first.id(), at));
    peer.wait(Duration::from_millis(250));
    assert!(matches!(peer.question(), (_, SyncRequest::Newer { known }) if known.is_empty()));
}

#[test]
fn one_that_does_not_answer_is_replaced() {
    let (first, second) = (provider(1), provider(2));
    let mut peer = Peer::new(3);
    peer.tell(|exchange, view, at| exchange.ready(view, first.id(), at));
    peer.tell(|exchange, view, at| exchange.ready(view, second.id(), at));
    for _ in 0..20 {
        let (asked, question) = peer.question();
        if asked == second.id() {
            return;
        }
        peer.tell(|exchange, view, at| exchange.ended(view, asked, &question, false, at));
        assert!(!peer.exchange.has_joined());
        peer.wait(Duration::from_secs(1));
    }
    panic!("the second neighbour was never asked");
}

#[test]
fn equal_views_cost_one_summary() {
    let first = provider(1);
    let (mut peer, mut other) = (Peer::joined(2, &first), Peer::joined(3, &first));
    peer.learn(&first);
    other.learn(&first);
    let (mine, theirs) = (provider(2), provider(3));
    peer.learn(&theirs);
    other.learn(&mine);
    let heads = other.view.heads(&other.view.summary());
    assert_eq!(heads, Heads::default());
}

#[test]
fn what_a_comparison_shows_is_asked_for() {
    let (first, unknown) = (provider(1), provider(4));
    let mut peer = Peer::joined(2, &first);
    let mut other = Peer::joined(3, &first);
    other.learn(&unknown);
    peer.tell(|exchange, view, at| exchange.ready(view, other.id(), at));
    let heads = compare(&mut peer, &other);
    assert!(!heads.is_equal() && heads.heads.iter().any(|head| head.node == unknown.id()));
    let (asked, question) = peer.question();
    let SyncRequest::Describe { nodes } = &question else { panic!("{question:?}") };
    assert!(asked == other.id() && nodes.contains(&unknown.id()) && !nodes.contains(&peer.id()));
    peer.learn(&unknown);
    peer.tell(|exchange, view, at| exchange.ended(view, other.id(), &question, true, at));
    assert!(peer.lists(&unknown));
}

#[test]
fn what_has_ended_is_not_asked_for_again() {
    let first = provider(1);
    let mut gone = provider(4);
    let mut peer = Peer::joined(2, &first);
    let mut other = Peer::joined(3, &first);
    peer.learn(&gone);
    other.learn(&gone);
    let farewell = gone.tell(|exchange, view, at| exchange.leave(view, at)).unwrap();
    peer.tell(|exchange, view, at| exchange.goodbye(view, farewell.author(), &farewell, at));
    assert_eq!(peer.said().len(), 1, "passed on");
    assert!(!peer.lists(&gone));
    peer.tell(|exchange, view, at| exchange.ready(view, other.id(), at));
    compare(&mut peer, &other);
    for effect in peer.effects() {
        if let Effect::Ask { question: SyncRequest::Describe { nodes }, .. } = effect {
            assert!(!nodes.contains(&gone.id()));
        }
    }
}

#[test]
fn a_record_set_that_does_not_come_is_asked_for_a_few_times() {
    let first = provider(1);
    let mut peer = Peer::joined(2, &first);
    let mut missing = provider(4);
    missing.tell(|exchange, _, at| exchange.listened_to(at));
    // Its lease alone was heard.
    let lease = missing.holding().lease.signed();
    assert_eq!(peer.hear(Announcement::Lease(News::none(lease))), Verdict::Accept);
    let mut asked = 0;
    for _ in 0..20 {
        peer.wait(Duration::from_millis(500));
        for effect in peer.effects() {
            let Effect::Ask { peer: whom, question } = effect else { continue };
            asked += usize::from(matches!(&question, SyncRequest::Describe { nodes } if *nodes == [missing.id()]));
            peer.tell(|exchange, view, at| exchange.ended(view, whom, &question, true, at));
        }
    }
    assert_eq!(asked, 4, "then the next comparison finds it missing");
}

#[test]
fn a_neighbour_that_asked_is_asked_back_once() {
    let first = provider(1);
    let mut peer = Peer::joined(2, &first);
    peer.effects();
    peer.tell(|exchange, view, at| exchange.was_compared(view, first.id(), at));
    assert!(matches!(peer.question(), (asked, SyncRequest::Compare { .. }) if asked == first.id()));
    peer.tell(|exchange, view, at| exchange.was_compared(view, first.id(), at));
    assert_eq!(peer.effects(), [], "or two nodes that differ would go on for ever");
}

#[test]
fn what_was_overtaken_is_asked_for_though_it_is_whole() {
    let (mut first, mut author) = (provider(1), provider(2));
    author.offer("c.d", 7);
    let mut peer = Peer::joined(3, &first);
    peer.learn(&author);
    author.now = author.now + Duration::from_secs(1);
    author.tell(|exchange, view, at| exchange.withdraw(view, [InstanceId(7)], at)).unwrap();
    first.learn(&author);
    peer.effects();
    // It has not heard the withdrawal, and finds out by comparing.
    peer.tell(|exchange, view, at| exchange.was_compared(view, first.id(), at));
    compare(&mut peer, &first);
    let (asked, question) = peer.question();
    assert_eq!(asked, first.id());
    assert!(matches!(question, SyncRequest::Describe { nodes } if nodes.contains(&author.id())));
}
