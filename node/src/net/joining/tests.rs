//! Tests of the order in which first neighbours are sought.

use atoll_protocol::identity::SecretKey;

use super::*;

const A: &str = "/ip4/192.0.2.1/udp/4077/quic-v1";
const B: &str = "/ip4/192.0.2.2/tcp/4077";

fn at(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

fn id(seed: u8) -> NodeId {
    SecretKey::from_seed(&[seed; 32]).node_id()
}

fn joining(remembered: &[u8], configured: &[Multiaddr], lan: bool) -> Joining {
    Joining::new(remembered.iter().map(|s| (id(*s), vec![at(A)])).collect(), configured.to_vec(), lan)
}

#[test]
fn remembered_peers_have_a_head_start() {
    let mut joining = joining(&[1, 2], &[at(B)], true);
    let first = joining.round(0);
    let peers: Vec<_> = first.dial.iter().map(|t| t.peer).collect();
    assert_eq!((peers, first.again, first.alone), (vec![Some(id(1)), Some(id(2))], HEAD_START, false));
    let second = joining.round(0);
    assert_eq!(second.dial[0].configured, Some(at(B)), "then the configured ones come first");
    assert_eq!(second.dial.len(), 3, "and the remembered ones once more");
}

#[test]
fn configured_addresses_are_dialled_at_once_where_nobody_is_remembered() {
    let round = joining(&[], &[at(A), at(B)], false).round(0);
    assert_eq!(round.dial.len(), 2);
    assert_eq!((round.again, round.alone), (FIRST_PAUSE, false));
}

#[test]
fn the_addresses_of_one_peer_make_one_dial() {
    let of = |text: &str, seed| super::super::addresses::with_peer(&at(text), &id(seed));
    let round = joining(&[], &[of(A, 1), of(B, 2), of(B, 1), at(A), at(B)], false).round(0);
    let dialled: Vec<_> = round.dial.iter().map(|t| (t.peer, t.addresses.clone())).collect();
    assert_eq!(
        dialled,
        [
            (Some(id(1)), vec![at(A), at(B)]),
            (Some(id(2)), vec![at(B)]),
            // Addresses that name nobody may be those of different peers.
            (None, vec![at(A)]),
            (None, vec![at(B)]),
        ]
    );
    assert_eq!(round.dial[0].configured, Some(of(A, 1)));
}

#[test]
fn pauses_grow_up_to_a_minute_and_start_again_after_a_connection() {
    let mut joining = joining(&[], &[at(A)], false);
    let pauses: Vec<u64> = (0..9).map(|_| joining.round(0).again.as_secs()).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    let connected = joining.round(3);
    assert_eq!(connected, Round { again: LONGEST_PAUSE, ..Round::default() }, "nobody is dialled");
    let lost = joining.round(0);
    assert_eq!((lost.dial.len(), lost.again.as_secs()), (1, 2));
}

#[test]
fn after_many_rounds_the_pause_is_still_a_minute() {
    let mut joining = joining(&[], &[at(A)], false);
    joining.rounds = u32::MAX;
    assert_eq!(joining.round(0).again, LONGEST_PAUSE);
    assert_eq!(joining.round(0).again, LONGEST_PAUSE);
}

#[test]
fn who_has_nobody_to_dial_says_so_once() {
    let mut joining = joining(&[], &[], false);
    let said: Vec<bool> = (0..4).map(|_| joining.round(0).alone).collect();
    assert_eq!(said, [true, false, false, false]);
    joining.round(1);
    assert!(!joining.round(0).alone, "it has not become the first of its network");
}

#[test]
fn the_local_network_is_listened_to_before_calling_oneself_alone() {
    let mut joining = joining(&[], &[], true);
    let first = joining.round(0);
    assert_eq!((first.alone, first.again), (false, LAN_PATIENCE));
    assert!(joining.round(0).alone);
    assert!(!joining.round(0).alone);
}

#[test]
fn who_has_somebody_to_dial_is_not_alone() {
    for mut joining in [joining(&[1], &[], true), joining(&[], &[at(A)], false)] {
        assert!((0..5).all(|_| !joining.round(0).alone));
    }
}
