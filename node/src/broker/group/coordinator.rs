//! Coordinating a group: the machine, what is held of its work, and the tasks that move it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use atoll_protocol::{
    identity::NodeId,
    topic::{
        Epoch, Hlc,
        work::{Answer, Down, Job, LeaseId, Note, Standing},
    },
};
use atoll_registry::topics::group::{Effect, EntryId, Group as Machine, MemberId, Stale};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc},
    time::{sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Name,
    beginning::{Beginning, cursors},
    feed,
    graves::{self, DeadLetter},
    host::{Host, Role},
    ledger,
};
use crate::broker::{Inner, Message, tail::Tail};

/// How long to wait where something could not be published.
pub(super) const AGAIN: Duration = Duration::from_secs(1);
/// How long the last notes may take.
const LAST: Duration = Duration::from_secs(1);

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Coordinator {
    pub(super) inner: Arc<Inner>,
    pub(super) name: Arc<Name>,
    pub(super) epoch: u64,
    /// What is older is none of the group's work, in logs of which nothing is done.
    pub(super) since: Hlc,
    pub(super) ack_wait: Duration,
    pub(super) state: Mutex<State>,
    /// There may be something else to wait for.
    changed: Notify,
    /// There is room for more work.
    pub(super) room: Notify,
    /// There is something to be noted.
    pub(super) noted: Notify,
    /// There are dead letters.
    pub(super) given_up: Notify,
    /// It gives and takes nothing more.
    pub(super) over: CancellationToken,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) group: Machine,
    /// The entries that are not done, and what they take.
    pub(super) held: HashMap<EntryId, Message>,
    pub(super) bytes: usize,
    seats: HashMap<MemberId, mpsc::Sender<Down>>,
    /// Logs of which there is something to be noted.
    pub(super) dirty: BTreeSet<(NodeId, Epoch)>,
    pub(super) since_all: usize,
    pub(super) dead: Vec<DeadLetter>,
}

/// Coordinates for as long as this node is to.
pub(super) async fn coordinate(host: &Arc<Host>) {
    let Beginning { epoch, begun, known, begin, since } = Beginning::of(host);
    let claim = Note::Claim { epoch, begun };
    if let Err(error) = ledger::publish(&host.inner, &host.name, &claim).await {
        tracing::warn!(group = %host.name.group, topic = %host.name.topic, "this node cannot coordinate: {error}");
        sleep(AGAIN).await;
        return;
    }
    let mut group = Machine::new(host.settings, epoch);
    let now = host.inner.clock.now();
    known.iter().for_each(|(log, standing)| group.learn(*log, standing, now));
    let cursors = cursors(&host.inner, &host.name, &known);
    let tail = Tail::new(&host.inner, &[host.name.topic.clone().into()], begin, cursors);
    let tail = match tail {
        Ok(tail) => tail,
        Err(full) => {
            tracing::warn!(group = %host.name.group, topic = %host.name.topic, "this node cannot coordinate: {full}");
            sleep(AGAIN).await;
            return;
        }
    };
    let coordinator = Arc::new(Coordinator::new(host, group, since));
    tracing::info!(group = %host.name.group, topic = %host.name.topic, epoch, "this node coordinates a group from now on");
    host.notes.lock().take(host.inner.me, claim, host.inner.clock.wall());
    coordinator.note_all();
    host.role.send_replace(Role::Coordinator(Arc::clone(&coordinator)));
    tokio::select! {
        () = feed::run(&coordinator, tail) => {}
        () = coordinator.keep_time() => {}
        () = coordinator.keep_notes() => {}
        () = graves::dig(&coordinator) => {}
        () = host.overtaken(epoch) => {}
    }
    coordinator.over.cancel();
    host.role.send_replace(Role::Settling);
    // What was just being noted is not known to have been.
    coordinator.note_all();
    let _ = timeout(LAST, coordinator.write_notes()).await;
}

impl Coordinator {
    fn new(host: &Host, group: Machine, since: Hlc) -> Self {
        let state = State {
            group,
            held: HashMap::new(),
            bytes: 0,
            seats: HashMap::new(),
            dirty: BTreeSet::new(),
            since_all: 0,
            dead: Vec::new(),
        };
        Self {
            inner: Arc::clone(&host.inner),
            name: Arc::clone(&host.name),
            epoch: state.group.epoch(),
            since,
            ack_wait: host.settings.ack_wait,
            state: Mutex::new(state),
            changed: Notify::new(),
            room: Notify::new(),
            noted: Notify::new(),
            given_up: Notify::new(),
            over: CancellationToken::new(),
        }
    }

    /// Moves the machine, and does what follows.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let given = change(&mut state);
        for effect in state.group.take_effects() {
            match effect {
                Effect::Deliver { member, entry, lease, attempt } => {
                    state.deliver(&member, entry, lease, attempt);
                    state.dirty.insert((entry.author, entry.epoch));
                    self.noted.notify_one();
                }
                Effect::DeadLetter { entry, reason, attempts } => {
                    state.dead.push(DeadLetter { entry, reason, attempts });
                    self.given_up.notify_one();
                }
                Effect::Done { entry } => {
                    if let Some(message) = state.held.remove(&entry) {
                        state.bytes = state.bytes.saturating_sub(feed::cost(&message));
                    }
                    state.dirty.insert((entry.author, entry.epoch));
                    self.noted.notify_one();
                    self.room.notify_one();
                }
            }
        }
        self.changed.notify_one();
        given
    }

    /// A member takes its seat. None if there are as many as may be.
    pub(super) fn seat(self: &Arc<Self>, member: MemberId, room: u32, jobs: mpsc::Sender<Down>) -> Option<Seat> {
        let now = self.inner.clock.now();
        let is_seated = self.with(|state| {
            // Before it is given anything.
            state.seats.insert(member, jobs);
            let joined = state.group.join(member, room, now);
            if !joined {
                state.seats.remove(&member);
            }
            joined
        });
        is_seated.then(|| Seat { coordinator: Arc::clone(self), member })
    }

    /// Another coordinator has noted how far the group has come in a log.
    pub(super) fn learn(&self, log: (NodeId, Epoch), standing: &Standing) {
        let now = self.inner.clock.now();
        self.with(|state| state.group.learn(log, standing, now));
    }

    /// Gives again what is due, and ends what is over.
    async fn keep_time(&self) {
        loop {
            let due = self.inner.clock.instant(self.state.lock().group.due());
            tokio::select! {
                () = self.changed.notified() => continue,
                () = sleep_until(due) => {}
            }
            let now = self.inner.clock.now();
            self.with(|state| state.group.wake(now));
        }
    }
}

impl State {
    fn deliver(&self, member: &MemberId, entry: EntryId, lease: LeaseId, attempt: u32) {
        let (Some(message), Some(seat)) = (self.held.get(&entry), self.seats.get(member)) else { return };
        let at = (entry.author, entry.epoch, entry.seq);
        let job = message.entry().map(|entry| Down::Job(Job::new(lease, attempt, at, entry)));
        if let Some(job) = job {
            // Whoever takes no more has left, or will be found not to answer.
            let _ = seat.try_send(job);
        }
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &MemberId> {
        self.seats.keys()
    }
}

/// A member that has joined; it leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    coordinator: Arc<Coordinator>,
    member: MemberId,
}

impl Seat {
    /// What the member says of an entry.
    ///
    /// # Errors
    /// [`Stale`] if it is not the member's any more.
    pub(super) fn answer(&self, lease: LeaseId, answer: Answer) -> Result<(), Stale> {
        let Self { coordinator, member } = self;
        let now = coordinator.inner.clock.now();
        coordinator.with(|state| {
            let group = &mut state.group;
            if coordinator.over.is_cancelled() || group.holder(lease) != Some(*member) {
                return Err(Stale { lease, now: coordinator.epoch });
            }
            match answer {
                Answer::Ack => group.ack(lease, now),
                Answer::Nack { delay_ms, said } => group.nack(lease, delay_ms.map(Duration::from_millis), &said, now),
                Answer::Reject { said } => group.reject(lease, &said, now),
                Answer::Extend => group.extend(lease, now),
            }
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let now = self.coordinator.inner.clock.now();
        self.coordinator.with(|state| {
            state.seats.remove(&self.member);
            state.group.leave(&self.member, now);
        });
    }
}
