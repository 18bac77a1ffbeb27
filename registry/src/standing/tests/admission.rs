//! How much newcomers get, and that nobody gets more by being many.

use std::{net::IpAddr, time::Duration};

use crate::{
    peers::Subnet,
    rate::TokenBucket,
    standing::admission::{Capacity, Crowded, Newcomers, SUBNETS},
    time::Time,
};

fn subnet(number: u16) -> Option<Subnet> {
    let [a, b] = number.to_be_bytes();
    Some(Subnet::of(IpAddr::from([100, a, b, 1])))
}

const CAPACITY: Capacity = Capacity { calls: 1000, at_once: 400 };

#[test]
fn a_bucket_gives_a_burst_and_then_its_rate() {
    let mut bucket = TokenBucket::default();
    let mut taken = |at| (0..100).take_while(|_| bucket.take(2.0, 20.0, Time(at)).is_ok()).count();
    assert_eq!((taken(1_000), taken(1_000), taken(2_000), taken(2_499), taken(2_500)), (20, 0, 2, 0, 1));
    assert_eq!(taken(60_000), 20, "no more than fits");
    let wait = bucket.take(2.0, 20.0, Time(60_000)).unwrap_err();
    assert_eq!(wait, Duration::from_millis(500));
    assert!(bucket.take(2.0, 20.0, Time(59_000)).is_err(), "a clock that goes back gives nothing");
}

#[test]
fn a_thousand_of_one_subnet_get_a_fortieth_and_ten_subnets_a_tenth() {
    let mut newcomers = Newcomers::new(CAPACITY);
    // Each second a thousand ask ten times, and are done at once.
    let mut served = |subnets: u16, from: u64| {
        let mut served = 0;
        for second in from..from + 10 {
            for call in 0..10_000_u64 {
                let (at, of) = (Time(second * 1000 + call / 10), subnet((call % u64::from(subnets)) as u16));
                if newcomers.enter(of, at).is_ok() {
                    newcomers.leave(of);
                    served += 1;
                }
            }
        }
        served
    };
    let one = served(1, 1);
    assert!((250..=275).contains(&one), "{one} in ten seconds, and a burst");
    let many = served(100, 100);
    assert!((1000..=1100).contains(&many), "{many}");
}

#[test]
fn calls_that_take_long_do_not_fill_the_node() {
    let mut newcomers = Newcomers::new(CAPACITY);
    let mut enter = |of| newcomers.enter(subnet(of), Time(1_000));
    let first = (0..100).take_while(|_| enter(1).is_ok()).count();
    assert_eq!(first, 10, "a quarter of a tenth of 400");
    assert!(matches!(enter(1), Err(Crowded::Subnet(_))));
    let others: usize = (2..20).map(|of| (0..100).take_while(|_| enter(of).is_ok()).count()).sum();
    assert_eq!(others, 30);
    assert!(matches!(enter(30), Err(Crowded::All(_))));
    newcomers.leave(subnet(1));
    assert_eq!(newcomers.at_once(), 39);
    assert!(newcomers.enter(subnet(30), Time(1_000)).is_ok());
}

#[test]
fn subnets_are_bounded_and_the_quiet_ones_go() {
    let mut newcomers = Newcomers::new(Capacity { calls: 1_000_000, at_once: 1_000_000 });
    let fill = u16::try_from(SUBNETS).unwrap();
    for of in 0..fill {
        assert!(newcomers.enter(subnet(of), Time(1_000)).is_ok());
    }
    assert!(matches!(newcomers.enter(subnet(fill), Time(1_000)), Err(Crowded::All(_))));
    (0..fill).for_each(|of| newcomers.leave(subnet(of)));
    assert!(newcomers.enter(subnet(fill), Time(10_000)).is_ok());
    assert!(newcomers.subnets() <= 1);
}
