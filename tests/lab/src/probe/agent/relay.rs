//! A relay over TCP: two who say the same token hear each other.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result, anyhow, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// A line at most.
const LINE: u64 = 256;

/// Those who wait for the other side, by token.
type Waiting = Arc<Mutex<HashMap<String, BufReader<TcpStream>>>>;

/// Serves until the agent ends; the port.
pub(super) async fn serve() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    let port = listener.local_addr()?.port();
    let waiting = Waiting::default();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(join(stream, waiting.clone()));
        }
    });
    Ok(port)
}

/// Whoever comes first waits; who comes second is connected with them.
async fn join(stream: TcpStream, waiting: Waiting) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let token = line(&mut stream).await?;
    // One lock for both: two who come at once must not both wait.
    let mut other = {
        let mut waiting = waiting.lock().map_err(|_| anyhow!("the relay has failed"))?;
        match waiting.remove(&token) {
            Some(other) => other,
            None => {
                waiting.insert(token, stream);
                return Ok(());
            }
        }
    };
    copy_bidirectional(&mut stream, &mut other).await?;
    Ok(())
}

/// Says something to whoever comes with the same token, and hears what they say.
pub(super) async fn meet(relay: SocketAddrV4, token: &str, say: &str) -> Result<String> {
    let mut stream = BufReader::new(TcpStream::connect(relay).await?);
    stream.get_mut().write_all(format!("{token}\n{say}\n").as_bytes()).await?;
    line(&mut stream).await
}

async fn line(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    stream.take(LINE).read_line(&mut line).await?;
    let text = line.strip_suffix('\n').context("the line has no end")?;
    ensure!(!text.is_empty(), "an empty line");
    Ok(text.to_owned())
}
