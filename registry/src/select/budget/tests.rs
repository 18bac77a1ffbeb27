//! No more retries than are paid for.

use std::{sync::Barrier, thread};

use proptest::prelude::*;

use super::*;

/// Withdraws until there is nothing left; how often that worked.
fn drain(budget: &RetryBudget) -> u32 {
    (0..10_000).take_while(|_| budget.try_withdraw()).map(|_| 1).sum()
}

#[test]
fn it_starts_with_the_reserve_and_no_more() {
    for budget in [RetryBudget::new(), RetryBudget::default()] {
        assert_eq!(budget.available(), 10);
        assert_eq!(drain(&budget), 10);
        assert_eq!(budget.available(), 0);
        assert!(!budget.try_withdraw(), "an empty one stays empty");
    }
}

#[test]
fn five_calls_pay_for_a_retry() {
    let budget = RetryBudget::new();
    drain(&budget);
    for round in 0..3 {
        for call in 1..=4 {
            budget.deposit();
            assert!(!budget.try_withdraw(), "call {call} of round {round}, and a refusal costs nothing");
        }
        budget.deposit();
        assert!(budget.try_withdraw());
        assert!(!budget.try_withdraw());
    }
}

#[test]
fn it_saves_no_more_than_the_cap() {
    let budget = RetryBudget::new();
    for _ in 0..20_000 {
        budget.deposit();
    }
    assert_eq!(budget.available(), 1_000);
    assert_eq!(drain(&budget), 1_000);
    for _ in 0..4 {
        budget.deposit();
    }
    assert!(!budget.try_withdraw(), "not even a part of one more");
}

#[test]
fn what_is_paid_is_withdrawn_once_by_whoever_comes() {
    const CALLS: u32 = 100_000;
    let budget = RetryBudget::new();
    let start = Barrier::new(4);
    let call = || {
        budget.deposit();
        u32::from(budget.try_withdraw())
    };
    let work = || {
        start.wait();
        (0..CALLS).map(|_| call()).sum::<u32>()
    };
    let withdrawn: u32 = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(withdrawn + drain(&budget), 10 + 4 * CALLS / 5, "nothing is lost, nothing is spent twice");
}

proptest! {
    #[test]
    fn withdrawals_never_exceed_the_reserve_and_a_fifth(calls in prop::collection::vec(any::<bool>(), 0..400)) {
        let budget = RetryBudget::new();
        let (mut deposits, mut withdrawals) = (0, 0);
        for deposit in calls {
            if deposit {
                budget.deposit();
                deposits += 1;
            } else {
                let due = 10 + deposits / 5 - withdrawals;
                prop_assert_eq!(budget.available(), due);
                let withdrawn = budget.try_withdraw();
                prop_assert_eq!(withdrawn, due > 0, "nor is what is paid for refused");
                withdrawals += u32::from(withdrawn);
            }
            prop_assert!(withdrawals * 5 <= 10 * 5 + deposits);
        }
    }
}
