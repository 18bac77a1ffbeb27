//! `/v1/topics/work`: work of a group for whoever asks, over one HTTP exchange, both ways at a time; and `/v1/groups`.
//!
//! ```text
//! request   {"topic": "jobs", "group": "workers", …}       which work, and how the group treats it
//!           {"job": 1, "answer": "ack"}                    one answer a line, as it comes; the end of the body ends the work
//!           {"job": 2, "answer": "nack", "reason": "…"}
//!
//! response  {"job": {"number": 1, "message": {…}, …}}      one line for each job, as it comes
//!           {"answered": {"job": 1}}                       and for each answer, with an error if it does not count
//!                                                          a blank line now and then, while there is nothing to say
//! ```
//!
//! With `"auto": true` there are no answers, and the request may end: a job counts as done once its line was taken and the next one is
//! asked for. When the connection breaks, what was given and not answered goes to others at once.

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    time::Duration,
};

use axum::{
    Json,
    body::Body,
    extract::Path,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::stream;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{
    api::{GroupReport, JobRow, WorkAnswer, WorkEvent, WorkOutcome, WorkRequest},
    lines::{LineError, Lines},
    routes::{Answer, Failure, Shared, node},
    topics::{begin, name, refused, row},
};
use crate::{
    Job, Member,
    error::{AnswerError, JoinError, RegisterError},
};

/// How long a client that is gone goes unnoticed, while nothing moves.
const PULSE: Duration = Duration::from_secs(1);

pub(super) async fn groups(state: Shared) -> Answer<Vec<GroupReport>> {
    // The node is not held while others are asked.
    let broker = node(&state)?.broker.clone();
    Ok(Json(broker.groups(None).await))
}

pub(super) async fn groups_of(state: Shared, Path(topic): Path<String>) -> Answer<Vec<GroupReport>> {
    let (topic, broker) = (name(&topic)?, node(&state)?.broker.clone());
    Ok(Json(broker.groups(Some(&topic)).await))
}

pub(super) async fn work(state: Shared, body: Body) -> Result<Response, Failure> {
    let mut lines = Lines::new(body);
    let head = lines.next().await.map_err(refused)?;
    let head = head.ok_or_else(|| refused("the body is empty; its first line says which work"))?;
    let request: WorkRequest =
        serde_json::from_slice(&head).map_err(|e| refused(format!("the first line does not say which work: {e}")))?;
    let joining = {
        let node = node(&state)?;
        let topic = node.broker.topic(name(&request.topic)?);
        settled(topic.group(&request.group).map_err(refused)?, &request)
    };
    let member = joining.join().await.map_err(|e| match e {
        JoinError::TooMany { .. } => Failure(StatusCode::TOO_MANY_REQUESTS, e.to_string()),
        JoinError::Register(RegisterError::Stopped) => Failure(StatusCode::SERVICE_UNAVAILABLE, e.to_string()),
        _ => refused(e),
    })?;
    let working = Working::new(member, lines, request.auto);
    let body = Body::from_stream(stream::unfold(working, Working::next));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

/// The group, treated as the request says.
fn settled(mut group: crate::Group, request: &WorkRequest) -> crate::Group {
    if let Some(from) = request.from {
        group = group.from(begin(from));
    }
    if let Some(millis) = request.ack_wait_ms {
        group = group.ack_wait(Duration::from_millis(millis));
    }
    if let Some(most) = request.deliveries {
        group = group.deliveries(most);
    }
    if let Some(millis) = request.backoff_ms {
        group = group.backoff(Duration::from_millis(millis));
    }
    if let Some(on) = request.key_order {
        group = group.key_order(on);
    }
    if let Some(jobs) = request.room {
        group = group.room(jobs);
    }
    group
}

struct Working {
    member: Member,
    /// Where answers come from; none once the request has ended.
    lines: Option<Lines<Body>>,
    auto: bool,
    /// Jobs that can be answered: never more than the member has room for.
    open: BTreeMap<u64, Job>,
    number: u64,
    /// What is still to be said.
    ready: VecDeque<WorkEvent>,
    over: bool,
    pulse: Interval,
}

/// What happens next.
enum Next {
    Job(Job),
    Line(Result<Option<Bytes>, LineError>),
    Stopped,
    Pulse,
}

impl Working {
    fn new(member: Member, lines: Lines<Body>, auto: bool) -> Self {
        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let lines = (!auto).then_some(lines);
        Self { member, lines, auto, open: BTreeMap::new(), number: 0, ready: VecDeque::new(), over: false, pulse }
    }

    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if self.auto {
            // The line before this one was taken.
            while let Some((number, job)) = self.open.pop_first() {
                let answered = job.ack().await;
                self.tell_failure(number, answered);
            }
        }
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(line(&event)), self));
            }
            if self.over {
                return None;
            }
            match self.happens().await {
                Next::Job(job) => {
                    self.open.retain(|_, job| !job.is_over());
                    self.number += 1;
                    let row = JobRow {
                        number: self.number,
                        attempt: job.attempt(),
                        time_left_ms: u64::try_from(job.time_left().as_millis()).unwrap_or(u64::MAX),
                        message: row(&job),
                    };
                    self.ready.push_back(WorkEvent::Job(Box::new(row)));
                    self.open.insert(self.number, job);
                }
                Next::Line(Ok(Some(answer))) => self.answer(&answer).await,
                Next::Line(Ok(None)) | Next::Stopped => self.over = true,
                Next::Line(Err(error)) => self.end(error.to_string()),
                Next::Pulse => return Some((Ok(Bytes::from_static(b"\n")), self)),
            }
        }
    }

    async fn happens(&mut self) -> Next {
        let lines = &mut self.lines;
        let answers = async {
            match lines {
                Some(lines) => lines.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = answers => Next::Line(answer),
            job = self.member.next() => job.map_or(Next::Stopped, Next::Job),
            _ = self.pulse.tick() => Next::Pulse,
        }
    }

    async fn answer(&mut self, line: &[u8]) {
        let WorkAnswer { job: number, answer, delay_ms, reason } = match serde_json::from_slice(line) {
            Ok(answer) => answer,
            Err(error) => return self.end(format!("a line is no answer: {error}")),
        };
        let Some(job) = self.open.remove(&number) else {
            let error = Some("there is no such job, or it was answered before".to_owned());
            return self.ready.push_back(WorkEvent::Answered { job: number, error });
        };
        let answered = match answer {
            WorkOutcome::Ack => job.ack().await,
            WorkOutcome::Nack => job.nack(delay_ms.map(Duration::from_millis), reason).await,
            WorkOutcome::Reject => job.reject(reason).await,
            WorkOutcome::Extend => {
                let extended = job.extend().await;
                if extended.is_ok() {
                    self.open.insert(number, job);
                }
                extended
            }
        };
        let error = answered.err().map(|error| error.to_string());
        self.ready.push_back(WorkEvent::Answered { job: number, error });
    }

    fn tell_failure(&mut self, job: u64, answered: Result<(), AnswerError>) {
        if let Err(error) = answered {
            self.ready.push_back(WorkEvent::Answered { job, error: Some(error.to_string()) });
        }
    }

    fn end(&mut self, error: String) {
        self.over = true;
        self.ready.push_back(WorkEvent::End { error });
    }
}

fn line(event: &WorkEvent) -> Bytes {
    // Names and numbers can always be written.
    let mut text = serde_json::to_vec(event).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
