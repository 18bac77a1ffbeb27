//! Answering: without any memory of who has asked what before.

use super::{
    Following, Pull,
    message::{Have, Held, Logs, Piece, Reply, Request, TopicId, Want},
    shelf::{self, Shelf},
};
use crate::{
    identity::NodeId,
    limits,
    names::TopicName,
    sealed::Signed,
    topic::{ChainId, Epoch, Receipt, Seq, SignedBatch, log::Stretch},
};

/// Logs of a topic that are listed without looking where they differ.
const FEW: usize = 32;
/// Bytes of batches that are put into one message, if they are small.
const MESSAGE: usize = 128 * 1024;
/// Bytes that an element of a list takes at most, and what is kept free of a message.
const HAVE: usize = 32 + 4 * 9 + 16;
const PROOF: usize = 2 * (limits::BATCH_HEAD + 128);
const MARGIN: usize = 4 * 1024;

/// What becomes of a request.
#[derive(Debug)]
pub enum Answer {
    /// Send this, and be done.
    Reply {
        /// What to send.
        reply: Reply,
        /// Whether the other side was seen to hold something else of a topic than this one, who may lack some of it: reason to ask
        /// back.
        differs: bool,
    },
    /// Read these from the store and send them.
    Serve(Serving),
    /// Say [`Reply::End`]. These are to be opened, and to count for those who wait for them.
    Receipts(Vec<Signed<Receipt>>),
    /// Say [`Reply::End`], and keep these topics, if that is to be.
    Keep(Vec<TopicName>),
    /// Send each batch of this node's own that [is asked for](Following::includes) from now on as a [`Reply::Part`], as it is stored,
    /// for as long as the peer keeps the substream open.
    Follow(Following),
}

/// Answers a request of a peer to whom those topics may be told for which `may` is true.
#[must_use]
pub fn answer(request: Request, shelf: &Shelf, may: &dyn Fn(&TopicName) -> bool) -> Answer {
    let (reply, differs) = match request {
        Request::Topics { patterns, after } => {
            let held = |topic: &&TopicName| may(topic) && shelf.knows(topic);
            let matching = |topic: &&TopicName| patterns.iter().any(|pattern| pattern.matches(topic));
            let mut found = shelf.after(after.as_ref()).filter(matching).filter(held);
            let topics: Vec<TopicName> = found.by_ref().take(limits::TOPIC_LISTED).cloned().collect();
            (Reply::Topics { topics, more: found.next().is_some() }, false)
        }
        Request::Compare { salt, buckets } => {
            let differing = shelf::differing(&shelf.buckets(salt, buckets.len(), may), &buckets);
            // Other topics may be all that differs; what follows will tell.
            (Reply::Differing { buckets: differing }, false)
        }
        Request::Logs { salt, topics } => logs(salt, &topics, shelf, may),
        Request::Within { topic, count, buckets, after } => (within(&topic, count, &buckets, after, shelf, may), false),
        Request::Receipts { receipts } => return Answer::Receipts(receipts),
        Request::Keep { topics } => return Answer::Keep(topics),
        Request::Follow { patterns } => return Answer::Follow(Following::new(patterns)),
        Request::Fetch { wants, most } => return Answer::Serve(Serving::new(wants, most, shelf, may)),
    };
    Answer::Reply { reply, differs }
}

fn logs(salt: u64, asked: &[(TopicId, Option<u64>)], shelf: &Shelf, may: &dyn Fn(&TopicName) -> bool) -> (Reply, bool) {
    let mut room = limits::TOPIC_MESSAGE - MARGIN;
    let (mut covered, mut held, mut differs) = (0_u16, Vec::new(), false);
    for (id, sum) in asked {
        if let Some(topic) = shelf.named(*id).filter(|topic| may(topic)) {
            let ours = shelf.sum(topic, salt);
            differs |= ours != *sum;
            if ours.is_some() && ours != *sum {
                let (taken, this) = listed(covered, topic, salt, shelf);
                if taken > room && !held.is_empty() {
                    break;
                }
                room = room.saturating_sub(taken);
                held.push(this);
            }
        }
        covered = covered.saturating_add(1);
    }
    (Reply::Logs { covered, held }, differs)
}

/// What is held of a topic, and how many bytes that takes at most.
fn listed(nth: u16, topic: &TopicName, salt: u64, shelf: &Shelf) -> (usize, Held) {
    let forked: Vec<_> = shelf.logs(topic).filter_map(|log| log.forked().cloned()).take(FEW).collect();
    let count = shelf.log_count(topic);
    let (taken, logs) = if count <= FEW {
        (count * HAVE, Logs::All(shelf.haves(topic, 1, &[0], None).collect()))
    } else {
        let buckets = shelf.log_buckets(topic, salt, shelf::buckets_for(count));
        (buckets.len() * 9, Logs::Many(buckets))
    };
    (taken + forked.len() * PROOF + 16, Held { topic: nth, logs, forked })
}

fn within(
    topic: &TopicName,
    count: u16,
    buckets: &[u16],
    after: Option<(NodeId, Epoch)>,
    shelf: &Shelf,
    may: &dyn Fn(&TopicName) -> bool,
) -> Reply {
    if !may(topic) {
        return Reply::Haves { haves: Vec::new(), more: false };
    }
    let after = after.map(|(author, epoch)| ChainId { topic: topic.clone(), author, epoch });
    let mut found = shelf.haves(topic, count.into(), buckets, after.as_ref());
    let haves: Vec<Have> = found.by_ref().take(limits::TOPIC_LISTED).collect();
    Reply::Haves { haves, more: found.next().is_some() }
}

/// A stored batch, and the positions that it covers.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Which positions.
    pub entries: Stretch,
    /// The batch.
    pub batch: SignedBatch,
}

/// An answer to [`Request::Fetch`] that is under way.
#[derive(Debug)]
pub struct Serving {
    /// By their positions in the request, and whether anything of them is held.
    wants: std::vec::IntoIter<(u16, bool, Want)>,
    current: Option<(u16, bool, Want)>,
    /// Bytes of batches that may still be sent.
    left: u64,
    done: bool,
}

impl Serving {
    fn new(wants: Vec<Want>, most: u64, shelf: &Shelf, may: &dyn Fn(&TopicName) -> bool) -> Self {
        // What may not be told is not held, as far as the peer is concerned.
        let held = |chain: &ChainId| {
            may(&chain.topic)
                && shelf.log(&chain.topic, &chain.author).is_some_and(|log| log.chain(chain.epoch).is_some())
        };
        let wants: Vec<_> = (0_u16..).zip(wants).map(|(nth, want)| (nth, held(&want.chain), want)).collect();
        Self { wants: wants.into_iter(), current: None, left: most.min(Pull::MOST), done: false }
    }

    /// The next message; none after the last one. `read` gives the stored batch that holds a position of a log, or else the next
    /// one after it.
    pub fn next(&mut self, mut read: impl FnMut(&ChainId, Seq) -> Option<Stored>) -> Option<Reply> {
        if self.done {
            return None;
        }
        let (mut pieces, mut size) = (Vec::new(), 0);
        while size < MESSAGE && self.left > 0 {
            let Some((nth, held, want)) = self.current.take().or_else(|| self.wants.next()) else { break };
            let found = held.then(|| read(&want.chain, want.entries.from)).flatten();
            let found = found.filter(|found| found.entries.from <= want.entries.to);
            let missing_to = found.as_ref().map_or(want.entries.to, |found| found.entries.from.before());
            if let Some(entries) = Stretch::between(want.entries.from, missing_to) {
                pieces.push(Piece::Gap { want: nth, entries });
                size += 24;
            }
            if let Some(Stored { entries, batch }) = found {
                let len = batch.wire_len();
                size += len;
                self.left = self.left.saturating_sub(len as u64);
                pieces.push(Piece::Batch(batch));
                let rest = Stretch::between(entries.to.next(), want.entries.to);
                self.current = rest.map(|entries| (nth, held, Want { chain: want.chain, entries }));
            }
        }
        if !pieces.is_empty() {
            return Some(Reply::Part { pieces });
        }
        self.done = true;
        Some(Reply::End { more: self.current.is_some() || self.wants.len() > 0 })
    }
}
