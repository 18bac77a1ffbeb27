//! A server and clients that do not do what they should.

use futures::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::net::{
    autonat::messages::{self, DialDataResponse, DialRequest},
    delimited,
};

/// A dial that must not be made.
async fn never(address: Multiaddr, _: u64) -> Result<(), DialBackError> {
    panic!("{address} was dialled")
}

fn request(addresses: &[&str]) -> Body {
    Body::Request(DialRequest { addresses: addresses.iter().map(|a| address(a).to_vec()).collect(), nonce: 7 })
}

fn data(bytes: usize) -> Body {
    Body::DataResponse(DialDataResponse { data: vec![0; bytes] })
}

#[tokio::test]
async fn who_asks_for_an_address_elsewhere_pays_first() {
    let limits = Limits::default();
    for client in 1..=20 {
        let (mut near, far) = pipe();
        let asker = asker(client, &format!("/ip4/10.0.0.{client}/tcp/1"));
        let paying = async {
            messages::write(&mut near, request(&[HOME, CAFE])).await.unwrap();
            let asked = messages::read(&mut near).await.unwrap();
            let Some(Body::DataRequest(asked)) = asked else { panic!("{asked:?}") };
            assert_eq!(asked.index, 0);
            assert!((30_000..=100_000).contains(&asked.bytes), "{}", asked.bytes);
            // All but one byte, in two sizes; then the last message may bring more than is due.
            let due = usize::try_from(asked.bytes).unwrap() - 1;
            for some in std::iter::repeat_n(4096, due / 4096).chain([due % 4096]).filter(|some| *some > 0) {
                messages::write(&mut near, data(some)).await.unwrap();
            }
            let early = tokio::time::timeout(std::time::Duration::from_millis(1), messages::read(&mut near)).await;
            assert!(early.is_err(), "not before the last byte: {early:?}");
            messages::write(&mut near, data(4096)).await.unwrap();
            messages::read(&mut near).await.unwrap()
        };
        let dial = async |to: Multiaddr, nonce| {
            assert_eq!((to, nonce), (address(HOME), 7));
            Err(DialBackError::Unreachable)
        };
        let (answer, served) = join!(paying, serve(far, &asker, &limits, |_| true, dial));
        assert_eq!(answer, Some(response(200, 0, 100)));
        assert!(matches!(served, Ok(Served::Dialled { .. })), "{served:?}");
    }
}

#[tokio::test]
async fn who_does_not_pay_gets_no_dial() {
    for instead in [data(0), request(&[HOME]), response(200, 0, 200)] {
        let (mut near, far) = pipe();
        let (asker, limits) = (asker(1, HOME), Limits::default());
        let cheating = async {
            messages::write(&mut near, request(&[CAFE])).await.unwrap();
            messages::read(&mut near).await.unwrap();
            messages::write(&mut near, instead).await.unwrap();
            near.read_to_end(&mut Vec::new()).await.unwrap()
        };
        let (rest, served) = join!(cheating, serve(far, &asker, &limits, |_| true, never));
        assert!(matches!(served, Err(ServeError::OutOfTurn)), "{served:?}");
        assert_eq!(rest, 0, "no answer");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_is_let_go_and_leaves_its_place_to_others() {
    let (asker, limits) = (asker(1, HOME), Limits::default());
    let (_near, far) = pipe();
    let served = serve(far, &asker, &limits, |_| true, never).await;
    assert!(matches!(served, Err(ServeError::Timeout)), "before the request: {served:?}");
    for _ in 0..2 {
        let (mut near, far) = pipe();
        messages::write(&mut near, request(&[CAFE])).await.unwrap();
        let served = serve(far, &asker, &limits, |_| true, never).await;
        assert!(matches!(served, Err(ServeError::Timeout)), "before the data: {served:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dial_without_end_is_one_that_fails() {
    let (mut near, far) = pipe();
    messages::write(&mut near, request(&[HOME])).await.unwrap();
    let (asker, limits) = (asker(1, HOME), Limits::default());
    let begun = tokio::time::Instant::now();
    let served = serve(far, &asker, &limits, |_| true, async |_, _| std::future::pending().await).await;
    assert_eq!(served.unwrap(), Served::Dialled { address: address(HOME), result: Err(DialBackError::Unreachable) });
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "the client still waits");
    assert_eq!(messages::read(&mut near).await.unwrap(), Some(response(200, 0, 100)));
}

#[tokio::test]
async fn what_makes_no_sense_ends_the_substream() {
    for (bytes, expected) in
        [(&[3, 0xff, 0xff, 0xff][..], "not a message"), (&[0xff, 0x7f, 0], "longer than 4104"), (&[0], "out of turn")]
    {
        let (mut near, far) = pipe();
        near.write_all(bytes).await.unwrap();
        let (asker, limits) = (asker(1, HOME), Limits::default());
        let why = serve(far, &asker, &limits, |_| true, never).await.unwrap_err().to_string();
        assert!(why.contains(expected), "{why}");
    }
}

#[tokio::test]
async fn only_what_is_public_is_dialled() {
    let public = |ip: std::net::IpAddr| !ip.to_string().starts_with("10.");
    for private in [&["/ip4/10.0.0.1/tcp/22"][..], &["/ip4/127.0.0.1/tcp/22", "/ip6/fe80::1/tcp/22"], &[]] {
        let (mut near, far) = pipe();
        messages::write(&mut near, request(private)).await.unwrap();
        let (asker, limits) = (asker(1, "/ip4/10.0.0.1/tcp/1"), Limits::default());
        let served = serve(far, &asker, &limits, public, never).await;
        assert_eq!(served.unwrap(), Served::NoAddress, "{private:?}");
        assert_eq!(messages::read(&mut near).await.unwrap(), Some(response(101, 0, 0)));
    }
}

#[tokio::test]
async fn a_server_at_its_limits_says_so() {
    let (asker, limits) = (asker(1, HOME), Limits::default());
    let now = tokio::time::Instant::now().into_std();
    let serving = limits.enter(asker.peer, None, now).unwrap();
    let busy = async || {
        let (mut near, far) = pipe();
        messages::write(&mut near, request(&[HOME])).await.unwrap();
        let served = serve(far, &asker, &limits, |_| true, async |_, _| Ok(())).await.unwrap();
        (served, messages::read(&mut near).await.unwrap())
    };
    assert_eq!(busy().await, (Served::Rejected(Rejected::PeerBusy), Some(response(100, 0, 0))));
    drop(serving);
    for _ in 0..7 {
        assert_eq!(busy().await.1, Some(response(200, 0, 200)), "one after the other");
    }
    assert_eq!(busy().await, (Served::Rejected(Rejected::PeerFull), Some(response(100, 0, 0))));
}

#[tokio::test]
async fn a_nonce_that_is_not_confirmed_did_not_arrive() {
    for answer in [&[2, 8, 1][..], &[2, 0xff, 0xff], &[]] {
        let (near, mut far) = pipe();
        let client = async {
            let _: messages::DialBack = delimited::read(&mut far).await.unwrap();
            let _ = far.write_all(answer).await;
            drop(far);
        };
        let (said, ()) = join!(say_nonce(near, 7), client);
        assert_eq!(said, Err(DialBackError::Unconfirmed), "{answer:?}");
    }
    let nonces = Nonces::default();
    assert_eq!(dial_back(&nonces, 7).await, Err(DialBackError::Unconfirmed), "nobody expects it");
}
