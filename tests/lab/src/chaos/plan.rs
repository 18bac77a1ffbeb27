//! What goes wrong, and when. Pure, and the same for the same seed.

use std::{collections::BTreeSet, time::Duration};

use chacha20::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// Between two nodes that are killed, on the average.
const KILLS: Duration = Duration::from_secs(6);
/// How long one is down.
const DOWN: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(8)];
/// From the end of a partition to the next one.
const WHOLE: [Duration; 2] = [Duration::from_secs(4), Duration::from_secs(15)];
/// How long a partition lasts.
const PARTED: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(14)];
/// From when a disk has room again to when the next one is full.
const ROOM: [Duration; 2] = [Duration::from_secs(4), Duration::from_secs(20)];
/// How long a disk is full.
const FULL: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];

/// Who is there: nodes by number, the keepers first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    /// All nodes.
    pub nodes: usize,
    /// How many of them keep topics: the first ones.
    pub keepers: usize,
    /// Nodes whose disks are small, and can be filled.
    pub small: Vec<usize>,
    /// Nodes that publish, each on a topic of its own or one that it shares.
    pub publishers: Vec<usize>,
    /// Nodes with a subscriber to all topics.
    pub subscribers: Vec<usize>,
    /// A node whose disk is destroyed once, and which is somebody else from then on.
    pub doomed: Option<usize>,
}

impl Cast {
    /// The parts of so many nodes. Some publish and subscribe, one only publishes and is doomed, one keeper and one publisher have
    /// small disks.
    #[must_use]
    pub fn of(nodes: usize, keepers: usize) -> Self {
        let others = nodes.saturating_sub(keepers);
        let doomed = nodes.checked_sub(1).filter(|_| others > 2);
        let subscribers: Vec<usize> =
            (0..nodes).filter(|node| Some(*node) != doomed && *node >= keepers).take(5).collect();
        let with_keeper = keepers.checked_sub(1);
        let publishers: BTreeSet<usize> = (keepers..nodes).step_by(2).chain(with_keeper).chain(doomed).collect();
        let publishers: BTreeSet<usize> = match publishers.len() {
            0..4 => (0..nodes).rev().take(4).collect(),
            _ => publishers,
        };
        // The second subscriber's, so that the first one shows what is promised without trouble of its own.
        let small = keepers.checked_sub(1).into_iter().chain(subscribers.get(1).copied()).collect();
        Self { nodes, keepers, small, publishers: publishers.into_iter().collect(), subscribers, doomed }
    }
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`.
    Kill(usize),
    /// It is started again with the data directory that it had.
    Start(usize),
    /// Its disk is destroyed; it is killed before.
    Destroy(usize),
    /// These are cut off from all others, and together.
    Part(BTreeSet<usize>),
    /// Everybody reaches everybody again.
    Heal,
    /// Its disk is full.
    Fill(usize),
    /// Its disk has room again.
    Empty(usize),
}

/// Faults in the order in which they happen, each with the time since the beginning. The last ones undo what is left.
#[must_use]
pub fn plan(seed: u64, cast: &Cast, length: Duration) -> Vec<(Duration, Fault)> {
    let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
    let mut all = Vec::new();
    chance.kills(cast, length, &mut all);
    chance.partitions(cast, length, &mut all);
    chance.full_disks(cast, length, &mut all);
    // What happens at the same time happens in the order of the lines above.
    all.sort_by_key(|(at, _)| *at);
    all
}

struct Chance(ChaCha8Rng);

impl Chance {
    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.0.next_u64() % count.max(1) as u64).unwrap_or_default()
    }

    fn between(&mut self, [least, most]: [Duration; 2]) -> Duration {
        let span = u64::try_from((most - least).as_millis()).unwrap_or(u64::MAX).max(1);
        least + Duration::from_millis(self.0.next_u64() % span)
    }

    fn kills(&mut self, cast: &Cast, length: Duration, all: &mut Vec<(Duration, Fault)>) {
        let mut up_at = vec![Duration::ZERO; cast.nodes];
        let destroyed_at = length.mul_f64(0.6);
        let mut doomed = cast.doomed;
        let mut at = Duration::ZERO;
        loop {
            at += self.between([Duration::ZERO, 2 * KILLS]);
            if at >= length {
                return;
            }
            if let Some(node) = doomed.filter(|_| at >= destroyed_at) {
                doomed = None;
                let back = (at + Duration::from_secs(3)).max(up_at.get(node).copied().unwrap_or_default());
                all.extend([(at, Fault::Kill(node)), (at, Fault::Destroy(node)), (back, Fault::Start(node))]);
                up_at.get_mut(node).into_iter().for_each(|up| *up = back);
                continue;
            }
            let node = self.below(cast.nodes);
            let back = (at + self.between(DOWN)).min(length);
            // One that is down cannot be killed.
            if let Some(up) = up_at.get_mut(node).filter(|up| **up < at) {
                *up = back;
                all.extend([(at, Fault::Kill(node)), (back, Fault::Start(node))]);
            }
        }
    }

    fn partitions(&mut self, cast: &Cast, length: Duration, all: &mut Vec<(Duration, Fault)>) {
        let mut at = self.between(WHOLE);
        while at < length && cast.nodes > 1 {
            let count = 1 + self.below(cast.nodes / 2);
            let mut island = BTreeSet::new();
            while island.len() < count {
                island.insert(self.below(cast.nodes));
            }
            let healed = (at + self.between(PARTED)).min(length);
            all.extend([(at, Fault::Part(island)), (healed, Fault::Heal)]);
            at = healed + self.between(WHOLE);
        }
    }

    fn full_disks(&mut self, cast: &Cast, length: Duration, all: &mut Vec<(Duration, Fault)>) {
        for node in &cast.small {
            let mut at = self.between(ROOM);
            while at < length {
                let emptied = (at + self.between(FULL)).min(length);
                all.extend([(at, Fault::Fill(*node)), (emptied, Fault::Empty(*node))]);
                at = emptied + self.between(ROOM);
            }
        }
    }
}
