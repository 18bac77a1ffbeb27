use std::time::{Duration, Instant};

use super::{Call, Transport, control::parse, load::longest_silence};

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
