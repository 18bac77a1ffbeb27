use std::time::Duration;

use super::{
    check::{AGAIN, Evidence, Published, Received, Verdict, Violation, check},
    journal::{Chain, Heard, Id, Level, Line, Told},
    plan::{Cast, Fault, plan},
};

fn chain() -> Chain {
    Chain { topic: "chaos/a".into(), author: "author".into(), epoch: 1 }
}

fn id(number: u64) -> Id {
    Id { publisher: 0, number }
}

fn message(seq: u64) -> Heard {
    Heard::Message { chain: chain(), seq, id: id(seq) }
}

fn gap(from: u64, to: u64) -> Heard {
    Heard::Gap { chain: chain(), from, to }
}

fn lines<T>(events: impl IntoIterator<Item = T>) -> Vec<Line<T>> {
    events.into_iter().map(|event| Line { at_ms: 1, event }).collect()
}

/// So many messages from 1 on, the one with number n at position n, all acknowledged at this level.
fn published(count: u64, level: Level) -> Published {
    let asked = (1..=count).map(|n| Told::Asked { id: id(n), level });
    let reached = (1..=count).map(|n| Told::Reached { id: id(n), chain: Some(chain()), seq: Some(n), level });
    Published { lines: lines(asked.chain(reached)) }
}

fn received(name: &str, events: impl IntoIterator<Item = Heard>) -> Received {
    Received { name: name.into(), small_disk: false, lines: lines(std::iter::once(Heard::Begun).chain(events)) }
}

fn judged(published: Published, received: Vec<Received>) -> Verdict {
    check(&Evidence { published: vec![published], received, destroyed: [].into() })
}

fn found(published: Published, events: impl IntoIterator<Item = Heard>) -> Vec<Violation> {
    judged(published, vec![received("s", events)]).violations
}

#[test]
fn what_came_in_order_is_as_promised() {
    let verdict = judged(published(3, Level::Local), vec![received("s", (1..=3).map(message))]);
    assert_eq!(verdict.violations, []);
    let figures = verdict.figures;
    assert_eq!((figures.asked, figures.reached[&Level::Local], figures.received, figures.again), (3, 3, 3, 0));
}

#[test]
fn a_lost_message_is_found_at_the_end_and_in_the_middle() {
    let lost = |number, in_gap| Violation::Lost { subscriber: "s".into(), id: id(number), level: Level::Local, in_gap };
    assert_eq!(found(published(3, Level::Local), [message(1), message(2)]), [lost(3, false)]);
    let missing = Violation::Unreported { subscriber: "s".into(), chain: chain(), from: 2, to: 2 };
    assert_eq!(found(published(3, Level::Local), [message(1), message(3)]), [missing, lost(2, false)]);
    // A gap is told of, but what was acknowledged is lost all the same.
    assert_eq!(found(published(3, Level::Local), [message(1), gap(2, 2), message(3)]), [lost(2, true)]);
    assert!(lost(1, false).may_pass() && !lost(1, true).may_pass(), "what a reader has passed never comes");
}

#[test]
fn of_what_was_only_sent_nothing_is_promised_but_that_gaps_are_told_of() {
    let verdict = judged(published(3, Level::Gossip), vec![received("s", [message(1), gap(2, 2), message(3)])]);
    assert_eq!((verdict.violations, verdict.figures.gossip_lost), (vec![], 1));
    let missing = Violation::Unreported { subscriber: "s".into(), chain: chain(), from: 1, to: 2 };
    assert_eq!(found(published(3, Level::Gossip), [message(3)]), [missing]);
}

#[test]
fn what_less_was_reached_of_counts_as_that() {
    let mut less = published(1, Level::Local);
    let told = |n, level| {
        [Told::Asked { id: id(n), level: Level::Kept(2) }, Told::Reached { id: id(n), chain: None, seq: None, level }]
    };
    less.lines.extend(lines([told(2, Level::Local), told(3, Level::Gossip)].into_iter().flatten()));
    let lost = Violation::Lost { subscriber: "s".into(), id: id(2), level: Level::Local, in_gap: false };
    assert_eq!(found(less, [message(1)]), [lost]);
}

#[test]
fn of_a_destroyed_disk_only_what_keepers_have_is_promised() {
    let mut evidence = Evidence {
        published: vec![published(2, Level::Local)],
        received: vec![received("s", [message(1)])],
        destroyed: ["author".to_owned()].into(),
    };
    assert_eq!(check(&evidence).violations, []);
    evidence.published = vec![published(2, Level::Kept(2))];
    assert_eq!(check(&evidence).violations.len(), 1);
}

#[test]
fn what_comes_out_of_order_is_found() {
    let wrong = |seq, after| Violation::Reordered { subscriber: "s".into(), chain: chain(), seq, after };
    let all = published(3, Level::Local);
    assert_eq!(found(all.clone(), [message(1), message(3), message(2)]), [wrong(2, 3)]);
    assert_eq!(found(all.clone(), [message(1), message(2), message(2), message(3)]), [wrong(2, 2)]);
    assert_eq!(found(all.clone(), [message(1), message(2), message(3), gap(3, 3)]), [wrong(3, 3)]);
    let again = [message(1), message(2), Heard::Ended, Heard::Begun, message(2), message(3)];
    let verdict = judged(all, vec![received("s", again)]);
    assert_eq!((verdict.violations, verdict.figures.again), (vec![], 1), "after a new beginning it is no violation");
}

#[test]
fn an_author_that_mixes_up_what_was_published_is_found() {
    let swapped = [(1, 2), (2, 1)].map(|(seq, number)| Heard::Message { chain: chain(), seq, id: id(number) });
    let asked = Published { lines: lines((1..=2).map(|n| Told::Asked { id: id(n), level: Level::Gossip })) };
    assert_eq!(found(asked, swapped), [Violation::Swapped { chain: chain(), seq: 2, id: id(1), after: id(2) }]);
}

#[test]
fn a_gap_that_is_not_told_of_is_found_also_where_no_message_was_acknowledged() {
    let none = Published { lines: lines((1..=9).map(|n| Told::Asked { id: id(n), level: Level::Local })) };
    let missing = |from, to| Violation::Unreported { subscriber: "s".into(), chain: chain(), from, to };
    let some = [message(2), message(5), gap(6, 7), message(9)];
    assert_eq!(found(none, some), [missing(1, 1), missing(3, 4), missing(8, 8)]);
}

#[test]
fn a_subscriber_that_has_less_than_others_is_found() {
    let none = Published { lines: lines((1..=3).map(|n| Told::Asked { id: id(n), level: Level::Gossip })) };
    let all = vec![received("s", (1..=3).map(message)), received("t", [message(1)])];
    let behind = Violation::Behind { subscriber: "t".into(), chain: chain(), from: 2, to: 3 };
    assert_eq!(judged(none, all).violations, [behind]);
}

#[test]
fn a_session_that_forgets_for_too_long_is_found() {
    let taken = |at_ms, event| Line { at_ms, event };
    let events = |ended| {
        vec![
            taken(1, Heard::Begun),
            taken(10, message(1)),
            taken(ended, Heard::Ended),
            taken(ended + 1, Heard::Begun),
            taken(ended + 2, message(1)),
        ]
    };
    let judge = |ended, small_disk| {
        let received = vec![Received { name: "s".into(), small_disk, lines: events(ended) }];
        judged(published(1, Level::Local), received)
    };
    assert_eq!(judge(10 + AGAIN, false).violations, []);
    let verdict = judge(11 + AGAIN, false);
    let late = Violation::TakenBefore { subscriber: "s".into(), chain: chain(), seq: 1, before_ms: AGAIN + 1 };
    assert_eq!((verdict.violations, verdict.figures.again_before_ms), (vec![late], AGAIN + 1));
    assert_eq!(judge(11 + AGAIN, true).violations, [], "where the disk is full, progress is not written either");
}

#[test]
fn two_messages_at_one_position_and_one_message_at_two_are_found() {
    let at = |seq, number| Heard::Message { chain: chain(), seq, id: id(number) };
    let asked = Published { lines: lines((1..=2).map(|n| Told::Asked { id: id(n), level: Level::Gossip })) };
    let fork = vec![received("s", [at(1, 1)]), received("t", [at(1, 2)])];
    let differs = Violation::Differs { chain: chain(), seq: 1, one: id(1), other: id(2) };
    assert_eq!(judged(asked.clone(), fork).violations, std::slice::from_ref(&differs));
    let again = [at(1, 1), Heard::Ended, Heard::Begun, at(1, 2)];
    assert_eq!(found(asked.clone(), again), [differs]);
    let twice = Violation::Twice { id: id(1), one: (chain(), 1), other: (chain(), 2) };
    assert_eq!(found(asked, [at(1, 1), at(2, 1)]), [twice]);
    assert!(matches!(found(published(1, Level::Local), [at(1, 2)])[..], [Violation::Differs { .. }, ..]));
}

#[test]
fn what_was_refused_or_never_asked_for_must_not_come() {
    let refused = Told::Refused { id: id(1), error: "full".into() };
    let asked = Published { lines: lines([Told::Asked { id: id(1), level: Level::Local }, refused]) };
    let after_all = Violation::PublishedAfterAll { id: id(1), error: "full".into() };
    assert_eq!(found(asked.clone(), [message(1)]), [after_all]);
    assert_eq!(found(asked, []), []);
    assert_eq!(found(Published::default(), [message(1)]), [Violation::Unasked { id: id(1) }]);
    let unknown =
        Published { lines: lines([Told::Asked { id: id(1), level: Level::Local }, Told::Unknown { id: id(1) }]) };
    assert_eq!(found(unknown.clone(), [message(1)]), []);
    assert_eq!(found(unknown, []), []);
}

const LENGTH: Duration = Duration::from_secs(300);

#[test]
fn a_plan_is_the_same_for_the_same_seed_and_undoes_what_it_does() {
    let cast = Cast::of(10, 3);
    assert_eq!(plan(1, &cast, LENGTH), plan(1, &cast, LENGTH));
    assert_ne!(plan(1, &cast, LENGTH), plan(2, &cast, LENGTH));
    for seed in 0..50 {
        let (mut down, mut full, mut parted) = (vec![false; cast.nodes], vec![false; cast.nodes], false);
        let mut destroyed = 0;
        for (at, fault) in plan(seed, &cast, LENGTH) {
            assert!(at <= LENGTH + Duration::from_secs(10));
            match fault {
                Fault::Kill(node) => assert!(!std::mem::replace(&mut down[node], true), "{node} is down already"),
                Fault::Start(node) => assert!(std::mem::replace(&mut down[node], false), "{node} is up already"),
                Fault::Destroy(node) => {
                    assert!(down[node] && Some(node) == cast.doomed);
                    destroyed += 1;
                }
                Fault::Part(island) => {
                    assert!(!island.is_empty() && island.len() < cast.nodes && !parted);
                    parted = true;
                }
                Fault::Heal => assert!(std::mem::replace(&mut parted, false)),
                Fault::Fill(node) => assert!(!std::mem::replace(&mut full[node], true) && cast.small.contains(&node)),
                Fault::Empty(node) => assert!(std::mem::replace(&mut full[node], false)),
            }
        }
        assert!(!parted && !down.contains(&true) && !full.contains(&true));
        assert_eq!(destroyed, 1);
    }
}

#[test]
fn a_plan_of_five_minutes_has_many_faults_of_each_kind() {
    for seed in 0..20 {
        let plan = plan(seed, &Cast::of(10, 3), LENGTH);
        let count = |kind: fn(&Fault) -> bool| plan.iter().filter(|(_, fault)| kind(fault)).count();
        let kinds = [
            count(|fault| matches!(fault, Fault::Kill(_))),
            count(|fault| matches!(fault, Fault::Part(_))),
            count(|fault| matches!(fault, Fault::Fill(_))),
        ];
        assert!(kinds.iter().zip([25, 10, 15]).all(|(there, least)| *there >= least), "{kinds:?}");
    }
}

#[test]
fn few_nodes_have_all_parts_too() {
    for (nodes, keepers) in [(4, 1), (4, 2), (5, 2), (10, 3)] {
        let cast = Cast::of(nodes, keepers);
        assert!(cast.publishers.len() >= 4 && cast.subscribers.len() >= 2, "{cast:?}");
        assert!(!cast.small.is_empty() && !cast.small.contains(&cast.subscribers[0]), "{cast:?}");
        assert!(
            cast.doomed.is_none_or(|doomed| cast.publishers.contains(&doomed) && !cast.subscribers.contains(&doomed))
        );
    }
}
