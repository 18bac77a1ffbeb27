//! Datagrams: being told how one is seen, and an inbox.

use std::{
    io::ErrorKind,
    net::{SocketAddr, SocketAddrV4},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::{net::UdpSocket, time::timeout};

use crate::probe::request::{Datagram, Seen};

/// The question; a number follows that the answer repeats, so that it is clear which repetition was answered.
const QUESTION: &str = "who am I ";
/// The next number. Never twice, or an answer to an earlier question that came late would count for a later one.
static NUMBER: AtomicU64 = AtomicU64::new(0);
/// How the answer begins; the number and the address follow.
const ANSWER: &str = "you are ";

/// How long to wait for an answer before asking again: more than any round trip in the lab.
const AGAIN: Duration = Duration::from_millis(400);

/// Answers everyone who asks how they are seen.
pub(super) async fn reflect(socket: Arc<UdpSocket>) {
    loop {
        // An error is news of a datagram that was sent before, and no reason to stop.
        let Ok(Datagram { from, text }) = next(&socket).await else { return };
        if let Some(number) = text.strip_prefix(QUESTION) {
            let _ = socket.send_to(format!("{ANSWER}{number} {from}").as_bytes(), from).await;
        }
    }
}

/// Asks until there is an answer.
pub(super) async fn observe(socket: &UdpSocket, port: u16, server: SocketAddrV4) -> Result<Seen> {
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let asked = Instant::now();
        // What cannot be sent now, because the network is away or a rule forbids it, may be sent next time.
        let _ = socket.send_to(format!("{QUESTION}{number}").as_bytes(), server).await;
        let prefix = format!("{ANSWER}{number} ");
        let answered = async {
            loop {
                let Datagram { from, text } = next(socket).await?;
                if from != SocketAddr::V4(server) {
                    continue;
                }
                if let Some(address) = text.strip_prefix(&prefix) {
                    return address.parse::<SocketAddrV4>().with_context(|| format!("{text:?} names no address"));
                }
            }
        };
        if let Ok(answer) = timeout(AGAIN, answered).await {
            let rtt_us = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
            return Ok(Seen { port, as_address: answer?, rtt_us });
        }
    }
}

/// Receives into `inbox` until one begins with `until`.
pub(super) async fn receive(socket: &UdpSocket, until: &str, inbox: &mut Vec<Datagram>) -> Result<()> {
    loop {
        let datagram = next(socket).await?;
        let last = datagram.text.starts_with(until);
        inbox.push(datagram);
        if last {
            return Ok(());
        }
    }
}

/// The next datagram. What the network says of earlier ones, such as that nobody listens there, is passed over.
pub(super) async fn next(socket: &UdpSocket) -> Result<Datagram> {
    let mut buffer = [0; 512];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                return Ok(Datagram { from, text: String::from_utf8_lossy(bytes).into_owned() });
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionRefused
                        | ErrorKind::ConnectionReset
                        | ErrorKind::HostUnreachable
                        | ErrorKind::NetworkUnreachable
                ) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
