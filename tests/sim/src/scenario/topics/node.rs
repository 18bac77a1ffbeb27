//! One node: logs, a store, and the machine that asks.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::{NetworkName, TopicName},
    service::UnixMillis,
    topic::{
        Batch, ChainId, Clock, Draft, Epoch, Seq, Writer,
        log::{Accepted, Cursor, Room, Step},
        sync::{Answer, Claims, Intake, Next, Pull, Reply, Request, Shelf, TakenIn, answer, take_in},
    },
};

use super::{store::Store, wire::Message};
use crate::engine::{Context, Core, PeerIndex, Time};

/// How often a node publishes, on average.
const PUBLISH: Duration = Duration::from_secs(600);
/// How often it compares with a neighbour.
const COMPARE: Duration = Duration::from_secs(300);
/// How often it looks after its links and questions.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long it waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Neighbours that it compares with at a time, after it has learnt something.
const AT_A_TIME: usize = 3;
/// After a difference was seen, it asks back; not more often than this.
const BACK: Duration = Duration::from_secs(20);
/// A crash loses what was stored in so much time before it.
const FLUSH: Duration = Duration::from_secs(1);

pub(super) type Ctx<'a> = Context<'a, Message>;

/// What survives a crash: what was written to disk.
pub(super) struct Disk {
    store: Store,
    interests: Interests,
    neighbours: Vec<PeerIndex>,
    told: Told,
    publishes: bool,
}

/// What a node reads and writes.
#[derive(Clone, Default)]
pub(super) struct Interests {
    pub(super) reads: Vec<TopicName>,
    pub(super) writes: Vec<TopicName>,
}

/// What its reader was told, over all lives.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    pub(super) entries: u64,
    pub(super) gaps: u64,
    pub(super) disorder: u64,
    pub(super) faults: u64,
}

pub(super) struct Node {
    key: SecretKey,
    me: NodeId,
    pub(super) shelf: Shelf,
    pub(super) store: Store,
    pub(super) told: Told,
    pub(super) publishes: bool,
    interests: Interests,
    writers: BTreeMap<TopicName, Writer>,
    clock: Clock,
    cursors: BTreeMap<(TopicName, NodeId), Cursor>,
    claims: Claims,
    pulls: BTreeMap<PeerIndex, (Pull, Time)>,
    asked_back: BTreeMap<PeerIndex, Time>,
    /// Neighbours to compare with soon: this node has learnt something, and they may lack it.
    soon: Vec<PeerIndex>,
    neighbours: Vec<PeerIndex>,
    publish: Time,
    compare: Time,
    look: Time,
    /// When something happened here last.
    seen: Time,
}

fn key(peer: PeerIndex) -> SecretKey {
    let mut seed = [9; 32];
    seed.iter_mut().zip(peer.0.to_le_bytes()).for_each(|(to, from)| *to = from);
    SecretKey::from_seed(&seed)
}

/// A name for a peer, to keep claims by; nobody looks at keys of peers here.
fn named(peer: PeerIndex) -> NodeId {
    let mut name = [0; 32];
    name.iter_mut().zip(peer.0.to_le_bytes()).for_each(|(to, from)| *to = from);
    NodeId::from_public_key(name)
}

impl Node {
    pub(super) fn new(me: PeerIndex, interests: Interests, neighbours: Vec<PeerIndex>) -> Self {
        let mut shelf = Shelf::new();
        for topic in &interests.reads {
            shelf.add(topic.clone());
        }
        let key = key(me);
        Self {
            me: key.node_id(),
            key,
            shelf,
            store: Store::default(),
            told: Told::default(),
            publishes: true,
            interests,
            writers: BTreeMap::new(),
            clock: Clock::default(),
            cursors: BTreeMap::new(),
            claims: Claims::default(),
            pulls: BTreeMap::new(),
            asked_back: BTreeMap::new(),
            soon: Vec::new(),
            neighbours,
            publish: Time::NEVER,
            compare: Time::NEVER,
            look: Time::NEVER,
            seen: Time::START,
        }
    }

    /// After a crash: what is on disk is read again. Others may have more of this node's own logs than it has itself, so it goes on
    /// in new epochs.
    pub(super) fn restored(me: PeerIndex, disk: Disk) -> Self {
        let mut node =
            Self { told: disk.told, publishes: disk.publishes, ..Self::new(me, disk.interests, disk.neighbours) };
        for batch in disk.store.batches() {
            let Ok(batch) = batch.clone().open(&NetworkName::main()) else { continue };
            let Some(log) = node.shelf.log_mut(&batch.head().value().topic, batch.author()) else { continue };
            let now = UnixMillis(batch.head().value().time.millis().0);
            if log.accept(&batch, now, Room::ALL, &|_, _| None).is_ok() {
                node.clock
                    .resume(Some(batch.head().value().time).filter(|_| batch.author() == node.me).unwrap_or_default());
            }
        }
        node.store = disk.store;
        // What was read before is not read again: its cursors were on disk as well.
        for topic in &node.interests.reads {
            for log in node.shelf.logs(topic) {
                node.cursors.insert((topic.clone(), log.author()), log.end());
            }
        }
        node
    }

    fn publish(&mut self, ctx: &mut Ctx<'_>) {
        let Some(topic) = ctx.random().pick(&self.interests.writes).cloned() else { return };
        let count = 1 + ctx.random().index(8);
        let draft = |_| Draft::of(vec![7; 100 + ctx.random().index(300)]);
        let drafts: Vec<Draft> = (0..count).map(draft).collect();
        let now = UnixMillis(ctx.wall());
        let last = self.shelf.log(&topic, &self.me).and_then(|log| log.head().cloned());
        let writer = self.writers.entry(topic.clone()).or_insert_with(|| Writer::begin(topic, now, last.as_ref()));
        let Ok(batch) = writer.append(&self.key, &NetworkName::main(), &mut self.clock, now, drafts) else { return };
        self.hear(&Arc::new(batch), ctx);
    }

    /// Takes in a batch that is news, and passes it on.
    fn hear(&mut self, batch: &Arc<Batch>, ctx: &mut Ctx<'_>) {
        let (topic, author) = (batch.head().value().topic.clone(), batch.author());
        let now = UnixMillis(ctx.wall());
        let stored = |epoch, seq| self.store.head(&ChainId { topic: topic.clone(), author, epoch }, seq);
        let accepted = match self.shelf.contains(&topic) {
            true => self.shelf.log_mut(&topic, author).map(|log| log.accept(batch, now, Room::ALL, &stored)),
            false => None,
        };
        // What does not follow is found by the next comparison.
        if let Some(Ok(Accepted::Appended | Accepted::AppendedInsteadOf(_))) = accepted {
            self.keep(batch, ctx);
            let links: Vec<_> = ctx.links().collect();
            links.into_iter().for_each(|peer| say(peer, Message::News(Arc::clone(batch)), ctx));
        }
    }

    fn keep(&mut self, batch: &Batch, ctx: &Ctx<'_>) {
        self.store.put(batch, ctx.now());
        self.clock.observe(batch.head().value().time, UnixMillis(ctx.wall()));
        let topic = batch.head().value().topic.clone();
        self.read(&topic, batch.author());
    }

    /// Reads on in a log.
    fn read(&mut self, topic: &TopicName, author: NodeId) {
        let Some(log) = self.shelf.log(topic, &author) else { return };
        let cursor = self.cursors.entry((topic.clone(), author)).or_default();
        while let Some(step) = log.read(cursor) {
            match step {
                Step::Read { epoch, entries } => {
                    let next = cursor.read(epoch).next();
                    self.told.disorder += u64::from(entries.from != next);
                    self.told.disorder +=
                        u64::from(!covered(&self.store, topic, author, epoch, (entries.from, entries.to)));
                    self.told.entries += entries.count();
                    cursor.pass(epoch, entries.to);
                }
                Step::Gap(gap) => {
                    self.told.gaps += 1;
                    cursor.pass(gap.epoch, gap.entries.to);
                }
            }
        }
    }

    fn ask(&mut self, peer: PeerIndex, ctx: &mut Ctx<'_>) {
        if self.pulls.contains_key(&peer) || !ctx.is_linked(peer) {
            return;
        }
        let (pull, next) = Pull::all(named(peer), ctx.random().number(), &self.shelf);
        self.go_on(peer, pull, next, ctx);
    }

    fn go_on(&mut self, peer: PeerIndex, pull: Pull, next: Next, ctx: &mut Ctx<'_>) {
        match next {
            Next::Ask(request) => {
                self.pulls.insert(peer, (pull, ctx.now() + TIMEOUT));
                say(peer, Message::Request(Arc::new(request)), ctx);
            }
            Next::Take(_) => {
                self.pulls.insert(peer, (pull, ctx.now() + TIMEOUT));
            }
            Next::Done => self.done(peer, pull, ctx),
        }
    }

    /// Who has learnt something compares with its neighbours: they see the difference, and ask back. What somebody else was being
    /// asked for is asked for again, if need be.
    fn done(&mut self, peer: PeerIndex, pull: Pull, ctx: &Ctx<'_>) {
        let tally = pull.stop(&mut self.claims);
        let links: Vec<_> =
            ctx.links().filter(|other| tally.batches > 0 || (*other == peer && tally.elsewhere > 0)).collect();
        for peer in links {
            if !self.soon.contains(&peer) {
                self.soon.push(peer);
            }
        }
    }

    fn answer(&mut self, peer: PeerIndex, request: Request, ctx: &mut Ctx<'_>) {
        match answer(request, &self.shelf, &|_| true) {
            Answer::Reply { reply, differs } => {
                say(peer, Message::Reply(Arc::new(reply)), ctx);
                let now = ctx.now();
                if differs && self.asked_back.get(&peer).is_none_or(|last| *last + BACK <= now) {
                    self.asked_back.insert(peer, now);
                    self.ask(peer, ctx);
                }
            }
            Answer::Follow(_) | Answer::Receipts(_) | Answer::Keep(_) => {}
            Answer::Serve(mut serving) => {
                while let Some(reply) = serving.next(|chain, seq| self.store.read(chain, seq)) {
                    say(peer, Message::Reply(Arc::new(reply)), ctx);
                }
            }
        }
    }

    fn replied(&mut self, peer: PeerIndex, reply: Reply, ctx: &mut Ctx<'_>) {
        let Some((mut pull, _)) = self.pulls.remove(&peer) else { return };
        let next = pull.handle(reply, &self.shelf, &mut self.claims);
        let next = next.and_then(|next| self.taken(&mut pull, next, ctx));
        match next {
            Ok(next) => self.go_on(peer, pull, next, ctx),
            Err(_) => {
                self.told.faults += 1;
                pull.stop(&mut self.claims);
            }
        }
    }

    fn taken(
        &mut self,
        pull: &mut Pull,
        next: Next,
        ctx: &mut Ctx<'_>,
    ) -> Result<Next, atoll_protocol::topic::sync::Fault> {
        let Next::Take(all) = next else { return Ok(next) };
        let now = UnixMillis(ctx.wall());
        for taken in all {
            let store = &self.store;
            let at = Intake { now, room: &|_, _| Some(Room::ALL), stored: &|chain, seq| store.head(chain, seq) };
            match take_in(pull, taken.open(&NetworkName::main())?, &mut self.shelf, &at)? {
                TakenIn::Store(batch, _) => self.keep(&batch, ctx),
                // Nobody deletes anything here: there should be none.
                TakenIn::Hole(..) => self.told.gaps += 1,
                TakenIn::Forked(..) => self.told.faults += 1,
                TakenIn::Nothing(_) => {}
            }
        }
        Ok(pull.taken(&self.shelf, &mut self.claims).unwrap_or(Next::Take(Vec::new())))
    }

    fn look_after(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        for peer in self.neighbours.clone() {
            if !ctx.is_linked(peer) {
                ctx.connect(peer);
            }
        }
        let soon = std::mem::take(&mut self.soon);
        for peer in ctx.random().sample(soon.iter().copied(), soon.len()) {
            // A few at a time: most of them hear from each other.
            match self.pulls.len() < AT_A_TIME {
                true => self.ask(peer, ctx),
                false => self.soon.push(peer),
            }
        }
        let late: Vec<_> = self.pulls.iter().filter(|(_, (_, until))| *until <= now).map(|(peer, _)| *peer).collect();
        late.into_iter().for_each(|peer| self.give_up(peer));
    }

    fn give_up(&mut self, peer: PeerIndex) {
        if let Some((pull, _)) = self.pulls.remove(&peer) {
            pull.stop(&mut self.claims);
        }
    }

    fn plan(&self, ctx: &mut Ctx<'_>) {
        ctx.wake_at(self.publish.min(self.compare).min(self.look));
    }
}

/// Whether all of these are stored.
fn covered(store: &Store, topic: &TopicName, author: NodeId, epoch: Epoch, (from, to): (Seq, Seq)) -> bool {
    let chain = ChainId { topic: topic.clone(), author, epoch };
    let mut next = from;
    while next <= to {
        let Some(head) = store.head(&chain, next) else { return false };
        next = head.value().last().next();
    }
    true
}

fn say(peer: PeerIndex, message: Message, ctx: &mut Ctx<'_>) {
    let (class, bytes) = message.cost();
    ctx.send(peer, class, bytes, message);
}

impl Core for Node {
    type Message = Message;
    type State = Disk;

    fn start(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        self.publish = now + ctx.random().within(&(Duration::ZERO..=2 * PUBLISH));
        self.compare = now + ctx.random().within(&(Duration::ZERO..=COMPARE));
        self.look = now + INTERVAL;
        self.neighbours.clone().into_iter().for_each(|peer| ctx.connect(peer));
        self.plan(ctx);
    }

    fn handle(&mut self, from: PeerIndex, message: Message, ctx: &mut Ctx<'_>) {
        self.seen = ctx.now();
        match message {
            Message::News(batch) => self.hear(&batch, ctx),
            Message::Request(request) => self.answer(from, (*request).clone(), ctx),
            Message::Reply(reply) => self.replied(from, (*reply).clone(), ctx),
        }
    }

    fn link_up(&mut self, peer: PeerIndex, ctx: &mut Ctx<'_>) {
        self.give_up(peer);
        self.ask(peer, ctx);
    }

    fn link_down(&mut self, peer: PeerIndex, _failed: bool, _: &mut Ctx<'_>) {
        self.give_up(peer);
        self.asked_back.remove(&peer);
    }

    fn wake(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now();
        self.seen = now;
        if now >= self.publish {
            self.publish = now + ctx.random().within(&(Duration::ZERO..=2 * PUBLISH));
            if self.publishes {
                self.publish(ctx);
            }
        }
        if now >= self.compare {
            self.compare = now + COMPARE;
            let links: Vec<_> = ctx.links().collect();
            if let Some(peer) = ctx.random().pick(&links).copied() {
                self.ask(peer, ctx);
            }
        }
        if now >= self.look {
            self.look = now + INTERVAL;
            self.look_after(ctx);
        }
        self.plan(ctx);
    }

    fn persist(&self) -> Disk {
        let written = Time::from_micros(self.seen.micros().saturating_sub(FLUSH.as_micros() as u64));
        let (interests, neighbours) = (self.interests.clone(), self.neighbours.clone());
        Disk { store: self.store.before(written), interests, neighbours, told: self.told, publishes: self.publishes }
    }
}
