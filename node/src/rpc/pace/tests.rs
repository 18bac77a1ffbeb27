//! When a method is quick, when it is not, and how it becomes so again.

use super::*;

/// How many samples of `time` it takes until `pace` is what is `wanted`.
fn until(pace: &Pace, time: Duration, wanted: bool) -> u32 {
    let mut samples = 0;
    while pace.is_quick() != wanted {
        pace.took(time);
        samples += 1;
        assert!(samples < 10_000, "it never changes");
    }
    samples
}

#[test]
fn a_method_is_quick_until_it_is_seen_not_to_be() {
    let pace = Pace::default();
    assert!(pace.is_quick());
    assert_eq!(until(&pace, Duration::from_millis(50), false), 1, "once is enough if it was very slow");
    let recovery = until(&pace, Duration::from_micros(1), true);
    assert!((10..1_000).contains(&recovery), "{recovery} quick ones");
}

#[test]
fn a_method_at_the_bound_takes_a_while_to_be_slow() {
    let pace = Pace::default();
    assert!(until(&pace, QUICK + QUICK / 4, false) > 5);
    let pace = Pace::default();
    (0..10_000).for_each(|_| pace.took(QUICK / 2));
    assert!(pace.is_quick());
}

#[test]
fn no_time_is_too_long_to_be_taken_in() {
    let pace = Pace::default();
    (0..100).for_each(|_| pace.took(Duration::MAX));
    assert!(!pace.is_quick());
    assert!(until(&pace, Duration::ZERO, true) < 1_000, "it can recover even so");
}

#[tokio::test]
async fn only_the_time_before_the_first_wait_counts() {
    let pace = Arc::<Pace>::default();
    let (first, then) = (Duration::from_millis(20), Duration::from_millis(200));
    let work = Box::pin(async move {
        std::thread::sleep(first);
        tokio::task::yield_now().await;
        std::thread::sleep(then);
        7
    });
    assert_eq!(Arc::clone(&pace).measured(work).await, 7);
    let taken = Duration::from_nanos(u64::from(pace.0.load(Ordering::Relaxed)) * 8);
    assert!(taken >= first - first / 8, "{taken:?}");
    // A work that never waits is measured as well, and proves that it is quick.
    while !pace.is_quick() {
        Arc::clone(&pace).measured(Box::pin(async {})).await;
    }
}
