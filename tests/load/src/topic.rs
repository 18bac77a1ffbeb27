//! A topic of core NATS: one process publishes as fast as it may, another one subscribes, in the clear, and nothing is
//! stored. What Atoll's topics are measured beside.
//!
//! The time runs from just before the first message is published until the last one has come, by the clock that both
//! processes have. A subscriber of NATS that falls behind loses messages: what does not come is not counted.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use async_nats::{Client, ConnectOptions};
use bytes::Bytes;
use clap::Args;
use futures::{FutureExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    peers::nats,
    process::{Process, command},
};

const SUBJECT: &str = "load.topic";
/// Messages before those that count: connections widen their windows, allocators and caches fill.
const WARM_UP: u64 = 10_000;
/// How long the subscriber has for these.
const SETTLING: Duration = Duration::from_millis(500);
/// After so long without a message the rest is lost.
const SILENCE: Duration = Duration::from_secs(3);
/// How long everything may take.
const LIMIT: Duration = Duration::from_secs(120);

/// How much is published.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Load {
    /// Messages that are measured
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    messages: u64,
    /// Bytes in each
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    size: usize,
}

/// When the publisher has begun, in microseconds since 1970.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    began_us: u64,
}

/// What has come, and when the last of it.
#[derive(Debug, Deserialize)]
struct Heard {
    received: u64,
    ended_us: u64,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct TopicFigures {
    messages_per_second: f64,
    published: u64,
    received: u64,
    seconds: f64,
}

/// One measurement between two new processes, through a new broker.
pub(crate) async fn measure(load: Load) -> Result<TopicFigures> {
    let (_broker, place) = nats::broker().await?;
    let subscriber = start("subscribe", &place.address, load)?;
    subscriber.event("subscribed", LIMIT).await?;
    let publisher = start("publish", &place.address, load)?;
    let said: Said = serde_json::from_value(publisher.answer(LIMIT).await?)?;
    let heard: Heard = serde_json::from_value(subscriber.event("heard", LIMIT).await?)?;
    ensure!(heard.received > 0, "no message has come");
    let seconds = heard.ended_us.saturating_sub(said.began_us) as f64 / 1e6;
    let messages_per_second = heard.received as f64 / seconds;
    Ok(TopicFigures { messages_per_second, published: load.messages, received: heard.received, seconds })
}

fn start(what: &str, broker: &str, Load { messages, size }: Load) -> Result<Process> {
    let mut this = command(&std::env::current_exe().context("this program does not know where it is")?);
    this.args([what, "--at", broker, "--messages", &messages.to_string(), "--size", &size.to_string()]);
    Process::spawn(&format!("what is to {what} on NATS"), this)
}

/// Publishes everything, as fast as the client takes it.
pub(crate) async fn publish(broker: &str, load: Load) -> Result<Said> {
    let client = connect(broker, load).await?;
    let payload = Bytes::from(vec![0x5a; load.size]);
    let publish = async |messages| {
        for _ in 0..messages {
            client.publish(SUBJECT, payload.clone()).await?;
        }
        client.flush().await.context("the broker is gone")
    };
    publish(WARM_UP).await?;
    sleep(SETTLING).await;
    let began_us = now_us();
    publish(load.messages).await?;
    Ok(Said { began_us })
}

/// Counts what comes, until that is everything, or nothing comes any more.
pub(crate) async fn subscribe(broker: &str, load: Load) -> Result<Value> {
    let client = connect(broker, load).await?;
    let mut messages = client.subscribe(SUBJECT).await?;
    // The broker knows of the subscription before anyone is told to publish.
    client.flush().await?;
    println!("{}", json!({ "event": "subscribed" }));
    let all = WARM_UP + load.messages;
    let (mut count, mut ended_us) = (0, 0);
    while count < all {
        // A timer and a look at the clock for each message would be a part of what is measured.
        let message = match messages.next().now_or_never() {
            Some(message) => message,
            None => {
                ended_us = now_us();
                let limit = if count == 0 { LIMIT } else { SILENCE };
                let Ok(message) = timeout(limit, messages.next()).await else { break };
                message
            }
        };
        let message = message.context("the broker is gone")?;
        ensure!(message.payload.len() == load.size, "a message of {} bytes has come", message.payload.len());
        count += 1;
    }
    if count == all {
        ended_us = now_us();
    }
    Ok(json!({ "event": "heard", "received": count.saturating_sub(WARM_UP), "ended_us": ended_us }))
}

/// A subscriber's own queue has room for everything: only the broker may find that it is too slow.
async fn connect(broker: &str, load: Load) -> Result<Client> {
    let room = usize::try_from(WARM_UP + load.messages).unwrap_or(usize::MAX);
    Ok(ConnectOptions::new().subscription_capacity(room).connect(broker).await?)
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
