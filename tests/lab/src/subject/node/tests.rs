use std::time::{Duration, Instant};

use tokio::{io::AsyncWriteExt, net::UnixStream};

use super::{Call, Transport, control::parse, exchange::Hearing, load::longest_silence};

fn call(start: Instant, begun: u64, ended: u64, error: Option<&str>) -> Call {
    let at = |ms| start + Duration::from_millis(ms);
    Call { begun: at(begun), ended: at(ended), error: error.map(str::to_owned) }
}

#[test]
fn silence_is_between_answers_and_failures_do_not_break_it() {
    let start = Instant::now();
    let from = start + Duration::from_millis(100);
    let answered = [call(start, 0, 90, None), call(start, 0, 150, None), call(start, 90, 900, None)];
    assert_eq!(longest_silence(&answered, from), Duration::from_millis(750));
    let failed = [answered.to_vec(), vec![call(start, 150, 400, Some("unavailable"))]].concat();
    assert_eq!(longest_silence(&failed, from), Duration::from_millis(750));
    let never = [call(start, 0, 90, None), call(start, 90, 5_100, Some("deadline_exceeded"))];
    assert_eq!(longest_silence(&never, from), Duration::from_millis(5_000), "it is not over yet");
    assert_eq!(longest_silence(&[], from), Duration::ZERO);
}

#[test]
fn only_success_is_an_answer() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"code\":\"ok\"}";
    assert_eq!(parse(ok).unwrap()["code"], "ok");
    let refused = parse("HTTP/1.1 400 Bad Request\r\n\r\n{\"error\":\"no\"}").unwrap_err().to_string();
    assert!(refused.contains("400") && refused.contains("no"), "{refused}");
    assert!(parse("").is_err());
}

#[test]
fn addresses_tell_their_transport() {
    for (address, transport) in [
        ("/ip4/203.0.113.10/udp/4077/quic-v1/p2p/X", Transport::Quic),
        ("/ip6/2001:db8::a/tcp/4077/p2p/X", Transport::Tcp),
        ("/ip4/203.0.113.10/tcp/443/ws/p2p/X", Transport::WebSocket),
    ] {
        assert_eq!(Transport::of(address), transport, "{address}");
    }
}

#[tokio::test]
async fn lines_come_whole_however_they_are_cut_into_chunks_and_pieces() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n5\r\n\ntwo\n\r\n2\r\nth\r\n4\r\nree\n\r\n0\r\n\r\n";
    for piece in 1..answer.len() {
        let (here, mut there) = UnixStream::pair().unwrap();
        let (from, _to) = here.into_split();
        let mut hearing = Hearing::new(from);
        let saying = async {
            for piece in answer.as_bytes().chunks(piece) {
                there.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let hearing = async {
            let mut all = Vec::new();
            while let Some(lines) = hearing.lines().await.unwrap() {
                all.extend(lines);
            }
            all
        };
        let ((), all) = tokio::join!(saying, hearing);
        assert_eq!(all, ["one", "two", "three"]);
    }
}

#[tokio::test]
async fn a_refusal_and_an_early_end_are_errors() {
    for (answer, error) in [("HTTP/1.1 409 Conflict\r\n\r\nin use", "409: in use"), ("HTTP/1.1 200 OK", "has gone")] {
        let (here, mut there) = UnixStream::pair().unwrap();
        let (from, _to) = here.into_split();
        there.write_all(answer.as_bytes()).await.unwrap();
        drop(there);
        let said = Hearing::new(from).lines().await.unwrap_err().to_string();
        assert!(said.contains(error), "{said}");
    }
}
