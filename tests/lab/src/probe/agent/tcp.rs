//! Connections: being told how one is seen.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Instant,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
};

use crate::probe::request::Seen;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;

/// Accepts connections on a port, tells each how it is seen, and keeps it until the other side ends it; the port.
pub(super) fn reflect(port: u16) -> Result<u16> {
    let listener = socket(port)?.listen(BACKLOG)?;
    let port = listener.local_addr()?.port();
    tokio::spawn(accept(listener));
    Ok(port)
}

async fn accept(listener: TcpListener) {
    while let Ok((mut stream, from)) = listener.accept().await {
        tokio::spawn(async move {
            let _ = stream.write_all(format!("{from}\n").as_bytes()).await;
            // Until it ends.
            let _ = BufReader::new(stream).read_line(&mut String::new()).await;
        });
    }
}

/// Connects from a port to a reflector; the connection, and how it is seen.
pub(super) async fn observe(from: u16, server: SocketAddrV4) -> Result<(TcpStream, Seen)> {
    let asked = Instant::now();
    let mut stream = socket(from)?.connect(server.into()).await?;
    let port = stream.local_addr()?.port();
    let mut line = String::new();
    BufReader::new(&mut stream).read_line(&mut line).await?;
    let as_address = line.trim().parse().with_context(|| format!("{line:?} names no address"))?;
    Ok((stream, Seen { port, as_address, rtt_us: u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX) }))
}

/// A socket that shares its port, for listening and connecting from the same one.
fn socket(port: u16) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
    Ok(socket)
}
