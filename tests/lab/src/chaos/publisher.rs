//! Publishing without end, and writing down what was asked and what was answered.

use std::{collections::VecDeque, fmt::Write as _, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    journal::{Chain, Id, Journal, Level, Told},
    world::World,
};
use crate::subject::node::{Hearing, Saying};

/// How often it publishes some.
const BEAT: Duration = Duration::from_millis(100);
/// Messages that may be under way; it waits for answers then.
const UNDER_WAY: usize = 2_000;
/// How long a node may take for the level that is asked for, in milliseconds.
const WITHIN: u64 = 5_000;
/// How long the last answers are waited for.
const LAST: Duration = Duration::from_secs(30);
/// Before a node is asked again.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a node may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(600);
/// Levels by turns.
const LEVELS: [Level; 4] = [Level::Local, Level::Gossip, Level::Kept(2), Level::Local];

/// A publisher.
pub(super) struct Publisher {
    /// Its number.
    pub(super) number: usize,
    /// The node that it publishes at.
    pub(super) node: usize,
    /// The topic that it publishes on.
    pub(super) topic: String,
    /// Messages a second.
    pub(super) rate: f64,
    /// How many keepers can be asked for.
    pub(super) keepers: usize,
    /// What it writes down.
    pub(super) journal: Journal<Told>,
    /// The number of its next message.
    pub(super) next: u64,
}

/// A line of the node's answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Published { topic: String, epoch: u64, seq: u64, level: String },
    Failed { error: String, reached: Option<String> },
}

impl Publisher {
    /// Publishes until told to stop, and then waits for the last answers.
    ///
    /// # Errors
    /// If the journal cannot be written, or the node says what nobody understands.
    pub(super) async fn run(mut self, world: Arc<World>, stop: watch::Receiver<bool>) -> Result<()> {
        let mut under_way = VecDeque::new();
        while !*stop.borrow() {
            if let Ok((said, heard)) = world.control(self.node).exchange("/v1/topics/publish").await {
                let author = self.author(&world, &stop).await?;
                let Some(author) = author else { break };
                let ended = self.publish(said, heard, &author, &mut under_way, &stop).await;
                self.journal.write(under_way.drain(..).map(|id| Told::Unknown { id })).await?;
                if let Err(Failed::Harness(error)) = ended {
                    return Err(error.context(format!("publisher {}", self.number)));
                }
            }
            sleep(AGAIN).await;
        }
        Ok(())
    }

    /// The identity of its node; none if it is to stop.
    async fn author(&self, world: &World, stop: &watch::Receiver<bool>) -> Result<Option<String>> {
        let mut stop = stop.clone();
        let status = tokio::select! {
            status = world.status(self.node, PATIENCE) => status?,
            _ = stop.wait_for(|stop| *stop) => return Ok(None),
        };
        Ok(status.get("node").and_then(|node| node.as_str()).map(str::to_owned))
    }

    async fn publish(
        &mut self,
        mut said: Saying,
        mut heard: Hearing,
        author: &str,
        under_way: &mut VecDeque<Id>,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), Failed> {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut last = Instant::now();
        while !*stop.borrow() {
            tokio::select! {
                _ = beat.tick(), if under_way.len() < UNDER_WAY => {
                    let most = UNDER_WAY as f64;
                    let count = (last.elapsed().as_secs_f64() * self.rate).clamp(1.0, most) as u64;
                    last = Instant::now();
                    let lines = self.ask(count, under_way).await.map_err(Failed::Harness)?;
                    said.say(&lines).await.map_err(|_| Failed::Gone)?;
                }
                lines = heard.lines() => self.answered(author, lines, under_way).await?,
            }
        }
        said.end().await.map_err(|_| Failed::Gone)?;
        let rest = async {
            while !under_way.is_empty() {
                let lines = heard.lines().await;
                self.answered(author, lines, under_way).await?;
            }
            Ok(())
        };
        timeout(LAST, rest).await.unwrap_or(Err(Failed::Gone))
    }

    /// Writes down what is to be published next, and gives the lines that say so.
    async fn ask(&mut self, count: u64, under_way: &mut VecDeque<Id>) -> Result<String> {
        let mut lines = String::new();
        let mut asked = Vec::new();
        for _ in 0..count {
            let id = Id { publisher: self.number, number: self.next };
            self.next += 1;
            let turn = usize::try_from(id.number)? % LEVELS.len();
            let level = match LEVELS.get(turn).copied().unwrap_or(Level::Local) {
                Level::Kept(most) => Level::Kept(most.min(u8::try_from(self.keepers)?).max(1)),
                other => other,
            };
            asked.push(Told::Asked { id, level });
            under_way.push_back(id);
            // Of different lengths, as messages are.
            let text = format!("{id} {}", "~".repeat(usize::try_from(id.number % 97)?));
            let line = json!({"topic": self.topic, "text": text, "ack": level.to_string(), "within_ms": WITHIN});
            writeln!(lines, "{line}")?;
        }
        self.journal.write(asked).await?;
        Ok(lines)
    }

    async fn answered(
        &self,
        author: &str,
        lines: Result<Option<Vec<String>>>,
        under_way: &mut VecDeque<Id>,
    ) -> Result<(), Failed> {
        let Ok(Some(lines)) = lines else { return Err(Failed::Gone) };
        let mut told = Vec::new();
        for line in lines {
            let id = under_way.pop_front().context("an answer that nobody asked for").map_err(Failed::Harness)?;
            told.push(told_of(&line, author, id).map_err(Failed::Harness)?);
        }
        self.journal.write(told).await.map_err(Failed::Harness)
    }
}

fn told_of(line: &str, author: &str, id: Id) -> Result<Told> {
    match serde_json::from_str(line).with_context(|| format!("an answer that nobody understands: {line}"))? {
        Answer::Published { topic, epoch, seq, level } => {
            let chain = Some(Chain { topic, author: author.to_owned(), epoch });
            Ok(Told::Reached { id, chain, seq: Some(seq), level: level.parse()? })
        }
        Answer::Failed { reached: Some(level), .. } => {
            Ok(Told::Reached { id, chain: None, seq: None, level: level.parse()? })
        }
        Answer::Failed { error, reached: None } if error.contains("nothing was published") => {
            Ok(Told::Refused { id, error })
        }
        // A node that stops says that it does not know.
        Answer::Failed { error, reached: None } if error.contains("stop") => Ok(Told::Unknown { id }),
        Answer::Failed { error, reached: None } => bail!("{id} has failed for a reason that is none here: {error}"),
    }
}

/// Why publishing has ended.
enum Failed {
    /// The node has gone.
    Gone,
    /// Something that is not the node's fault, or too much of it.
    Harness(anyhow::Error),
}
