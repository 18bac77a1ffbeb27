//! Streams: a node that counts down for another one, adds up what it is sent, and talks back.
//!
//! ```sh
//! cargo run --example 04_stream
//! ```

use anyhow::Result;
use atoll_node::{Context, Multiaddr, Node, Receiver, Sender, Serving};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Countdown {
    /// Where to begin.
    from: u32,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Line {
    text: String,
}

async fn offer(node: &Node) -> Result<Serving> {
    let service = node
        .service("demo.streams", "1.0.0")?
        .doc("One method of each kind that streams.")
        .server_stream("count", |_: Context, request: Countdown, mut numbers: Sender<u32>| async move {
            for number in (1..=request.from).rev() {
                // Waits while the caller does not keep up, and ends when it goes away.
                numbers.send(&number).await?;
            }
            Ok(())
        })
        .client_stream("sum", |_: Context, mut numbers: Receiver<u64>| async move {
            let mut sum = 0;
            while let Some(number) = numbers.next().await? {
                sum += number;
            }
            Ok(sum)
        })
        .bidirectional("echo", |_: Context, mut lines: Receiver<Line>, mut answers: Sender<Line>| async move {
            while let Some(line) = lines.next().await? {
                answers.send(&Line { text: line.text.to_uppercase() }).await?;
            }
            Ok(())
        });
    Ok(service.register().await?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let listen: Multiaddr = "/ip4/127.0.0.1/udp/0/quic-v1".parse()?;
    let builder = || Node::builder().network("example").mdns(false).listen([listen.clone()]);
    let server = builder().spawn().await?;
    let _serving = offer(&server).await?;
    let caller = builder().bootstrap(server.addresses()).spawn().await?;
    caller.joined().await;
    let client = caller.client("demo.streams")?;

    let mut numbers: Receiver<u32> = client.stream("count").receive(&Countdown { from: 3 }).await?;
    while let Some(number) = numbers.next().await? {
        println!("{number}");
    }

    let (mut terms, sum) = client.stream("sum").send::<u64, u64>().await?;
    for term in 1..=100 {
        terms.send(&term).await?;
    }
    // Without this the stream would be cancelled: what is cut short must not look complete.
    terms.finish();
    println!("sum {}", sum.await?);

    let (mut lines, mut answers) = client.stream("echo").exchange::<Line, Line>().await?;
    for text in ["hello", "goodbye"] {
        lines.send(&Line { text: text.to_owned() }).await?;
        if let Some(answer) = answers.next().await? {
            println!("{}", answer.text);
        }
    }
    lines.finish();

    caller.shutdown().await;
    server.shutdown().await;
    Ok(())
}
