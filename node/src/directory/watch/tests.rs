//! Tests of watching.

use atoll_protocol::{
    identity::SecretKey,
    service::{Seq, UnixMillis},
};
use atoll_registry::{exchange::Publisher, services::DirectoryLimits, time::Time};
use futures::FutureExt;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::testing::{network, record};

const WALL: UnixMillis = UnixMillis(1_700_000_000_000);
const TTL: std::time::Duration = std::time::Duration::from_secs(90);

/// A view, the nodes that it hears of, and whom it tells.
struct World {
    view: Arc<RwLock<View>>,
    changes: broadcast::Sender<Change>,
    nodes: Vec<Publisher>,
    now: Time,
}

impl World {
    /// `nodes` nodes, and room for `queue` changes that nobody has taken up.
    fn new(nodes: u8, queue: usize) -> Self {
        let me = SecretKey::from_seed(&[0; 32]).node_id();
        let publisher = |seed| Publisher::new(SecretKey::from_seed(&[seed; 32]), network(), Seq(0));
        Self {
            view: Arc::new(RwLock::new(View::new(me, DirectoryLimits::default()))),
            changes: broadcast::Sender::new(queue),
            nodes: (1..=nodes).map(publisher).collect(),
            now: Time(0),
        }
    }

    fn watch(&self) -> Watch {
        Watch::new(self.changes.subscribe(), Arc::clone(&self.view))
    }

    /// One thing happens, at random.
    fn step(&mut self, random: &mut StdRng) {
        self.now = self.now + std::time::Duration::from_secs(random.random_range(0..20));
        let which = random.random_range(0..self.nodes.len());
        let instance = random.random_range(0..4);
        let node = &mut self.nodes[which];
        let mut view = self.view.write();
        let id = node.whole(TTL, WALL).unwrap().lease.author();
        match random.random_range(0..8) {
            // Instance ids are each node's own: all use the same few.
            0..=3 => node.add(record("a.b", "1.0.0", instance), WALL).unwrap(),
            4 => {
                if let Some(withdrawal) = node.remove([InstanceId(instance)], WALL) {
                    view.withdraw(&withdrawal.unwrap(), self.now);
                }
            }
            5 => view.contact_failed(id, self.now),
            6 => view.contact_made(id, self.now),
            _ => view.expire(self.now),
        }
        view.apply(node.whole(TTL, WALL).unwrap(), self.now, WALL).unwrap();
        for change in view.take_changes() {
            let _ = self.changes.send(change);
        }
    }

    fn listed(&self) -> HashMap<Key, (bool, atoll_protocol::sealed::Hash)> {
        self.view.read().instances().map(|i| (key(&i), (i.suspect, i.record.hash()))).collect()
    }
}

/// What whoever follows the changes believes to be listed.
#[derive(Default)]
struct Follower(HashMap<Key, (bool, atoll_protocol::sealed::Hash)>);

impl Follower {
    fn follow(&mut self, watch: &mut Watch) -> usize {
        let mut count = 0;
        while let Some(Some(change)) = watch.next().now_or_never() {
            let instance = change.instance();
            let (id, state) = (key(instance), (instance.suspect, instance.record.hash()));
            match &change {
                Change::Added(_) => assert!(self.0.insert(id, state).is_none(), "added twice"),
                Change::Removed(..) => assert!(self.0.remove(&id).is_some(), "removed and never there"),
                _ => assert!(self.0.insert(id, state).is_some(), "changed and never there"),
            }
            count += 1;
        }
        count
    }
}

#[test]
fn replaying_the_changes_gives_the_view() {
    for seed in 0..20 {
        let (mut world, mut random) = (World::new(3, 1024), StdRng::seed_from_u64(seed));
        let (mut watch, mut follower) = (world.watch(), Follower::default());
        for _ in 0..200 {
            world.step(&mut random);
            follower.follow(&mut watch);
            assert_eq!(follower.0, world.listed(), "seed {seed}");
        }
    }
}

#[test]
fn a_watch_begins_with_what_is_there() {
    let (mut world, mut random) = (World::new(3, 1024), StdRng::seed_from_u64(1));
    for _ in 0..50 {
        world.step(&mut random);
    }
    let (mut watch, mut follower) = (world.watch(), Follower::default());
    assert_eq!(follower.follow(&mut watch), world.listed().len());
    assert_eq!(follower.0, world.listed());
}

#[test]
fn a_watcher_that_falls_behind_catches_up() {
    for seed in 0..20 {
        let (mut world, mut random) = (World::new(3, 2), StdRng::seed_from_u64(seed));
        let (mut watch, mut follower) = (world.watch(), Follower::default());
        for round in 0..50 {
            for _ in 0..random.random_range(1..20) {
                world.step(&mut random);
            }
            follower.follow(&mut watch);
            assert_eq!(follower.0, world.listed(), "seed {seed}, round {round}");
        }
    }
}

#[test]
fn two_nodes_may_choose_the_same_instance_id() {
    let mut world = World::new(2, 64);
    let (mut watch, mut follower) = (world.watch(), Follower::default());
    for node in &mut world.nodes {
        node.add(record("a.b", "1.0.0", 7), WALL).unwrap();
        world.view.write().apply(node.whole(TTL, WALL).unwrap(), Time(0), WALL).unwrap();
    }
    for change in world.view.write().take_changes() {
        world.changes.send(change).unwrap();
    }
    assert_eq!(follower.follow(&mut watch), 2);
    assert_eq!(follower.0, world.listed());
}

#[test]
fn a_watch_ends_with_whoever_tells_it() {
    let (mut world, mut random) = (World::new(1, 64), StdRng::seed_from_u64(3));
    let mut watch = world.watch();
    for _ in 0..20 {
        world.step(&mut random);
    }
    let listed = world.listed();
    drop(world);
    let mut follower = Follower::default();
    follower.follow(&mut watch);
    assert_eq!(follower.0, listed, "what was said before is still told");
    assert!(watch.next().now_or_never().expect("the end is known at once").is_none());
}
