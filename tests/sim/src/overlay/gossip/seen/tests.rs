//! What is remembered, and for how long.

use std::collections::BTreeMap;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn numbers_are_seen_once_and_remembered_for_their_time_whatever_the_order() {
    // Mostly recent ones, as they come; some from long before, as after a partition.
    let mut seen = Seen::new(SECOND * 100);
    let mut model: BTreeMap<u32, Time> = BTreeMap::new();
    let mut drawn = 7_u64;
    for step in 0..20_000_u32 {
        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let back = if drawn >> 60 == 0 { (drawn >> 32) % 5_000 } else { (drawn >> 32) % 200 };
        let number = (step / 2 + 5_000).saturating_sub(back as u32);
        let now = Time::from_micros(u64::from(step) * 20_000);
        let known = model.get(&number).is_some_and(|at| now.since(*at) < SECOND * 100);
        assert!(!known || seen.has(Number(number)), "{number} is forgotten too early");
        let had = seen.has(Number(number));
        assert_eq!(seen.first(Number(number), now), !had);
        assert!(seen.has(Number(number)));
        if !had {
            model.insert(number, now);
        }
        seen.forget(now);
        let order: Vec<u32> = seen.blocks.iter().map(|block| block.index).collect();
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    }
    seen.forget(Time::from_secs(20_000 / 50 + 100));
    assert!(seen.blocks.is_empty(), "all was seen long ago");
}
