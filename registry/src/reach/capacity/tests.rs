//! Never more than the limits, and nothing is left behind.

use proptest::{collection, prelude::*};

use super::*;

fn node(n: u16) -> NodeId {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    NodeId::from_public_key(key)
}

fn subnet(n: u8) -> Option<Subnet> {
    Some(Subnet::V4([8, 8, n]))
}

const HOUR: Duration = Duration::from_secs(3600);
const START: Time = Time(1_000);

fn small() -> RelayLimits {
    RelayLimits {
        reservations: 4,
        reservations_per_subnet: 2,
        circuits: 6,
        circuits_per_source: 2,
        circuits_per_subnet: 3,
        circuits_per_destination: 4,
        bytes_per_second: 1_000,
        bytes_per_second_per_subnet: 2_000,
        bytes_per_second_total: 3_000,
        burst_ms: 500,
    }
}

/// Peers 1 to `n` have reservations, from addresses that are not counted.
fn reserved(limits: RelayLimits, n: u16) -> Capacity {
    let mut capacity = Capacity::new(limits, START);
    (1..=n).for_each(|n| capacity.admit_reservation(node(n), None, HOUR, START).unwrap());
    capacity
}

#[test]
fn a_limit_of_nought_is_named() {
    assert_eq!(RelayLimits::default().check(), Ok(()));
    assert_eq!(RelayLimits { burst_ms: 0, ..small() }.check(), Ok(()), "all bytes wait");
    for (limits, name) in [
        (RelayLimits { circuits_per_source: 0, ..small() }, "circuits_per_source"),
        (RelayLimits { bytes_per_second_total: 0, ..small() }, "bytes_per_second_total"),
    ] {
        assert_eq!(limits.check(), Err(Nothing { name }));
    }
}

#[test]
fn reservations_are_limited_in_total_and_by_subnet() {
    let mut capacity = Capacity::new(small(), START);
    let mut ask = |n, s| capacity.admit_reservation(node(n), subnet(s), HOUR, START);
    assert_eq!((ask(1, 1), ask(2, 1)), (Ok(()), Ok(())));
    assert_eq!(ask(3, 1), Err(Full::ReservationsOfSubnet));
    assert_eq!((ask(3, 2), ask(4, 3)), (Ok(()), Ok(())));
    assert_eq!(ask(5, 4), Err(Full::Reservations));
    assert_eq!(ask(1, 1), Ok(()), "a renewal, or another connection of the same peer");
    assert_eq!(ask(3, 1), Err(Full::ReservationsOfSubnet), "moved to where there is no room");
    assert!(capacity.is_reserved(&node(3), START), "it keeps what it has");
    assert!(capacity.end_reservation(&node(1)) && !capacity.end_reservation(&node(1)));
    assert_eq!(capacity.admit_reservation(node(5), subnet(1), HOUR, START), Ok(()));
    let figures = capacity.figures();
    assert_eq!((figures.reservations, figures.reservations_made), (4, 5));
    assert_eq!(figures.refused, [(Full::Reservations, 1), (Full::ReservationsOfSubnet, 2)].into());
}

#[test]
fn reservations_end_with_their_term() {
    let mut capacity = reserved(small(), 4);
    let end = START + HOUR;
    assert!(capacity.is_reserved(&node(1), Time(end.0 - 1)) && !capacity.is_reserved(&node(1), end));
    assert_eq!(capacity.admit_reservation(node(9), None, HOUR, end), Ok(()));
    assert_eq!(capacity.figures().reservations, 1);
    assert_eq!(capacity.admit_circuit(node(9), None, node(1), end), Err(Full::NoReservation));
}

#[test]
fn circuits_are_limited_by_source_subnet_destination_and_in_total() {
    let mut capacity = reserved(small(), 3);
    let mut ask = |from, s, to| capacity.admit_circuit(node(from), s, node(to), START);
    assert_eq!(ask(10, None, 9), Err(Full::NoReservation));
    assert!(ask(10, subnet(1), 1).is_ok() && ask(10, subnet(1), 2).is_ok());
    assert_eq!(ask(10, subnet(2), 1), Err(Full::CircuitsOfSource));
    assert!(ask(11, subnet(1), 1).is_ok());
    assert_eq!(ask(12, subnet(1), 1), Err(Full::CircuitsOfSubnet));
    assert!(ask(12, None, 1).is_ok() && ask(13, None, 1).is_ok());
    assert_eq!(ask(14, None, 1), Err(Full::CircuitsToDestination));
    let last = ask(14, None, 2).unwrap();
    assert_eq!(ask(15, None, 3), Err(Full::Circuits));
    assert!(capacity.end_circuit(last, START) && !capacity.end_circuit(last, START));
    assert!(capacity.admit_circuit(node(15), None, node(3), START).is_ok());
    assert_eq!((capacity.figures().circuits, capacity.figures().circuits_made), (6, 7));
    assert_eq!(capacity.figures().refused.values().sum::<u64>(), 5);
}

#[test]
fn circuits_outlive_the_reservation() {
    let mut capacity = reserved(small(), 1);
    let id = capacity.admit_circuit(node(2), None, node(1), START).unwrap();
    capacity.end_reservation(&node(1));
    assert_eq!(capacity.spend(id, 1, START), Some(START));
}

#[test]
fn bytes_wait_for_the_narrowest_rate() {
    let mut capacity = reserved(small(), 3);
    let one = capacity.admit_circuit(node(10), subnet(1), node(1), START).unwrap();
    let back = capacity.admit_circuit(node(1), None, node(10), START);
    assert_eq!(back, Err(Full::NoReservation));
    assert_eq!(capacity.spend(one, 500, START), Some(START), "the burst");
    assert_eq!(capacity.spend(one, 100, START), Some(Time(START.0 + 100)));
    let same_pair = capacity.admit_circuit(node(10), subnet(1), node(1), START).unwrap();
    assert_eq!(capacity.spend(same_pair, 100, START), Some(Time(START.0 + 200)));
    // The subnet has 300 of its burst of 1 000 left; then the whole has 400 of 1 500.
    let neighbour = capacity.admit_circuit(node(11), subnet(1), node(2), START).unwrap();
    assert_eq!(capacity.spend(neighbour, 400, START), Some(Time(START.0 + 50)));
    let stranger = capacity.admit_circuit(node(12), subnet(2), node(3), START).unwrap();
    assert_eq!(capacity.spend(stranger, 430, START), Some(Time(START.0 + 10)));
    assert_eq!((capacity.figures().bytes, capacity.figures().bytes_delayed), (1_530, 1_030));
    assert!(capacity.end_circuit(one, START));
    assert_eq!(capacity.spend(one, 1, START), None);
}

#[test]
fn a_circuit_opened_anew_gets_no_other_burst() {
    let mut capacity = reserved(small(), 1);
    let first = capacity.admit_circuit(node(10), subnet(1), node(1), START).unwrap();
    capacity.spend(first, 500, START);
    capacity.end_circuit(first, START);
    let second = capacity.admit_circuit(node(10), subnet(1), node(1), START).unwrap();
    assert_eq!(capacity.spend(second, 500, START), Some(Time(START.0 + 500)));
}

#[test]
fn a_rate_of_nothing_lets_nothing_through() {
    let mut capacity = reserved(RelayLimits { bytes_per_second: 0, ..small() }, 1);
    let id = capacity.admit_circuit(node(10), None, node(1), START).unwrap();
    assert_eq!(capacity.spend(id, 1, START), Some(Time::NEVER));
    let mut bucket = Bucket::new(u64::MAX, u64::MAX, START);
    assert_eq!(bucket.spend(u64::MAX, START), START, "sums saturate");
}

#[test]
fn limits_are_read_from_a_configuration() {
    let limits: RelayLimits = serde_json::from_str(r#"{"circuits": 7}"#).unwrap();
    assert_eq!(limits, RelayLimits { circuits: 7, ..RelayLimits::default() });
    assert!(serde_json::from_str::<RelayLimits>(r#"{"circuit": 7}"#).is_err());
    let limits = RelayLimits::default();
    assert!(limits.circuits_per_source <= limits.circuits_per_subnet && limits.circuits_per_subnet < limits.circuits);
    assert!(limits.bytes_per_second <= limits.bytes_per_second_per_subnet);
    assert!(limits.bytes_per_second_per_subnet <= limits.bytes_per_second_total);
}

#[derive(Debug, Clone)]
enum Step {
    Reserve(u16, u8, u64),
    EndReservation(u16),
    Open(u16, u8, u16),
    Close(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_u16..8, 0_u8..4, 1_u64..20_000).prop_map(|(peer, subnet, term)| Step::Reserve(peer, subnet, term)),
        1 => (0_u16..8).prop_map(Step::EndReservation),
        4 => (0_u16..8, 0_u8..4, 0_u16..8).prop_map(|(from, subnet, to)| Step::Open(from, subnet, to)),
        2 => (0_usize..8).prop_map(Step::Close),
        1 => (0_u64..5_000).prop_map(Step::Wait),
    ]
}

/// The most that any of these has; 0 if there are none.
fn most<K: Ord>(keys: impl Iterator<Item = K>) -> usize {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_insert(0) += 1);
    counts.into_values().max().unwrap_or(0)
}

proptest! {
    #[test]
    fn limits_hold_and_everything_comes_back_to_nothing(steps in collection::vec(step(), 0..150)) {
        let limits = small();
        let mut capacity = Capacity::new(limits, START);
        let mut now = START;
        let mut reservations: BTreeMap<NodeId, (Option<Subnet>, Time)> = BTreeMap::new();
        let mut open: Vec<(CircuitId, NodeId, Option<Subnet>, NodeId)> = Vec::new();
        // Subnet 0 stands for none.
        let of = |s: u8| (s > 0).then(|| subnet(s)).flatten();
        for step in steps {
            match step {
                Step::Reserve(peer, s, term) => {
                    let term = Duration::from_millis(term);
                    if capacity.admit_reservation(node(peer), of(s), term, now).is_ok() {
                        reservations.insert(node(peer), (of(s), now + term));
                    }
                }
                Step::EndReservation(peer) => {
                    capacity.end_reservation(&node(peer));
                    reservations.remove(&node(peer));
                }
                Step::Open(from, s, to) => {
                    if let Ok(id) = capacity.admit_circuit(node(from), of(s), node(to), now) {
                        prop_assert!(reservations.contains_key(&node(to)));
                        open.push((id, node(from), of(s), node(to)));
                    }
                }
                Step::Close(place) => {
                    if place < open.len() {
                        let (id, ..) = open.swap_remove(place);
                        capacity.spend(id, 700, now);
                        prop_assert!(capacity.end_circuit(id, now));
                    }
                }
                Step::Wait(millis) => now = now + Duration::from_millis(millis),
            }
            capacity.expire(now);
            reservations.retain(|_, (_, expires)| *expires > now);
            prop_assert_eq!(capacity.figures().reservations, reservations.len());
            prop_assert_eq!(capacity.figures().circuits, open.len());
            prop_assert!(reservations.len() <= limits.reservations && open.len() <= limits.circuits);
            let subnets = reservations.values().filter_map(|(subnet, _)| *subnet);
            prop_assert!(most(subnets) <= limits.reservations_per_subnet);
            prop_assert!(most(open.iter().map(|c| c.1)) <= limits.circuits_per_source);
            prop_assert!(most(open.iter().filter_map(|c| c.2)) <= limits.circuits_per_subnet);
            prop_assert!(most(open.iter().map(|c| c.3)) <= limits.circuits_per_destination);
            prop_assert!(capacity.pairs.len() <= 2 * limits.circuits && capacity.subnets.len() <= 2 * limits.circuits);
        }
        for (id, ..) in open {
            prop_assert!(capacity.end_circuit(id, now));
        }
        for (peer, _) in reservations {
            capacity.end_reservation(&peer);
        }
        capacity.expire(now + HOUR);
        let left = [capacity.reservations.len(), capacity.reservations_of.len(), capacity.circuits.len()];
        prop_assert_eq!(left, [0; 3]);
        let left = [capacity.from.len(), capacity.to.len(), capacity.pairs.len(), capacity.subnets.len()];
        prop_assert_eq!(left, [0; 4]);
    }

    #[test]
    fn no_rate_is_exceeded_in_any_span(
        spends in collection::vec((0_usize..4, 1_u64..2_000, 0_u64..400), 1..120),
    ) {
        // Rates at which bytes take fractions of milliseconds.
        let (pair, of_subnet, total) = (700, 1_300, 1_900);
        let limits = RelayLimits {
            bytes_per_second: pair,
            bytes_per_second_per_subnet: of_subnet,
            bytes_per_second_total: total,
            ..small()
        };
        let mut capacity = reserved(limits, 3);
        // Two circuits of one pair, a neighbour of theirs, a stranger.
        let circuits = [(10, 1, 1), (10, 1, 1), (11, 1, 2), (12, 2, 3)];
        let ids = circuits.map(|(from, s, to)| capacity.admit_circuit(node(from), subnet(s), node(to), START).unwrap());
        let mut now = START;
        let mut sent: Vec<(usize, u64, Time)> = Vec::new();
        for (circuit, bytes, wait) in spends {
            sent.push((circuit, bytes, capacity.spend(ids[circuit], bytes, now).unwrap()));
            now = now + Duration::from_millis(wait);
        }
        let groups: [(&[usize], u64); 4] =
            [(&[0, 1], pair), (&[2], pair), (&[0, 1, 2], of_subnet), (&[0, 1, 2, 3], total)];
        for (group, rate) in groups {
            let mut times: Vec<(u64, u64)> =
                sent.iter().filter(|(c, ..)| group.contains(c)).map(|(_, bytes, at)| (at.0, *bytes)).collect();
            times.sort_unstable();
            let mut total = 0;
            for (at, bytes) in times {
                total += bytes;
                let allowed = (at - START.0 + limits.burst_ms) * rate / 1_000;
                prop_assert!(total <= allowed, "{} of {} bytes at {}", total, allowed, at);
            }
        }
    }
}
