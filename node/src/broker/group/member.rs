//! A member: its stream to whoever coordinates, and the jobs that come over it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    limits,
    names::ServiceQuery,
    rpc::Status,
    topic::work::{Down, Job as Given, Up},
};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    host::{Host, Role, TakesPart},
    job::{Job, Said, Stale},
    serve::says_elsewhere,
    wire::{self, Reader, WORK},
};
use crate::{
    Client, RawSender,
    broker::{Message, readers::LogId},
};

/// How long a coordinator may take to welcome a member.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before the next attempt: twice as long each time, until there is a coordinator.
const AGAIN: Duration = Duration::from_millis(20);
const AGAIN_MAX: Duration = Duration::from_secs(1);
/// No job takes longer as far as members are concerned; it is the coordinator that ends leases.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A member of a group; see [`Topic::group`](super::super::Topic::group). When it is dropped, what it has in hand is given to others.
#[derive(Debug)]
pub struct Member {
    hands: Arc<Hands>,
    part: Arc<TakesPart>,
    _end: DropGuard,
}

impl Member {
    pub(super) fn new(part: Arc<TakesPart>, room: u32) -> Self {
        let (hands, end) =
            (Arc::new(Hands { room, jobs: Mutex::default(), news: Notify::new() }), CancellationToken::new());
        let (host, token, filled) = (Arc::clone(&part.host), end.clone(), Closing(Arc::clone(&hands)));
        part.host.inner.tasks.spawn(async move {
            let follower = Follower { host, hands: Arc::clone(&filled.0) };
            tokio::select! {
                () = token.cancelled() => {}
                () = follower.follow() => {}
            }
            drop(filled);
        });
        Self { hands, part, _end: end.drop_guard() }
    }

    /// The next job, as soon as there is one for this member; none once the node has stopped.
    pub async fn next(&mut self) -> Option<Job> {
        loop {
            let news = self.hands.news.notified();
            {
                let mut waiting = self.hands.jobs.lock();
                while let Some(job) = waiting.queue.pop_front() {
                    if !job.is_over() {
                        return Some(job);
                    }
                }
                if waiting.closed {
                    return None;
                }
            }
            news.await;
        }
    }

    /// Who coordinates the group, as far as is known.
    #[must_use]
    pub fn coordinator(&self) -> Option<NodeId> {
        let host = &self.part.host;
        host.role.borrow().target(host.inner.me)
    }
}

/// What a member has been given and has not taken up.
#[derive(Debug)]
struct Hands {
    room: u32,
    jobs: Mutex<Waiting>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    queue: VecDeque<Job>,
    closed: bool,
}

/// Tells the member that nothing more comes, also if its task is ended with the node.
struct Closing(Arc<Hands>);

impl Drop for Closing {
    fn drop(&mut self) {
        let mut waiting = self.0.jobs.lock();
        waiting.queue.clear();
        waiting.closed = true;
        drop(waiting);
        self.0.news.notify_one();
    }
}

struct Follower {
    host: Arc<Host>,
    hands: Arc<Hands>,
}

/// Those that wait for replies, in the order of their answers.
type Replies = Mutex<VecDeque<oneshot::Sender<Result<(), Stale>>>>;

impl Follower {
    /// Works for whoever coordinates, for as long as this is polled.
    async fn follow(self) {
        let me = self.host.inner.me;
        let (mut pause, mut hint) = (AGAIN, None);
        loop {
            let mut role = self.host.role.subscribe();
            let target = match hint.take() {
                Some(target) => target,
                None => match role.wait_for(|role| role.target(me).is_some()).await.map(|role| role.target(me)) {
                    Ok(Some(target)) => target,
                    Ok(None) | Err(_) => return,
                },
            };
            let mut welcomed = false;
            let end = tokio::select! {
                end = self.link(target, &mut welcomed) => end,
                () = moved(&mut role, target, me) => Ok(()),
            };
            // What is not answered by now can be no more.
            self.hands.jobs.lock().queue.clear();
            if let Err(status) = end {
                tracing::debug!(%target, group = %self.host.name.group, "a member has lost its coordinator: {status}");
                match says_elsewhere(&status) {
                    Some(other) => hint = other.filter(|other| *other != target),
                    None if !welcomed && target != me => self.host.avoid(target),
                    None => {}
                }
            }
            pause = if welcomed { AGAIN } else { (2 * pause).min(AGAIN_MAX) };
            sleep(pause).await;
        }
    }

    /// Works for one coordinator.
    async fn link(&self, target: NodeId, welcomed: &mut bool) -> Result<(), Status> {
        let name = &self.host.name;
        let query = name.service.parse::<ServiceQuery>().map_err(|error| Status::internal(error.to_string()))?;
        let client = Client::new(Arc::clone(&self.host.inner.groups.rpc), query);
        let begin = async {
            let (mut sender, receiver) = client.stream(WORK).peer(target).raw().await?;
            let (topic, group) = (name.topic.clone(), name.group.clone());
            let join = Up::Join { topic, group, session: rand::random(), room: self.hands.room };
            wire::send(&mut sender, &join).await?;
            let mut reader = Reader::new(receiver, limits::GROUP_JOB);
            match next(&mut reader).await? {
                Down::Welcome { ack_wait_ms, .. } => Ok((sender, reader, Duration::from_millis(ack_wait_ms))),
                _ => Err(Status::internal("the coordinator does not say welcome")),
            }
        };
        let late = |_| Status::deadline_exceeded("the coordinator does not answer in time");
        let (sender, mut reader, ack_wait) = timeout(PATIENCE, begin).await.map_err(late)??;
        *welcomed = true;
        let _linked = self.host.linked(target);
        let (to_say, said) = mpsc::channel(2 * self.hands.room as usize + 16);
        let replies = Replies::default();
        tokio::select! {
            read = self.read(&mut reader, &to_say, ack_wait, &replies) => read,
            written = write(sender, said, &replies) => written,
        }
    }

    async fn read(
        &self,
        reader: &mut Reader,
        to_say: &mpsc::Sender<Said>,
        ack_wait: Duration,
        replies: &Replies,
    ) -> Result<(), Status> {
        loop {
            match next(reader).await? {
                Down::Job(given) => self.hand(given, to_say, ack_wait)?,
                Down::Answered { lease, stale } => {
                    let reply = replies.lock().pop_front();
                    let reply = reply.ok_or_else(|| Status::internal("the coordinator answers what was not said"))?;
                    // Whoever does not wait for it has said it in passing.
                    let _ = reply.send(stale.map_or(Ok(()), |now| Err(Stale { lease, now })));
                }
                Down::Welcome { .. } => return Err(Status::internal("the coordinator says welcome twice")),
            }
        }
    }

    fn hand(&self, given: Given, to_say: &mpsc::Sender<Said>, ack_wait: Duration) -> Result<(), Status> {
        let log = Arc::new(LogId { topic: self.host.name.topic.clone(), author: given.author });
        let (epoch, seq, lease, attempt) = (given.epoch, given.seq, given.lease, given.attempt);
        let message = Message::alone(log, epoch, seq, given.into_entry());
        let job = Job::new(message, lease, attempt, ack_wait.min(LONGEST), to_say.clone());
        let mut waiting = self.hands.jobs.lock();
        waiting.queue.retain(|job| !job.is_over());
        if waiting.queue.len() >= self.hands.room as usize {
            return Err(Status::resource_exhausted("the coordinator gives more than there is room for"));
        }
        waiting.queue.push_back(job);
        drop(waiting);
        self.hands.news.notify_one();
        Ok(())
    }
}

async fn next(reader: &mut Reader) -> Result<Down, Status> {
    let bytes = reader.next().await?.ok_or_else(|| Status::unavailable("the coordinator has ended"))?;
    Down::decode(&bytes).map_err(|error| Status::internal(error.to_string()))
}

async fn write(mut sender: RawSender, mut said: mpsc::Receiver<Said>, replies: &Replies) -> Result<(), Status> {
    while let Some(Said { lease, answer, reply }) = said.recv().await {
        // Before it is sent: the reply may be faster than this.
        replies.lock().push_back(reply);
        wire::send(&mut sender, &Up::Answer { lease, answer }).await?;
    }
    Ok(())
}

/// Resolves once it is said anew who coordinates, and that is somebody else.
async fn moved(role: &mut watch::Receiver<Role>, from: NodeId, me: NodeId) {
    while role.changed().await.is_ok() {
        if role.borrow_and_update().target(me).is_some_and(|target| target != from) {
            return;
        }
    }
}
