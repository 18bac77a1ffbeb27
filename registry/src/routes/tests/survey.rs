//! Whom a node asks, when, and how far a question goes.

use atoll_protocol::{adjacency::Question, limits};

use super::*;
use crate::exchange::{Exchange, Moment};

const SECOND: u64 = 1_000;

fn at(now: u64) -> Moment {
    Moment { now: Time(now), wall: UnixMillis(WALL.0 + now), random: now }
}

/// A survey of node 1 with so many neighbours, which have been asked and have not answered.
fn beside(neighbours: u8) -> (Survey, LinkState) {
    let (mut survey, table) = (Survey::new(), LinkState::new(id(1)));
    for peer in 0..neighbours {
        survey.ready(&table, id(100 + peer), at(0));
    }
    for id in asked(&mut survey).into_iter().map(|(id, _, _)| id) {
        survey.ended(id);
    }
    (survey, table)
}

/// What it asks now.
fn asked(survey: &mut Survey) -> Vec<(u64, NodeId, Question)> {
    let ask = |effect| if let Effect::Ask { id, peer, question } = effect { Some((id, peer, question)) } else { None };
    survey.take_effects().into_iter().filter_map(ask).collect()
}

fn question(hops: u8, most: u16) -> Question {
    Question { hops, most, patience_ms: 1_000, known: Vec::new() }
}

fn looked(survey: &mut Survey, ticket: u64) -> bool {
    survey.take_effects().contains(&Effect::Looked { ticket })
}

fn answers(survey: &mut Survey) -> Vec<u64> {
    let answer = |effect| if let Effect::Answer { ticket, .. } = effect { Some(ticket) } else { None };
    survey.take_effects().into_iter().filter_map(answer).collect()
}

#[test]
fn a_new_neighbour_is_asked_at_once_and_again_before_what_it_says_ends() {
    let (mut survey, mut table) = (Survey::new(), LinkState::new(id(1)));
    survey.ready(&table, id(2), at(0));
    let (first, peer, said) = asked(&mut survey).remove(0);
    assert_eq!((peer, said.hops, said.known), (id(2), 1, vec![]));
    survey.learned(&mut table, id(2), vec![(says(2, 5, &[(1, 1)]), LASTS)], at(0));
    survey.ended(first);
    let due = survey.due();
    assert!(due > Time(60 * SECOND) && due + Duration::from_secs(10) < Time(0) + LASTS, "{due:?}");
    survey.wake(&mut table, at(due.0));
    let (_, peer, said) = asked(&mut survey).remove(0);
    assert_eq!((peer, said.hops, said.most, said.known), (id(2), 0, 1, vec![(id(2), Seq(5))]));
    survey.lost(&id(2));
    survey.wake(&mut table, at(1_000 * SECOND));
    assert!(asked(&mut survey).is_empty());
}

#[test]
fn neighbours_are_asked_in_turn_and_not_more_often_where_there_are_many() {
    for (neighbours, rounds) in [(10_u8, 10..=13), (100, 64..=84)] {
        let (mut survey, mut table) = beside(neighbours);
        let mut all = Vec::new();
        while survey.due() < Time(80 * SECOND) {
            survey.wake(&mut table, at(survey.due().0));
            all.extend(asked(&mut survey).into_iter().map(|(id, peer, question)| {
                assert_eq!(question.hops, 0);
                (id, peer)
            }));
        }
        assert!(rounds.contains(&all.len()), "{neighbours}: {}", all.len());
        let distinct: std::collections::BTreeSet<_> = all.iter().map(|(_, peer)| *peer).collect();
        assert_eq!(distinct.len(), all.len().min(neighbours.into()));
    }
}

#[test]
fn who_looks_waits_for_all_neighbours_but_not_for_ever() {
    let (mut survey, mut table) = beside(3);
    survey.look(&table, 7, 2, at(SECOND));
    let all = asked(&mut survey);
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|(_, _, question)| question.hops == 2 && question.patience_ms == 1_000));
    for (id, _, _) in &all[1..] {
        survey.ended(*id);
        assert!(!looked(&mut survey, 7));
    }
    survey.ended(all[0].0);
    assert!(looked(&mut survey, 7));

    survey.look(&table, 8, 2, at(10 * SECOND));
    assert_eq!((asked(&mut survey).len(), survey.due()), (3, Time(11 * SECOND)));
    survey.wake(&mut table, at(11 * SECOND - 1));
    assert!(!looked(&mut survey, 8));
    survey.wake(&mut table, at(11 * SECOND));
    assert!(looked(&mut survey, 8), "somebody does not answer");
}

#[test]
fn who_looks_right_after_another_sees_the_same() {
    let (mut survey, table) = beside(2);
    survey.look(&table, 1, 2, at(0));
    let first = asked(&mut survey);
    survey.look(&table, 2, 1, at(500));
    assert!(survey.take_effects().is_empty(), "it waits for the same questions");
    for (id, _, _) in first {
        survey.ended(id);
    }
    let told = survey.take_effects();
    assert_eq!(told, [Effect::Looked { ticket: 1 }, Effect::Looked { ticket: 2 }]);
    survey.look(&table, 3, 2, at(1_999));
    assert!(looked(&mut survey, 3), "at once");
    survey.look(&table, 4, 3, at(1_999));
    assert_eq!(asked(&mut survey).len(), 2, "it looks farther");
    survey.look(&table, 5, 2, at(4_000));
    assert_eq!(asked(&mut survey).len(), 2, "later");
    let (mut alone, table) = beside(0);
    alone.look(&table, 1, 2, at(0));
    assert!(looked(&mut alone, 1));
}

#[test]
fn a_question_about_the_node_itself_is_answered_at_once() {
    let (mut survey, table) = beside(4);
    for hops in [0, 1] {
        survey.asked(&table, 5, id(100), question(hops, 256), at(0));
        assert_eq!(answers(&mut survey), [5]);
    }
}

#[test]
fn a_question_goes_on_with_less_of_everything_and_not_back() {
    let (mut survey, table) = beside(5);
    survey.asked(&table, 5, id(100), question(3, 100), at(0));
    let all = asked(&mut survey);
    assert_eq!(all.len(), 4);
    for (_, peer, question) in &all {
        // A hundred, less what it holds itself, among four.
        assert_eq!((question.hops, question.most, question.patience_ms), (2, 23, 750));
        assert_ne!(*peer, id(100));
    }
    for (id, _, _) in all {
        survey.ended(id);
    }
    assert_eq!(answers(&mut survey), [5]);
}

#[test]
fn one_that_waits_is_answered_in_time() {
    let (mut survey, mut table) = beside(5);
    survey.asked(&table, 5, id(100), question(2, 100), at(0));
    asked(&mut survey);
    assert_eq!(survey.due(), Time(750));
    survey.wake(&mut table, at(750));
    assert_eq!(answers(&mut survey), [5]);
}

#[test]
fn a_question_sets_no_network_in_motion() {
    let (mut survey, table) = beside(40);
    survey.asked(&table, 1, id(100), question(7, u16::MAX), at(0));
    let first = asked(&mut survey);
    assert_eq!(first.len(), 16, "so many at most");
    let shares: usize = first.iter().map(|(_, _, question)| usize::from(question.most)).sum();
    assert!(shares <= limits::ADJACENCIES, "{shares}: no more than was asked for in all");
    // The next one is not worth asking on for, and the one after that comes too soon.
    survey.asked(&table, 2, id(101), question(7, 100), at(20 * SECOND));
    assert_eq!(answers(&mut survey), [2]);
    survey.asked(&table, 3, id(102), question(7, 256), at(9_999));
    assert_eq!(answers(&mut survey), [3]);
    survey.asked(&table, 4, id(103), Question { patience_ms: 60, ..question(7, 256) }, at(20 * SECOND));
    assert_eq!(answers(&mut survey), [4], "nobody would answer in time");
    survey.asked(&table, 5, id(103), question(7, 256), at(20 * SECOND));
    assert_eq!(asked(&mut survey).len(), 16);
}

#[test]
fn those_who_wait_are_bounded() {
    let (mut survey, table) = beside(3);
    survey.look(&table, 1_000, 2, at(0));
    for ticket in 0..70 {
        survey.look(&table, ticket, 2, at(1));
    }
    let at_once = survey.take_effects().iter().filter(|effect| matches!(effect, Effect::Looked { .. })).count();
    assert_eq!(at_once, 7);
    for far in 0..200 {
        survey.look(&table, 2_000 + far, 7, at(10 * SECOND + far * 3 * SECOND));
    }
    assert!(asked(&mut survey).len() <= 256, "and so are the questions under way");
}

#[test]
fn what_a_node_says_of_itself_is_said_again_while_it_is_true() {
    let mut exchange = Exchange::new(key(1), NetworkName::main(), Seq(0), at(0));
    let mut survey = Survey::new();
    let mut say = |links: &[Link], now: u64| survey.own(&mut exchange, links, at(now)).unwrap();
    let first = say(&[link(2, None, Some(5)), link(3, Some(9), None), link(1, None, None)], 0);
    let neighbours: Vec<_> = first.value().neighbours.iter().map(|n| (seed(&n.node), n.rtt_us, n.relayed)).collect();
    assert_eq!(neighbours.len(), 2);
    assert!(neighbours.contains(&(2, Some(5_000), false)) && neighbours.contains(&(3, None, true)));
    let again = say(&[link(2, None, Some(6)), link(3, Some(9), None)], 29_999);
    assert_eq!(again.hash(), first.hash(), "a round trip always changes a little");
    let changed = say(&[link(2, None, Some(6))], 29_999);
    assert!(changed.value().seq > first.value().seq && changed.value().neighbours.len() == 1);
    let measured = say(&[link(2, None, None)], 29_999);
    assert!(measured.value().seq > changed.value().seq);
    assert!(say(&[link(2, None, None)], 60_000).value().seq > measured.value().seq, "it is old");
    let many: Vec<Link> = (10..110).map(|peer| link(peer, None, Some(u64::from(peer)))).collect();
    let best = say(&many, 60_001);
    assert_eq!(best.value().neighbours.len(), limits::NEIGHBOURS);
    assert!(best.value().neighbours.iter().all(|n| seed(&n.node) < 10 + 64), "the nearest");
}

#[test]
fn an_answer_holds_the_nearest_that_is_lacking() {
    let table = table(&[(1, 2, 1), (2, 3, 1), (3, 4, 1), (4, 5, 1), (1, 6, 1)]);
    let own = [link(2, None, Some(1)), link(6, None, Some(1))];
    let links = links_of(&table, &own, 20_000);
    let me = says(1, 9, &[(2, 1), (6, 1)]);
    let answer = |question: &Question| -> Vec<(u8, u64)> {
        let held = table.answer(id(6), question, &me, &links, Time(20_000));
        held.iter().map(|(said, left)| (seed(&said.author()), left.as_secs())).collect()
    };
    assert_eq!(answer(&question(0, 9)), [(1, 120)]);
    assert_eq!(answer(&question(1, 9)), [(1, 120), (2, 100)], "what the asker says of itself it knows");
    assert_eq!(answer(&question(7, 3)), [(1, 120), (2, 100), (3, 100)]);
    let known = vec![(id(1), Seq(9)), (id(2), Seq(0)), (id(3), Seq(1)), (id(4), Seq(7))];
    assert_eq!(answer(&Question { known, ..question(9, 999) }), [(2, 100), (5, 100)]);
}

#[test]
fn a_network_asks_on_as_far_as_is_wanted() {
    // A chain: whoever looks at one end sees all of it, although each knows only its neighbours.
    let chain: Vec<u8> = (1..=6).collect();
    let mut nodes: Vec<Node> = chain.iter().map(|number| Node::new(*number, &chain)).collect();
    let first = &mut nodes[0];
    first.survey.look(&first.table, 0, 5, at(0));
    assert!(run(&mut nodes, 0), "it is told when to look");
    let own = nodes[0].own.clone();
    let links = nodes[0].table.links(&own, Time(0));
    assert_eq!(links.around(id(1), 7, 99).len(), 6);
}

struct Node {
    number: u8,
    survey: Survey,
    table: LinkState,
    exchange: Exchange,
    own: Vec<Link>,
    /// Who waits for the answer with this ticket, and for which question.
    askers: BTreeMap<u64, (u8, u64)>,
}

impl Node {
    fn new(number: u8, chain: &[u8]) -> Self {
        let own: Vec<Link> =
            chain.iter().filter(|n| n.abs_diff(number) == 1).map(|n| link(*n, None, Some(1))).collect();
        let mut survey = Survey::new();
        let mut table = LinkState::new(id(number));
        for peer in &own {
            survey.ready(&table, peer.peer, at(0));
            let of = seed(&peer.peer);
            let said: Vec<(u8, u32)> = chain.iter().filter(|n| n.abs_diff(of) == 1).map(|n| (*n, 1)).collect();
            survey.learned(&mut table, peer.peer, vec![(says(of, 1, &said), LASTS)], at(0));
        }
        for (id, _, _) in asked(&mut survey) {
            survey.ended(id);
        }
        let exchange = Exchange::new(key(number), NetworkName::main(), Seq(0), at(0));
        Self { number, survey, table, exchange, own, askers: BTreeMap::new() }
    }
}

/// Carries questions and answers until there are none; whether somebody was told to look.
fn run(nodes: &mut [Node], mut tickets: u64) -> bool {
    let mut seen = false;
    loop {
        let all: Vec<(usize, Effect)> = (0..nodes.len())
            .flat_map(|n| nodes[n].survey.take_effects().into_iter().map(move |effect| (n, effect)).collect::<Vec<_>>())
            .collect();
        if all.is_empty() {
            return seen;
        }
        for (n, effect) in all {
            match effect {
                Effect::Ask { id, peer, question } => {
                    tickets += 1;
                    let from = nodes[n].number;
                    let to = nodes.iter_mut().find(|node| super::id(node.number) == peer).unwrap();
                    to.askers.insert(tickets, (from, id));
                    to.survey.asked(&to.table, tickets, super::id(from), question, at(0));
                }
                Effect::Answer { ticket, asker, question } => {
                    let node = &mut nodes[n];
                    let me = node.survey.own(&mut node.exchange, &node.own, at(0)).unwrap();
                    let links = node.table.links(&node.own, Time(0));
                    let held = node.table.answer(asker, &question, &me, &links, Time(0));
                    let (of, source) = (node.askers.remove(&ticket).unwrap(), super::id(node.number));
                    let asker = nodes.iter_mut().find(|node| node.number == of.0).unwrap();
                    asker.survey.learned(&mut asker.table, source, held, at(0));
                    asker.survey.ended(of.1);
                }
                Effect::Looked { .. } => seen = true,
            }
        }
    }
}
