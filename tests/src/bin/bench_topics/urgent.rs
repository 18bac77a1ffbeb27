//! A small message that is published now and then, among many nodes.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use atoll_node::{Delivery, Node, Subscription, Topic};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    SIZE, Settings,
    figure::{Figure, Target},
    role,
};

const TOPIC: &str = "bench/urgent";
const MESSAGES: usize = 100;
/// Between one message and the next: rare enough for each to be gossiped itself.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the network may take to be ready.
const PREPARING: Duration = Duration::from_secs(120);
/// How long a message may take.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) async fn measure(settings: &Settings) -> Result<Vec<Figure>> {
    let size = usize::from(settings.nodes);
    eprintln!("urgent messages: starting {size} nodes…");
    let dir = settings.new_dir()?;
    let mut nodes: Vec<Node> = Vec::new();
    for n in 0..size {
        // Each through an earlier one, as nodes join.
        let through = nodes.get(n / 2).or(nodes.last()).and_then(|node| node.addresses().into_iter().next());
        nodes.push(role::start(Some(dir.path().join(n.to_string())), through).await?);
    }
    let publisher = nodes.first().context("no node")?;
    let topic = publisher.topic(TOPIC)?;
    let (heard, mut all) = mpsc::channel(1024);
    let mut listening = JoinSet::new();
    for node in nodes.iter().skip(1) {
        let subscription = node.topic(TOPIC)?.subscribe().begin()?;
        listening.spawn(listen(subscription, heard.clone()));
    }
    ready(&topic, &mut all, size - 1).await?;
    eprintln!("urgent messages: publishing…");
    let mut times = Vec::with_capacity(MESSAGES * (size - 1));
    for n in 0..MESSAGES {
        let mut payload = vec![0; SIZE];
        payload.get_mut(..8).context("a message has no room")?.copy_from_slice(&(n as u64 + 1).to_le_bytes());
        let began = Instant::now();
        topic.publish_raw(payload).gossip().await?;
        let mut missing = size - 1;
        while missing > 0 {
            let (number, at) =
                timeout(LIMIT, all.recv()).await.context("a message does not come")?.context("nobody")?;
            if number == n as u64 + 1 {
                times.push(at.duration_since(began).as_secs_f64() * 1e3);
                missing -= 1;
            }
        }
        sleep(PAUSE).await;
    }
    for node in &nodes {
        node.shutdown().await;
    }
    times.sort_by(f64::total_cmp);
    let at =
        |percent: usize| times.get((times.len() * percent / 100).min(times.len() - 1)).copied().unwrap_or(f64::NAN);
    let what = format!("{MESSAGES} messages to {} subscribers each; all nodes in one process.", size - 1);
    Ok(vec![
        Figure::alone("urgent, among the nodes: median", "ms", vec![at(50)], Some(Target::AtMost(30.0))).note(what),
        Figure::alone("urgent, among the nodes: p99", "ms", vec![at(99)], Some(Target::AtMost(250.0))),
    ])
}

async fn listen(mut subscription: Subscription, heard: mpsc::Sender<(u64, Instant)>) {
    while let Some(delivery) = subscription.next().await {
        let at = Instant::now();
        let Delivery::Message(message) = delivery else { continue };
        let number = message.payload().first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        if heard.send((number.unwrap_or_default(), at)).await.is_err() {
            return;
        }
    }
}

/// Publishes now and then until one message has come to everybody within a moment.
async fn ready(topic: &Topic, all: &mut mpsc::Receiver<(u64, Instant)>, subscribers: usize) -> Result<()> {
    let began = Instant::now();
    for n in u64::MAX / 2.. {
        ensure!(began.elapsed() < PREPARING, "a message does not come to everybody");
        let mut payload = vec![0; SIZE];
        payload.get_mut(..8).context("a message has no room")?.copy_from_slice(&n.to_le_bytes());
        topic.publish_raw(payload).gossip().await?;
        let everybody = async {
            let mut missing = subscribers;
            while missing > 0 {
                missing -= usize::from(all.recv().await.is_some_and(|(number, _)| number == n));
            }
        };
        if timeout(Duration::from_secs(1), everybody).await.is_ok() {
            break;
        }
    }
    // Heartbeats, in which peers tell what they have.
    sleep(Duration::from_secs(3)).await;
    Ok(())
}
