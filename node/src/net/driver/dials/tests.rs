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
