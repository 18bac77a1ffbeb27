//! The agent: reads requests on stdin, answers on stdout, and ends with its stdin.

mod punch;
mod relay;
mod stun;
mod tcp;
mod udp;

use std::{
    collections::HashMap,
    future::Future,
    io::{self, BufRead, Write},
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use tokio::{net::UdpSocket, sync::mpsc};

use super::request::{Numbered, Reply, Request};

/// Requests that wait to be worked on, and answers that wait to be written.
const LINES: usize = 256;

/// What an agent holds.
#[derive(Debug, Default)]
struct Agent {
    sockets: Mutex<HashMap<u64, Arc<UdpSocket>>>,
    next: AtomicU64,
    /// Connections that are kept, because a mapping lives as long as they do.
    kept: Mutex<Vec<tokio::net::TcpStream>>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Reply(Reply),
    Error(String),
}

/// Serves requests until stdin ends. Requests are worked on side by side.
///
/// # Errors
/// If a line is no request, or stdin breaks.
pub async fn serve() -> Result<()> {
    let agent = Arc::new(Agent::default());
    let (requests, mut lines) = mpsc::channel(LINES);
    std::thread::spawn(move || read(&requests));
    let (sender, answers) = mpsc::channel(LINES);
    std::thread::spawn(move || write(answers));
    while let Some(line) = lines.recv().await {
        let line = line.context("cannot read stdin")?;
        let Numbered { id, body } =
            serde_json::from_str::<Numbered<Request>>(&line).with_context(|| format!("this is no request: {line}"))?;
        let (agent, sender) = (agent.clone(), sender.clone());
        tokio::spawn(async move {
            let body = match agent.answer(body).await {
                Ok(reply) => Answer::Reply(reply),
                Err(error) => Answer::Error(format!("{error:#}")),
            };
            if let Ok(text) = serde_json::to_string(&Numbered { id, body }) {
                // Nobody reads any more: the end is near.
                let _ = sender.send(text).await;
            }
        });
    }
    Ok(())
}

/// Reads lines until stdin ends, in a thread of its own.
fn read(requests: &mpsc::Sender<io::Result<String>>) {
    for line in io::stdin().lock().lines() {
        if requests.blocking_send(line).is_err() {
            return;
        }
    }
}

/// Writes lines until nobody has any more to say, in a thread of its own.
fn write(mut answers: mpsc::Receiver<String>) {
    let mut stdout = io::stdout().lock();
    while let Some(line) = answers.blocking_recv() {
        if writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_err() {
            return;
        }
    }
}

impl Agent {
    async fn answer(&self, request: Request) -> Result<Reply> {
        match request {
            Request::UdpBind { ip, port } => self.bind(ip, port).await,
            Request::UdpReflect { socket } => {
                tokio::spawn(udp::reflect(self.socket(socket)?));
                Ok(Reply::Done)
            }
            Request::UdpObserve { socket, server, within } => {
                let socket = self.socket(socket)?;
                let port = socket.local_addr()?.port();
                Ok(Reply::Seen(in_time(within, udp::observe(&socket, port, server)).await?))
            }
            Request::UdpSend { socket, to, text } => {
                self.socket(socket)?
                    .send_to(text.as_bytes(), to)
                    .await
                    .with_context(|| format!("cannot send to {to}"))?;
                Ok(Reply::Done)
            }
            Request::UdpInbox { socket, until, within } => {
                let mut inbox = Vec::new();
                let socket = self.socket(socket)?;
                in_time(within, udp::receive(&socket, &until, &mut inbox)).await?;
                Ok(Reply::Inbox(inbox))
            }
            Request::UdpPunch { socket, to, token, within } => {
                let socket = self.socket(socket)?;
                Ok(Reply::Punched(in_time(within, punch::punch(&socket, to.into(), &token)).await?))
            }
            Request::TcpReflect { port } => Ok(Reply::Bound { socket: 0, port: tcp::reflect(port)? }),
            Request::TcpObserve { from, server, within } => {
                // Refused or filtered: either way it does not get there.
                let observed = in_time(within, async { Ok(tcp::observe(from, server).await.ok()) }).await?.flatten();
                let Some((stream, seen)) = observed else { return Ok(Reply::Seen(None)) };
                self.kept.lock().map_err(|_| anyhow!("the agent failed before"))?.push(stream);
                Ok(Reply::Seen(Some(seen)))
            }
            Request::Stun { port } => Ok(Reply::Bound { socket: 0, port: stun::serve(port).await? }),
            Request::Relay => Ok(Reply::Bound { socket: 0, port: relay::serve().await? }),
            Request::Meet { relay, token, say, within } => {
                let meeting = async { Ok(relay::meet(relay, &token, &say).await.ok()) };
                Ok(Reply::Heard(in_time(within, meeting).await?.flatten()))
            }
        }
    }

    async fn bind(&self, ip: IpAddr, port: u16) -> Result<Reply> {
        let socket = UdpSocket::bind((ip, port)).await?;
        let port = socket.local_addr()?.port();
        let number = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        self.sockets.lock().map_err(|_| anyhow!("the agent failed before"))?.insert(number, Arc::new(socket));
        Ok(Reply::Bound { socket: number, port })
    }

    fn socket(&self, number: u64) -> Result<Arc<UdpSocket>> {
        let sockets = self.sockets.lock().map_err(|_| anyhow!("the agent failed before"))?;
        sockets.get(&number).cloned().ok_or_else(|| anyhow!("there is no socket {number}"))
    }
}

/// The outcome, or nothing after so many milliseconds.
async fn in_time<T>(within: u64, work: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    tokio::time::timeout(Duration::from_millis(within), work).await.ok().transpose()
}
