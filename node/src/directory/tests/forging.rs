//! Record sets, true ones and others.

use atoll_protocol::{
    codec,
    directory::{Announcement, News, RecordSet, SyncReply},
    identity::{NodeId, SecretKey},
    names::NetworkName,
    sealed::{Body, Signed, Verified},
    service::{Seq, UnixMillis, Withdrawal},
};
use atoll_registry::exchange::Publisher;
use bytes::Bytes;

use crate::{
    clock::Clock,
    testing::{network, record},
};

pub(super) const DAY: u64 = 24 * 3600 * 1000;
const TTL: std::time::Duration = std::time::Duration::from_secs(90);

pub(super) fn key() -> SecretKey {
    SecretKey::from_seed(&rand::random())
}

pub(super) fn now() -> UnixMillis {
    Clock::start().wall()
}

/// Somebody with one service, `name`.
pub(super) struct Author {
    pub(super) publisher: Publisher,
    wall: UnixMillis,
}

impl Author {
    pub(super) fn new(name: &str) -> Self {
        Self::of(key(), &network(), name, now())
    }

    pub(super) fn of(key: SecretKey, network: &NetworkName, name: &str, wall: UnixMillis) -> Self {
        let mut publisher = Publisher::new(key, network.clone(), Seq(0));
        publisher.add(record(name, "1.0.0", rand::random()), wall).unwrap();
        Self { publisher, wall }
    }

    pub(super) fn set(&mut self) -> News {
        self.publisher.retell();
        let said = self.publisher.renewal(TTL, usize::MAX, self.wall).unwrap().announcements;
        let [Announcement::Lease(all)] = <[_; 1]>::try_from(said).unwrap() else { panic!("a lease") };
        all
    }

    pub(super) fn leave(&mut self) -> Verified<Withdrawal> {
        self.publisher.leave(self.wall).unwrap()
    }
}

/// The set as a neighbour passes it on.
pub(super) fn reply(all: &News) -> SyncReply {
    let News { lease, node, services } = all.clone();
    SyncReply { set: RecordSet { lease, remaining_ms: 60_000, node, services }, last: true }
}

/// The set as it is gossiped.
pub(super) fn announcement(all: &News) -> Announcement {
    Announcement::Lease(all.clone())
}

/// The same statement under another author's name: the first 32 bytes say who is said to have signed.
pub(super) fn claim<T>(signed: &Signed<T>, author: NodeId) -> Signed<T> {
    let mut bytes = codec::encode(signed).unwrap();
    bytes[..32].copy_from_slice(author.public_key());
    codec::decode(&bytes, bytes.len()).unwrap()
}

/// The same statement with one bit of what was signed turned over.
pub(super) fn tamper<T>(signed: &Signed<T>) -> Signed<T> {
    let mut bytes = codec::encode(signed).unwrap();
    let body_begins = bytes.len() - 64 - signed.body_len();
    bytes[body_begins] ^= 1;
    codec::decode(&bytes, bytes.len()).unwrap()
}

/// The same record with its last bit turned over.
pub(super) fn altered<T>(record: &Body<T>) -> Body<T> {
    let mut bytes = codec::encode(record).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    codec::decode(&bytes, bytes.len()).unwrap()
}

/// What is wrong, and a set in which it is.
pub(super) fn lies() -> Vec<(&'static str, News)> {
    let mut author = Author::new("a.lie");
    let honest = author.set();
    let foreign = Author::new("a.lie").set();
    let elsewhere = Author::of(key(), &"elsewhere".parse().unwrap(), "a.lie", now()).set();
    let future = UnixMillis(now().0 + 2 * DAY);
    let ahead = Author::of(key(), &network(), "a.lie", future).set();
    let victim = key().node_id();
    let with = |change: &dyn Fn(&mut News)| {
        let mut lie = honest.clone();
        change(&mut lie);
        lie
    };
    let earlier = author.set();
    author.publisher.add(record("a.lie.too", "1.0.0", 1), now()).unwrap();
    let later = author.set();
    vec![
        ("a lease in another's name", with(&|r| r.lease = claim(&r.lease, victim))),
        ("a lease that was changed", with(&|r| r.lease = tamper(&r.lease))),
        ("a record that was changed", with(&|r| r.services = r.services.iter().map(altered).collect())),
        ("a record of somebody else", with(&|r| r.services.clone_from(&foreign.services))),
        ("a set of another network", elsewhere),
        ("a set from the day after tomorrow", ahead),
        ("one record twice", with(&|r| r.services.extend(r.services.clone()))),
        ("records later than their lease", News { services: later.services.clone(), ..earlier.clone() }),
        ("records of an earlier lease", News { services: earlier.services, ..later }),
    ]
}

pub(super) fn encode(announcement: &Announcement) -> Vec<u8> {
    codec::encode(announcement).unwrap()
}

/// A message as it stands on a describe substream.
pub(super) fn framed(body: &[u8]) -> Bytes {
    let len = u32::try_from(body.len()).unwrap().to_le_bytes();
    [&len[..], body].concat().into()
}
