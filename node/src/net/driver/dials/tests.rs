use atoll_protocol::identity::SecretKey;

use super::*;

#[tokio::test]
async fn a_peer_that_hangs_up_is_dialled_once_more() {
    let (mut dials, peer) = (Dials::default(), PeerId::random());
    let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
    assert_eq!(dials.redial(&peer), None, "nobody waits for it");
    dials.may_redial(&peer, vec![address.clone()]);
    assert_eq!(dials.redial(&peer), None, "nor does an address make anybody wait");

    let (reply, answer) = oneshot::channel();
    dials.wait_for_peer(peer, reply);
    dials.may_redial(&peer, vec![address.clone()]);
    assert_eq!(dials.redial(&peer), Some(vec![address]));
    assert_eq!(dials.redial(&peer), None, "once for each dial");

    let node = NodeId::from_public_key([7; 32]);
    dials.identified(&peer, &Ok(node));
    assert_eq!(answer.await.unwrap().unwrap(), node);
    assert_eq!(dials.redial(&peer), None);
}

fn at(port: u16) -> Multiaddr {
    format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
}

#[tokio::test]
async fn those_who_wait_fail_with_the_last_dial_that_was_made_for_them() {
    let (mut dials, peer) = (Dials::default(), PeerId::random());
    let [first, second, other] = [1, 2, 3].map(ConnectionId::new_unchecked);
    let (reply, mut answer) = oneshot::channel();
    dials.wait_for_peer(peer, reply);
    dials.begun(first, peer, vec![at(1)]);
    dials.begun(second, peer, vec![at(2)]);
    for failed in [other, first] {
        dials.connection_failed(failed, &DialError::NoAddresses);
        dials.peer_failed(&peer, "nobody there");
        assert!(answer.try_recv().is_err(), "{failed}: another dial is under way");
    }
    dials.connection_failed(second, &DialError::NoAddresses);
    dials.peer_failed(&peer, "nobody there");
    let error = answer.await.unwrap().unwrap_err().to_string();
    assert!(error.contains("nobody there"), "{error}");
}

#[test]
fn what_is_being_tried_for_those_who_wait_is_not_tried_once_more() {
    let peer = crate::net::peer_id(&SecretKey::from_seed(&[7; 32]).node_id()).unwrap();
    let mut dials = Dials::default();
    assert!(!dials.are_tried(&peer, &[]), "nothing is");
    dials.begun(ConnectionId::new_unchecked(1), peer, vec![at(1), at(2)]);
    assert!(dials.are_tried(&peer, &[]));
    assert!(dials.are_tried(&peer, &[at(2).with_p2p(peer).unwrap(), at(1)]), "the same in other words");
    assert!(!dials.are_tried(&peer, &[at(1), at(3)]), "one more is known");
    assert!(!dials.are_tried(&PeerId::random(), &[at(1)]));
    dials.established(ConnectionId::new_unchecked(1), peer);
    assert!(!dials.are_tried(&peer, &[at(1)]), "that dial has ended");
    for (port, id) in (1..).zip(0..AT_A_TIME) {
        assert!(!dials.are_tried(&peer, &[at(port)]));
        dials.begun(ConnectionId::new_unchecked(id), peer, vec![at(port)]);
    }
    assert!(dials.are_tried(&peer, &[at(9)]), "they are as many as there may be");
}
