//! Who is let in, who is not, and what bytes cost.

use super::*;

const MIB: u64 = 1 << 20;

fn limits() -> Limits {
    Limits {
        reservations: 3,
        reservations_per_subnet: 2,
        circuits: 4,
        circuits_per_peer: 3,
        circuits_per_subnet: 2,
        circuit: Rate { bytes: MIB, burst: 2 * MIB },
        total: Rate { bytes: 2 * MIB, burst: 3 * MIB },
    }
}

fn subnet(n: u8) -> Option<Subnet> {
    Some(Subnet::V4([192, 0, n]))
}

fn reserve(capacity: &mut Capacity, peer: PeerId, of: Option<Subnet>, now: Instant) -> Result<bool, Refusal> {
    capacity.reserve(peer, of, now + Duration::from_secs(60), now)
}

#[test]
fn reservations_have_bounds_in_all_and_by_subnet() {
    let (mut capacity, now) = (Capacity::new(limits()), Instant::now());
    let [a, b, c, d] = std::array::from_fn(|_| PeerId::random());
    assert_eq!(reserve(&mut capacity, a, subnet(1), now), Ok(true));
    assert_eq!(reserve(&mut capacity, b, subnet(1), now), Ok(true));
    assert_eq!(reserve(&mut capacity, c, subnet(1), now), Err(Refusal::ReservationsOfSubnet));
    assert_eq!(reserve(&mut capacity, a, subnet(1), now), Ok(false), "a renewal takes no further place");
    assert_eq!(reserve(&mut capacity, c, subnet(2), now), Ok(true));
    assert_eq!(reserve(&mut capacity, d, subnet(3), now), Err(Refusal::Reservations));
    assert_eq!(reserve(&mut capacity, c, subnet(1), now), Err(Refusal::ReservationsOfSubnet), "nor by moving");
    assert!(capacity.holds(&c, now), "what it had it keeps");
    capacity.release(&a);
    assert_eq!(reserve(&mut capacity, d, subnet(1), now), Ok(true));
}

#[test]
fn peers_without_a_counted_subnet_are_only_counted_in_all() {
    let (mut capacity, now) = (Capacity::new(limits()), Instant::now());
    for _ in 0..3 {
        assert_eq!(reserve(&mut capacity, PeerId::random(), None, now), Ok(true));
    }
    assert_eq!(reserve(&mut capacity, PeerId::random(), None, now), Err(Refusal::Reservations));
}

#[test]
fn a_reservation_that_is_not_renewed_ends_and_leaves_its_place() {
    let (mut capacity, now) = (Capacity::new(limits()), Instant::now());
    let peer = PeerId::random();
    for peer in [peer, PeerId::random(), PeerId::random()] {
        reserve(&mut capacity, peer, None, now).unwrap();
    }
    let later = now + Duration::from_secs(59);
    reserve(&mut capacity, peer, None, later).unwrap();
    let expired = now + Duration::from_secs(60);
    assert!(capacity.holds(&peer, expired));
    assert_eq!(reserve(&mut capacity, PeerId::random(), None, expired), Ok(true));
    assert_eq!(capacity.expire(expired), 2);
    assert!(!capacity.holds(&peer, later + Duration::from_secs(60)));
}

#[test]
fn circuits_have_bounds_in_all_by_peer_and_by_subnet() {
    let (mut capacity, now) = (Capacity::new(limits()), Instant::now());
    let [target, other, source] = std::array::from_fn(|_| PeerId::random());
    let ends = |source, subnet, target| Ends { source, subnet, target };
    assert_eq!(capacity.open(&ends(source, None, target), now), Err(Refusal::NoReservation));
    reserve(&mut capacity, target, None, now).unwrap();
    reserve(&mut capacity, other, None, now).unwrap();

    let first = ends(source, subnet(1), target);
    capacity.open(&first, now).unwrap();
    capacity.open(&ends(PeerId::random(), subnet(1), target), now).unwrap();
    let crowded = ends(PeerId::random(), subnet(1), target);
    assert_eq!(capacity.open(&crowded, now), Err(Refusal::CircuitsOfSubnet));
    capacity.open(&ends(PeerId::random(), subnet(2), target), now).unwrap();
    assert_eq!(capacity.open(&ends(source, subnet(2), target), now), Err(Refusal::CircuitsOfPeer), "of the target");
    capacity.open(&ends(source, subnet(2), other), now).unwrap();
    assert_eq!(capacity.open(&ends(PeerId::random(), None, other), now), Err(Refusal::Circuits));
    assert_eq!(capacity.circuits(), 4);

    capacity.close(&first);
    assert_eq!(capacity.circuits(), 3);
    capacity.open(&crowded, now).unwrap();
}

#[test]
fn a_source_has_no_more_circuits_than_a_peer_may() {
    let (mut capacity, now) = (Capacity::new(limits()), Instant::now());
    let (targets, source): ([PeerId; 2], _) = (std::array::from_fn(|_| PeerId::random()), PeerId::random());
    for target in targets {
        reserve(&mut capacity, target, None, now).unwrap();
    }
    let [a, b] = targets.map(|target| Ends { source, subnet: None, target });
    for ends in [&a, &b, &a] {
        capacity.open(ends, now).unwrap();
    }
    assert_eq!(capacity.open(&b, now), Err(Refusal::CircuitsOfPeer));
}

#[test]
fn a_full_bucket_gives_its_burst_at_once_and_then_its_rate() {
    let (mut bucket, now) = (Bucket::default(), Instant::now());
    let rate = Rate { bytes: 1000, burst: 500 };
    assert_eq!(bucket.take(500, rate, now), Duration::ZERO);
    assert_eq!(bucket.take(250, rate, now), Duration::from_millis(250));
    assert_eq!(bucket.take(250, rate, now), Duration::from_millis(500), "the second waits for the first as well");
    let later = now + Duration::from_millis(1000);
    assert_eq!(bucket.take(500, rate, later), Duration::ZERO, "a pause fills it");
    assert_eq!(bucket.take(1, rate, later), Duration::from_millis(1));
    let much_later = later + Duration::from_secs(1000);
    assert_eq!(bucket.take(501, rate, much_later), Duration::from_millis(1), "but not over its brim");
}

#[test]
fn strange_rates_do_no_harm() {
    let now = Instant::now();
    assert_eq!(Bucket::default().take(2, Rate { bytes: 0, burst: 0 }, now), Duration::from_secs(2));
    let mut bucket = Bucket::default();
    for _ in 0..3 {
        let _ = bucket.take(u64::MAX, Rate { bytes: 1, burst: 1 }, now);
    }
    assert_eq!(Bucket::default().take(u64::MAX, Rate { bytes: u64::MAX, burst: u64::MAX }, now), Duration::ZERO);
}

#[test]
fn a_circuit_waits_for_the_slower_of_its_own_pace_and_the_common_one() {
    let (mut capacity, now) = (Capacity::new(limits()), Instant::now());
    let (mut first, mut second) = (Bucket::default(), Bucket::default());
    assert_eq!(capacity.take(&mut first, 2 * MIB, now), Duration::ZERO);
    assert_eq!(capacity.take(&mut first, MIB, now), Duration::from_secs(1), "its own burst is used up");
    assert_eq!(capacity.take(&mut second, MIB, now), Duration::from_millis(500), "and the common one");
    capacity.set_limits(Limits { total: Rate { bytes: 4 * MIB, burst: 3 * MIB }, ..limits() });
    let later = now + Duration::from_secs(2);
    assert_eq!(capacity.take(&mut second, 4 * MIB, later), Duration::from_secs(2), "limits can be changed");
}
