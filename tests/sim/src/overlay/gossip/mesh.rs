//! Which neighbours get messages at once, and which only hear of them.

use super::{Number, Settings};
use crate::engine::{PeerIndex, Random, Time};

#[derive(Debug)]
struct Neighbour {
    peer: PeerIndex,
    in_mesh: bool,
    /// No grafting before.
    backoff: Time,
    /// What it has called off before it came here, and until when.
    unwanted: Vec<(Time, Number)>,
}

/// The neighbours, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Mesh {
    neighbours: Vec<Neighbour>,
}

/// What a heartbeat has changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) grafted: Vec<PeerIndex>,
    pub(super) pruned: Vec<PeerIndex>,
}

impl Mesh {
    pub(super) fn add(&mut self, peer: PeerIndex) {
        self.remove(peer);
        self.neighbours.push(Neighbour { peer, in_mesh: false, backoff: Time::START, unwanted: Vec::new() });
    }

    pub(super) fn remove(&mut self, peer: PeerIndex) {
        self.neighbours.retain(|neighbour| neighbour.peer != peer);
    }

    pub(super) fn members(&self) -> impl Iterator<Item = PeerIndex> {
        self.neighbours.iter().filter(|neighbour| neighbour.in_mesh).map(|neighbour| neighbour.peer)
    }

    pub(super) fn all(&self) -> Vec<PeerIndex> {
        self.neighbours.iter().map(|neighbour| neighbour.peer).collect()
    }

    /// Who gets a message at once: the mesh, or while there is none yet, the first neighbours (as fanout would).
    pub(super) fn eager(&self, settings: &Settings) -> Vec<PeerIndex> {
        let mut eager: Vec<_> = self.members().collect();
        if eager.is_empty() {
            eager.extend(self.neighbours.iter().take(settings.mesh).map(|neighbour| neighbour.peer));
        }
        eager
    }

    /// Whom to tell of recent messages.
    pub(super) fn lazy(&self, settings: &Settings, random: &mut Random) -> Vec<PeerIndex> {
        let outside = self.neighbours.iter().filter(|neighbour| !neighbour.in_mesh);
        let outside: Vec<_> = outside.map(|neighbour| neighbour.peer).collect();
        let share = (outside.len() as f64 * settings.lazy_share) as usize;
        random.sample(outside, settings.lazy.max(share))
    }

    /// A neighbour has put this node into its mesh; false if it is to be told that it cannot stay there.
    pub(super) fn grafted(&mut self, peer: PeerIndex, now: Time, settings: &Settings) -> bool {
        let size = self.members().count();
        let Some(neighbour) = self.find(peer) else { return false };
        if !neighbour.in_mesh && (now < neighbour.backoff || size >= settings.mesh_high) {
            neighbour.backoff = now + settings.backoff;
            return false;
        }
        neighbour.in_mesh = true;
        true
    }

    /// A neighbour has put this node out of its mesh.
    pub(super) fn pruned(&mut self, peer: PeerIndex, backoff: Time) {
        if let Some(neighbour) = self.find(peer) {
            neighbour.in_mesh = false;
            neighbour.backoff = backoff;
        }
    }

    pub(super) fn unwanted(&mut self, peer: PeerIndex, number: Number, until: Time) {
        if let Some(neighbour) = self.find(peer) {
            neighbour.unwanted.push((until, number));
        }
    }

    /// Whether a neighbour has called this off; it is asked once, when the message comes.
    pub(super) fn take_unwanted(&mut self, peer: PeerIndex, number: Number) -> bool {
        let Some(Neighbour { unwanted, .. }) = self.find(peer) else { return false };
        let at = unwanted.iter().position(|(_, other)| *other == number);
        at.map(|at| unwanted.swap_remove(at)).is_some()
    }

    /// Brings the mesh back within its bounds.
    pub(super) fn maintain(&mut self, now: Time, settings: &Settings, random: &mut Random) -> Changes {
        for neighbour in &mut self.neighbours {
            neighbour.unwanted.retain(|(until, _)| *until > now);
        }
        let size = self.members().count();
        let mut changes = Changes::default();
        if size < settings.mesh_low {
            // A heartbeat of slack: the other side may have begun to count a little later.
            let rested = |other: &&Neighbour| other.backoff == Time::START || other.backoff + settings.heartbeat <= now;
            let free = self.neighbours.iter().filter(|other| !other.in_mesh).filter(rested);
            let missing = settings.mesh.saturating_sub(size);
            changes.grafted = random.sample(free.map(|other| other.peer), missing);
        } else if size > settings.mesh_high {
            changes.pruned = random.sample(self.members(), size.saturating_sub(settings.mesh));
        }
        for neighbour in &mut self.neighbours {
            if changes.grafted.contains(&neighbour.peer) {
                neighbour.in_mesh = true;
            } else if changes.pruned.contains(&neighbour.peer) {
                neighbour.in_mesh = false;
                neighbour.backoff = now + settings.backoff;
            }
        }
        changes
    }

    fn find(&mut self, peer: PeerIndex) -> Option<&mut Neighbour> {
        self.neighbours.iter_mut().find(|neighbour| neighbour.peer == peer)
    }
}
