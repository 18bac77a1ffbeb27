//! Honest nodes.

use super::*;
use crate::topic::log::{Cursor, Step};

/// Two nodes with so many topics, each with a log of one author that both have.
fn alike(topics: usize) -> (Node, Node, Author) {
    let mut author = Author::default();
    let mut one = Node::new(1, (0..topics).map(topic));
    for nth in 0..topics {
        one.keep(&author.batch(1, &topic(nth), drafts(3, 100)));
    }
    let other = Node { id: key(2).node_id(), ..one.clone() };
    (one, other, author)
}

#[test]
fn equal_topics_cost_next_to_nothing() {
    for (topics, most) in [(0, 0), (1, 40), (50, 170), (10_000, 10_000)] {
        let (mut one, other, _) = alike(topics);
        let (tally, bytes) = one.ask(&other);
        assert_eq!(tally, Ok(Tally::default()));
        assert!(bytes.all() <= most, "{} bytes for {topics} topics", bytes.all());
    }
}

#[test]
fn what_is_missing_comes_and_little_else() {
    let (mut one, mut other, mut author) = alike(1_000);
    for nth in 0..3 {
        other.keep(&author.batch(1, &topic(nth), drafts(100, 100)));
        other.keep(&author.batch(2, &topic(nth), drafts(100, 100)));
    }
    let lacked = one.lacks(&other);
    let (tally, bytes) = one.ask(&other);
    assert_eq!(tally.unwrap().batches, 6);
    assert_eq!(one.held(), other.held());
    assert!(bytes.all() * 10 <= lacked * 12, "{} bytes for {lacked}", bytes.all());
    assert_eq!(one.ask(&other).0, Ok(Tally::default()));
}

#[test]
fn both_islands_have_everything() {
    let (mut one, mut other, mut author) = alike(50);
    let mut lacked = 0;
    for nth in 0..50 {
        one.keep(&author.batch(3, &topic(nth), drafts(20, 100)));
        other.keep(&author.batch(4, &topic(nth), drafts(20, 100)));
    }
    lacked += one.lacks(&other) + other.lacks(&one);
    let asked = Request::Logs { salt: 17, topics: vec![(TopicId::of(&topic(0)), other.shelf.sum(&topic(0), 17))] };
    let (_, differs) = one.answer(asked);
    assert!(differs, "reason to ask back");
    let (first, there) = one.ask(&other);
    let (second, back) = other.ask(&one);
    assert_eq!((first.unwrap().batches, second.unwrap().batches), (50, 50));
    assert_eq!(one.held(), other.held());
    let crossed = there.all() + back.all();
    assert!(crossed * 10 <= lacked * 12, "{crossed} bytes for {lacked}");
}

#[test]
fn a_topic_of_many_authors_is_searched_by_sums() {
    let mut author = Author::default();
    let mut one = Node::new(1, [topic(0)]);
    for number in 0..=255 {
        one.keep(&author.batch(number, &topic(0), drafts(1, 10)));
    }
    let mut other = Node { id: key(2).node_id(), ..one.clone() };
    other.keep(&author.batch(9, &topic(0), drafts(1, 10)));
    let (tally, bytes) = one.ask(&other);
    assert_eq!((tally.unwrap().batches, one.held() == other.held()), (1, true));
    assert!(bytes.all() < 1_500, "{} bytes, where listing all takes 20 000", bytes.all());
}

#[test]
fn large_logs_come_in_several_goes() {
    let mut author = Author::default();
    let (mut one, mut other) = (Node::new(1, [topic(0)]), Node::new(2, [topic(0)]));
    for _ in 0..80 {
        other.keep(&author.batch(1, &topic(0), drafts(1, 256 * 1024)));
    }
    let mut fetches = 0;
    let (pull, next) = Pull::all(other.id, 17, &one.shelf);
    let (tally, _) = one.go_on(pull, next, |request| {
        fetches += usize::from(matches!(request, Request::Fetch { .. }));
        other.answer(request).0
    });
    assert_eq!((tally.unwrap().batches, fetches), (80, 2));
    assert_eq!(one.held(), other.held());
}

#[test]
fn what_is_not_retained_is_told_and_filled_later() {
    let mut author = Author::default();
    let mut full = Node::new(1, [topic(0)]);
    for _ in 0..5 {
        full.keep(&author.batch(1, &topic(0), drafts(2, 10)));
    }
    let chain = full.held()[0].0.clone();
    let (mut cut, mut new) = (full.clone(), Node::new(3, [topic(0)]));
    cut.id = key(2).node_id();
    cut.drop_before(&chain, Seq(5));
    let tally = new.ask(&cut).0.unwrap();
    assert_eq!((tally.batches, tally.gaps), (3, 4));
    let log = new.log(&topic(0), 1);
    assert_eq!((log.read(&Cursor::default()), &new.holes), (None, &vec![(chain.clone(), stretch(1, 4))]));
    assert_eq!(new.ask(&full).0, Ok(Tally::default()), "the logs are the same");
    // Nobody else has it: readers are told.
    let mut alone = new.clone();
    alone.skip();
    let gap = alone.log(&topic(0), 1).read(&Cursor::default());
    assert!(matches!(gap, Some(Step::Gap(gap)) if gap.entries == stretch(1, 4)));
    // Somebody has it, who is asked for what lies behind.
    for mut new in [new, alone] {
        new.shelf.log_mut(&topic(0), key(1).node_id()).unwrap().want(chain.epoch, Seq::FIRST);
        let (pull, next) = Pull::history(full.id, 17, [&topic(0)], &new.shelf, &mut new.claims);
        assert_eq!(new.go_on(pull, next, |request| full.answer(request).0).0.unwrap().batches, 2);
        assert_eq!(new.held(), full.held());
        assert!(
            matches!(new.log(&topic(0), 1).read(&Cursor::default()), Some(Step::Read { entries, .. }) if entries == stretch(1, 10))
        );
    }
}

#[test]
fn what_is_published_is_followed() {
    let mut author = Author::default();
    let patterns = vec!["topics/*".parse().unwrap()];
    let Answer::Follow(following) = answer(Request::Follow { patterns }, &Shelf::new(), &|_| true) else {
        panic!("to follow is to be sent what comes")
    };
    assert!(following.includes(&topic(5)) && !following.includes(&"elsewhere".parse().unwrap()));
    let batch = author.batch(1, &topic(0), drafts(1, 1));
    let opened = following.open(Piece::Batch(batch.signed()), &network()).unwrap();
    assert_eq!(opened.head().hash(), batch.head().hash());
    let elsewhere = author.batch(1, &"elsewhere".parse().unwrap(), drafts(2, 1)).signed();
    assert!(matches!(following.open(Piece::Batch(elsewhere.clone()), &network()), Err(Fault::Unwanted { .. })));
    let forged = crate::topic::SignedBatch { entries: elsewhere.entries, ..batch.signed() };
    assert!(matches!(following.open(Piece::Batch(forged), &network()), Err(Fault::Unchecked(_))));
    let gap = Piece::Gap { want: 0, entries: stretch(1, 1) };
    assert!(matches!(following.open(gap, &network()), Err(Fault::NotAsked { what: "a gap" })));
}

#[test]
fn a_fork_ends_with_the_proof_on_both_sides() {
    for (more, others) in [(1, 1), (1, 3), (3, 1)] {
        let mut author = Author::default();
        let mut one = Node::new(1, [topic(0)]);
        one.keep(&author.batch(1, &topic(0), drafts(2, 10)));
        let (mut other, mut twin) = (Node { id: key(2).node_id(), ..one.clone() }, author.fork());
        (0..more).for_each(|_| one.keep(&author.batch(1, &topic(0), drafts(1, 10))));
        (0..others).for_each(|_| other.keep(&twin.batch(1, &topic(0), drafts(1, 11))));
        for _ in 0..2 {
            one.ask(&other).0.unwrap();
            other.ask(&one).0.unwrap();
        }
        for node in [&one, &other] {
            let proof = node.log(&topic(0), 1).forked().expect("a proof");
            assert_eq!(proof.verify(&network()).unwrap().culprit, key(1).node_id());
        }
        assert_eq!(one.shelf.sum(&topic(0), 5), other.shelf.sum(&topic(0), 5), "nothing more to talk about");
        assert_eq!(one.ask(&other).0, Ok(Tally::default()));
    }
}

#[test]
fn nothing_is_fetched_from_two_at_a_time() {
    let (mut one, mut other, mut author) = alike(2);
    for nth in 0..2 {
        other.keep(&author.batch(1, &topic(nth), drafts(5, 100)));
    }
    let third = Node { id: key(3).node_id(), ..other.clone() };
    // The first peer is asked to send both, and does not answer yet.
    let (mut pull, mut next) = Pull::all(other.id, 17, &one.shelf);
    while !matches!(next, Next::Ask(Request::Fetch { .. })) {
        let Next::Ask(request) = next else { panic!("{next:?}") };
        let (mut replies, _) = other.answer(request);
        next = one.hear(&mut pull, replies.remove(0)).unwrap().unwrap();
    }
    let tally = one.ask(&third).0.unwrap();
    assert_eq!((tally.batches, tally.elsewhere), (0, 2));
    // It is given up: the others may be asked.
    pull.stop(&mut one.claims);
    assert_eq!(one.ask(&third).0.unwrap().batches, 2);
}

#[test]
fn receipts_are_handed_on() {
    let signed = crate::golden::sealed(crate::golden::topic::receipt());
    let receipts = |count| codec::encode(&Request::Receipts { receipts: vec![signed.clone(); count] }).unwrap();
    let request = Request::decode(&receipts(1)).unwrap();
    let Answer::Receipts(told) = answer(request, &Shelf::new(), &|_| true) else { panic!("receipts are no question") };
    assert_eq!(told.first(), Some(&signed));
    assert!(Request::decode(&receipts(limits::TOPIC_WANTED)).is_ok());
    let error = Request::decode(&receipts(limits::TOPIC_WANTED + 1)).unwrap_err().to_string();
    assert_eq!(error, "1025 receipts in a message, at most 1024 are allowed");
}

#[test]
fn keepers_are_told_what_they_keep() {
    let Answer::Keep(told) = answer(Request::Keep { topics: vec![topic(3)] }, &Shelf::new(), &|_| true) else {
        panic!("keepers are told, not asked")
    };
    assert_eq!(told, [topic(3)]);
    let topics = vec![topic(3); limits::TOPIC_LISTED + 1];
    let error = Request::decode(&codec::encode(&Request::Keep { topics }).unwrap()).unwrap_err().to_string();
    assert_eq!(error, "4097 topics in a request, at most 4096 are allowed");
}

#[test]
fn whoever_wants_only_news_does_not_ask_for_what_was_before() {
    let (mut author, mut full) = (Author::default(), Node::new(1, [topic(0)]));
    for _ in 0..5 {
        full.keep(&author.batch(1, &topic(0), drafts(2, 10)));
    }
    let mut new = Node::new(2, [topic(0)]);
    new.shelf.set_scope(&topic(0), Scope::News);
    let tally = new.ask(&full).0.unwrap();
    assert_eq!((tally.batches, tally.gaps), (1, 0), "the latest one");
    let (epoch, chain) = new.log(&topic(0), 1).chains().next().unwrap();
    assert_eq!((chain.floor(), chain.last()), (Seq(9), Seq(10)));
    full.keep(&author.batch(1, &topic(0), drafts(2, 10)));
    full.keep(&author.batch(1, &topic(0), drafts(2, 10)));
    assert_eq!(new.ask(&full).0.unwrap().batches, 2, "what comes later comes as a whole");
    // Until somebody wants the rest.
    new.shelf.set_scope(&topic(0), Scope::Everything);
    new.shelf.log_mut(&topic(0), key(1).node_id()).unwrap().want(epoch, Seq::FIRST);
    let (pull, next) = Pull::history(full.id, 17, [&topic(0)], &new.shelf, &mut new.claims);
    assert_eq!(new.go_on(pull, next, |request| full.answer(request).0).0.unwrap().batches, 4);
    assert_eq!(new.held(), full.held());
}

#[test]
fn whoever_only_publishes_asks_for_its_own_log_alone() {
    let (mut author, mut full) = (Author::default(), Node::new(9, [topic(0), topic(1)]));
    for (who, of) in [(1, 0), (2, 0), (2, 1)] {
        full.keep(&author.batch(who, &topic(of), drafts(2, 10)));
    }
    let mut publisher = Node::new(1, [topic(0)]);
    publisher.shelf.set_scope(&topic(0), Scope::Only(publisher.id));
    let (pull, next) = Pull::all(full.id, 17, &publisher.shelf);
    assert_eq!((pull.tally(), next), (Tally::default(), Next::Done), "there is nothing to compare");
    let (pull, next) = Pull::of(full.id, 17, [&topic(0)], &publisher.shelf, &mut publisher.claims);
    assert_eq!(publisher.go_on(pull, next, |request| full.answer(request).0).0.unwrap().batches, 1);
    assert_eq!(publisher.held().len(), 1);
    publisher.shelf.set_scope(&topic(0), Scope::Everything);
    assert_eq!(publisher.ask(&full).0.unwrap().batches, 1);
}

#[test]
fn what_may_not_be_told_is_not_there() {
    let (_, other, _) = alike(2);
    let hidden = topic(1);
    let may = |topic: &TopicName| *topic != hidden;
    let reply = |request| match answer(request, &other.shelf, &may) {
        Answer::Reply { reply, .. } => vec![reply],
        Answer::Serve(mut serving) => std::iter::from_fn(|| serving.next(|_, _| panic!("it is not read"))).collect(),
        Answer::Follow(_) | Answer::Receipts(_) | Answer::Keep(_) => Vec::new(),
    };
    let patterns = vec![">".parse().unwrap()];
    let named = reply(Request::Topics { patterns, after: None });
    assert_eq!(named, [Reply::Topics { topics: vec![topic(0)], more: false }]);
    let logs = reply(Request::Logs { salt: 17, topics: vec![(TopicId::of(&hidden), None)] });
    assert_eq!(logs, [Reply::Logs { covered: 1, held: Vec::new() }]);
    let within = Request::Within { topic: hidden.clone(), count: 1, buckets: vec![0], after: None };
    assert_eq!(reply(within), [Reply::Haves { haves: Vec::new(), more: false }]);
    let chain = other.held().into_iter().find(|(chain, _)| chain.topic == hidden).unwrap().0;
    let fetched = reply(Request::Fetch { wants: vec![Want { chain, entries: stretch(1, 3) }], most: 1_000 });
    let gap = Piece::Gap { want: 0, entries: stretch(1, 3) };
    assert_eq!(fetched, [Reply::Part { pieces: vec![gap] }, Reply::End { more: false }]);
}

#[test]
fn topics_are_named_page_by_page() {
    let (one, ..) = alike(5_000);
    let ask = |after: Option<TopicName>| {
        let patterns = vec!["topics/*".parse().unwrap()];
        let (mut replies, _) = one.answer(Request::Topics { patterns, after });
        let Reply::Topics { topics, more } = replies.remove(0) else { panic!("topics were asked for") };
        (topics, more)
    };
    let (mut all, more) = ask(None);
    assert!(more && all.len() == limits::TOPIC_LISTED);
    let (rest, more) = ask(all.last().cloned());
    all.extend(rest);
    assert!(!more && all.len() == 5_000 && all.is_sorted());
}

#[test]
fn what_is_refused_is_not_asked_for_again() {
    for room in [None, Some(Room { bytes: 0, entries: 0 })] {
        let (mut one, mut other, mut author) = alike(1);
        other.keep(&author.batch(1, &topic(0), drafts(5, 100)));
        one.room = room;
        let before = one.held();
        assert_eq!(one.ask(&other).0.unwrap().batches, 1);
        assert_eq!((one.held(), one.shelf.is_paused(&topic(0), key(1).node_id())), (before, true));
        assert_eq!(one.ask(&other).0.unwrap().batches, 0);
        one.room = Some(Room::ALL);
        one.shelf.resume(&topic(0), key(1).node_id());
        assert_eq!(one.ask(&other).0.unwrap().batches, 1);
        assert_eq!(one.held(), other.held());
    }
}
