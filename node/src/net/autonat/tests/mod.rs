//! Client and server over pipes, each against the other and against a peer that a test makes say what it likes; and both
//! against libp2p's own.

mod client;
mod interop;
mod limits;
mod server;
mod targets;

use futures::join;
use libp2p::Multiaddr;
use tokio::io::DuplexStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use super::{
    client::{AskError, DialBackRefused, NotTried, Verdict},
    limits::Rejected,
    messages::{Body, DialResponse},
    server::{ServeError, Served},
    *,
};

const HOME: &str = "/ip4/198.51.100.7/udp/4077/quic-v1";
const CAFE: &str = "/ip4/203.0.113.9/tcp/4077";

fn address(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

type Pipe = Compat<DuplexStream>;

/// One that holds less than the data that a server asks for, so that both sides must be at it.
fn pipe() -> (Pipe, Pipe) {
    let (near, far) = tokio::io::duplex(1024);
    (near.compat(), far.compat())
}

fn peer(n: u8) -> atoll_protocol::identity::NodeId {
    atoll_protocol::identity::NodeId::from_public_key([n; 32])
}

fn asker(n: u8, from: &str) -> Asker {
    Asker { peer: peer(n), from: address(from) }
}

fn response(status: i32, index: u32, dial: i32) -> Body {
    Body::Response(DialResponse { status, index, dial })
}

/// Dials back to a client that has `nonces`.
async fn dial_back(nonces: &Nonces, nonce: u64) -> Result<(), DialBackError> {
    let (near, far) = pipe();
    join!(say_nonce(near, nonce), accept_dial_back(far, std::time::Instant::now(), nonces)).0
}

/// A whole exchange, with what the server's dial comes to.
async fn exchange(
    from: &str,
    candidates: &[Multiaddr],
    dial: impl AsyncFnOnce(&Nonces, u64) -> Result<(), DialBackError>,
) -> (Result<Answer, AskError>, Result<Served, ServeError>) {
    let (near, far) = pipe();
    let nonces = Nonces::default();
    let (asker, limits) = (asker(1, from), Limits::default());
    let serving = serve(far, &asker, &limits, |_| true, async |_, nonce| dial(&nonces, nonce).await);
    join!(ask(near, candidates, &nonces), serving)
}

fn verdict(address: &Multiaddr, reachable: bool) -> Answer {
    Answer::Tried(Verdict { address: address.clone(), reachable })
}

#[tokio::test]
async fn an_address_that_can_be_dialled_is_reachable() {
    let home = address(HOME);
    let (answer, served) = exchange(HOME, std::slice::from_ref(&home), dial_back).await;
    assert_eq!(answer.unwrap(), verdict(&home, true));
    assert_eq!(served.unwrap(), Served::Dialled { address: home, result: Ok(()) });
}

#[tokio::test]
async fn an_address_that_cannot_be_dialled_is_not() {
    let home = address(HOME);
    let unreachable = async |_: &Nonces, _| Err(DialBackError::Unreachable);
    let (answer, served) = exchange(HOME, std::slice::from_ref(&home), unreachable).await;
    assert_eq!(answer.unwrap(), verdict(&home, false));
    assert_eq!(served.unwrap(), Served::Dialled { address: home, result: Err(DialBackError::Unreachable) });
}

#[tokio::test]
async fn an_address_elsewhere_costs_data_and_is_tried() {
    let cafe = address(CAFE);
    for from in [HOME, "/ip4/203.0.113.9/tcp/1/p2p/12D3KooWRBhwfeP2Y4TCx1SM6s9rUoHhR5STiGwxBhgFRcw3UERE/p2p-circuit"] {
        let (answer, served) = exchange(from, &[address("/ip4/127.0.0.1/tcp/1"), cafe.clone()], dial_back).await;
        assert_eq!(answer.unwrap(), verdict(&cafe, true), "from {from}");
        assert_eq!(served.unwrap(), Served::Dialled { address: cafe.clone(), result: Ok(()) });
    }
}

#[tokio::test]
async fn a_client_that_heard_the_nonce_is_reachable_though_the_server_did_not_hear_of_it() {
    let home = address(HOME);
    let deaf = async |nonces: &Nonces, nonce| {
        dial_back(nonces, nonce).await.unwrap();
        Err(DialBackError::Unconfirmed)
    };
    let (answer, _) = exchange(HOME, std::slice::from_ref(&home), deaf).await;
    assert_eq!(answer.unwrap(), verdict(&home, true));
    let failed = async |_: &Nonces, _| Err(DialBackError::Unconfirmed);
    let (answer, _) = exchange(HOME, std::slice::from_ref(&home), failed).await;
    assert!(matches!(answer, Err(AskError::NoProof)), "{answer:?}");
}

#[tokio::test]
async fn what_is_not_tried_says_nothing() {
    let unable = async |_: &Nonces, _| Err(DialBackError::Unable);
    let (answer, _) = exchange(HOME, &[address(HOME)], unable).await;
    assert_eq!(answer.unwrap(), Answer::NotTried(NotTried::Failed));
    let (answer, served) = exchange(HOME, &[address("/ip4/127.0.0.1/tcp/1")], dial_back).await;
    assert_eq!(answer.unwrap(), Answer::NotTried(NotTried::Refused));
    assert_eq!(served.unwrap(), Served::NoAddress);
}
