//! A client and servers that do not do what they should.

use std::time::Instant;

use futures::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::net::{
    autonat::{
        messages::{self, DialBack, DialBackResponse, DialDataRequest, DialRequest},
        nonces::EXPECTED,
    },
    delimited,
};

/// Asks a server that says `answers` one after the other, whatever it hears, and has dialled back with `nonce`, if that.
async fn ask_one_that_says(answers: Vec<Body>, nonce: impl Fn(u64) -> Option<u64>) -> Result<Answer, AskError> {
    let (near, mut far) = pipe();
    let (candidates, nonces) = ([address(HOME), address(CAFE)], Nonces::default());
    let server = async {
        let asked = request(&mut far).await;
        if let Some(nonce) = nonce(asked.nonce) {
            let _ = dial_back(&nonces, nonce).await;
        }
        for answer in answers {
            // The client may have had enough.
            let _ = messages::write(&mut far, answer).await;
        }
        let _ = far.read_to_end(&mut Vec::new()).await;
    };
    join!(ask(near, &candidates, &nonces), server).0
}

async fn request(stream: &mut Pipe) -> DialRequest {
    match messages::read(stream).await.unwrap() {
        Some(Body::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

fn data_request(index: u32, bytes: u64) -> Body {
    Body::DataRequest(DialDataRequest { index, bytes })
}

#[tokio::test]
async fn a_server_is_not_believed_without_the_nonce() {
    let lies = |nonce: fn(u64) -> Option<u64>| ask_one_that_says(vec![response(200, 0, 200)], nonce);
    for nonce in [|_| None, |nonce| Some(nonce ^ 1)] as [fn(u64) -> Option<u64>; 2] {
        let answer = lies(nonce).await;
        assert!(matches!(answer, Err(AskError::NoProof)), "{answer:?}");
    }
    assert_eq!(lies(Some).await.unwrap(), verdict(&address(HOME), true), "with it, it is");
}

#[tokio::test]
async fn the_verdict_is_of_the_address_that_the_server_names() {
    let answer = ask_one_that_says(vec![response(200, 1, 100)], |_| None).await;
    assert_eq!(answer.unwrap(), verdict(&address(CAFE), false));
    let answer = ask_one_that_says(vec![response(200, 2, 100)], |_| None).await;
    assert!(matches!(answer, Err(AskError::WrongAddress { index: 2 })), "{answer:?}");
}

#[tokio::test]
async fn a_server_that_tries_nothing_says_why() {
    for (status, why) in [(0, NotTried::Failed), (100, NotTried::Rejected), (101, NotTried::Refused)] {
        let answer = ask_one_that_says(vec![response(status, 77, 0)], |_| None).await;
        assert_eq!(answer.unwrap(), Answer::NotTried(why));
    }
    for (status, dial) in [(7, 200), (200, 7), (200, 0)] {
        let answer = ask_one_that_says(vec![response(status, 0, dial)], Some).await;
        assert!(matches!(answer, Err(AskError::UnknownStatus { .. })), "{status} {dial}: {answer:?}");
    }
}

#[tokio::test]
async fn data_is_given_within_bounds_and_for_one_address() {
    let ok = |index| response(200, index, 200);
    let answer = ask_one_that_says(vec![data_request(1, 100_000), ok(1)], Some).await;
    assert_eq!(answer.unwrap(), verdict(&address(CAFE), true));
    for bytes in [100_001, u64::MAX] {
        let answer = ask_one_that_says(vec![data_request(1, bytes), ok(1)], Some).await;
        assert!(matches!(answer, Err(AskError::TooMuchData { bytes: asked }) if asked == bytes), "{answer:?}");
    }
    let answer = ask_one_that_says(vec![data_request(2, 30_000), ok(1)], Some).await;
    assert!(matches!(answer, Err(AskError::WrongAddress { index: 2 })), "no such address: {answer:?}");
    let answer = ask_one_that_says(vec![data_request(0, 30_000), ok(1)], Some).await;
    assert!(matches!(answer, Err(AskError::WrongAddress { index: 1 })), "paid for another: {answer:?}");
    let answer = ask_one_that_says(vec![data_request(1, 30_000), response(100, 0, 0)], Some).await;
    assert_eq!(answer.unwrap(), Answer::NotTried(NotTried::Rejected), "the index means nothing then");
    let answer = ask_one_that_says(vec![data_request(0, 30_000), data_request(0, 30_000), ok(0)], Some).await;
    assert!(matches!(answer, Err(AskError::OutOfTurn)), "it pays once: {answer:?}");
}

#[tokio::test]
async fn as_much_data_is_given_as_is_asked_for() {
    let (near, mut far) = pipe();
    let (home, nonces) = ([address(HOME)], Nonces::default());
    let server = async {
        request(&mut far).await;
        messages::write(&mut far, data_request(0, 50_001)).await.unwrap();
        let mut got = 0;
        while got < 50_001 {
            let Some(Body::DataResponse(some)) = messages::read(&mut far).await.unwrap() else { panic!("no data") };
            assert!((1..=4096).contains(&some.data.len()), "{}", some.data.len());
            got += some.data.len();
        }
        messages::write(&mut far, response(200, 0, 100)).await.unwrap();
        assert_eq!(far.read_to_end(&mut Vec::new()).await.unwrap(), 0, "and no more");
        got
    };
    let (answer, got) = join!(ask(near, &home, &nonces), server);
    assert_eq!((answer.unwrap(), got), (verdict(&address(HOME), false), 50_001));
}

#[tokio::test]
async fn what_makes_no_sense_ends_the_request() {
    let own = Body::Request(DialRequest { addresses: Vec::new(), nonce: 7 });
    let answer = ask_one_that_says(vec![own], |_| None).await;
    assert!(matches!(answer, Err(AskError::OutOfTurn)), "{answer:?}");
    for (bytes, expected) in
        [(&[3, 0xff, 0xff, 0xff][..], "not a message"), (&[0xff, 0x7f, 0], "longer than 4104"), (&[0], "out of turn")]
    {
        let (near, mut far) = pipe();
        far.write_all(bytes).await.unwrap();
        let why = ask(near, &[address(HOME)], &Nonces::default()).await.unwrap_err().to_string();
        assert!(why.contains(expected), "{why}");
    }
    let (near, _) = pipe();
    let answer = ask(near, &[address(HOME)], &Nonces::default()).await;
    assert!(matches!(answer, Err(AskError::Io(_))), "the server has gone: {answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let (near, mut silent) = pipe();
    let nonces = Nonces::default();
    let answer = ask(near, &[address(HOME)], &nonces).await;
    assert!(matches!(answer, Err(AskError::Timeout)), "{answer:?}");
    let asked = request(&mut silent).await;
    assert!(!nonces.heard(asked.nonce, Instant::now()), "its nonce is no longer expected");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_takes_the_data_is_given_up() {
    let (near, mut far) = pipe();
    messages::write(&mut far, data_request(0, 30_000)).await.unwrap();
    let answer = ask(near, &[address(HOME)], &Nonces::default()).await;
    assert!(matches!(answer, Err(AskError::Timeout)), "{answer:?}");
}

#[tokio::test]
async fn no_more_is_asked_than_a_server_takes() {
    let (near, mut far) = pipe();
    let nonces = Nonces::default();
    let many: Vec<_> = (1..=60).map(|port| address(&format!("/ip4/203.0.113.9/tcp/{port}"))).collect();
    let server = async {
        let asked = request(&mut far).await;
        messages::write(&mut far, response(200, 16, 100)).await.unwrap();
        asked.addresses
    };
    let (answer, asked) = join!(ask(near, &many, &nonces), server);
    assert_eq!(asked, many[..16].iter().map(Multiaddr::to_vec).collect::<Vec<_>>());
    assert!(matches!(answer, Err(AskError::WrongAddress { index: 16 })), "one that was not sent: {answer:?}");
    let (near, _far) = pipe();
    assert!(matches!(ask(near, &[], &nonces).await, Err(AskError::NoCandidates)));
}

#[tokio::test]
async fn as_many_requests_may_be_under_way_as_nonces_are_remembered() {
    let nonces = Nonces::default();
    let mut expected: Vec<_> = (0..EXPECTED).map(|_| nonces.expect().unwrap()).collect();
    let (near, _far) = pipe();
    assert!(matches!(ask(near, &[address(HOME)], &nonces).await, Err(AskError::Busy)));
    expected.pop();
    let another = nonces.expect().unwrap();
    assert!(nonces.heard(another.nonce(), Instant::now()) && another.is_heard());
    assert!(!expected.iter().any(|nonce| nonce.is_heard()), "each is its own");
}

#[tokio::test]
async fn a_nonce_that_is_expected_is_confirmed_and_another_ends_the_substream() {
    let nonces = Nonces::default();
    let expected = nonces.expect().unwrap();
    let (mut near, far) = pipe();
    delimited::write(&mut near, &DialBack { nonce: expected.nonce() ^ 1 }).await.unwrap();
    let accepted = accept_dial_back(far, Instant::now(), &nonces).await;
    assert!(matches!(accepted, Err(DialBackRefused::Unexpected)), "{accepted:?}");
    assert_eq!(near.read_to_end(&mut Vec::new()).await.unwrap(), 0, "without a word");
    assert!(!expected.is_heard());

    let (mut near, far) = pipe();
    delimited::write(&mut near, &DialBack { nonce: expected.nonce() }).await.unwrap();
    accept_dial_back(far, Instant::now(), &nonces).await.unwrap();
    let confirmed: DialBackResponse = delimited::read(&mut near).await.unwrap();
    assert_eq!(confirmed.status, 0);
    assert_eq!(near.read_to_end(&mut Vec::new()).await.unwrap(), 0, "and the end");
    assert!(expected.is_heard());
}

#[tokio::test]
async fn a_nonce_over_a_connection_of_before_proves_nothing() {
    let (nonces, before) = (Nonces::default(), Instant::now());
    let expected = nonces.expect().unwrap();
    let (mut near, far) = pipe();
    delimited::write(&mut near, &DialBack { nonce: expected.nonce() }).await.unwrap();
    let accepted = accept_dial_back(far, before, &nonces).await;
    assert!(matches!(accepted, Err(DialBackRefused::Unexpected)), "{accepted:?}");
    assert!(!expected.is_heard());
}

#[tokio::test(start_paused = true)]
async fn what_dials_back_with_garbage_or_silence_is_let_go() {
    for (bytes, expected) in [(&[2, 0xff, 0xff][..], "not a message"), (&[65], "longer than 64"), (&[], "within 5s")] {
        let (mut near, far) = pipe();
        near.write_all(bytes).await.unwrap();
        let why = accept_dial_back(far, Instant::now(), &Nonces::default()).await.unwrap_err().to_string();
        assert!(why.contains(expected), "{why}");
    }
}
