//! A steady load of idempotent calls, and what became of each of them.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use tokio::{sync::watch, task::JoinSet, time::sleep};

use super::Control;

/// How calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Calls under way at a time.
    pub workers: usize,
    /// Between the answer to a call and the next one, for each worker.
    pub pause: Duration,
    /// The deadline of each.
    pub deadline: Duration,
}

/// One call that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When it was made.
    pub begun: Instant,
    /// When it was answered, or failed.
    pub ended: Instant,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// Calls that are made until told to stop.
#[derive(Debug)]
pub struct Load {
    calls: Arc<Mutex<Vec<Call>>>,
    stop: watch::Sender<bool>,
    workers: JoinSet<()>,
}

impl Load {
    /// Begins to have that node call that peer.
    #[must_use]
    pub fn start(caller: &Control, peer: &str, pace: Pace) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut this = Self { calls: Arc::default(), stop, workers: JoinSet::new() };
        for _ in 0..pace.workers {
            let worker = work(caller.clone(), peer.to_owned(), pace, Arc::clone(&this.calls), stopped.clone());
            this.workers.spawn(worker);
        }
        this
    }

    /// Calls that have ended so far, in the order in which they did.
    ///
    /// # Errors
    /// If a worker has failed.
    pub fn so_far(&self) -> Result<Vec<Call>> {
        Ok(self.calls.lock().map_err(|_| anyhow!("a worker has failed"))?.clone())
    }

    /// Makes no more calls, waits for those under way, and gives all of them.
    ///
    /// # Errors
    /// If a worker has failed.
    pub async fn stop(mut self) -> Result<Vec<Call>> {
        self.stop.send_replace(true);
        while let Some(ended) = self.workers.join_next().await {
            ended?;
        }
        self.so_far()
    }
}

async fn work(caller: Control, peer: String, pace: Pace, calls: Arc<Mutex<Vec<Call>>>, stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let begun = Instant::now();
        let error = caller.ping(&peer, pace.deadline).await.err().map(|error| format!("{error:#}"));
        let call = Call { begun, ended: Instant::now(), error };
        if let Ok(mut calls) = calls.lock() {
            calls.push(call);
        }
        sleep(pace.pause).await;
    }
}

/// The longest time after `from` in which no call was answered. It ends with an answer, or with the last call.
#[must_use]
pub fn longest_silence(calls: &[Call], from: Instant) -> Duration {
    let mut answers: Vec<Instant> = calls.iter().filter(|call| call.error.is_none()).map(|call| call.ended).collect();
    answers.extend(calls.iter().map(|call| call.ended).max());
    answers.retain(|at| *at > from);
    answers.sort_unstable();
    let before = std::iter::once(from).chain(answers.iter().copied());
    before.zip(&answers).map(|(before, after)| *after - before).max().unwrap_or_default()
}
