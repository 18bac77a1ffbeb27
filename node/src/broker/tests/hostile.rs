//! Authors and keepers that lie, and what comes in the wrong order.

use std::collections::BTreeMap;

use atoll_protocol::{
    codec,
    identity::SecretKey,
    names::TopicName,
    sealed::{Hash, Signed},
    service::{Extensions, UnixMillis},
    topic::{
        Access, Announcement, ChainId, Clock, Draft, Receipt, Retention, Seq, SignedBatch, Writer as Author,
        log::{Room, Stretch},
        sync::{Answer, Piece, Reply, Request, Shelf, Stored, answer},
    },
};
use atoll_registry::peers::conduct::Fault;
use futures::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::{
    net::{Channel, streams::Substream},
    testing::{Bare, network, rpc},
};

/// A peer that publishes, and says whatever a test wants it to.
struct Liar {
    bare: Bare,
    author: Author,
    clock: Clock,
}

fn topic() -> TopicName {
    TOPIC.parse().unwrap()
}

fn now() -> UnixMillis {
    crate::clock::Clock::start().wall()
}

impl Liar {
    /// One that `node` listens to.
    async fn beside(node: &Node) -> Self {
        let mut bare = Bare::beside(node).await;
        bare.heard().await;
        let author = Author::begin(topic(), now(), None);
        Self { bare, author, clock: Clock::default() }
    }

    fn batch(&mut self, texts: &[&str]) -> atoll_protocol::topic::Batch {
        self.batch_at(texts, now())
    }

    fn batch_at(&mut self, texts: &[&str], at: UnixMillis) -> atoll_protocol::topic::Batch {
        let drafts = texts.iter().map(|text| Draft::of(serde_json::to_vec(text).unwrap())).collect();
        self.author.append(&self.bare.key, &network(), &mut self.clock, at, drafts).unwrap()
    }

    /// Gossips it, again and again until `seen` holds: gossip may have no way to the node yet.
    async fn gossip(&self, announcement: &Announcement) {
        let data = codec::encode(announcement).unwrap();
        self.bare.net.announce(gossip::channel(&topic()), data).await;
    }

    async fn news(&self, batch: &SignedBatch) {
        let SignedBatch { head, entries } = batch.clone();
        self.gossip(&Announcement { head, entries }).await;
    }
}

/// A subscriber, and a liar that it can hear.
async fn subscriber() -> (Node, Subscription, Liar) {
    let node = node(&[]).await;
    let subscription = node.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    let liar = Liar::beside(&node).await;
    (node, subscription, liar)
}

fn faults(node: &Node, kind: Fault) -> u32 {
    rpc(node).net.conduct.totals().count(kind)
}

/// Nothing has come of what was said before this.
async fn nothing_but(subscription: &mut Subscription, text: &str) {
    assert_eq!(texts(subscription, 1).await, [text]);
}

/// Answers the questions about topics on one substream, over what is held.
async fn answer_all(mut stream: Substream, shelf: &Shelf, store: &BTreeMap<(ChainId, Seq), SignedBatch>) {
    while let Some(request) = read(&mut stream).await {
        let replies: Vec<Reply> = match answer(request, shelf, &|_| true) {
            Answer::Reply { reply, .. } => vec![reply],
            Answer::Serve(mut serving) => {
                let stored = |chain: &ChainId, seq: Seq| {
                    let (_, batch) = store.range((chain.clone(), seq)..).next()?;
                    let head = batch.head.clone().open(&network()).ok()?;
                    let entries = Stretch::between(head.value().first, head.value().last())?;
                    Some(Stored { entries, batch: batch.clone() })
                };
                std::iter::from_fn(|| serving.next(stored)).collect()
            }
            _ => vec![Reply::End { more: false }],
        };
        for reply in replies {
            write(&mut stream, &reply).await;
        }
    }
    let _ = stream.close().await;
}

async fn read(stream: &mut Substream) -> Option<Request> {
    let mut len = [0; 4];
    stream.read_exact(&mut len).await.ok()?;
    let mut body = vec![0; u32::from_le_bytes(len) as usize];
    stream.read_exact(&mut body).await.ok()?;
    Request::decode(&body).ok()
}

async fn write<T: serde::Serialize>(stream: &mut Substream, message: &T) {
    let body = codec::encode(message).unwrap();
    let _ = stream.write_all(&u32::try_from(body.len()).unwrap().to_le_bytes()).await;
    let _ = stream.write_all(&body).await;
    let _ = stream.flush().await;
}

#[tokio::test]
async fn what_an_author_has_not_signed_is_refused_and_charged() {
    let (node, mut all, mut liar) = subscriber().await;
    let (batch, other) = (liar.batch(&["true"]).signed(), liar.batch(&["later"]).signed());
    liar.news(&SignedBatch { entries: other.entries.clone(), ..batch.clone() }).await;
    eventually("it is charged", || faults(&node, Fault::Forged) == 1).await;
    // Of another network, and so not signed for this one.
    let strange = Signed::seal(
        &liar.bare.key,
        &"strange".parse().unwrap(),
        batch.head.clone().open(&network()).unwrap().value().clone(),
    );
    liar.news(&SignedBatch { head: strange.unwrap().signed(), entries: batch.entries.clone() }).await;
    eventually("it is charged, too", || faults(&node, Fault::Forged) == 2).await;
    liar.bare.net.announce(gossip::channel(&topic()), vec![0xff; 100]).await;
    eventually("nonsense is charged", || faults(&node, Fault::Malformed) == 1).await;
    liar.bare.net.announce(gossip::channel(&topic()), vec![0; 40 * 1024]).await;
    eventually("so is what is too long", || faults(&node, Fault::Oversize) == 1).await;
    liar.news(&batch).await;
    nothing_but(&mut all, "true").await;
}

#[tokio::test]
async fn what_comes_in_the_wrong_order_or_twice_is_given_in_order_and_once() {
    let (_node, mut all, mut liar) = subscriber().await;
    let batches = ["a", "b", "c"].map(|text| liar.batch(&[text]));
    let mut shelf = Shelf::new();
    shelf.add(topic());
    let mut store = BTreeMap::new();
    for batch in &batches {
        let log = shelf.log_mut(&topic(), batch.author()).unwrap();
        log.accept(batch, now(), Room::ALL, &|_, _| None).unwrap();
        store.insert((batch.head().value().chain(batch.author()), batch.head().value().first), batch.signed());
    }
    let protocol = liar.bare.net.protocols.topic.clone();
    liar.news(&batches[2].signed()).await;
    let answering = async {
        loop {
            let stream = liar.bare.accept(&protocol).await;
            answer_all(stream, &shelf, &store).await;
        }
    };
    tokio::select! {
        () = answering => {}
        got = texts(&mut all, 3) => assert_eq!(got, ["a", "b", "c"]),
    }
    // Again, as if it were news.
    for batch in &batches {
        liar.news(&batch.signed()).await;
    }
    let last = liar.batch(&["d"]);
    liar.news(&last.signed()).await;
    nothing_but(&mut all, "d").await;
}

#[tokio::test]
async fn what_is_dated_far_ahead_is_not_taken_in() {
    let (node, mut all, mut liar) = subscriber().await;
    let tomorrow = UnixMillis(now().0 + 2 * 24 * 3600 * 1000);
    let mut other = Author::begin(topic(), now(), None);
    let drafts = vec![Draft::of("\"tomorrow\"")];
    let ahead = other.append(&liar.bare.key, &network(), &mut Clock::default(), tomorrow, drafts).unwrap();
    liar.news(&ahead.signed()).await;
    eventually("it is charged", || faults(&node, Fault::FutureDated) == 1).await;
    let today = liar.batch(&["today"]);
    liar.news(&today.signed()).await;
    nothing_but(&mut all, "today").await;
}

#[tokio::test]
async fn an_author_that_says_two_things_is_quarantined() {
    let (node, mut all, mut liar) = subscriber().await;
    let (before, clock) = (liar.author.clone(), liar.clock);
    let one = liar.batch(&["one"]);
    (liar.author, liar.clock) = (before, clock);
    let other = liar.batch(&["other"]);
    liar.news(&one.signed()).await;
    assert_eq!(texts(&mut all, 1).await, ["one"]);
    liar.news(&other.signed()).await;
    let author = one.author();
    eventually("the fork is found", || {
        inner(&node).logs.lock().log(&topic(), &author).is_some_and(|log| log.forked().is_some())
    })
    .await;
    // Whoever comes later is told the proof, and takes nothing of the log.
    let late = super::node(&node.addresses()).await;
    let _all = late.topic(TOPIC).unwrap().subscribe().from(From::Earliest).begin().unwrap();
    eventually("the proof has come", || {
        inner(&late).logs.lock().log(&topic(), &author).is_some_and(|log| log.forked().is_some())
    })
    .await;
}

#[tokio::test]
async fn receipts_that_lie_count_for_nothing() {
    let author = node(&[]).await;
    let liar = Bare::beside(&author).await;
    let name = TopicName::owned_by(&author.id(), "ledger").unwrap();
    let topic = author.topic(name.as_str()).unwrap();
    topic.decide(Access::Open, vec![liar.key.node_id()], Retention::default()).await.unwrap();
    let publish = topic.publish("important").kept(1).send().await.unwrap();
    eventually("it is written", || {
        inner(&author)
            .logs
            .lock()
            .log(&name, &author.id())
            .is_some_and(|log| log.head().unwrap().value().last() == Seq(2))
    })
    .await;
    let (chain, hash) = {
        let logs = inner(&author).logs.lock();
        let head = logs.log(&name, &author.id()).unwrap().head().unwrap().clone();
        (head.value().chain(author.id()), head.hash())
    };
    let receipt = |key: &SecretKey, last: u64, hash: Hash| {
        let receipt = Receipt {
            chain: chain.clone(),
            first: Seq(1),
            last: Seq(last),
            hash,
            issued: now(),
            extensions: Extensions::new(),
        };
        Signed::seal(key, &network(), receipt).unwrap().signed()
    };
    let stranger = SecretKey::from_seed(&[9; 32]);
    let lies = [receipt(&liar.key, 2, Hash([1; 32])), receipt(&liar.key, 9, hash), receipt(&stranger, 2, hash)];
    let protocol = liar.net.protocols.topic.clone();
    let mut stream = liar.open(&author, &protocol).await;
    write(&mut stream, &Request::Receipts { receipts: lies.into() }).await;
    eventually("lies are charged", || faults(&author, Fault::Inconsistent) == 2).await;
    assert_eq!(inner(&author).acks.pending(1).len(), 1, "nobody has it");
    write(&mut stream, &Request::Receipts { receipts: vec![receipt(&liar.key, 2, hash)] }).await;
    let published = within("the true receipt", publish).await.unwrap();
    assert_eq!((published.seq, published.level), (Seq(2), AckLevel::Kept(1)));
}

#[tokio::test]
async fn whoever_sends_what_was_not_asked_for_is_charged() {
    let (node, _all, mut liar) = subscriber().await;
    let protocol = liar.bare.net.protocols.topic.clone();
    let first = liar.batch(&["a"]);
    // Only its head: the entries are asked for.
    liar.gossip(&Announcement::reminder(first.head().signed())).await;
    let elsewhere = {
        let mut other = Author::begin("elsewhere".parse().unwrap(), now(), None);
        let drafts = vec![Draft::of("1")];
        other.append(&liar.bare.key, &network(), &mut Clock::default(), now(), drafts).unwrap()
    };
    let answering = async {
        loop {
            let mut stream = liar.bare.accept(&protocol).await;
            let Some(request) = read(&mut stream).await else { continue };
            if let Request::Follow { .. } = request {
                let pieces = vec![Piece::Batch(elsewhere.signed())];
                write(&mut stream, &Reply::Part { pieces }).await;
                // Kept open: it is the node that hangs up.
                let _ = read(&mut stream).await;
            }
        }
    };
    tokio::select! {
        () = answering => {}
        () = eventually("it is charged", || faults(&node, Fault::Malformed) > 0) => {}
    }
    assert!(!inner(&node).logs.lock().shelf.contains(&"elsewhere".parse().unwrap()));
}

#[tokio::test]
async fn whoever_follows_a_node_is_sent_what_that_one_says() {
    let (node, mut all, mut other) = subscriber().await;
    let protocol = other.bare.net.protocols.topic.clone();
    let mut following = other.bare.open(&node, &protocol).await;
    write(&mut following, &Request::Follow { patterns: vec![topic().into()] }).await;
    // It is followed once this comes.
    let own = async {
        loop {
            node.topic(TOPIC).unwrap().publish("own").await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let first = async { crate::broker::sync::receive_reply(&mut following).await.unwrap() };
    tokio::select! {
        () = own => {}
        _ = within("it is followed", first) => {}
    }
    let foreign = other.batch(&["another's"]);
    other.news(&foreign.signed()).await;
    let foreign_is_here = async {
        loop {
            if let Some(crate::Delivery::Message(message)) = all.next().await
                && message.author() == foreign.author()
            {
                return;
            }
        }
    };
    within("another's batch is here", foreign_is_here).await;
    let last = node.topic(TOPIC).unwrap().publish("own").await.unwrap().seq;
    loop {
        let reply = within("a reply", crate::broker::sync::receive_reply(&mut following)).await.unwrap();
        let Reply::Part { pieces } = reply else { panic!("{reply:?}") };
        for piece in pieces {
            let Piece::Batch(batch) = piece else { panic!("{piece:?}") };
            let batch = batch.open(&network()).unwrap();
            assert_eq!(batch.author(), node.id());
            if batch.head().value().last() == last {
                return;
            }
        }
    }
}

#[test]
fn channels_are_as_many_as_are_said() {
    let all: std::collections::BTreeSet<_> =
        (0..1_000).map(|nth| gossip::channel(&format!("t{nth}").parse().unwrap())).collect();
    assert_eq!(all.len() as u64, Channel::COUNT);
}
