//! Tests of the exchange, one file per concern. Here is what they share; whole networks run in the simulator (`make sim`).

use atoll_protocol::{
    directory::News,
    sealed::{Hash, Proved, Signed},
    service::{Lease, Suspicion},
};

use super::*;
use crate::services::{DirectoryLimits, Holding, tests::service};

mod announcing;
mod asking;
mod charging;
mod suspecting;

const WALL: UnixMillis = UnixMillis(1_800_000_000_000);

/// A node: its exchange, its view, and its time.
struct Peer {
    exchange: Exchange,
    view: Directory,
    now: Time,
    key: SecretKey,
}

impl Peer {
    fn new(seed: u8) -> Self {
        let key = SecretKey::from_seed(&[seed; 32]);
        let (now, network) = (Time(1_000), NetworkName::main());
        let at = Moment { now, wall: WALL, random: 0 };
        let exchange = Exchange::new(SecretKey::from_seed(&[seed; 32]), network, Seq(0), at);
        Self { exchange, view: Directory::new(key.node_id(), DirectoryLimits::default()), now, key }
    }

    /// One that has joined through a neighbour that knew nothing.
    fn joined(seed: u8, neighbour: &Self) -> Self {
        let mut peer = Self::new(seed);
        peer.tell(|exchange, view, at| exchange.ready(view, neighbour.id(), at));
        let question = peer.question().1;
        peer.tell(|exchange, view, at| exchange.ended(view, neighbour.id(), &question, true, at));
        assert!(peer.effects().contains(&Effect::Joined));
        peer
    }

    /// It joins through this neighbour, which listens, and says all that there is to say.
    fn join(&mut self, neighbour: &Self) {
        self.tell(|exchange, view, at| {
            exchange.ready(view, neighbour.id(), at);
            exchange.listened_to(at);
        });
        let question = self.question().1;
        self.tell(|exchange, view, at| exchange.ended(view, neighbour.id(), &question, true, at));
        self.wait(Duration::from_secs(1));
        self.effects();
    }

    fn id(&self) -> NodeId {
        self.key.node_id()
    }

    fn at(&self) -> Moment {
        Moment { now: self.now, wall: UnixMillis(WALL.0 + self.now.0), random: mix(self.now.0) }
    }

    fn tell<T>(&mut self, tell: impl FnOnce(&mut Exchange, &mut Directory, Moment) -> T) -> T {
        let at = self.at();
        tell(&mut self.exchange, &mut self.view, at)
    }

    fn effects(&mut self) -> Vec<Effect> {
        self.exchange.take_effects()
    }

    /// What it gossips now.
    fn said(&mut self) -> Vec<Announcement> {
        let published = |effect| if let Effect::Publish(announcement) = effect { Some(announcement) } else { None };
        self.effects().into_iter().filter_map(published).collect()
    }

    /// The only question that it asks now.
    fn question(&mut self) -> (NodeId, SyncRequest) {
        let asked = |effect| if let Effect::Ask { peer, question } = effect { Some((peer, question)) } else { None };
        let all: Vec<_> = self.effects().into_iter().filter_map(asked).collect();
        let [one] = <[_; 1]>::try_from(all).expect("one question");
        one
    }

    /// Lets time pass, waking it whenever it wants to be.
    fn wait(&mut self, span: Duration) {
        let until = self.now + span;
        while self.exchange.due() <= until {
            self.now = self.now.max(self.exchange.due());
            self.tell(|exchange, view, at| exchange.wake(view, at));
        }
        self.now = until;
        self.tell(|exchange, view, at| {
            view.expire(at.now);
            exchange.wake(view, at);
        });
    }

    fn offer(&mut self, name: &str, instance: u64) {
        self.tell(|exchange, view, at| exchange.register(view, record(name, "1.0.0", instance), at)).unwrap();
    }

    /// All that it says of itself.
    fn holding(&self) -> Holding {
        self.view.holding(&self.id(), self.now).unwrap()
    }

    /// It is told all that `other` says of itself.
    fn learn(&mut self, other: &Self) {
        self.take_in(other.holding());
    }

    fn take_in(&mut self, Holding { lease, remaining, node, services }: Holding) {
        let source = lease.author();
        let batch = Batch { lease, remaining: Some(remaining), node, services, whole: true };
        self.tell(|exchange, view, at| exchange.learned(view, source, vec![batch], at));
    }

    fn hear(&mut self, announcement: Announcement) -> Verdict {
        self.hear_from(None, announcement)
    }

    fn hear_from(&mut self, source: Option<NodeId>, announcement: Announcement) -> Verdict {
        let opened = Opened::verify(announcement, &NetworkName::main()).unwrap();
        self.tell(|exchange, view, at| exchange.heard(view, source, opened, at))
    }

    fn lists(&self, other: &Self) -> bool {
        self.view.node(&other.id()).is_some()
    }

    fn suspects(&self, other: &Self) -> bool {
        self.view.node(&other.id()).is_some_and(|node| node.suspect)
    }
}

/// A node that offers something, and its lease.
fn provider(seed: u8) -> Peer {
    let mut peer = Peer::new(seed);
    peer.offer("a.b", u64::from(seed));
    peer
}

/// A service record as a publisher takes it; numbered and dated by the publisher.
pub(crate) fn record(name: &str, version: &str, instance: u64) -> ServiceRecord {
    service(instance, name, version, Seq::default())
}
