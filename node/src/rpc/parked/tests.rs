//! Tests of the answers that wait to be fetched.

use atoll_protocol::{identity::SecretKey, rpc::Code};

use super::*;

const KIB: usize = 1024;

fn peer(seed: u8) -> NodeId {
    SecretKey::from_seed(&[seed; 32]).node_id()
}

fn park(parked: &Parked, peer: NodeId, len: usize) -> Result<u64, Status> {
    parked.park(peer, Bytes::from_static(b"head"), Bytes::from(vec![7; len]))
}

#[tokio::test]
async fn an_answer_is_handed_out_once_and_only_to_whom_it_is_for() {
    let parked = Parked::default();
    let ticket = park(&parked, peer(1), KIB).unwrap();
    assert!(parked.take(peer(2), ticket).is_none(), "somebody else's ticket");
    assert!(parked.take(peer(1), ticket.wrapping_add(1)).is_none(), "a ticket that was never given");
    let (head, body) = parked.take(peer(1), ticket).unwrap();
    assert_eq!((head.as_ref(), body.len()), (b"head".as_ref(), KIB));
    assert!(parked.take(peer(1), ticket).is_none(), "a ticket is good once");
}

#[tokio::test]
async fn what_waits_is_bounded_for_each_peer_and_in_all() {
    let parked = Parked::default();
    let first = park(&parked, peer(1), BYTES_PER_PEER).unwrap();
    let refused = park(&parked, peer(1), 1).unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.is_retryable(), "{refused}");
    park(&parked, peer(2), BYTES - BYTES_PER_PEER).unwrap();
    assert_eq!(park(&parked, peer(3), 1).unwrap_err().code(), Code::ResourceExhausted);
    parked.take(peer(1), first).unwrap();
    park(&parked, peer(3), 1).unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_nobody_fetches_goes_by_itself() {
    let parked = Parked::default();
    let early = park(&parked, peer(1), KIB).unwrap();
    sleep(PATIENCE / 2).await;
    let late = park(&parked, peer(1), KIB).unwrap();
    sleep(PATIENCE).await;
    assert!(parked.take(peer(1), early).is_none());
    // Looked after until nothing waits, then no longer; and again when something waits again.
    sleep(PATIENCE).await;
    assert!(parked.take(peer(1), late).is_none());
    assert!(!parked.0.lock().swept);
    park(&parked, peer(1), KIB).unwrap();
    assert!(parked.0.lock().swept);
    sleep(2 * PATIENCE).await;
    assert!(parked.0.lock().waiting.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_has_waited_too_long_makes_room() {
    let parked = Parked::default();
    park(&parked, peer(1), BYTES_PER_PEER).unwrap();
    sleep(PATIENCE).await;
    park(&parked, peer(1), BYTES_PER_PEER).unwrap();
}
