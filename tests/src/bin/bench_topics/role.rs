//! What the processes do that this program starts: it is their publisher, their subscriber, and their reader that comes late.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use atoll_node::{
    AckLevel, Delivery, From, Multiaddr, Node, Subscription,
    bench::{Amount, PublishLoad, stored},
};
use atoll_tests::{PATIENCE, node::LOOPBACK, until};
use clap::{Args, Subcommand};
use serde_json::json;
use tokio::{
    task::spawn_blocking,
    time::{Instant, timeout},
};

use crate::SIZE;

/// Everybody's, as those of programs are by default.
const TOPIC: &str = "bench/topics";
/// Messages before those that count: connections widen their windows, allocators and caches fill.
pub(crate) const WARM_UP: u64 = 10_000;
/// Messages whose acknowledgement may be waited for at a time: enough for the writer never to wait for the publisher.
const IN_FLIGHT: usize = 8_192;
/// After so long without a message nothing more will come.
const SILENCE: Duration = Duration::from_secs(20);

/// One process of those that are measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Publish: what comes before those that count, then the others whenever a line is typed
    #[command(hide = true)]
    Publisher(Player),
    /// Subscribe to what is published from now on, and say when everything has come
    #[command(hide = true)]
    Subscriber(Player),
    /// Subscribe to everything from the beginning when a line is typed, and say how long that took
    #[command(hide = true)]
    Reader(Player),
    /// Publish for some seconds, so many messages in flight, and say what came of it
    #[command(hide = true)]
    Alone {
        #[command(flatten)]
        player: Player,
        #[arg(long)]
        in_flight: usize,
        #[arg(long)]
        seconds: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Player {
    #[arg(long)]
    dir: PathBuf,
    #[arg(long)]
    peer: Option<Multiaddr>,
    #[arg(long, default_value_t = 0)]
    messages: u64,
    #[arg(long, default_value = "gossip")]
    ack: AckLevel,
}

impl Role {
    pub(crate) async fn play(self) -> Result<()> {
        match self {
            Self::Publisher(player) => player.publish().await,
            Self::Subscriber(player) => player.subscribe().await,
            Self::Reader(player) => player.read().await,
            Self::Alone { player, in_flight, seconds } => {
                let node = player.start().await?;
                let load = player.load(Amount::DurationMs(seconds * 1_000), in_flight);
                let report = load.run(&node).await?;
                println!("{}", json!({ "event": "published", "report": report }));
                Ok(())
            }
        }
    }
}

impl Player {
    async fn start(&self) -> Result<Node> {
        let node = start(Some(self.dir.clone()), self.peer.clone()).await?;
        let address = node.addresses().into_iter().next().context("a node has no address")?;
        println!("{}", json!({ "event": "listening", "address": address }));
        Ok(node)
    }

    fn load(&self, amount: Amount, in_flight: usize) -> PublishLoad {
        PublishLoad { topic: TOPIC.parse().ok(), amount, size: SIZE, ack: self.ack, in_flight }
    }

    async fn publish(self) -> Result<()> {
        let node = self.start().await?;
        self.load(Amount::Messages(WARM_UP), IN_FLIGHT).run(&node).await?;
        println!("{}", json!({ "event": "warm" }));
        while typed().await? {
            let began_us = now_us();
            let report = self.load(Amount::Messages(self.messages), IN_FLIGHT).run(&node).await?;
            ensure!(report.errors == 0, "{report:?}");
            let published_us = now_us();
            stored(&node).await;
            let stored_us = now_us();
            println!(
                "{}",
                json!({
                    "event": "published", "began_us": began_us, "published_us": published_us, "stored_us": stored_us,
                })
            );
        }
        Ok(())
    }

    async fn subscribe(self) -> Result<()> {
        let node = self.start().await?;
        let mut subscription = node.topic(TOPIC)?.subscribe().begin()?;
        println!("{}", json!({ "event": "subscribed" }));
        take(&mut subscription, WARM_UP).await?;
        println!("{}", json!({ "event": "warm" }));
        take(&mut subscription, self.messages).await?;
        let heard_us = now_us();
        stored(&node).await;
        println!("{}", json!({ "event": "heard", "heard_us": heard_us, "stored_us": now_us() }));
        // Until it is killed.
        typed().await.map(drop)
    }

    async fn read(self) -> Result<()> {
        let node = self.start().await?;
        typed().await?;
        let began = Instant::now();
        let mut subscription = node.topic(TOPIC)?.subscribe().from(From::Earliest).begin()?;
        take(&mut subscription, self.messages).await?;
        println!("{}", json!({ "event": "caught_up", "seconds": began.elapsed().as_secs_f64() }));
        Ok(())
    }
}

/// A node on loopback, that has joined through `peer`.
pub(crate) async fn start(dir: Option<PathBuf>, peer: Option<Multiaddr>) -> Result<Node> {
    let mut builder = Node::builder().listen([LOOPBACK.parse()?]).mdns(false).bootstrap(peer.clone());
    if let Some(dir) = dir {
        builder = builder.data_dir(dir);
    }
    let node = builder.spawn().await?;
    until("the node listens", PATIENCE, async || Ok((!node.addresses().is_empty()).then_some(()))).await?;
    if peer.is_some() {
        timeout(PATIENCE, node.joined()).await.context("the node does not join")?;
    }
    Ok(node)
}

/// Takes so many messages, all of those that were published, in order.
async fn take(subscription: &mut Subscription, messages: u64) -> Result<()> {
    let mut last = None;
    for n in 0..messages {
        let delivery = timeout(SILENCE, subscription.next()).await;
        let message = match delivery.with_context(|| format!("{n} of {messages} messages have come, and no more do"))? {
            Some(Delivery::Message(message)) => message,
            Some(Delivery::Gap(gap)) => bail!("there is a gap: {gap:?}"),
            None => bail!("the subscription has ended"),
        };
        ensure!(message.payload().len() == SIZE, "a message of {} bytes", message.payload().len());
        let seq = message.seq().0;
        ensure!(last.is_none_or(|last: u64| last + 1 == seq), "{seq} has come after {last:?}");
        last = Some(seq);
    }
    Ok(())
}

/// Waits for a line; false once nobody is there to type one.
async fn typed() -> Result<bool> {
    let read = spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
    Ok(read.await?? > 0)
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
