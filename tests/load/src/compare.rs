//! The driver: every measurement between processes of its own, the peers in turn, round after round.
//!
//! In turn, so that a machine that gets slower or busier while this runs treats all of them alike. The failure of one
//! peer is its row in the table and nothing more.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use crate::{
    case::{Case, Sample, Work},
    machine::Machine,
    pair,
    peers::{PeerName, atoll},
    targets::{self, Verdict},
    work::Size,
};

/// What is compared, and how.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Atoll's program.
    pub(crate) node: PathBuf,
    pub(crate) peers: Vec<PeerName>,
    pub(crate) works: Vec<Work>,
    pub(crate) rounds: usize,
    /// Of each echo.
    pub(crate) duration: Duration,
    /// Of each stream.
    pub(crate) size: Size,
}

/// All that came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rounds: usize,
    pub(crate) duration_s: f64,
    pub(crate) size: String,
    pub(crate) groups: Vec<Group>,
    pub(crate) targets: Vec<Verdict>,
}

/// One case, and how the peers did.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    #[serde(flatten)]
    pub(crate) case: Case,
    pub(crate) peers: Vec<Outcome>,
}

/// How one peer did at one case.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    pub(crate) peer: PeerName,
    /// Over all rounds; empty if it failed in one.
    pub(crate) figures: Sample,
    /// Atoll's figures divided by these, by the name under which Atoll was measured.
    pub(crate) ratios: BTreeMap<String, Sample>,
    /// Why there are no figures.
    pub(crate) failure: Option<String>,
    rounds: Vec<Sample>,
}

impl Group {
    fn new(case: Case, peers: &[PeerName]) -> Self {
        let peers = peers.iter().filter(|peer| peer.is_atoll() || case.is_for_all());
        Self { case, peers: peers.map(|peer| Outcome::new(*peer, case)).collect() }
    }

    /// A figure of a peer's, if it has been measured.
    pub(crate) fn figure(&self, peer: PeerName, key: &str) -> Option<f64> {
        self.peers.iter().find(|outcome| outcome.peer == peer)?.figures.get(key).copied()
    }

    /// Makes one figure of those of all rounds, and the ratios.
    fn conclude(&mut self) {
        for outcome in self.peers.iter_mut().filter(|outcome| outcome.failure.is_none()) {
            let figures = self.case.figures().iter();
            outcome.figures =
                figures.filter_map(|figure| Some((figure.key, figure.of_rounds(&outcome.rounds)?))).collect();
        }
        let atolls: Vec<(PeerName, Sample)> = self
            .peers
            .iter()
            .filter(|outcome| outcome.peer.is_atoll() && outcome.failure.is_none())
            .map(|outcome| (outcome.peer, outcome.figures.clone()))
            .collect();
        for outcome in &mut self.peers {
            let ratio = |atoll: &Sample| -> Sample {
                let both = outcome.figures.iter().filter_map(|(key, figure)| Some((*key, atoll.get(key)? / figure)));
                both.filter(|(_, ratio)| ratio.is_finite()).collect()
            };
            outcome.ratios = atolls.iter().map(|(name, figures)| (name.to_string(), ratio(figures))).collect();
        }
    }
}

impl Outcome {
    fn new(peer: PeerName, case: Case) -> Self {
        let failure = peer.left_out(case).map(str::to_owned);
        Self { peer, figures: Sample::new(), ratios: BTreeMap::new(), failure, rounds: Vec::new() }
    }

    async fn measure(&mut self, case: Case, settings: &Settings) {
        match sample(self.peer, case, settings).await {
            Ok(sample) => self.rounds.push(sample),
            Err(error) => {
                eprintln!("  {error:#}");
                self.failure = Some(format!("{error:#}"));
            }
        }
    }
}

/// Measures everything.
pub(crate) async fn run(settings: &Settings) -> Report {
    let cases = settings.works.iter().flat_map(|work| work.cases());
    let mut groups: Vec<Group> = cases.map(|case| Group::new(*case, &settings.peers)).collect();
    for round in 1..=settings.rounds {
        for Group { case, peers } in &mut groups {
            // Who has failed once would only fail again, perhaps after minutes.
            for outcome in peers.iter_mut().filter(|outcome| outcome.failure.is_none()) {
                eprintln!("round {round} of {}: {}: {}", settings.rounds, case.title(), outcome.peer);
                outcome.measure(*case, settings).await;
            }
        }
    }
    for group in &mut groups {
        group.conclude();
    }
    Report {
        machine: Machine::this(),
        rounds: settings.rounds,
        duration_s: settings.duration.as_secs_f64(),
        size: settings.size.to_string(),
        targets: targets::verdicts(&groups),
        groups,
    }
}

async fn sample(peer: PeerName, case: Case, settings: &Settings) -> Result<Sample> {
    let printed = if peer.is_atoll() {
        atoll::measure(peer, case, settings).await
    } else {
        pair::measure(peer, case, settings).await
    }?;
    let figure = |key: &'static str| {
        let value = printed.get(key).and_then(Value::as_f64);
        Ok((key, value.with_context(|| format!("no {key} in {printed}"))?))
    };
    case.figures().iter().map(|f| figure(f.key)).collect()
}

/// All values of an option, for its default.
pub(crate) fn all<T: ValueEnum + Clone>() -> Vec<T> {
    T::value_variants().to_vec()
}
