//! Subscribing in a session, and writing down what comes before it is confirmed.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use tokio::{sync::watch, time::sleep};

use super::{
    journal::{Chain, Heard, Journal},
    world::World,
};
use crate::subject::node::{Hearing, Saying};

/// Before a node is asked again.
const AGAIN: Duration = Duration::from_millis(200);

/// A subscriber to all topics.
pub(super) struct Subscriber {
    /// The node that it subscribes at.
    pub(super) node: usize,
    /// What it writes down.
    pub(super) journal: Journal<Heard>,
}

/// A line of the node's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    Subscribed {},
    Message { topic: String, author: String, epoch: u64, seq: u64, text: Option<String> },
    Gap { topic: String, author: String, epoch: u64, from_seq: u64, to_seq: u64 },
}

impl Subscriber {
    /// Subscribes, again and again, until told to stop.
    ///
    /// # Errors
    /// If the journal cannot be written, or the node says what nobody understands.
    pub(super) async fn run(self, world: Arc<World>, mut stop: watch::Receiver<bool>) -> Result<()> {
        let running = async {
            loop {
                if let Ok((said, heard)) = world.control(self.node).exchange("/v1/topics/subscribe").await {
                    self.subscribe(said, heard).await?;
                }
                sleep(AGAIN).await;
            }
        };
        tokio::select! {
            ended = running => ended,
            _ = stop.wait_for(|stop| *stop) => Ok(()),
        }
    }

    /// Takes what comes until the node has gone.
    async fn subscribe(&self, mut said: Saying, mut heard: Hearing) -> Result<()> {
        let first = json!({"topics": "chaos/>", "from": "earliest", "session": "chaos", "confirm": true});
        if said.say(&format!("{first}\n")).await.is_err() {
            return Ok(());
        }
        let (mut begun, mut taken) = (false, 0);
        // One that has not noticed yet that the last subscriber is gone refuses.
        while let Ok(Some(lines)) = heard.lines().await {
            let mut events = Vec::new();
            for line in lines {
                events.extend(event(&line)?);
            }
            taken += events.iter().filter(|event| **event != Heard::Begun).count();
            begun |= events.contains(&Heard::Begun);
            self.journal.write(events).await?;
            if said.say(&format!("{}\n", json!({ "taken": taken }))).await.is_err() {
                break;
            }
        }
        if begun {
            self.journal.write([Heard::Ended]).await?;
        }
        Ok(())
    }
}

fn event(line: &str) -> Result<Option<Heard>> {
    let event = serde_json::from_str(line).with_context(|| format!("a line that nobody understands: {line}"))?;
    Ok(Some(match event {
        Event::Subscribed {} => Heard::Begun,
        Event::Message { topic, author, epoch, seq, text } => {
            let text = text.with_context(|| format!("a message that is none of ours: {line}"))?;
            let id = text.split_whitespace().next().unwrap_or_default().parse()?;
            Heard::Message { chain: Chain { topic, author, epoch }, seq, id }
        }
        Event::Gap { topic, author, epoch, from_seq, to_seq } => {
            Heard::Gap { chain: Chain { topic, author, epoch }, from: from_seq, to: to_seq }
        }
    }))
}
