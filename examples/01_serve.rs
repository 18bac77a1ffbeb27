//! Offers two services, `math.calc` and `text.tools`, until Ctrl-C.
//!
//! ```text
//! cargo run --example 01_serve                         as the first node of a network
//! cargo run --example 01_serve -- ADDRESS              in the network of the node at ADDRESS
//! cargo run --example 01_serve -- --data-dir DIR       with an identity that is kept in DIR
//! ```
//!
//! It prints the address that `02_call` and `03_watch_services` join through.

use std::path::PathBuf;

use anyhow::Context as _;
use atoll_node::{Context, Multiaddr, Node, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// Requests and answers are ordinary types. Their doc comments become part of the service's description: see
// `node service describe math.calc`.

/// Two numbers to add.
#[derive(Deserialize, JsonSchema)]
struct Add {
    /// The first summand.
    a: i64,
    /// The second summand.
    b: i64,
}

/// The sum of two numbers.
#[derive(Serialize, JsonSchema)]
struct Sum {
    /// The sum.
    sum: i64,
}

/// Two numbers to divide.
#[derive(Deserialize, JsonSchema)]
struct Divide {
    /// What is divided.
    dividend: f64,
    /// By what; not zero.
    divisor: f64,
}

/// What a division gives.
#[derive(Serialize, JsonSchema)]
struct Quotient {
    /// The quotient.
    quotient: f64,
}

/// Some text.
#[derive(Deserialize, Serialize, JsonSchema)]
struct Text {
    /// The text.
    text: String,
}

/// How long a text is.
#[derive(Serialize, JsonSchema)]
struct Count {
    /// Words, that is runs of anything but white space.
    words: usize,
}

async fn add(_: Context, request: Add) -> Result<Sum, Status> {
    let sum = request.a.checked_add(request.b);
    Ok(Sum { sum: sum.ok_or_else(|| Status::invalid_argument("the sum does not fit in 64 bits"))? })
}

// An error of the application is a status: a code that programs understand, and words for people.
async fn divide(_: Context, request: Divide) -> Result<Quotient, Status> {
    if request.divisor == 0.0 {
        return Err(Status::invalid_argument("field `divisor`: cannot divide by zero"));
    }
    Ok(Quotient { quotient: request.dividend / request.divisor })
}

async fn reverse(_: Context, request: Text) -> Result<Text, Status> {
    Ok(Text { text: request.text.chars().rev().collect() })
}

async fn count(_: Context, request: Text) -> Result<Count, Status> {
    Ok(Count { words: request.text.split_whitespace().count() })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (bootstrap, data_dir) = arguments()?;

    // On this machine only, on ports that are free. Without these two lines the node can be reached by others, and
    // finds those on the local network by itself.
    let loopback = ["/ip4/127.0.0.1/udp/0/quic-v1".parse()?, "/ip4/127.0.0.1/tcp/0".parse()?];
    let mut builder = Node::builder().listen(loopback).mdns(false).bootstrap(bootstrap);
    if let Some(directory) = data_dir {
        builder = builder.data_dir(directory);
    }
    let node = builder.spawn().await?;

    // A service is there until what `register` gives is dropped.
    let _math = node
        .service("math.calc", "1.0.0")?
        .doc("Simple arithmetic.")
        .method("add", add)
        .documented("add", "Adds two whole numbers.")
        .idempotent("add")
        .method("divide", divide)
        .documented("divide", "Divides two numbers.")
        .idempotent("divide")
        .register()
        .await?;
    let _text = node
        .service("text.tools", "1.0.0")?
        .doc("Small tools for text.")
        .method("reverse", reverse)
        .documented("reverse", "Turns a text around.")
        .idempotent("reverse")
        .method("count", count)
        .documented("count", "Counts the words of a text.")
        .idempotent("count")
        .register()
        .await?;

    for address in node.addresses() {
        println!("listening on {address}");
    }
    tokio::signal::ctrl_c().await?;
    // Says goodbye, so that nobody calls in vain.
    node.shutdown().await;
    Ok(())
}

/// `[ADDRESS] [--data-dir DIR]`
fn arguments() -> anyhow::Result<(Option<Multiaddr>, Option<PathBuf>)> {
    let (mut bootstrap, mut data_dir) = (None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--data-dir" {
            data_dir = Some(arguments.next().context("--data-dir needs a directory")?.into());
        } else {
            bootstrap = Some(argument.parse().with_context(|| format!("{argument:?} is not an address"))?);
        }
    }
    Ok((bootstrap, data_dir))
}
