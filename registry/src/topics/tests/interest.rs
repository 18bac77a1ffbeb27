//! Who is given what.

use crate::topics::interest::{Interest, Subscription};

fn subscribe(interest: &mut Interest, number: u64, pattern: &str) {
    interest.subscribe(Subscription(number), pattern.parse().unwrap()).unwrap();
}

fn of(interest: &mut Interest, topic: &str) -> Vec<u64> {
    interest.of(&topic.parse().unwrap()).iter().map(|subscription| subscription.0).collect()
}

#[test]
fn each_is_given_what_it_has_subscribed_to() {
    let mut interest = Interest::new();
    for (number, pattern) in [(3, "a/b"), (1, "a/*"), (2, ">"), (4, "a/b"), (5, "c")] {
        subscribe(&mut interest, number, pattern);
    }
    assert_eq!(
        [of(&mut interest, "a/b"), of(&mut interest, "c"), of(&mut interest, "d")],
        [vec![1, 2, 3, 4], vec![2, 5], vec![2]]
    );
    // What was found before is not believed any more.
    subscribe(&mut interest, 6, "*/b");
    subscribe(&mut interest, 5, "d");
    interest.unsubscribe(Subscription(1));
    interest.unsubscribe(Subscription(3));
    interest.unsubscribe(Subscription(99));
    assert_eq!(
        [of(&mut interest, "a/b"), of(&mut interest, "c"), of(&mut interest, "d")],
        [vec![2, 4, 6], vec![2], vec![2, 5]]
    );
    assert_eq!((interest.len(), interest.is_empty()), (4, false));
    let patterns: Vec<_> = interest.patterns().iter().map(|pattern| pattern.as_str()).collect();
    assert_eq!(patterns, ["*/b", ">", "a/b", "d"]);
}

#[test]
fn many_topics_and_subscriptions_are_few_look_ups() {
    let mut interest = Interest::new();
    for number in 0..1_000 {
        subscribe(&mut interest, number, &format!("{}/*", number % 100));
    }
    for _ in 0..20 {
        for number in 0..10_000 {
            assert_eq!(of(&mut interest, &format!("{}/t{number}", number % 100)).len(), 10);
        }
    }
}

#[test]
fn subscriptions_are_bounded() {
    let mut interest = Interest::new();
    let mut subscribe = |number| interest.subscribe(Subscription(number), "a".parse().unwrap());
    assert!((0..Interest::SUBSCRIPTIONS as u64).all(|number| subscribe(number).is_ok()));
    assert_eq!(subscribe(u64::MAX).unwrap_err().to_string(), "there are 65536 subscriptions, as many as may be");
    assert!(subscribe(5).is_ok(), "to something else");
}
