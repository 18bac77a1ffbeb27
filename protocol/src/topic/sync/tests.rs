//! Two nodes that ask each other, honest and otherwise.

use std::collections::BTreeMap;

use super::*;
use crate::{
    codec,
    golden::network,
    identity::{NodeId, SecretKey},
    limits,
    names::TopicName,
    service::UnixMillis,
    topic::{
        Batch, ChainId, Clock, Draft, Proof, Seq, Writer,
        log::{Log, Room, Stretch},
    },
};

mod hostile;
mod property;
mod rules;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

fn topic(number: usize) -> TopicName {
    format!("topics/t{number}").parse().unwrap()
}

/// A node: its shelf and its store.
#[derive(Clone)]
struct Node {
    id: NodeId,
    shelf: Shelf,
    store: BTreeMap<(ChainId, Seq), Batch>,
    claims: Claims,
    room: Option<Room>,
    /// What a peer did not have.
    holes: Vec<(ChainId, Stretch)>,
}

/// An author of entries, wherever they are published.
#[derive(Default)]
struct Author(BTreeMap<(u8, TopicName), (Writer, Clock)>);

/// What crossed between two nodes, in bytes: questions, and answers.
#[derive(Debug, Default, Clone, Copy)]
struct Bytes {
    asked: usize,
    answered: usize,
}

impl Bytes {
    fn all(self) -> usize {
        self.asked + self.answered
    }
}

impl Author {
    fn batch(&mut self, author: u8, topic: &TopicName, drafts: Vec<Draft>) -> Batch {
        let new = || (Writer::begin(topic.clone(), NOW, None), Clock::default());
        let (writer, clock) = self.0.entry((author, topic.clone())).or_insert_with(new);
        writer.append(&key(author), &network(), clock, NOW, drafts).unwrap()
    }

    /// The author begins to say something else at the same positions.
    fn fork(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Node {
    fn new(number: u8, topics: impl IntoIterator<Item = TopicName>) -> Self {
        let mut shelf = Shelf::new();
        topics.into_iter().for_each(|topic| assert!(shelf.add(topic)));
        let (store, claims) = (BTreeMap::new(), Claims::default());
        Self { id: key(number).node_id(), shelf, store, claims, room: Some(Room::ALL), holes: Vec::new() }
    }

    fn keep(&mut self, batch: &Batch) {
        let head = batch.head().value();
        let log = self.shelf.log_mut(&head.topic, batch.author()).unwrap();
        log.accept(batch, NOW, Room::ALL, &|_, _| None).unwrap();
        self.put(batch.clone());
    }

    fn put(&mut self, batch: Batch) {
        let chain = batch.head().value().chain(batch.author());
        self.store.insert((chain, batch.head().value().first), batch);
    }

    fn log(&self, topic: &TopicName, author: u8) -> &Log {
        self.shelf.log(topic, &key(author).node_id()).unwrap()
    }

    fn drop_before(&mut self, chain: &ChainId, floor: Seq) {
        self.shelf.log_mut(&chain.topic, chain.author).unwrap().drop_before(chain.epoch, floor);
        self.store.retain(|(of, _), batch| of != chain || batch.head().value().last() >= floor);
    }

    fn answer(&self, request: Request) -> (Vec<Reply>, bool) {
        match answer(request, &self.shelf, &|_| true) {
            Answer::Reply { reply, differs } => (vec![reply], differs),
            Answer::Serve(mut serving) => {
                let read = |chain: &ChainId, seq: Seq| {
                    let of_chain = |(of, _): &(ChainId, Seq)| of == chain;
                    let all = self.store.iter().filter(|(at, _)| of_chain(at));
                    let mut after = all.skip_while(|(_, batch)| batch.head().value().last() < seq);
                    let (_, batch) = after.next()?;
                    let head = batch.head().value();
                    let entries = Stretch::between(head.first, head.last())?;
                    Some(Stored { entries, batch: batch.signed() })
                };
                (std::iter::from_fn(|| serving.next(read)).collect(), false)
            }
            Answer::Follow(_) | Answer::Receipts(_) | Answer::Keep(_) => (Vec::new(), false),
        }
    }

    fn take(&mut self, pull: &mut Pull, taken: Vec<Taken>) -> Result<(), Fault> {
        for taken in taken {
            let store = &self.store;
            let stored = |chain: &ChainId, seq: Seq| {
                let all = store.iter().filter(|((of, _), _)| of == chain).map(|(_, batch)| batch.head());
                all.into_iter().find(|head| head.value().first <= seq && seq <= head.value().last()).cloned()
            };
            let room = self.room;
            let at = Intake { now: NOW, room: &|_, _| room, stored: &stored };
            match take_in(pull, taken.open(&network())?, &mut self.shelf, &at)? {
                TakenIn::Store(batch, _) => self.put(*batch),
                TakenIn::Hole(chain, hole) => self.holes.push((chain, hole)),
                TakenIn::Forked(..) | TakenIn::Nothing(_) => {}
            }
        }
        Ok(())
    }

    /// Nobody else has what peers did not have.
    fn skip(&mut self) {
        for (chain, hole) in std::mem::take(&mut self.holes) {
            self.shelf.log_mut(&chain.topic, chain.author).unwrap().skip(chain.epoch, hole);
        }
    }

    /// Asks `peer` about everything; what crossed.
    fn ask(&mut self, peer: &Self) -> (Result<Tally, Fault>, Bytes) {
        let (pull, next) = Pull::all(peer.id, 17, &self.shelf);
        self.go_on(pull, next, |request| peer.answer(request).0)
    }

    fn go_on(
        &mut self,
        mut pull: Pull,
        mut next: Next,
        mut answers: impl FnMut(Request) -> Vec<Reply>,
    ) -> (Result<Tally, Fault>, Bytes) {
        let mut bytes = Bytes::default();
        for _ in 0..10_000 {
            let Next::Ask(request) = next else { return (Ok(pull.stop(&mut self.claims)), bytes) };
            let sent = codec::encode(&request).unwrap();
            bytes.asked += sent.len() + 4;
            let replies = answers(Request::decode(&sent).unwrap());
            next = Next::Done;
            for reply in replies {
                let sent = codec::encode(&reply).unwrap();
                assert!(sent.len() <= limits::TOPIC_MESSAGE, "{} bytes", sent.len());
                bytes.answered += sent.len() + 4;
                match self.hear(&mut pull, Reply::decode(&sent).unwrap()) {
                    Ok(Some(after)) => next = after,
                    Ok(None) => {}
                    Err(fault) => {
                        pull.stop(&mut self.claims);
                        return (Err(fault), bytes);
                    }
                }
            }
        }
        panic!("it never ends");
    }

    fn hear(&mut self, pull: &mut Pull, reply: Reply) -> Result<Option<Next>, Fault> {
        match pull.handle(reply, &self.shelf, &mut self.claims)? {
            Next::Take(taken) => {
                self.take(pull, taken)?;
                Ok(pull.taken(&self.shelf, &mut self.claims))
            }
            next => Ok(Some(next)),
        }
    }

    /// Bytes of batches that this node lacks and `peer` has.
    fn lacks(&self, peer: &Self) -> usize {
        let lacking = peer.store.iter().filter(|(at, _)| !self.store.contains_key(at));
        lacking.map(|(_, batch)| codec::encode(&batch.signed()).unwrap().len()).sum()
    }

    fn held(&self) -> Vec<(ChainId, Seq)> {
        self.store.keys().cloned().collect()
    }
}

fn drafts(count: usize, len: usize) -> Vec<Draft> {
    vec![Draft::of(vec![7; len]); count]
}

fn stretch(from: u64, to: u64) -> Stretch {
    Stretch { from: Seq(from), to: Seq(to) }
}
