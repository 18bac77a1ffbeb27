//! Working for a group for as long as there is a node, and again once it is back.

use std::{collections::BTreeSet, io};

use atoll_node::{
    cli::text::complain,
    control::api::{JobRow, WorkAnswer, WorkEvent, WorkOutcome, WorkRequest},
};
use bytes::Bytes;
use futures::{
    StreamExt,
    future::BoxFuture,
    stream::{self, FuturesUnordered},
};
use serde::Serialize;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::sleep,
};

use super::command::{self, Outcome};
use crate::{
    client::Feed,
    failure::Failure,
    session::{Out, Session},
    subscribe::{follow::RETRY, line},
};

const PATH: &str = "/v1/topics/work";
/// Answers that may wait for the node.
const ANSWERS: usize = 64;

/// See the [module docs](self).
pub(super) struct Worker {
    request: WorkRequest,
    command: Option<String>,
    /// Messages that are still to be done.
    left: Option<u64>,
    /// Whether the node has gone before.
    back: bool,
}

/// What a command has made of a message, as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Told<'a> {
    Ended {
        job: u64,
        answer: WorkOutcome,
        #[serde(skip_serializing_if = "str::is_empty")]
        reason: &'a str,
    },
}

/// Why work for one connection is over.
enum End {
    Enough,
    Gone,
}

/// One connection to the node.
struct Bench<'a> {
    worker: &'a mut Worker,
    out: &'a Out,
    feed: Feed<WorkEvent>,
    answers: mpsc::Sender<Bytes>,
    /// Answers that the node has not confirmed.
    unheard: BTreeSet<u64>,
    running: FuturesUnordered<BoxFuture<'static, (Box<JobRow>, Outcome)>>,
    /// Nothing more is begun.
    leaving: bool,
}

enum Next {
    Event(Option<WorkEvent>),
    Ended(Box<JobRow>, Outcome),
    Signal,
}

impl Worker {
    pub(super) fn new(request: WorkRequest, command: Option<String>, count: Option<u64>) -> Self {
        Self { request, command, left: count, back: false }
    }

    /// Works until enough is done, or a signal ends it: the first one lets what is under way come to its end, the second one does not.
    pub(super) async fn work(mut self, session: &Session) -> Result<(), Failure> {
        let signals = |e: io::Error| Failure::NoAnswer(format!("cannot listen for signals: {e}"));
        let listen = |kind| signal(kind).map_err(signals);
        let mut ends = [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?];
        loop {
            let joined = tokio::select! {
                () = any(&mut ends) => return Ok(()),
                joined = self.join(session) => joined?,
            };
            let Some((feed, answers)) = joined else { continue };
            let (unheard, running) = (BTreeSet::new(), FuturesUnordered::new());
            let out = &session.out;
            let bench = Bench { worker: &mut self, out, feed, answers, unheard, running, leaving: false };
            match bench.work(&mut ends).await? {
                End::Enough => return Ok(()),
                End::Gone => {
                    self.back = true;
                    complain("the node has stopped; waiting until it is started again, Ctrl-C ends it");
                }
            }
        }
    }

    /// Joins the group. None if the node is still to be waited for.
    async fn join(&self, session: &Session) -> Result<Option<(Feed<WorkEvent>, mpsc::Sender<Bytes>)>, Failure> {
        let (answers, to_say) = mpsc::channel::<Bytes>(ANSWERS);
        let said = stream::unfold(to_say, async |mut from| from.recv().await.map(|line| (line, from)));
        let head = json(&self.request)?;
        match session.client.converse(PATH, stream::iter([head]).chain(said).boxed()).await {
            Ok(feed) => {
                let WorkRequest { topic, group, .. } = &self.request;
                if !session.out.is_json() {
                    let words = if self.back { "the node is back; working" } else { "working" };
                    complain(&format!("{words} in the group {group} on {topic}; Ctrl-C ends it"));
                }
                Ok(Some((feed, answers)))
            }
            // It is waited for only if it has been there.
            Err(Failure::NoNode { .. } | Failure::NoAnswer(_) | Failure::Refused(_)) if self.back => {
                sleep(RETRY).await;
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

impl Bench<'_> {
    async fn work(mut self, ends: &mut [Signal]) -> Result<End, Failure> {
        loop {
            let idle = self.running.is_empty() && self.unheard.is_empty();
            if idle && (self.leaving || self.worker.left == Some(0)) {
                return Ok(End::Enough);
            }
            let next = tokio::select! {
                biased;
                () = any(ends) => Next::Signal,
                Some((job, outcome)) = self.running.next() => Next::Ended(job, outcome),
                event = self.feed.next() => Next::Event(event?),
            };
            match next {
                Next::Signal if self.leaving => return Ok(End::Enough),
                Next::Signal => {
                    self.leaving = true;
                    if !self.running.is_empty() {
                        complain("waiting for what is running; Ctrl-C once more ends it");
                    }
                }
                Next::Ended(job, outcome) => self.ended(&job, outcome).await?,
                // What was running is somebody else's now, and ends with this.
                Next::Event(None) => return Ok(End::Gone),
                Next::Event(Some(WorkEvent::Job(job))) => self.begin(job).await?,
                Next::Event(Some(WorkEvent::Answered { job, error })) => {
                    self.unheard.remove(&job);
                    if let Some(error) = error {
                        complain(&error);
                    }
                }
                Next::Event(Some(WorkEvent::End { error })) => return Err(Failure::Refused(error)),
            }
        }
    }

    async fn begin(&mut self, job: Box<JobRow>) -> Result<(), Failure> {
        let begun = self.running.len() as u64;
        if self.leaving || self.worker.left.is_some_and(|left| left <= begun) {
            // It goes to others when this ends.
            return Ok(());
        }
        if self.out.is_json() {
            self.out.json(&WorkEvent::Job(job.clone()))?;
        }
        match self.worker.command.clone() {
            Some(command) => {
                let to_stderr = self.out.is_json();
                self.running.push(Box::pin(async move {
                    let outcome = command::run(&command, &job, to_stderr).await;
                    (job, outcome)
                }));
                Ok(())
            }
            None => {
                if !self.out.is_json() {
                    self.out.text(&printed(&job))?;
                }
                self.answer(&job, WorkOutcome::Ack, String::new()).await
            }
        }
    }

    async fn ended(&mut self, job: &JobRow, outcome: Outcome) -> Result<(), Failure> {
        let (answer, reason) = match &outcome {
            Outcome::Done => (WorkOutcome::Ack, String::new()),
            Outcome::Failed(reason) | Outcome::NoCommand(reason) => (WorkOutcome::Nack, reason.clone()),
        };
        if self.out.is_json() {
            self.out.json(&Told::Ended { job: job.number, answer, reason: &reason })?;
        } else if answer == WorkOutcome::Nack {
            let (seq, of) = (job.message.seq, job.message.author.short());
            complain(&format!("message {seq} of {of} was not managed, attempt {}: {reason}", job.attempt));
        }
        self.answer(job, answer, reason.clone()).await?;
        match outcome {
            Outcome::NoCommand(_) => {
                self.hear().await;
                Err(Failure::Incomplete(format!(
                    "the command cannot be run: {reason}; nothing is lost, the message is given to others. Correct --exec, and start again"
                )))
            }
            Outcome::Done | Outcome::Failed(_) => Ok(()),
        }
    }

    async fn answer(&mut self, job: &JobRow, answer: WorkOutcome, reason: String) -> Result<(), Failure> {
        let line = json(&WorkAnswer { job: job.number, answer, delay_ms: None, reason })?;
        self.unheard.insert(job.number);
        self.worker.left = self.worker.left.map(|left| left.saturating_sub(1));
        // Where the node has gone, its answers end as well.
        let _ = self.answers.send(line).await;
        Ok(())
    }

    /// Waits until the node has heard everything.
    async fn hear(&mut self) {
        while !self.unheard.is_empty() {
            match self.feed.next().await {
                Ok(Some(WorkEvent::Answered { job, .. })) => drop(self.unheard.remove(&job)),
                Ok(Some(WorkEvent::Job(_))) => {}
                Ok(Some(WorkEvent::End { .. }) | None) | Err(_) => return,
            }
        }
    }
}

/// A message in a line, with how often it was given if that was before.
pub(super) fn printed(job: &JobRow) -> String {
    let line = line::message(&job.message, false);
    if job.attempt > 1 { format!("{line}  (attempt {})", job.attempt) } else { line }
}

fn json<T: Serialize>(value: &T) -> Result<Bytes, Failure> {
    let line = serde_json::to_string(value).map_err(|e| Failure::Unprintable(e.to_string()))?;
    Ok(Bytes::from(format!("{line}\n")))
}

/// Resolves with the next of these signals.
async fn any(signals: &mut [Signal]) {
    let all = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures::future::select_all(all).await;
}
