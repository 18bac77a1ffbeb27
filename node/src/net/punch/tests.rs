use futures::join;
use libp2p::Multiaddr;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use super::{handshake::HolePunch, *};
use crate::net::delimited;

fn address(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

fn pipe() -> (Compat<tokio::io::DuplexStream>, Compat<tokio::io::DuplexStream>) {
    let (near, far) = tokio::io::duplex(1024);
    (near.compat(), far.compat())
}

const HOME: &str = "/ip4/198.51.100.7/udp/4077/quic-v1";
const CAFE: &str = "/ip4/203.0.113.9/udp/50123/quic-v1";

#[tokio::test]
async fn both_learn_where_to_dial_the_other() {
    let (near, far) = pipe();
    let (home, cafe) = ([address(HOME)], [address(CAFE)]);
    let (began, answered) = join!(initiate(near, &home), respond(far, &cafe));
    assert_eq!(began.unwrap(), Agreed { role: Role::Initiator, addresses: cafe.to_vec() });
    assert_eq!(answered.unwrap(), Agreed { role: Role::Responder, addresses: home.to_vec() });
}

#[tokio::test]
async fn nothing_is_dialled_that_cannot_be_a_peer() {
    let relay = "/ip4/203.0.113.1/tcp/1/p2p/12D3KooWRBhwfeP2Y4TCx1SM6s9rUoHhR5STiGwxBhgFRcw3UERE/p2p-circuit";
    let loops = ["/ip4/127.0.0.1/tcp/22", "/ip6/::ffff:127.0.0.1/tcp/22", "/ip6/::1/tcp/22", "/ip6/fe80::1/tcp/22"];
    let useless =
        loops.into_iter().chain(["/ip4/0.0.0.0/tcp/1", "/ip4/224.0.0.1/tcp/1", "/dns4/x.example/tcp/1", relay]);
    let all: Vec<Multiaddr> = useless.map(address).collect();
    let (near, far) = pipe();
    let (home, _) = ([address(HOME)], ());
    let (began, answered) = join!(initiate(near, &home), respond(far, &all));
    assert!(matches!(began, Err(PunchError::NoAddresses)), "{began:?}");
    assert!(matches!(answered, Err(PunchError::Read(_))), "the peer has gone: {answered:?}");
}

#[tokio::test]
async fn no_more_is_taken_than_is_offered() {
    let (near, far) = pipe();
    let flood = HolePunch { kind: 100, addresses: vec![address(CAFE).to_vec(); 60] };
    let (home, mut near) = ([address(HOME)], near);
    let peer = async {
        delimited::write(&mut near, &flood).await.unwrap();
        let _: HolePunch = delimited::read(&mut near).await.unwrap();
        delimited::write(&mut near, &HolePunch { kind: 300, addresses: Vec::new() }).await.unwrap();
    };
    let (agreed, ()) = join!(respond(far, &home), peer);
    assert_eq!(agreed.unwrap().addresses.len(), candidates::OFFERED);
}

#[tokio::test]
async fn what_is_out_of_turn_is_refused() {
    let (mut near, far) = pipe();
    let home = [address(HOME)];
    let sync = HolePunch { kind: 300, addresses: Vec::new() };
    let (answered, sent) = join!(respond(far, &home), delimited::write(&mut near, &sync));
    sent.unwrap();
    assert!(matches!(answered, Err(PunchError::Unexpected { expected: 100, found: 300 })), "{answered:?}");
}

#[tokio::test]
async fn garbage_and_what_is_too_long_is_refused() {
    use futures::AsyncWriteExt;
    for (bytes, expected) in [(&[3, 0xff, 0xff, 0xff][..], "not a message"), (&[0xff, 0x7f, 0][..], "longer than 4096")]
    {
        let (mut near, far) = pipe();
        near.write_all(bytes).await.unwrap();
        let why = respond(far, &[address(HOME)]).await.unwrap_err().to_string();
        assert!(why.contains(expected), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_given_up() {
    let (_silent, far) = pipe();
    assert!(matches!(respond(far, &[address(HOME)]).await, Err(PunchError::Timeout)));
}

#[test]
fn what_others_see_comes_before_what_one_listens_on() {
    let mut candidates = Candidates::default();
    let old = address("/ip4/203.0.113.9/udp/50001/quic-v1");
    candidates.observed(&old);
    candidates.observed(&address(CAFE).with_p2p(libp2p::PeerId::random()).unwrap());
    let own = address("/ip4/192.168.1.2/udp/4077/quic-v1");
    let offered = candidates.offer([own.clone(), address("/ip4/127.0.0.1/udp/4077/quic-v1"), address(CAFE)]);
    assert_eq!(offered, [address(CAFE), old, own.clone()]);
    candidates.clear();
    assert_eq!(candidates.offer([own.clone()]), [own]);
}

#[test]
fn as_many_are_remembered_as_are_of_use() {
    let mut candidates = Candidates::default();
    (1..=100).for_each(|port| candidates.observed(&address(&format!("/ip4/203.0.113.9/udp/{port}/quic-v1"))));
    let offered = candidates.offer((1..=100).map(|port| address(&format!("/ip4/10.0.0.1/tcp/{port}"))));
    assert_eq!(offered.len(), candidates::OFFERED);
    assert_eq!(offered[0], address("/ip4/203.0.113.9/udp/100/quic-v1"), "the latest comes first");
    assert!(offered.contains(&address("/ip4/10.0.0.1/tcp/1")), "there is room for one's own");
}
