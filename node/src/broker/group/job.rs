//! A job, and what a member says has come of it.

use std::{ops::Deref, time::Duration};

use atoll_protocol::topic::work::{Answer, LeaseId};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{broker::Message, error::AnswerError};

/// An answer came too late.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stale {
    pub(super) lease: LeaseId,
    /// The coordinator's epoch.
    pub(super) now: u64,
}

/// Something to be said to the coordinator.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) lease: LeaseId,
    pub(super) answer: Answer,
    /// Where nobody waits for it, the reply goes nowhere.
    pub(super) reply: oneshot::Sender<Result<(), Stale>>,
}

/// Something to be done: a [`Message`], and what to say when it is done. One that is dropped without an answer is given again, to
/// whomever.
#[derive(Debug)]
#[must_use = "a job that is dropped without an answer is given again"]
pub struct Job {
    message: Message,
    lease: LeaseId,
    attempt: u32,
    /// How long a member may take.
    wait: Duration,
    /// When the member's time for it is over, unless it extends that.
    until: Mutex<Instant>,
    link: mpsc::Sender<Said>,
    answered: bool,
}

impl Job {
    pub(super) fn new(
        message: Message,
        lease: LeaseId,
        attempt: u32,
        wait: Duration,
        link: mpsc::Sender<Said>,
    ) -> Self {
        let until = Mutex::new(Instant::now() + wait);
        Self { message, lease, attempt, wait, until, link, answered: false }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// How often it was given, this time included. An earlier member may have done some of it, or all.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What it is answered under: no two jobs have the same.
    #[must_use]
    pub fn lease(&self) -> LeaseId {
        self.lease
    }

    /// It is done. Once this has resolved it is given to nobody any more, unless the coordinator is lost within the next tenth of a
    /// second.
    ///
    /// # Errors
    /// [`AnswerError::Stale`] if it was given to somebody else meanwhile: what was done here may be done again.
    /// [`AnswerError::Lost`] if the coordinator cannot be asked: it may be.
    pub async fn ack(mut self) -> Result<(), AnswerError> {
        self.answer(Answer::Ack).await
    }

    /// It was not managed: it is given again after `delay`, five minutes at most, or after the usual time; to whomever, and so often as
    /// the group allows. Then it becomes a dead letter that tells `reason`, of which 256 bytes are kept.
    ///
    /// # Errors
    /// As [`ack`](Job::ack).
    pub async fn nack(
        mut self,
        delay: impl Into<Option<Duration>>,
        reason: impl Into<String>,
    ) -> Result<(), AnswerError> {
        let delay = delay.into().map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        self.answer(Answer::Nack { delay_ms: delay, said: cut(reason.into()) }).await
    }

    /// Nobody will ever manage it: it becomes a dead letter at once, that tells `reason`.
    ///
    /// # Errors
    /// As [`ack`](Job::ack).
    pub async fn reject(mut self, reason: impl Into<String>) -> Result<(), AnswerError> {
        self.answer(Answer::Reject { said: cut(reason.into()) }).await
    }

    /// It is still being worked on: there is the whole time for it again.
    ///
    /// # Errors
    /// As [`ack`](Job::ack).
    pub async fn extend(&self) -> Result<(), AnswerError> {
        self.say(Answer::Extend).await?;
        *self.until.lock() = Instant::now() + self.wait;
        Ok(())
    }

    /// Whether an answer would come too late, as far as is known here: the time for it is over, or nobody is there to answer to.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.link.is_closed() || *self.until.lock() <= Instant::now()
    }

    /// How long there still is until an answer would come too late, as far as is known here.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.until.lock().saturating_duration_since(Instant::now())
    }

    async fn answer(&mut self, answer: Answer) -> Result<(), AnswerError> {
        let said = self.say(answer);
        let outcome = said.await;
        self.answered = true;
        outcome
    }

    async fn say(&self, answer: Answer) -> Result<(), AnswerError> {
        let (reply, replied) = oneshot::channel();
        let lost = || AnswerError::Lost { topic: self.message.topic().clone(), seq: self.message.seq() };
        self.link.send(Said { lease: self.lease, answer, reply }).await.map_err(|_| lost())?;
        replied.await.map_err(|_| lost())?.map_err(|Stale { lease, now }| AnswerError::Stale {
            topic: self.message.topic().clone(),
            seq: self.message.seq(),
            epoch: lease.epoch,
            now,
        })
    }
}

impl Deref for Job {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.answered {
            let (reply, _) = oneshot::channel();
            let answer = Answer::Nack { delay_ms: None, said: String::new() };
            // Where there is no room for it its time will be over.
            let _ = self.link.try_send(Said { lease: self.lease, answer, reply });
        }
    }
}

/// More is not kept.
fn cut(mut said: String) -> String {
    let end = (0..=256.min(said.len())).rev().find(|end| said.is_char_boundary(*end)).unwrap_or_default();
    said.truncate(end);
    said
}
