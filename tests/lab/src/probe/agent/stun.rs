//! A STUN server (RFC 8489), as far as a router needs one that does not trust its own address.
//!
//! ```text
//! request   0x0001 · length · cookie · transaction (12 bytes) · attributes
//! response  0x0101 · 12     · cookie · transaction            · MAPPED-ADDRESS: 0x0001 · 8 · 0 · 1 (IPv4) · port · address
//! ```
//!
//! It answers each binding request from where it was asked, also those that ask for an answer from elsewhere: the router's
//! neighbours are not what is tested.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Result;
use tokio::net::UdpSocket;

/// The cookie and the transaction, which the response repeats.
const TRANSACTION: std::ops::Range<usize> = 4..20;

/// Serves on that port until the agent ends; the port.
pub(super) async fn serve(port: u16) -> Result<u16> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let port = socket.local_addr()?.port();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        // An error is news of a response that was sent before.
        loop {
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
            if let Some(response) = response(buffer.get(..length).unwrap_or_default(), from) {
                let _ = socket.send_to(&response, from).await;
            }
        }
    });
    Ok(port)
}

/// The response to a binding request from there; nothing to anything else.
fn response(request: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let (IpAddr::V4(ip), [0, 1]) = (from.ip(), request.get(..2)?) else { return None };
    let mut response = vec![1, 1, 0, 12];
    response.extend_from_slice(request.get(TRANSACTION)?);
    response.extend([0, 1, 0, 8, 0, 1]);
    response.extend(from.port().to_be_bytes());
    response.extend(ip.octets());
    Some(response)
}
