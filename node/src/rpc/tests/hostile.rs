//! Peers that write what they should not, on lanes and bulk substreams.

use std::sync::Arc;

use atoll_protocol::{
    limits,
    rpc::frame::{self, FrameKind},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    Pair, TRANSPORTS,
    wire::{Wire, header},
};
use crate::{
    Code,
    testing::{Bare, eventually, rpc, within},
};

/// A node under attack, with an honest client that must not notice.
struct Siege {
    pair: Pair,
    attacker: Bare,
}

impl Siege {
    async fn begin() -> Self {
        let pair = Pair::over(TRANSPORTS[0]).await;
        let attacker = Bare::beside(&pair.server).await;
        Self { pair, attacker }
    }

    async fn lane(&self) -> Wire {
        Wire::new(self.attacker.open(&self.pair.server, &self.attacker.net.protocols.rpc).await)
    }

    async fn bulk(&self) -> Wire {
        Wire::new(self.attacker.open(&self.pair.server, &self.attacker.net.protocols.bulk).await)
    }

    fn broken(&self) -> u64 {
        rpc(&self.pair.server).net.counters.broken_frames.count()
    }

    /// The honest client's call goes through.
    async fn stands(&self) {
        assert_eq!(self.pair.echo(b"still there").await.unwrap(), "still there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_cannot_be_ends_its_lane_and_nothing_else() {
    let siege = Siege::begin().await;
    let mut other = siege.lane().await;
    other.request(1, "test", "wait", b"").await;
    let too_long = u32::try_from(limits::RPC_INLINE_BODY).unwrap() + 1;
    let frames = [
        ("four gigabytes", header(1, 0, 0, u32::MAX, 1)),
        ("a body above what rides inline", header(1, 0, 0, too_long, 1)),
        ("a head above what a head may be", header(1, 0, u16::MAX, 0, 1)),
        ("the reserved byte", header(1, 7, 0, 0, 1)),
        ("text", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("an unknown kind with too long a body", header(99, 0, 0, u32::MAX, 1)),
    ];
    for (i, (what, bytes)) in (1..).zip(frames) {
        let mut lane = siege.lane().await;
        lane.write(&bytes).await;
        lane.ended().await;
        eventually(what, || siege.broken() == i).await;
        let charged = rpc(&siege.pair.server).net.conduct.faults(&siege.attacker.net.me).total();
        assert_eq!(u64::from(charged), i, "{what} is charged to who sent it");
        siege.stands().await;
    }
    // The same peer's other lane goes on, too.
    other.request(2, "test", "echo", b"here").await;
    assert_eq!(other.answer().await, (2, Code::Ok, "here".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_do_no_harm() {
    let mut siege = Siege::begin().await;
    for seed in 0..40 {
        if seed % 8 == 7 {
            // Whoever goes on like this is barred.
            siege.attacker = Bare::beside(&siege.pair.server).await;
        }
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = vec![0; random.random_range(1..4096)];
        random.fill(&mut bytes[..]);
        if random.random() {
            // Far enough into a frame to get past its header.
            let len = bytes.len().min(60_000) as u32;
            bytes.splice(..0, header(random.random_range(0..7), 0, 8, len, random.random()));
        }
        let mut wire = if random.random() { siege.lane().await } else { siege.bulk().await };
        wire.write(&bytes).await;
    }
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lane_does_not_know_is_answered_and_it_goes_on() {
    let siege = Siege::begin().await;
    let mut lane = siege.lane().await;
    // Kind 77 with a head and a body, which are skipped.
    let mut unknown = header(77, 0, 3, 5, 41);
    unknown.extend_from_slice(b"headbody");
    lane.write(&unknown).await;
    assert_eq!(lane.answer().await.1, Code::Unimplemented);
    for kind in [FrameKind::Response, FrameKind::Parked, FrameKind::Fetch] {
        lane.send(kind, 42, b"", b"").await;
        let (call, code, _) = lane.answer().await;
        assert_eq!((call, code), (42, Code::Unimplemented), "{kind:?}");
    }
    lane.send(FrameKind::Cancel, 43, b"", b"").await;
    lane.send(FrameKind::Request, 44, b"no head at all", b"").await;
    assert_eq!(lane.answer().await.1, Code::InvalidArgument);
    lane.request(45, "test", "echo", b"ahoy").await;
    assert_eq!(lane.answer().await, (45, Code::Ok, "ahoy".into()));
    assert_eq!(siege.broken(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_under_an_id_in_use_is_refused_and_the_first_can_be_cancelled() {
    let siege = Siege::begin().await;
    let mut lane = siege.lane().await;
    lane.request(7, "test", "wait", b"").await;
    within("the first begins", siege.pair.witness.begun.happened()).await;
    lane.request(7, "test", "echo", b"").await;
    assert_eq!(lane.answer().await.1, Code::InvalidArgument);
    lane.send(FrameKind::Cancel, 7, b"", b"").await;
    within("the first is dropped", siege.pair.witness.dropped.happened()).await;
    lane.request(7, "test", "echo", b"again").await;
    assert_eq!(lane.answer().await, (7, Code::Ok, "again".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_under_way_on_one_lane_are_bounded() {
    const CALLS: u64 = atoll_protocol::limits::LANE_CALLS as u64;
    let siege = Siege::begin().await;
    let mut lane = siege.lane().await;
    for call in 0..=CALLS {
        lane.request(call, "test", "wait", b"").await;
    }
    let (call, code, _) = lane.answer().await;
    assert_eq!((call, code), (CALLS, Code::ResourceExhausted));
    lane.send(FrameKind::Cancel, 0, b"", b"").await;
    siege.stands().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_asks_and_never_reads_is_held_back() {
    const ASKED: u64 = 20_000;
    let siege = Siege::begin().await;
    let mut lane = siege.lane().await;
    let served = || rpc(&siege.pair.server).net.counters.calls_served.count();
    let mut honest = 0;
    for call in 0..ASKED {
        lane.request(call, "test", "size", b"4096").await;
        // Each hundred is served before the next are asked for, so that it is the answers that pile up; until what waits
        // fills its bounds, and no call is begun any more, however many others are.
        let before = honest;
        while call % 100 == 0 && served() - honest < call {
            siege.stands().await;
            honest += 1;
            if honest - before > 500 {
                return;
            }
        }
    }
    panic!("{} calls were served to a peer that reads nothing", served() - honest);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_fetched_only_by_whom_it_is_for() {
    let siege = Siege::begin().await;
    let mut owner = siege.lane().await;
    owner.request(1, "test", "size", b"100000").await;
    let parked = owner.next().await.unwrap();
    assert_eq!(parked.kind, FrameKind::Parked);
    let ticket = u64::from_le_bytes(parked.body[..].try_into().unwrap());

    let thief = Bare::beside(&siege.pair.server).await;
    let mut theft = Wire::new(thief.open(&siege.pair.server, &thief.net.protocols.bulk).await);
    theft.send(FrameKind::Fetch, ticket, b"", b"").await;
    assert_eq!(theft.answer().await.1, Code::NotFound);
    // It is still there for its owner, once.
    for expected in [Code::Ok, Code::NotFound] {
        let mut fetch = siege.bulk().await;
        fetch.send(FrameKind::Fetch, ticket, b"", b"").await;
        let (_, code, body) = fetch.answer().await;
        assert_eq!(code, expected);
        assert!(code != Code::Ok || body.len() == 100_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_substream_takes_one_request_of_bounded_size() {
    let siege = Siege::begin().await;
    let mut wire = siege.bulk().await;
    wire.write(&header(1, 0, 0, u32::try_from(limits::RPC_BODY).unwrap() + 1, 0)).await;
    wire.ended().await;
    assert_eq!(siege.broken(), 1);
    for kind in [FrameKind::Cancel, FrameKind::Parked, FrameKind::Response] {
        let mut wire = siege.bulk().await;
        wire.send(kind, 0, b"", b"").await;
        assert_eq!(wire.answer().await.1, Code::Unimplemented, "{kind:?}");
    }
    let mut wire = siege.bulk().await;
    wire.send(FrameKind::Request, 0, b"no head", b"").await;
    assert_eq!(wire.answer().await.1, Code::InvalidArgument);
    // One that begins and never goes on holds up nobody.
    siege.bulk().await.write(&header(1, 0, 0, 1_000_000, 0)).await;
    siege.stands().await;
    assert_eq!(siege.broken(), 1, "a stream that merely breaks off is no broken frame");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_cancelled_in_the_same_breath_leaves_no_handler_behind() {
    let siege = Siege::begin().await;
    let mut lane = siege.lane().await;
    let idle = Arc::strong_count(&siege.pair.witness);
    for call in 1..=20 {
        let mut bytes = bytes::BytesMut::new();
        let head = super::wire::request_head("test", "wait");
        assert!(frame::encode(&mut bytes, FrameKind::Request, call, &head, b""));
        assert!(frame::encode(&mut bytes, FrameKind::Cancel, call, b"", b""));
        lane.write(&bytes).await;
    }
    // By then all of them have been taken up. One that was stopped before it began had no handler at all.
    lane.request(21, "test", "echo", b"after them").await;
    assert_eq!(lane.answer().await, (21, Code::Ok, "after them".into()));
    eventually("no handler waits", || Arc::strong_count(&siege.pair.witness) == idle).await;
    siege.stands().await;
}
