//! Frames that are none, calls that are no calls, answers that nobody waits for.

use std::time::Duration;

use anyhow::{Result, ensure};
use atoll_hostile::Lane;
use atoll_protocol::rpc::{Code, FrameKind, frame};
use bytes::BytesMut;
use tokio::time::timeout;

use crate::Victim;

/// How long a node may take to hang up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A frame's header: kind, reserved byte, lengths of head and body, call.
fn header(kind: u8, reserved: u8, head: u16, body: u32, call: u64) -> Vec<u8> {
    let mut bytes = vec![kind, reserved];
    bytes.extend(head.to_le_bytes());
    bytes.extend(body.to_le_bytes());
    bytes.extend(call.to_le_bytes());
    bytes
}

#[tokio::test]
async fn what_is_no_frame_costs_its_lane_and_is_on_record() -> Result<()> {
    let victim = Victim::start().await?;
    let mut stranger = victim.stranger(1).await?;
    let before = victim.memory()?;
    let nonsense = [
        ("another protocol", b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec()),
        ("a reserved byte", header(FrameKind::Request as u8, 1, 0, 0, 1)),
        ("a head of 64 KiB", header(FrameKind::Request as u8, 0, u16::MAX, 0, 1)),
        ("a body of 4 GiB", header(FrameKind::Request as u8, 0, 0, u32::MAX, 1)),
        ("a head that cannot be read", [header(FrameKind::Request as u8, 0, 4, 0, 1), vec![0xff; 4]].concat()),
    ];
    for (what, bytes) in nonsense {
        let mut lane = Lane::open(&mut stranger).await?;
        lane.write(&bytes).await?;
        // Either it says why not, or it hangs up; what it never does is wait for the rest.
        let answered = timeout(PATIENCE, lane.answer()).await;
        ensure!(answered.is_ok_and(|answer| !matches!(answer, Ok((_, Ok(_))))), "{what} is taken");
    }
    let faults = victim.faults().await?;
    ensure!(!faults.is_empty(), "nothing of it is on record");
    victim.is_bounded(before)?;
    victim.is_well().await
}

#[tokio::test]
async fn answers_and_credit_that_nobody_waits_for_harm_nobody() -> Result<()> {
    let victim = Victim::start().await?;
    let mut stranger = victim.stranger(1).await?;
    for kind in [
        FrameKind::Response,
        FrameKind::Cancel,
        FrameKind::Parked,
        FrameKind::Fetch,
        FrameKind::Open,
        FrameKind::Data,
        FrameKind::Credit,
        FrameKind::End,
        FrameKind::Pong,
    ] {
        let mut lane = Lane::open(&mut stranger).await?;
        let mut out = BytesMut::new();
        for call in [0, 1, u64::MAX] {
            ensure!(frame::encode(&mut out, kind, call, &[], &[1; 8]), "it fits");
        }
        // The node may have hung up before all is written.
        let _ = lane.write(&out).await;
    }
    victim.is_well().await
}

#[tokio::test]
async fn calls_that_cannot_be_are_refused_in_words() -> Result<()> {
    let victim = Victim::start().await?;
    let mut stranger = victim.stranger(1).await?;
    let mut lane = Lane::open(&mut stranger).await?;
    let nested = [b"[".repeat(20_000), b"]".repeat(20_000)].concat();
    let long = "x".repeat(3_000);
    for (service, method, body, code) in [
        ("no.such.service", "ask", b"{}".as_slice(), Code::NotFound),
        ("system", "no_such_method", b"{}", Code::Unimplemented),
        ("not a name", "ask", b"{}", Code::NotFound),
        (long.as_str(), "ask", b"{}", Code::NotFound),
        ("system", "ping", nested.as_slice(), Code::InvalidArgument),
        ("system", "ping", b"{\"a\":", Code::InvalidArgument),
        ("system", "ping", b"\xff\xfe", Code::InvalidArgument),
    ] {
        let refused = timeout(PATIENCE, lane.call(service, method, body)).await??;
        let shown = service.get(..service.len().min(20)).unwrap_or_default();
        match refused {
            Err(status) => {
                ensure!(status.code() == code && !status.message().is_empty(), "{shown} {method}: {status:?}");
            }
            Ok(answer) => anyhow::bail!("{shown} {method} is answered: {answer:?}"),
        }
    }
    ensure!(lane.call("bench", "echo", b"still here").await?.is_ok(), "the lane goes on");
    victim.is_well().await
}
