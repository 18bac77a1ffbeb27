//! What is held of nodes' adjacencies, for how long, and what is refused.

use atoll_protocol::limits;

use super::*;

fn held(table: &LinkState, author: u8, now: u64) -> Option<(u64, u64)> {
    table.adjacency(&id(author), Time(now)).map(|(said, expires)| (said.value().seq.0, expires.0))
}

fn pass(table: &mut LinkState, said: Verified<Adjacency>, left_ms: u64, now: u64) -> Taken {
    table.learn(said, Duration::from_millis(left_ms), id(99), Time(now), WALL)
}

#[test]
fn the_later_statement_counts_whatever_comes_first() {
    let mut table = LinkState::new(id(1));
    assert_eq!(learn(&mut table, says(2, 7, &[(3, 1)]), 0), Taken::News);
    assert_eq!(learn(&mut table, says(2, 6, &[(4, 1)]), 1), Taken::Outdated);
    assert_eq!(held(&table, 2, 1), Some((7, 120_000)));
    assert_eq!(learn(&mut table, says(2, 8, &[]), 5), Taken::News);
    assert_eq!(held(&table, 2, 5), Some((8, 120_005)));
    assert_eq!(table.len(), 1);
}

#[test]
fn at_second_hand_it_ends_when_it_would_have_at_first_hand() {
    let mut table = LinkState::new(id(1));
    assert_eq!(pass(&mut table, says(2, 1, &[]), 40_000, 1_000), Taken::News);
    assert_eq!(held(&table, 2, 40_999), Some((1, 41_000)));
    assert_eq!(held(&table, 2, 41_000), None);
    // Nobody can have more of it left than its author gave it.
    pass(&mut table, says(3, 1, &[]), 4_000_000, 1_000);
    assert_eq!(held(&table, 3, 1_000), Some((1, 121_000)));
    assert_eq!(pass(&mut table, says(4, 1, &[]), 0, 1_000), Taken::Outdated);
}

#[test]
fn whoever_repeats_it_does_not_keep_it_alive() {
    let mut table = LinkState::new(id(1));
    let said = says(2, 1, &[(3, 1)]);
    learn(&mut table, said.clone(), 0);
    for now in [60_000, 119_000] {
        assert_eq!(pass(&mut table, said.clone(), 120_000, now), Taken::Known);
        assert_eq!(held(&table, 2, now), Some((1, 120_000)));
    }
    table.expire(Time(120_000));
    assert!(table.is_empty());
    assert_eq!(pass(&mut table, said.clone(), 120_000, 120_000), Taken::Outdated);
    assert_eq!(pass(&mut table, says(2, 0, &[]), 120_000, 1_000_000), Taken::Outdated);
}

#[test]
fn nobody_can_end_it_early_for_others() {
    let mut table = LinkState::new(id(1));
    let said = says(2, 1, &[]);
    pass(&mut table, said.clone(), 1, 0);
    table.expire(Time(10));
    assert!(table.is_empty());
    // Its author, or somebody honest, has it for longer.
    assert_eq!(pass(&mut table, said, 100_000, 20), Taken::Known);
    assert_eq!(held(&table, 2, 20), Some((1, 100_020)));
}

#[test]
fn of_two_statements_with_one_number_the_first_stands() {
    let mut table = LinkState::new(id(1));
    learn(&mut table, says(2, 1, &[(3, 1)]), 0);
    learn(&mut table, says(2, 1, &[(4, 1)]), 0);
    let (said, _) = table.adjacency(&id(2), Time(0)).unwrap();
    assert_eq!(seed(&said.value().neighbours[0].node), 3);
}

#[test]
fn its_own_and_what_is_dated_absurdly_is_not_taken_in() {
    let mut table = LinkState::new(id(1));
    assert_eq!(learn(&mut table, says(1, 5, &[]), 0), Taken::Mine(Seq(5)));
    let day = u64::try_from(limits::CLOCK_SKEW.as_millis()).unwrap();
    let at = |wall: u64, table: &mut LinkState| table.learn(says(2, 1, &[]), LASTS, id(2), Time(0), UnixMillis(wall));
    assert_eq!(at(WALL.0 - day - 1, &mut table), Taken::FutureDated);
    assert!(table.is_empty());
    assert_eq!(at(WALL.0 - day, &mut table), Taken::News);
}

#[test]
fn an_end_is_remembered_for_a_while_only() {
    let mut table = LinkState::new(id(1));
    learn(&mut table, says(2, 1, &[]), 0);
    table.expire(Time(120_000));
    table.expire(Time(120_000 + 3_599_999));
    assert_eq!(learn(&mut table, says(2, 1, &[]), 3_700_000), Taken::Outdated);
    table.expire(Time(120_000 + 3_600_000));
    assert_eq!(learn(&mut table, says(2, 1, &[]), 3_720_000), Taken::News);
}

#[test]
fn whoever_fills_the_room_loses_first() {
    let mut table = LinkState::with_room(id(1), 8);
    for author in 2..=4 {
        table.learn(says(author, 1, &[]), LASTS, id(author), Time(0), WALL);
    }
    for author in 10..=200 {
        table.learn(says(author, 1, &[]), LASTS, id(9), Time(u64::from(author)), WALL);
    }
    assert_eq!(table.len(), 8);
    for author in [2, 3, 4, 200, 199, 198, 197, 196] {
        assert!(held(&table, author, 300).is_some(), "{author}");
    }
    // What has ended makes room before anything that has not.
    table.expire(Time(120_000));
    assert_eq!(table.len(), 5);
    learn(&mut table, says(5, 1, &[]), 120_001);
    assert_eq!(table.len(), 6);
}
