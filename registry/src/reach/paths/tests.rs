//! One connection remains, and nothing in flight is lost.

use proptest::{collection, prelude::*};

use super::*;

fn node(n: u8) -> NodeId {
    NodeId::from_public_key([n; 32])
}

fn connection(id: u32, transport: Transport, path: Path) -> Connection<u32> {
    Connection { id, transport, path, dialled: true, established: Time(1_000), in_flight: 0 }
}

fn direct(id: u32, transport: Transport) -> Connection<u32> {
    connection(id, transport, Path::Direct)
}

fn relayed(id: u32) -> Connection<u32> {
    connection(id, Transport::Quic, Path::Relayed)
}

/// What the node with the smaller id decides.
fn smaller(all: &[Connection<u32>], now: u64) -> Decision<u32> {
    decide(&node(1), &node(2), all, Time(now))
}

/// What the node with the larger id decides.
fn larger(all: &[Connection<u32>], now: u64) -> Decision<u32> {
    decide(&node(2), &node(1), all, Time(now))
}

#[test]
fn new_calls_take_the_best_at_once() {
    let mut all = vec![relayed(1)];
    assert_eq!(smaller(&all, 0), Decision { best: Some(1), close: vec![], again: None });
    all.push(direct(2, Transport::WebSocket));
    assert_eq!(smaller(&all, 0).best, Some(2));
    all.push(direct(3, Transport::Tcp));
    assert_eq!(smaller(&all, 0).best, Some(3));
    all.push(Connection { dialled: false, ..direct(4, Transport::Quic) });
    assert_eq!(smaller(&all, 0).best, Some(4));
    all.push(direct(6, Transport::Quic));
    assert_eq!((smaller(&all, 0).best, larger(&all, 0).best), (Some(6), Some(4)), "dialled by the smaller");
    all.push(direct(5, Transport::Quic));
    assert_eq!(smaller(&all, 0).best, Some(5), "the lowest id");
    assert_eq!(decide::<u32>(&node(1), &node(2), &[], Time(0)).best, None);
}

#[test]
fn closing_waits_for_the_newest_direct_one() {
    let newest = Connection { established: Time(1_700), ..direct(3, Transport::Tcp) };
    let all = [relayed(1), direct(2, Transport::Quic), newest];
    for now in [1_700, 2_500, 3_199] {
        assert_eq!(smaller(&all, now), Decision { best: Some(2), close: vec![], again: Some(Time(3_200)) });
    }
    assert_eq!(smaller(&all, 3_200), Decision { best: Some(2), close: vec![1, 3], again: None });
    assert_eq!(larger(&all, 3_200), Decision { best: Some(2), close: vec![1], again: None });
    assert_eq!(larger(&all[1..], 1_700).again, None, "the larger has nothing to close");
}

#[test]
fn what_is_in_use_is_not_closed() {
    let busy = Connection { in_flight: 1, ..relayed(1) };
    let also = Connection { in_flight: 2, ..direct(3, Transport::Tcp) };
    let all = [busy, direct(2, Transport::Quic), also, relayed(4)];
    assert_eq!(smaller(&all, 9_000), Decision { best: Some(2), close: vec![4], again: Some(Time(10_000)) });
    assert_eq!(larger(&all[2..], 9_000), Decision { best: Some(3), close: vec![4], again: None });
}

#[test]
fn one_that_came_after_the_direct_one_stays_for_a_while() {
    let late = Connection { established: Time(9_000), ..relayed(1) };
    let all = [late, direct(2, Transport::Quic)];
    for end in [smaller, larger] {
        assert_eq!(end(&all, 9_000), Decision { best: Some(2), close: vec![], again: Some(Time(9_000) + DOUBT) });
        assert_eq!(end(&all, 24_000), Decision { best: Some(2), close: vec![1], again: None });
    }
}

#[test]
fn relayed_ones_stay_while_there_is_nothing_better() {
    let all = [relayed(1), relayed(2)];
    assert_eq!(smaller(&all, 99_000), Decision { best: Some(1), close: vec![], again: None });
}

/// A connection as both ends see it: transport, path, whether the smaller dialled it, in flight.
fn shared() -> impl Strategy<Value = Vec<(Transport, Path, bool, usize)>> {
    let transport = prop::sample::select(vec![Transport::Quic, Transport::Tcp, Transport::WebSocket]);
    let path = prop::sample::select(vec![Path::Direct, Path::Relayed]);
    collection::vec((transport, path, any::<bool>(), 0_usize..2), 0..8)
}

/// The connections as one end sees them, under its own ids.
fn seen(all: &[(Transport, Path, bool, usize)], smaller: bool, ids: &[u32]) -> Vec<Connection<u32>> {
    let connections = all.iter().zip(ids).map(|(&(transport, path, by_smaller, in_flight), &id)| Connection {
        id,
        transport,
        path,
        dialled: by_smaller == smaller,
        established: Time(0),
        in_flight,
    });
    connections.collect()
}

proptest! {
    #[test]
    fn both_ends_agree_on_the_one_to_keep(all in shared(), first in 0_u32..1_000) {
        // Both ends number the connections in the order of their coming.
        let ids: Vec<u32> = (0..8).collect();
        let later: Vec<u32> = (first..first + 8).collect();
        let (one, other) = (smaller(&seen(&all, true, &ids), 9_000), larger(&seen(&all, false, &later), 9_000));
        prop_assert_eq!(one.best.map(|id| id + first), other.best);
        prop_assert!(other.close.iter().all(|id| one.close.contains(&(id - first))));
    }

    #[test]
    fn one_direct_connection_remains_whatever_the_ids(
        all in shared(),
        ids in Just((0..8).collect::<Vec<u32>>()).prop_shuffle(),
    ) {
        // The other end's ids are the places in `all`.
        let places: Vec<u32> = (0..8).collect();
        let one = smaller(&seen(&all, true, &ids), 9_000);
        let other = larger(&seen(&all, false, &places), 9_000);
        let closed = |place: usize| one.close.contains(&ids[place]) || other.close.contains(&places[place]);
        let remain: Vec<usize> = (0..all.len()).filter(|place| !closed(*place)).collect();
        let any_direct = all.iter().any(|(_, path, ..)| *path == Path::Direct);
        if any_direct {
            let idle_remain = remain.iter().filter(|place| all[**place].3 == 0 && Some(ids[**place]) != one.best);
            prop_assert_eq!(idle_remain.count(), 0, "what is idle and not the best is closed");
            prop_assert!(remain.iter().any(|place| all[*place].1 == Path::Direct));
        } else {
            prop_assert_eq!(remain.len(), all.len());
        }
        prop_assert!((0..all.len()).all(|place| !closed(place) || all[place].3 == 0), "nothing in flight is cut off");
        prop_assert!(one.best.is_none_or(|best| !one.close.contains(&best)));
    }
}
