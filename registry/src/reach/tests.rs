//! Waits.

use proptest::prelude::*;

use super::*;

const LONGEST: Duration = Duration::from_secs(300);

#[test]
fn waits_double_up_to_the_longest() {
    let first = Duration::from_secs(1);
    let seconds: Vec<u64> = (0..12).map(|times| doubled(first, times, LONGEST).as_secs()).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    assert_eq!(doubled(first, u32::MAX, LONGEST), LONGEST);
}

proptest! {
    #[test]
    fn jitter_is_a_quarter_at_most(millis in 0_u64..1_000_000, draw: u64) {
        let wait = Duration::from_millis(millis);
        let jittered = jittered(wait, draw);
        prop_assert!(wait * 3 / 4 <= jittered && jittered <= wait * 5 / 4, "{jittered:?}");
    }
}

#[test]
fn jitter_differs() {
    let waits: std::collections::BTreeSet<Duration> = (0..100).map(|draw| jittered(LONGEST, draw)).collect();
    assert!(waits.len() > 50, "{}", waits.len());
}
