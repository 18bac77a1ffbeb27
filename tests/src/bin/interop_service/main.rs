//! A node with a service that clients in other languages are tested against: one method for each way that a call can go.
//!
//! Prints the node's events, each as a line of JSON, and runs until it is killed. The tests are in `tests/interop`.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use atoll_node::{Code, Context, Multiaddr, Node, Sender, Serving, Status, protocol::rpc::Metadata};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Deserialize, JsonSchema)]
struct Repeat {
    text: String,
    times: usize,
}

#[derive(Deserialize, JsonSchema)]
struct Countdown {
    /// Where to begin.
    from: u32,
    /// Where to fail, if anywhere.
    failing_at: Option<u32>,
}

/// What a handler has been told of its call.
#[derive(Serialize, JsonSchema)]
struct Told {
    caller: String,
    metadata: Metadata,
    /// What is left of the deadline, in milliseconds.
    remaining_ms: Option<u64>,
}

/// Calls that were begun, and those whose handlers were dropped.
#[derive(Debug, Default)]
struct Lingering {
    begun: AtomicU64,
    left: AtomicU64,
}

/// Counts its end.
struct Guard(Arc<Lingering>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.left.fetch_add(1, Ordering::Relaxed);
    }
}

impl Lingering {
    /// Never ends by itself.
    async fn linger(self: Arc<Self>) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let _guard = Guard(self);
        pending::<()>().await;
    }
}

async fn add(_: Context, request: Add) -> Result<i64, Status> {
    request.a.checked_add(request.b).ok_or_else(|| Status::invalid_argument("the sum does not fit in 64 bits"))
}

async fn repeat(_: Context, request: Repeat) -> Result<String, Status> {
    Ok(request.text.repeat(request.times))
}

async fn told(context: Context, _: ()) -> Result<Told, Status> {
    let remaining_ms = context.remaining().map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
    Ok(Told { caller: context.caller().to_string(), metadata: context.metadata().clone(), remaining_ms })
}

async fn busy(_: Context, _: ()) -> Result<(), Status> {
    let status = Status::new(Code::ResourceExhausted, "too much to do").with_detail(b"some detail".to_vec());
    Err(status.retry_after(Duration::from_millis(1500)))
}

async fn count(_: Context, request: Countdown, mut numbers: Sender<u32>) -> Result<(), Status> {
    for number in (1..=request.from).rev() {
        if request.failing_at == Some(number) {
            return Err(Status::failed_precondition(format!("{number} cannot be counted")));
        }
        numbers.send(&number).await?;
    }
    Ok(())
}

async fn offer(node: &Node) -> Result<Serving> {
    let lingering = Arc::<Lingering>::default();
    let [call, stream, counts] = [(); 3].map(|()| Arc::clone(&lingering));
    let service = node
        .service("interop", "1.2.3")?
        .doc("One method for each way that a call can go.")
        .method("add", add)
        .method("repeat", repeat)
        .method("told", told)
        .method("busy", busy)
        .server_stream("count", count)
        .method("linger", move |_: Context, _: ()| {
            let lingering = Arc::clone(&call);
            async move {
                lingering.linger().await;
                Ok(())
            }
        })
        .server_stream("trickle", move |_: Context, _: (), mut numbers: Sender<u32>| {
            let lingering = Arc::clone(&stream);
            async move {
                numbers.send(&1).await?;
                lingering.linger().await;
                Ok(())
            }
        })
        .documented("linger", "Never ends.")
        .documented("trickle", "Sends one number and never ends.")
        .method("lingered", move |_: Context, _: ()| {
            let lingered = [&counts.begun, &counts.left].map(|count| count.load(Ordering::Relaxed));
            async move { Ok(lingered) }
        })
        .documented("lingered", "How many calls and streams lingered, and how many of them were given up.");
    Ok(service.register().await?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let listen: [Multiaddr; 2] = ["/ip4/127.0.0.1/tcp/0".parse()?, "/ip4/127.0.0.1/udp/0/quic-v1".parse()?];
    let peers = std::env::args().skip(1).map(|peer| peer.parse().with_context(|| format!("{peer:?} is no address")));
    let node = Node::builder()
        .listen(listen)
        .mdns(false)
        .bootstrap(peers.collect::<Result<Vec<Multiaddr>>>()?)
        .on_event(|event| match serde_json::to_string(&event) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("an event cannot be written as JSON: {error}"),
        })
        .spawn()
        .await?;
    let _serving = offer(&node).await?;
    println!(r#"{{"event":"offered"}}"#);
    pending().await
}
