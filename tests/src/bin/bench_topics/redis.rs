//! The same in a stream of Redis (`XADD`) that is synced before each answer. Its protocol is spoken here: a client would be one
//! more thing that differs.

use std::{net::Ipv4Addr, path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use atoll_tests::{Process, until};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    time::{Instant, sleep},
};

use crate::SIZE;

const SERVER: &str = "redis-server";
const STARTING: Duration = Duration::from_secs(10);
/// What is done before it counts.
const WARM_UP: Duration = Duration::from_millis(500);

/// Messages a second that are acknowledged, so many in flight on one connection.
pub(crate) async fn measure(dir: &Path, in_flight: usize, duration: Duration) -> Result<f64> {
    let port = free_port().await?.to_string();
    let directory = dir.to_string_lossy();
    let options = [
        ["--bind", "127.0.0.1"],
        ["--port", &port],
        ["--dir", &directory],
        ["--appendonly", "yes"],
        ["--appendfsync", "always"],
        ["--save", ""],
    ];
    let program = installed().with_context(|| format!("{SERVER} is not installed"))?;
    let _server = Process::spawn(SERVER, &program, options.as_flattened())?;
    let address = format!("127.0.0.1:{port}");
    let stream =
        until("redis-server listens", STARTING, async || Ok(Some(TcpStream::connect(&address).await?))).await?;
    stream.set_nodelay(true)?;
    publish(stream, in_flight, duration).await
}

async fn publish(stream: TcpStream, in_flight: usize, duration: Duration) -> Result<f64> {
    let (read, mut write) = stream.into_split();
    let mut answers = BufReader::with_capacity(64 * 1024, read);
    let command = command();
    write.write_all(&command.repeat(in_flight)).await?;
    let from = Instant::now() + WARM_UP;
    let (mut count, mut measured) = (0_u64, None);
    loop {
        // As many are sent again as have been answered, together where they come together.
        let answered = answers_that_came(&mut answers).await?;
        write.write_all(&command.repeat(answered)).await?;
        count += answered as u64;
        let now = Instant::now();
        match measured {
            None if now >= from => measured = Some((now, count)),
            Some((began, before)) if now.duration_since(began) >= duration => {
                return Ok((count - before) as f64 / now.duration_since(began).as_secs_f64());
            }
            _ => {}
        }
    }
}

fn command() -> Vec<u8> {
    let payload = vec![b'x'; SIZE];
    let parts: [&[u8]; 5] = [b"XADD", b"bench", b"*", b"m", &payload];
    let mut command = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        command.extend(format!("${}\r\n", part.len()).into_bytes());
        command.extend(part);
        command.extend(b"\r\n");
    }
    command
}

/// Waits for an answer, and takes those that have come with it. Each is an id: its length on one line, itself on the next.
async fn answers_that_came(answers: &mut BufReader<OwnedReadHalf>) -> Result<usize> {
    let mut count = 0;
    loop {
        let mut line = String::new();
        ensure!(answers.read_line(&mut line).await? > 0, "{SERVER} is gone");
        let Some(len) = line.strip_prefix('$').and_then(|len| len.trim().parse::<usize>().ok()) else {
            bail!("{SERVER} answers {line:?}");
        };
        answers.read_exact(&mut vec![0; len + 2]).await?;
        count += 1;
        if !answers.buffer().contains(&b'\n') {
            return Ok(count);
        }
    }
}

async fn free_port() -> Result<u16> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port();
    // Until the system has let go of it.
    sleep(Duration::from_millis(10)).await;
    Ok(port)
}

/// On the PATH, or where systems put servers.
fn installed() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    directories.map(|directory| directory.join(SERVER)).find(|file| file.is_file())
}
