//! The hole punch: both sides send to where the other was seen, at the same time.
//!
//! A datagram says the token and whether its sender has heard the other side. A side is done when it has heard that
//! the other has heard it: then packets pass both ways, with nobody in between.

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use tokio::{net::UdpSocket, time::interval};

use super::udp::next;

/// How often each side sends.
const PACE: Duration = Duration::from_millis(50);

/// Datagrams that are sent after this side is done, for the other side to be so too although some are lost.
const FAREWELLS: usize = 3;

/// Punches until both sides have heard each other; where the other side really is.
pub(super) async fn punch(socket: &UdpSocket, to: SocketAddr, token: &str) -> Result<SocketAddr> {
    let (deaf, hearing) = (format!("{token} hello"), format!("{token} heard"));
    let mut to = to;
    let mut heard = false;
    let mut pace = interval(PACE);
    loop {
        tokio::select! {
            _ = pace.tick() => say(socket, if heard { &hearing } else { &deaf }, to).await,
            datagram = next(socket) => {
                let datagram = datagram?;
                if datagram.text != deaf && datagram.text != hearing {
                    continue;
                }
                // Its NAT may have chosen another port towards this side than towards the observer.
                to = datagram.from;
                heard = true;
                if datagram.text == hearing {
                    break;
                }
                say(socket, &hearing, to).await;
            }
        }
    }
    for _ in 0..FAREWELLS {
        say(socket, &hearing, to).await;
    }
    Ok(to)
}

/// Sends. What the system says against it is about an earlier datagram, or will be the same for the next.
async fn say(socket: &UdpSocket, text: &str, to: SocketAddr) {
    let _ = socket.send_to(text.as_bytes(), to).await;
}
