//! Tests of the answers that wait to be fetched.

use atoll_protocol::{identity::SecretKey, rpc::Code};

use super::*;
use crate::testing::eventually;

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

#[tokio::test]
async fn what_nobody_fetches_goes_by_itself() {
    let parked = Parked::new(Duration::from_millis(20));
    // Looked after until nothing waits, then no longer; and again when something waits again.
    for _ in 0..2 {
        let ticket = park(&parked, peer(1), KIB).unwrap();
        assert!(parked.state.lock().swept);
        eventually("nothing waits", || parked.state.lock().waiting.is_empty()).await;
        assert!(parked.take(peer(1), ticket).is_none());
        eventually("nobody looks after it", || !parked.state.lock().swept).await;
    }
}

#[tokio::test]
async fn what_has_waited_too_long_makes_room() {
    let parked = Parked::default();
    park(&parked, peer(1), BYTES_PER_PEER).unwrap();
    park(&parked, peer(1), BYTES_PER_PEER).unwrap_err();
    let mut state = parked.state.lock();
    let now = Instant::now();
    state.expire(now, PATIENCE);
    assert_eq!(state.waiting.len(), 1, "it has not waited for long");
    state.expire(now + PATIENCE, PATIENCE);
    assert_eq!(state.bytes(&peer(1)), (0, 0));
}

#[tokio::test]
async fn the_one_who_looks_after_it_does_not_keep_it() {
    let parked = Parked::default();
    park(&parked, peer(1), KIB).unwrap();
    let state = Arc::downgrade(&parked.state);
    drop(parked);
    assert!(state.upgrade().is_none());
}
