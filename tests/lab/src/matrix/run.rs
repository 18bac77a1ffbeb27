//! Trying all pairs in one lab, as many at a time as the subject bears.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anyhow::{Context, Result};
use futures::{StreamExt, stream};
use tokio::sync::Mutex;

use super::{Attempt, Cell};
use crate::{
    delay::Delay,
    nat::Nat,
    subject::Subject,
    topology::{Lab, Site, SiteOptions},
};

/// What is to be tried.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The pairs.
    pub pairs: Vec<(Nat, Nat)>,
    /// How often each.
    pub repeat: usize,
    /// How many at a time, at most.
    pub jobs: usize,
    /// The one-way delays of the sites that start and of those that are reached, if any.
    pub delays: Option<[Duration; 2]>,
}

/// The sites that a plan needs: of each kind one that starts and one that is reached, as far as they occur.
#[derive(Debug)]
pub struct Arena {
    first: BTreeMap<Nat, (Site, Mutex<()>)>,
    second: BTreeMap<Nat, (Site, Mutex<()>)>,
}

impl Arena {
    /// Builds them.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn build(lab: &mut Lab, plan: &Plan) -> Result<Self> {
        let [near, far] = plan.delays.map_or([None, None], |delays| delays.map(|one_way| Some(Delay::of(one_way))));
        let mut side = |kinds: BTreeSet<Nat>, delay: Option<Delay>| {
            let site = |nat: Nat| Ok((nat, (lab.site(SiteOptions { delay, ..nat.into() })?, Mutex::new(()))));
            kinds.into_iter().map(site).collect::<Result<BTreeMap<_, _>>>()
        };
        let first = side(plan.pairs.iter().map(|(a, _)| *a).collect(), near)?;
        let second = side(plan.pairs.iter().map(|(_, b)| *b).collect(), far)?;
        Ok(Self { first, second })
    }

    /// All sites.
    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        self.first.values().chain(self.second.values()).map(|(site, _)| site)
    }
}

/// Tries every pair of the plan. `report` hears of each attempt as it ends.
///
/// # Errors
/// If a pair has no sites in the arena. What fails between two sites is part of the result.
pub async fn run<S: Subject>(
    subject: &S,
    arena: &Arena,
    plan: &Plan,
    report: impl Fn(Nat, Nat, &Attempt) + Sync,
) -> Result<Vec<Cell>> {
    let (number, report) = (AtomicU64::new(0), &report);
    let rounds = (0..plan.repeat).flat_map(|_| plan.pairs.iter().enumerate());
    let attempts = stream::iter(rounds).map(|(index, (a, b))| {
        let attempt = number.fetch_add(1, Ordering::Relaxed);
        async move {
            let outcome = attempt_once(subject, arena, (*a, *b), attempt).await?;
            report(*a, *b, &outcome);
            anyhow::Ok((index, outcome))
        }
    });
    let mut attempts = std::pin::pin!(attempts.buffer_unordered(plan.jobs.max(1)));
    let mut cells: Vec<Cell> = plan
        .pairs
        .iter()
        .map(|(a, b)| Cell { a: *a, b: *b, expected: subject.expected(*a, *b), attempts: Vec::new() })
        .collect();
    while let Some(attempt) = attempts.next().await {
        let (index, outcome) = attempt?;
        cells.get_mut(index).context("an attempt at no pair")?.attempts.push(outcome);
    }
    Ok(cells)
}

async fn attempt_once<S: Subject>(subject: &S, arena: &Arena, (a, b): (Nat, Nat), attempt: u64) -> Result<Attempt> {
    let (first, first_taken) = arena.first.get(&a).with_context(|| format!("there is no site {a} that starts"))?;
    let (second, second_taken) = arena.second.get(&b).with_context(|| format!("there is no site {b} to be reached"))?;
    // Always in this order, so nobody waits for each other.
    let _first = if S::EXCLUSIVE { Some(first_taken.lock().await) } else { None };
    let _second = if S::EXCLUSIVE { Some(second_taken.lock().await) } else { None };
    Ok(match subject.connect(first, second, attempt).await {
        Ok(outcome) => Attempt::Outcome(outcome),
        Err(error) => Attempt::Error(format!("{error:#}")),
    })
}
