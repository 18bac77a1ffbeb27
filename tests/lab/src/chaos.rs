//! Chaos: nodes are killed, cut off from each other and out of room, while some publish and some subscribe; then everything heals, and
//! a program compares what subscribers have written down with what publishers have.
//!
//! | module | what it does |
//! |---|---|
//! | [`plan`] | what goes wrong and when; pure, by a seed |
//! | [`world`] | the nodes, and having it go wrong |
//! | [`publisher`], [`subscriber`], [`journal`] | what is done meanwhile, and written down |
//! | [`check`] | whether topics have kept what they promise; pure |
//! | [`report`] | what people and programs are told |
//!
//! Nothing waits for a fixed time in the end: subscribers have converged when the checker finds nothing that waiting might help.

pub mod check;
pub mod journal;
pub mod plan;
mod publisher;
pub mod report;
mod subscriber;
#[cfg(test)]
mod tests;
pub mod world;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use self::{
    check::{Evidence, Published, Received, Violation, check},
    journal::{Heard, Journal, Told},
    plan::{Cast, plan},
    publisher::Publisher,
    report::Report,
    subscriber::Subscriber,
    world::World,
};
use crate::topology::Lab;

/// How long all nodes may take to be there.
const BEGIN: Duration = Duration::from_secs(120);
/// How long subscribers may take to converge once everything has healed.
const CONVERGE: Duration = Duration::from_secs(180);
/// How often it is looked whether they have, and whether a node has ended by itself.
const LOOK: Duration = Duration::from_secs(1);
/// How long publishing goes on after everything has healed.
const AFTER: Duration = Duration::from_secs(3);
/// Topics, which publishers share.
const TOPICS: [&str; 3] = ["chaos/a", "chaos/b/c", "chaos/d"];

/// What is to happen.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the programs `node` and `atoll-bootstrap` are.
    pub programs: PathBuf,
    /// Where journals and what nodes say are written to.
    pub journals: PathBuf,
    /// Nodes.
    pub nodes: usize,
    /// How many of them keep topics.
    pub keepers: usize,
    /// How long things go wrong.
    pub length: Duration,
    /// Says what goes wrong.
    pub seed: u64,
    /// Messages a second, of each publisher.
    pub rate: f64,
}

/// Has it all happen, and checks. `tell` hears how it goes.
///
/// # Errors
/// If the means fail. What topics have not kept is part of the report.
pub async fn run(lab: &mut Lab, settings: &Settings, tell: impl Fn(String)) -> Result<Report> {
    let cast = Cast::of(settings.nodes, settings.keepers);
    std::fs::create_dir_all(&settings.journals)
        .with_context(|| format!("cannot make {}", settings.journals.display()))?;
    let world = Arc::new(World::build(lab, &cast, &settings.programs, &settings.journals).await?);
    for node in 0..cast.nodes {
        world.status(node, BEGIN).await?;
    }
    tell(format!("{cast:?}"));
    let mut people = People::begin(&world, &cast, settings)?;
    harm(&world, &cast, settings, &tell).await?;
    sleep(AFTER).await;
    people.publish_no_more().await?;
    tell("everything has healed, and nobody publishes any more".to_owned());
    let healed = Instant::now();
    let evidence = loop {
        world.look_after()?;
        let evidence = people.evidence(&world);
        let converged = !check(&evidence).violations.iter().any(Violation::may_pass);
        if converged || healed.elapsed() > CONVERGE || people.has_failed() {
            break evidence;
        }
        sleep(LOOK).await;
    };
    let converged_after = healed.elapsed();
    people.subscribe_no_more().await?;
    Ok(Report::new(settings, world.faults(), converged_after, check(&evidence)))
}

/// Has what is planned happen.
async fn harm(world: &World, cast: &Cast, settings: &Settings, tell: &impl Fn(String)) -> Result<()> {
    let begun = Instant::now();
    let mut look = begun + LOOK;
    for (at, fault) in plan(settings.seed, cast, settings.length) {
        while look < begun + at {
            sleep_until(look).await;
            look += LOOK;
            world.look_after()?;
        }
        sleep_until(begun + at).await;
        tell(format!("{:6.1} s  {fault:?}", at.as_secs_f64()));
        world.suffer(&fault).await.with_context(|| format!("{fault:?} cannot be done"))?;
    }
    sleep_until(begun + settings.length).await;
    Ok(())
}

/// Those who publish and subscribe.
struct People {
    publishers: JoinSet<Result<()>>,
    subscribers: JoinSet<Result<()>>,
    said: Vec<Journal<Told>>,
    heard: Vec<(usize, bool, Journal<Heard>)>,
    stop_publishing: watch::Sender<bool>,
    stop_subscribing: watch::Sender<bool>,
}

impl People {
    fn begin(world: &Arc<World>, cast: &Cast, settings: &Settings) -> Result<Self> {
        let mut people = Self {
            publishers: JoinSet::new(),
            subscribers: JoinSet::new(),
            said: Vec::new(),
            heard: Vec::new(),
            stop_publishing: watch::Sender::new(false),
            stop_subscribing: watch::Sender::new(false),
        };
        for node in cast.subscribers.iter().copied() {
            let journal = Journal::create(&settings.journals.join(format!("subscriber-node{node}.jsonl")))?;
            people.heard.push((node, cast.small.contains(&node), journal.clone()));
            let stop = people.stop_subscribing.subscribe();
            people.subscribers.spawn(Subscriber { node, journal }.run(Arc::clone(world), stop));
        }
        for ((number, node), topic) in cast.publishers.iter().copied().enumerate().zip(TOPICS.iter().cycle()) {
            let journal = Journal::create(&settings.journals.join(format!("publisher-{number}-node{node}.jsonl")))?;
            people.said.push(journal.clone());
            let (topic, rate, keepers) = ((*topic).to_owned(), settings.rate, cast.keepers.min(2));
            let publisher = Publisher { number, node, topic, rate, keepers, journal, next: 0 };
            people.publishers.spawn(publisher.run(Arc::clone(world), people.stop_publishing.subscribe()));
        }
        Ok(people)
    }

    async fn publish_no_more(&mut self) -> Result<()> {
        self.stop_publishing.send_replace(true);
        while let Some(ended) = self.publishers.join_next().await {
            ended??;
        }
        Ok(())
    }

    async fn subscribe_no_more(&mut self) -> Result<()> {
        self.stop_subscribing.send_replace(true);
        while let Some(ended) = self.subscribers.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Whether a subscriber has ended though nobody told it to.
    fn has_failed(&self) -> bool {
        self.subscribers.len() < self.heard.len()
    }

    fn evidence(&self, world: &World) -> Evidence {
        let published = self.said.iter().map(|journal| Published { lines: journal.lines() }).collect();
        let received = self.heard.iter().map(|(node, small_disk, journal)| Received {
            name: format!("node{node}"),
            small_disk: *small_disk,
            lines: journal.lines(),
        });
        Evidence { published, received: received.collect(), destroyed: world.destroyed() }
    }
}
