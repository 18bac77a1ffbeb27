use std::time::Duration;

use super::{Delay, Delayed, Queue};

const MS: Duration = Duration::from_millis(1);

#[test]
fn nothing_comes_out_before_its_time_and_all_in_order() {
    let mut queue = Queue::new(Delay::of(20 * MS), 0);
    assert_eq!(queue.next_due(), None);
    assert_eq!(queue.push(MS, 'a'), Delayed::Under);
    assert_eq!(queue.push(5 * MS, 'b'), Delayed::Under);
    assert_eq!(queue.next_due(), Some(21 * MS));
    assert_eq!(queue.pop(21 * MS - Duration::from_nanos(1)), None);
    assert_eq!(queue.pop(21 * MS), Some('a'));
    assert_eq!(queue.pop(21 * MS), None);
    assert_eq!(queue.pop(100 * MS), Some('b'));
    assert_eq!(queue.next_due(), None);
}

#[test]
fn a_shorter_cable_overtakes_nothing() {
    let mut queue = Queue::new(Delay::of(20 * MS), 0);
    queue.push(Duration::ZERO, 'a');
    queue.change(Delay::of(MS));
    queue.push(MS, 'b');
    assert_eq!(queue.pop(3 * MS), None);
    assert_eq!((queue.pop(20 * MS), queue.pop(20 * MS)), (Some('a'), Some('b')));
}

fn losses(seed: u64, direction: u64) -> Vec<bool> {
    let mut queue = Queue::new(Delay { one_way: MS, loss: 0.05, seed }, direction);
    (0..4000).map(|n| queue.push(Duration::ZERO, n) == Delayed::Lost).collect()
}

#[test]
fn losses_are_as_many_as_asked_for_and_follow_the_seed() {
    let lost = losses(1, 0).iter().filter(|lost| **lost).count();
    assert!((140..=260).contains(&lost), "{lost} of 4000 at 5 %");
    assert_eq!(losses(1, 0), losses(1, 0));
    assert_ne!(losses(1, 0), losses(2, 0));
    assert_ne!(losses(1, 0), losses(1, 1), "the two directions");
}

#[test]
fn a_perfect_cable_loses_nothing_until_it_is_full() {
    let mut queue = Queue::new(Delay::of(MS), 0);
    let accepted = (0..20_000).filter(|n| queue.push(Duration::ZERO, *n) == Delayed::Under).count();
    assert_eq!(accepted, 8192);
    assert_eq!(queue.push(Duration::ZERO, 0), Delayed::Full);
}
