//! Making a call: choosing an instance, trying it, and going on to another where that is safe.
//!
//! | what became of the try | goes on to another instance |
//! |---|---|
//! | not sent | always |
//! | refused with a time to come back: nothing was done | always |
//! | lost, or failed in a way that may pass | if the method is idempotent and the retry budget allows |
//! | anything else | never |
//!
//! A call that was lost on its way to the only instance, or to the last one, is made there once more if its method is
//! idempotent: over another connection, if there is one to be had. That is not drawn from the budget, which keeps callers from
//! adding to the load of services that fail; here it is the way that has failed.
//!
//! And where nobody at all could be reached in the end, an idempotent call is made anew after a pause, with what is known by then
//! of instances and their addresses, until it has no time left or nobody has been reached for [`PERSISTENCE`]: who has lost a relay
//! needs a while to find another one, and as long again to tell where.

use std::{sync::Arc, time::Duration};

use atoll_protocol::{
    codec, limits,
    rpc::{RequestHead, ResponseHead, Status, lane::Reply},
    service::Extensions,
    standing::Ending,
};
use atoll_registry::select::Fault;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    RawCall, Shared,
    ending::{self, Unreadable},
};
use crate::rpc::{
    Body, Rpc,
    balance::{Attempt, Target, choose},
    bulk,
    lane::{Failure, Lane},
};

/// Instances that one call may try.
const ATTEMPTS: usize = 3;
/// How long a call is made anew that reaches nobody: longer than it takes until a relay that died is found dead, after ten seconds
/// of silence, and another one in its place.
const PERSISTENCE: Duration = Duration::from_secs(15);
/// The first pause before that, and the longest; they double.
const PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// One call in the making.
struct Making<'a> {
    options: &'a RawCall,
    shared: &'a Shared,
    body: &'a Body,
    deadline: Instant,
    targets: &'a [Target],
    /// Those that have been tried, or are being tried, by place.
    tried: Mutex<Vec<usize>>,
    idempotent: bool,
    /// How long a call may reasonably take, if the service says so.
    promised: Option<Duration>,
}

/// Why a call was not answered.
struct Unanswered {
    status: Status,
    /// Whether nobody was reached, and the call can be made anew.
    unreached: bool,
}

impl From<Status> for Unanswered {
    fn from(status: Status) -> Self {
        Self { status, unreached: false }
    }
}

/// Makes the call.
pub(super) async fn make(options: &RawCall, body: Body, now: Instant, deadline: Instant) -> Result<Body, Status> {
    options.client.shared.rpc.budget.deposit();
    // Here and below: what is rarely taken is boxed, so that the future of a call, which is moved a few times, stays small.
    match make_once(options, &body, now, deadline).await {
        Err(failure) if failure.unreached => Box::pin(persist(options, &body, failure, deadline)).await,
        result => result.map_err(|failure| failure.status),
    }
}

/// Makes a call anew that has reached nobody, again and again.
async fn persist(options: &RawCall, body: &Body, failed: Unanswered, deadline: Instant) -> Result<Body, Status> {
    let net = &options.client.shared.rpc.net;
    let end = deadline.min(Instant::now() + PERSISTENCE);
    let (mut failed, mut pause) = (failed, PAUSE);
    while failed.unreached && !net.has_stopped() && Instant::now() + pause < end {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        match make_once(options, body, Instant::now(), deadline).await {
            Ok(body) => return Ok(body),
            Err(failure) => failed = failure,
        }
    }
    Err(failed.status)
}

/// Makes the call at the instances that are known now.
async fn make_once(options: &RawCall, body: &Body, now: Instant, deadline: Instant) -> Result<Body, Unanswered> {
    let shared = &*options.client.shared;
    let rpc = &shared.rpc;
    let time = rpc.directory.time_of(now);
    let targets = shared.targets(options.peer, time, deadline).await?;
    let (idempotent, promised) = (targets.are_idempotent(&options.method), targets.promise(&options.method));
    let targets = targets.all.as_slice();
    let making = Making { options, shared, body, deadline, targets, tried: Mutex::default(), idempotent, promised };
    match options.hedge.filter(|_| idempotent && targets.len() > 1) {
        None => making.attempts(now).await,
        Some(after) => Box::pin(making.hedged(now, now + after)).await,
    }
}

impl Making<'_> {
    /// Two at a time, the second begun when the first has taken too long.
    async fn hedged(&self, now: Instant, then: Instant) -> Result<Body, Unanswered> {
        let first = self.attempts(now);
        tokio::pin!(first);
        tokio::select! {
            biased;
            result = &mut first => return result,
            () = tokio::time::sleep_until(then) => {}
        }
        if !self.shared.rpc.budget.try_withdraw() {
            return first.await;
        }
        let second = self.attempts(Instant::now());
        tokio::pin!(second);
        // Dropping the slower one cancels it.
        let (result, other) = tokio::select! {
            result = &mut first => (result, second),
            result = &mut second => (result, first),
        };
        match result {
            Ok(body) => Ok(body),
            Err(_) => other.await,
        }
    }

    /// One instance after the other, as far as that is safe.
    async fn attempts(&self, now: Instant) -> Result<Body, Unanswered> {
        let mut now = now;
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let Some(index) = self.choose(now) else { break };
            self.tried.lock().push(index);
            let Some(target) = self.targets.get(index) else { break };
            let failure = match self.attempt(target, now).await {
                Ok(body) => return Ok(body),
                Err(failure) => failure,
            };
            let goes_on = self.may_go_on(&failure);
            let unreached = self.idempotent && failure.contact && !failure.sent;
            let failed = Unanswered { status: self.report(target, failure), unreached };
            if !goes_on {
                return Err(failed);
            }
            last = Some(failed);
            now = Instant::now();
        }
        Err(last.unwrap_or_else(|| self.shared.nobody(None).into()))
    }

    fn choose(&self, now: Instant) -> Option<usize> {
        let tried = self.tried.lock();
        if let [_] = self.targets {
            return tried.is_empty().then_some(0);
        }
        let rpc = &self.shared.rpc;
        let time = rpc.directory.time_of(now);
        let left = (0..).zip(self.targets).filter(|(index, _)| !tried.contains(index));
        let (places, left): (Vec<usize>, Vec<&Target>) = left.unzip();
        places.get(choose(rpc, &self.options.policy, &left, time, self.shared.turn())?).copied()
    }

    fn may_go_on(&self, failure: &Failure) -> bool {
        let Failure { status, sent, contact } = failure;
        if !sent || status.wait().is_some() {
            return true;
        }
        self.idempotent
            && (*contact || status.is_retryable())
            && Instant::now() < self.deadline
            && self.tried.lock().len() < self.targets.len()
            && self.shared.rpc.budget.try_withdraw()
    }

    /// What the caller is told. That a call can be made again is said of what was not sent, and of what does no harm twice.
    fn report(&self, target: &Target, Failure { status, sent, contact }: Failure) -> Status {
        match (contact, sent) {
            (true, false) => Status::unavailable(format!("{} cannot be reached: {}", target.node, status.message())),
            (true, true) if self.idempotent => status.retryable(true),
            _ => status,
        }
    }

    /// One try, at one instance.
    async fn attempt(&self, target: &Target, now: Instant) -> Result<Body, Failure> {
        let rpc = &self.shared.rpc;
        let head = self.head(now);
        if target.node == rpc.net.me {
            // This node's own instance is called in process.
            return Box::pin(rpc.in_process(&head, self.body.clone())).await.map_err(Failure::answered);
        }
        let head = encode(&head, self.body).map_err(Failure::answered)?;
        let attempt = target.load.begin(rpc.directory.time_of(now));
        rpc.net.counters.calls_made.add(1);
        let answer = tokio::time::timeout_at(self.deadline, self.transmit(target, &attempt, &head, now)).await;
        let end = Instant::now();
        let time = rpc.directory.time_of(end);
        match answer {
            Ok(Ok((head, body))) => {
                let result = read_answer(&head, body);
                self.count(target, ending::of_answer(&result, end - now, self.promised));
                let result = result.unwrap_or_else(|unreadable| Err(unreadable.into()));
                match result.as_ref().err().and_then(|status| Fault::of(status.code())) {
                    None => attempt.succeeded(end - now, time),
                    Some(fault) => attempt.failed(fault, time),
                }
                result.map_err(Failure::answered)
            }
            Ok(Err(failure)) => {
                if failure.contact {
                    rpc.directory.contact_failed(target.node);
                    attempt.failed(Fault::Contact, time);
                } else {
                    attempt.abandoned(time);
                }
                Err(failure)
            }
            Err(_) => {
                let waited = attempt.was_sent().then(|| end - now);
                self.count(target, waited.and_then(|waited| ending::of_silence(waited, self.promised)));
                attempt.failed(Fault::Answer, time);
                Err(Failure::answered(self.too_late(now)))
            }
        }
    }

    /// What has become of a call counts for or against the node, where it says something of it.
    fn count(&self, target: &Target, ending: Option<Ending>) {
        if let Some(ending) = ending {
            self.shared.rpc.trust.ended(&target.account, ending);
        }
    }

    fn too_late(&self, now: Instant) -> Status {
        let allowed = self.deadline.saturating_duration_since(now).as_millis();
        Status::deadline_exceeded(format!("no answer from {} within {allowed} ms", self.shared.query))
    }

    fn head(&self, now: Instant) -> RequestHead<'_> {
        let left = self.deadline.saturating_duration_since(now);
        RequestHead {
            service: self.shared.query.name.as_str().into(),
            version: self.shared.version.as_str().into(),
            method: self.options.method.as_str().into(),
            // Zero would mean "no deadline".
            deadline_ms: u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1),
            content: self.body.content,
            metadata: self.options.metadata.clone(),
            extensions: Extensions::new(),
        }
    }

    /// A lane to the node. Where there are others to try, one that does not answer the door must not use up the whole deadline.
    async fn reach(&self, target: &Target, now: Instant) -> Result<Arc<Lane>, Failure> {
        let rpc = &self.shared.rpc;
        if let Some(lane) = target.peer.ready(&rpc.net) {
            return Ok(lane);
        }
        let reached = target.peer.lane(&rpc.net, || rpc.directory.addresses_of(&target.node));
        let is_last = self.tried.lock().len() >= self.targets.len();
        if is_last {
            // The call's deadline ends this: that it is short says nothing of the node.
            return Box::pin(reached).await;
        }
        let by = now + self.deadline.saturating_duration_since(now) / 2;
        let reached = Box::pin(tokio::time::timeout_at(by, reached)).await;
        reached.unwrap_or_else(|_| Err(Failure::unsent("it did not answer in time")))
    }

    async fn transmit(
        &self,
        target: &Target,
        attempt: &Attempt,
        head: &[u8],
        now: Instant,
    ) -> Result<(Bytes, Bytes), Failure> {
        let rpc = &self.shared.rpc;
        let mut lane = self.reach(target, now).await?;
        let mut reply = self.submit(&lane, attempt, head, now).await;
        let again = |failure: &Failure| self.missed_the_lane(target, failure) || self.was_lost_on_the_way(failure);
        if reply.as_ref().is_err_and(again) {
            (lane, reply) = Box::pin(async {
                let lane = self.reach(target, now).await?;
                let reply = self.submit(&lane, attempt, head, now).await;
                Ok::<_, Failure>((lane, reply))
            })
            .await?;
        }
        match reply? {
            Reply::Answer { head, body } => Ok((head, body)),
            Reply::Parked { ticket } => Box::pin(bulk::fetch(&rpc.net, &lane.connection, ticket)).await,
            Reply::Unsent | Reply::Lost => Err(Failure::lost("the connection was lost before the answer came")),
        }
    }

    /// Whether the lane fell idle, or its connection was closed for a better one, while the call was on its way to it: that
    /// says nothing about the node.
    fn missed_the_lane(&self, target: &Target, failure: &Failure) -> bool {
        !failure.sent && self.shared.rpc.net.connections.best(&target.node).is_some()
    }

    /// Whether a call may be made once more at the same instance, there being no other.
    fn was_lost_on_the_way(&self, failure: &Failure) -> bool {
        let is_last = self.tried.lock().len() >= self.targets.len();
        is_last && self.idempotent && failure.contact && failure.sent && Instant::now() < self.deadline
    }

    async fn submit(&self, lane: &Lane, attempt: &Attempt, head: &[u8], now: Instant) -> Result<Reply, Failure> {
        let rpc = &self.shared.rpc;
        let begun = || {
            attempt.sent(rpc.directory.time_of(now));
            rpc.lanes.called();
        };
        let body = self.body.bytes.clone();
        if body.len() <= limits::RPC_INLINE_BODY {
            return lane.call(head, body, self.idempotent, begun).await;
        }
        begun();
        let (head, body) = Box::pin(bulk::call(&rpc.net, &lane.connection, head, body)).await?;
        Ok(Reply::Answer { head, body })
    }
}

/// An encoded head, if it and the body are within their limits.
fn encode(head: &RequestHead<'_>, body: &Body) -> Result<Vec<u8>, Status> {
    let head = encode_head(head)?;
    let (len, limit) = (body.bytes.len(), limits::RPC_BODY);
    if len > limit {
        let text = format!("the request has {len} bytes, at most {limit} can be sent");
        return Err(Status::resource_exhausted(text).retryable(false));
    }
    Ok(head)
}

pub(super) fn encode_head(head: &RequestHead<'_>) -> Result<Vec<u8>, Status> {
    let head = codec::encode(head).map_err(|e| Status::internal(e.to_string()))?;
    let (len, limit) = (head.len(), limits::RPC_HEAD);
    if len > limit {
        return Err(Status::invalid_argument(format!("names and metadata take {len} bytes, at most {limit} fit")));
    }
    Ok(head)
}

fn read_answer(head: &[u8], body: Bytes) -> Result<Result<Body, Status>, Unreadable> {
    let head = ResponseHead::decode(head).map_err(Unreadable)?;
    Ok(match head.failure(&body) {
        Some(status) => Err(status),
        None => Ok(Body { content: head.content, bytes: body }),
    })
}

impl Rpc {
    async fn in_process(self: &Arc<Self>, head: &RequestHead<'_>, body: Body) -> Result<Body, Status> {
        let run = self.prepare(&self.trust.itself(&self.net.me), head, body, Instant::now())?;
        // A caller that goes away cancels what the handler has handed to others, too.
        let cancelled = run.context.cancel_on_drop();
        let result = run.outcome.await;
        cancelled.finished();
        result
    }
}
