//! Order, across all tiers of the queue.

use super::super::{
    queue::Queue,
    random::{Purpose, Random},
    time::Time,
};

#[test]
fn events_come_in_the_order_of_time_and_then_of_planning() {
    for seed in 0..20 {
        let mut random = Random::new(seed, Purpose::Scenario, 0);
        let mut queue = Queue::new();
        let (mut planned, mut came) = (Vec::new(), Vec::new());
        let (mut now, mut number) = (0, 0);
        for _ in 0..3_000 {
            // From the same instant to beyond the ring, with many ties.
            let reach = [1, 50, 5_000, 3_000_000, 60_000_000][random.index(5)];
            let time = now + random.below(reach);
            queue.push(Time::from_micros(time), number);
            planned.push((Time::from_micros(time), number));
            number += 1;
            if random.chance(0.4) {
                let limit = now + random.below(2_000_000);
                while let Some((time, event)) = queue.pop_until(Time::from_micros(limit)) {
                    assert!(time.micros() >= now && time.micros() <= limit);
                    now = time.micros();
                    came.push((time, event));
                    if random.chance(0.5) {
                        break;
                    }
                }
            }
        }
        came.extend(std::iter::from_fn(|| queue.pop_until(Time::NEVER)));
        planned.sort_unstable();
        assert_eq!(came, planned, "seed {seed}");
    }
}

#[test]
fn nothing_after_the_limit_comes() {
    let mut queue = Queue::new();
    for time in [5, 1_023, 1_024, 9_000_000] {
        queue.push(Time::from_micros(time), time);
    }
    let mut until = |limit| {
        std::iter::from_fn(|| queue.pop_until(Time::from_micros(limit))).map(|(_, event)| event).collect::<Vec<_>>()
    };
    assert!(until(4).is_empty());
    assert_eq!(until(1_023), [5, 1_023]);
    assert_eq!(until(8_999_999), [1_024]);
    assert_eq!(until(9_000_000), [9_000_000]);
}
