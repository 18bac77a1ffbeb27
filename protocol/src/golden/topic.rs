//! Values of what is said about topics.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{ISSUED, extensions, key, network, other_key, sealed};
use crate::{
    names::TopicName,
    sealed::{Hash, Signed},
    service,
    topic::{
        Access, Announcement, Batch, ChainId, Clock, Draft, Entry, Epoch, Head, Hlc, Policy, Proof, Receipt, Retention,
        Seq, Writer,
        log::Stretch,
        sync::{Have, Held, Logs, Piece, Reply, Request, TopicId, Want},
        work::{Answer, Begun, Down, Job, LeaseId, Note, Standing, Up},
    },
};

pub(crate) fn topic() -> TopicName {
    "rooms/lobby".parse().unwrap()
}

/// An entry with everything, and one with nothing.
pub(crate) fn drafts() -> Vec<Draft> {
    let all = Draft {
        key: Some(Bytes::from_static(b"door")),
        id: Some(Bytes::from_static(b"\x01\x02")),
        headers: BTreeMap::from([("content-type".into(), "text/plain".into())]),
        payload: Bytes::from_static(b"open"),
    };
    vec![all, Draft::of("hi")]
}

pub(crate) fn writer() -> Writer {
    Writer::begin(topic(), ISSUED, None)
}

/// The first two batches of [`key`]'s log.
pub(crate) fn batches() -> [Batch; 2] {
    let (mut writer, mut clock) = (writer(), Clock::default());
    [drafts(), vec![Draft::of("you")]]
        .map(|drafts| writer.append(&key(), &network(), &mut clock, ISSUED, drafts).unwrap())
}

pub(crate) fn head() -> Head {
    let (prev, digest) = (Hash([0x55; 32]), Hash([0x66; 32]));
    let (epoch, first, time) = (Epoch(ISSUED.0), Seq(70_000), Hlc::at(ISSUED));
    Head { topic: topic(), epoch, first, count: 300, prev, digest, time, extensions: extensions() }
}

fn chain() -> ChainId {
    ChainId { topic: topic(), author: other_key().node_id(), epoch: Epoch(ISSUED.0) }
}

pub(crate) fn receipt() -> Receipt {
    let hash = Hash([0x77; 32]);
    Receipt { chain: chain(), first: Seq(1), last: Seq(70_000), hash, issued: ISSUED, extensions: extensions() }
}

pub(crate) fn policy() -> Policy {
    let retention = Retention { age_secs: Some(86_400), bytes: None, entries: Some(1_000), last_per_key: true };
    Policy {
        topic: TopicName::owned_by(&key().node_id(), "lobby").unwrap(),
        seq: service::Seq(3),
        issued: ISSUED,
        access: Access::Publishers(vec![other_key().node_id()]),
        keepers: vec![other_key().node_id()],
        retention,
        extensions: extensions(),
    }
}

/// Every form of access, by name.
pub(crate) fn accesses() -> [(&'static str, Access); 3] {
    let keys = || vec![other_key().node_id()];
    [
        ("access: open", Access::Open),
        ("access: publishers", Access::Publishers(keys())),
        ("access: closed", Access::Closed(keys())),
    ]
}

/// Every form of a proof, by name.
pub(crate) fn proofs() -> [(&'static str, Proof); 2] {
    let other = Head { digest: Hash([0x67; 32]), ..head() };
    let forsworn = Receipt { hash: Hash([0x78; 32]), ..receipt() };
    [
        ("proof: forked", Proof::Forked(sealed(head()), sealed(other))),
        ("proof: forsworn", Proof::Forsworn(sealed(receipt()), sealed(forsworn))),
    ]
}

pub(crate) fn announcements() -> [(&'static str, Announcement); 2] {
    let [batch, _] = batches();
    [
        ("topic announcement: news", Announcement::news(&batch)),
        ("topic announcement: reminder", Announcement::reminder(batch.head().signed())),
    ]
}

fn stretch() -> Stretch {
    Stretch { from: Seq(3), to: Seq(70_000) }
}

fn have() -> Have {
    let (author, epoch, check) = (other_key().node_id(), Epoch(ISSUED.0), [0x77; 16]);
    Have { author, epoch, first: Seq(3), last: Seq(70_000), check, holes: 2 }
}

/// Every form of a request, by name.
pub(crate) fn requests() -> [(&'static str, Request); 8] {
    let after = Some((other_key().node_id(), Epoch(7)));
    let topics = vec![(TopicId::of(&topic()), Some(7)), (TopicId(5), None)];
    let wants = vec![Want { chain: chain(), entries: stretch() }];
    let patterns = || ["rooms/*", "math.>"].map(|pattern| pattern.parse().unwrap()).into();
    [
        ("topic request: topics", Request::Topics { patterns: patterns(), after: Some(topic()) }),
        ("topic request: compare", Request::Compare { salt: 9, buckets: vec![7, u64::MAX] }),
        ("topic request: logs", Request::Logs { salt: 9, topics }),
        ("topic request: within", Request::Within { topic: topic(), count: 16, buckets: vec![1, 15], after }),
        ("topic request: fetch", Request::Fetch { wants, most: 16 << 20 }),
        ("topic request: follow", Request::Follow { patterns: patterns() }),
        ("topic request: receipts", Request::Receipts { receipts: vec![sealed(receipt())] }),
        ("topic request: keep", Request::Keep { topics: vec![topic()] }),
    ]
}

/// Every form of an answer, by name.
pub(crate) fn replies() -> [(&'static str, Reply); 6] {
    let [batch, _] = batches();
    let all = Held { topic: 0, logs: Logs::All(vec![have()]), forked: vec![forked()] };
    let many = Held { topic: 300, logs: Logs::Many(vec![7, u64::MAX]), forked: Vec::new() };
    let pieces = vec![Piece::Gap { want: 0, entries: stretch() }, Piece::Batch(batch.signed())];
    [
        ("topic reply: topics", Reply::Topics { topics: vec![topic()], more: true }),
        ("topic reply: differing", Reply::Differing { buckets: vec![0, 300] }),
        ("topic reply: logs", Reply::Logs { covered: 301, held: vec![all, many] }),
        ("topic reply: haves", Reply::Haves { haves: vec![have()], more: false }),
        ("topic reply: part", Reply::Part { pieces }),
        ("topic reply: end", Reply::End { more: true }),
    ]
}

fn forked() -> Proof {
    let [(_, proof), _] = proofs();
    proof
}

/// As it crosses the wire.
pub(crate) fn signed_head() -> Signed<Head> {
    sealed(head())
}

fn lease() -> LeaseId {
    LeaseId { epoch: ISSUED.0, number: 300 }
}

/// What a member says, by name.
pub(crate) fn ups() -> [(&'static str, Up); 5] {
    let answer = |answer| Up::Answer { lease: lease(), answer };
    let said = || "no such account".to_owned();
    let group = "workers".parse().unwrap();
    [
        ("group: join", Up::Join { topic: topic(), group, session: 9, room: 16 }),
        ("group: ack", answer(Answer::Ack)),
        ("group: nack", answer(Answer::Nack { delay_ms: Some(1_000), said: said() })),
        ("group: reject", answer(Answer::Reject { said: said() })),
        ("group: extend", answer(Answer::Extend)),
    ]
}

/// What a coordinator says, by name.
pub(crate) fn downs() -> [(&'static str, Down); 3] {
    let at = (other_key().node_id(), Epoch(ISSUED.0), Seq(70_000));
    let entry = Entry {
        time: Hlc::at(ISSUED),
        key: Some(Bytes::from_static(b"key")),
        id: None,
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        payload: Bytes::from_static(b"{}"),
    };
    [
        ("group: welcome", Down::Welcome { epoch: ISSUED.0, ack_wait_ms: 30_000 }),
        ("group: job", Down::Job(Job::new(lease(), 2, at, &entry))),
        ("group: answered", Down::Answered { lease: lease(), stale: Some(ISSUED.0 + 1) }),
    ]
}

/// What a coordinator notes, by name.
pub(crate) fn notes() -> [(&'static str, Note); 4] {
    let claim = |begun| Note::Claim { epoch: ISSUED.0, begun };
    let (author, epoch) = (other_key().node_id(), Epoch(ISSUED.0));
    let standing = Standing { to: Seq(70_000), open: BTreeMap::from([(Seq(3), 1), (Seq(300), 0)]) };
    [
        ("group note: claim, from the earliest", claim(Begun::Earliest)),
        ("group note: claim, since", claim(Begun::Since(ISSUED))),
        ("group note: claim, at", claim(Begun::At(Seq(3)))),
        ("group note: standing", Note::Standing { by: ISSUED.0, author, epoch, standing }),
    ]
}
