//! How much a server does, by a clock that the test moves.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{Limits, Rejected, peer};
use crate::net::autonat::limits::{AT_ONCE, Entrance, IN_ALL, PER_PEER, PER_SUBNET, WINDOW};

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

/// A request that is over at once.
fn brief(limits: &Limits, n: u8, from: &str, now: Instant) -> Result<(), Rejected> {
    limits.enter(peer(n), ip(from), now).map(drop)
}

#[test]
fn a_peer_asks_once_at_a_time_and_eight_times_a_minute() {
    let (limits, now) = (Limits::default(), Instant::now());
    let serving = limits.enter(peer(1), ip("8.8.8.8"), now).unwrap();
    assert_eq!(brief(&limits, 1, "9.9.9.9", now), Err(Rejected::PeerBusy));
    drop(serving);
    for second in 1..PER_PEER as u64 {
        assert_eq!(brief(&limits, 1, "8.8.8.8", now + Duration::from_secs(second)), Ok(()));
    }
    let almost = now + WINDOW - Duration::from_nanos(1);
    assert_eq!(brief(&limits, 1, "9.9.9.9", almost), Err(Rejected::PeerFull), "wherever it asks from");
    assert_eq!(brief(&limits, 2, "8.8.8.8", almost), Ok(()), "others may");
    assert_eq!(brief(&limits, 1, "8.8.8.8", now + WINDOW), Ok(()), "the first is forgotten");
    assert_eq!(brief(&limits, 1, "8.8.8.8", now + WINDOW), Err(Rejected::PeerFull), "and only the first");
}

#[test]
fn a_subnet_asks_24_times_a_minute() {
    let (limits, now) = (Limits::default(), Instant::now());
    for n in 0..PER_SUBNET as u8 {
        assert_eq!(brief(&limits, n, &format!("8.8.8.{n}"), now), Ok(()));
    }
    assert_eq!(brief(&limits, 100, "8.8.8.100", now), Err(Rejected::SubnetFull));
    assert_eq!(brief(&limits, 100, "8.8.9.100", now), Ok(()), "another subnet");
    assert_eq!(brief(&limits, 101, "8.8.8.101", now + WINDOW), Ok(()), "another minute");
    for n in 0..2 * PER_SUBNET as u8 {
        assert_eq!(brief(&limits, 150 + n, "192.168.0.7", now + WINDOW), Ok(()), "one's own network is not counted");
    }
}

#[test]
fn so_many_are_served_at_a_time() {
    let (limits, now) = (Limits::default(), Instant::now());
    let mut serving: Vec<Entrance> =
        (0..AT_ONCE as u8).map(|n| limits.enter(peer(n), ip(&format!("8.8.{n}.8")), now).unwrap()).collect();
    assert_eq!(brief(&limits, 100, "9.9.9.9", now + WINDOW), Err(Rejected::Busy), "however long they take");
    serving.pop();
    assert_eq!(brief(&limits, 100, "9.9.9.9", now + WINDOW), Ok(()));
}

#[test]
fn no_more_is_remembered_than_is_served_in_a_minute() {
    let (limits, now) = (Limits::default(), Instant::now());
    for n in 0..IN_ALL {
        let from = format!("8.8.{}.8", n / PER_PEER);
        assert_eq!(brief(&limits, (n / PER_PEER) as u8, &from, now), Ok(()));
    }
    assert_eq!(brief(&limits, 200, "9.9.9.9", now), Err(Rejected::Full));
    assert_eq!(brief(&limits, 200, "9.9.9.9", now + WINDOW), Ok(()));
}
