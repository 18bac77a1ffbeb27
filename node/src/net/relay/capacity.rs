//! Who is let in and how fast: a pure account of reservations, circuits and bytes. The time is passed in.
//!
//! A circuit counts at its source and at its target, and in the subnet of its source: the target has reserved, and
//! reservations are counted by subnet themselves.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

use atoll_registry::peers::Subnet;
use libp2p::PeerId;

use super::figures::Refusal;

#[cfg(test)]
mod tests;

/// How fast bytes may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Bytes per second in the long run; 0 counts as 1.
    pub(crate) bytes: u64,
    /// Bytes that may pass at once after a pause.
    pub(crate) burst: u64,
}

impl Rate {
    /// The time that so many bytes take.
    fn time(self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// A token bucket, kept as the time at which everything taken from it is paid for at its rate (the virtual scheduling
/// algorithm of ITU-T I.371). It may be overdrawn: whoever takes too much is told how long to wait, and the next one waits
/// for that as well, so that takers are served in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bucket {
    paid: Option<Instant>,
}

impl Bucket {
    /// Takes `bytes`; they may pass after the time returned.
    #[must_use]
    pub(crate) fn take(&mut self, bytes: u64, rate: Rate, now: Instant) -> Duration {
        let from = self.paid.map_or(now, |paid| paid.max(now));
        // Times beyond what the clock can express are not reached: whoever owes so much waits for ever either way.
        let paid = from.checked_add(rate.time(bytes)).unwrap_or(from);
        self.paid = Some(paid);
        paid.saturating_duration_since(now).saturating_sub(rate.time(rate.burst))
    }
}

/// How much the service gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Reservations at once; a peer has one.
    pub(crate) reservations: usize,
    /// Of them, those of one subnet.
    pub(crate) reservations_per_subnet: usize,
    /// Circuits at once.
    pub(crate) circuits: usize,
    /// Of them, those that one peer is the source or the target of.
    pub(crate) circuits_per_peer: usize,
    /// Of them, those with a source in one subnet.
    pub(crate) circuits_per_subnet: usize,
    /// The pace of one circuit, both ways together.
    pub(crate) circuit: Rate,
    /// The pace of all circuits together.
    pub(crate) total: Rate,
}

impl Default for Limits {
    /// For real use on a host with 100 Mbit/s to give.
    fn default() -> Self {
        Self {
            reservations: 1024,
            reservations_per_subnet: 64,
            circuits: 2048,
            circuits_per_peer: 128,
            circuits_per_subnet: 256,
            circuit: Rate { bytes: 4 << 20, burst: 8 << 20 },
            total: Rate { bytes: 12 << 20, burst: 24 << 20 },
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Reservation {
    subnet: Option<Subnet>,
    expires: Instant,
}

/// A circuit as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) source: PeerId,
    /// The source's; `None` if it is not counted.
    pub(crate) subnet: Option<Subnet>,
    pub(crate) target: PeerId,
}

/// See the [module docs](self).
#[derive(Debug, Default)]
pub(crate) struct Capacity {
    limits: Limits,
    reservations: HashMap<PeerId, Reservation>,
    circuits: usize,
    of_peer: HashMap<PeerId, usize>,
    of_subnet: HashMap<Subnet, usize>,
    bytes: Bucket,
}

impl Capacity {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Changes the limits for what comes; who is in stays in.
    pub(crate) const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Gives `peer` a reservation until `expires`, or renews the one it has; `true` if it is a new one.
    ///
    /// # Errors
    /// There are too many; a reservation that `peer` has stays as it was.
    pub(crate) fn reserve(
        &mut self,
        peer: PeerId,
        subnet: Option<Subnet>,
        expires: Instant,
        now: Instant,
    ) -> Result<bool, Refusal> {
        self.expire(now);
        let others = self.reservations.iter().filter(|(other, _)| **other != peer);
        if others.clone().count() >= self.limits.reservations {
            return Err(Refusal::Reservations);
        }
        if subnet.is_some() && others.filter(|(_, r)| r.subnet == subnet).count() >= self.limits.reservations_per_subnet
        {
            return Err(Refusal::ReservationsOfSubnet);
        }
        Ok(self.reservations.insert(peer, Reservation { subnet, expires }).is_none())
    }

    /// Ends a peer's reservation; its circuits stay.
    pub(crate) fn release(&mut self, peer: &PeerId) {
        self.reservations.remove(peer);
    }

    /// Whether `peer` has a reservation.
    pub(crate) fn holds(&self, peer: &PeerId, now: Instant) -> bool {
        self.reservations.get(peer).is_some_and(|r| r.expires > now)
    }

    /// Drops what has expired, and gives the number of reservations that are left.
    pub(crate) fn expire(&mut self, now: Instant) -> usize {
        self.reservations.retain(|_, r| r.expires > now);
        self.reservations.len()
    }

    /// The number of circuits.
    pub(crate) const fn circuits(&self) -> usize {
        self.circuits
    }

    /// Lets a circuit in.
    ///
    /// # Errors
    /// The target has no reservation, or there are too many circuits.
    pub(crate) fn open(&mut self, ends: &Ends, now: Instant) -> Result<(), Refusal> {
        let of = |peer| self.of_peer.get(peer).copied().unwrap_or_default();
        let of_subnet = ends.subnet.and_then(|s| self.of_subnet.get(&s)).copied().unwrap_or_default();
        if !self.holds(&ends.target, now) {
            return Err(Refusal::NoReservation);
        }
        if self.circuits >= self.limits.circuits {
            return Err(Refusal::Circuits);
        }
        if of(&ends.source).max(of(&ends.target)) >= self.limits.circuits_per_peer {
            return Err(Refusal::CircuitsOfPeer);
        }
        if ends.subnet.is_some() && of_subnet >= self.limits.circuits_per_subnet {
            return Err(Refusal::CircuitsOfSubnet);
        }
        self.circuits += 1;
        *self.of_peer.entry(ends.source).or_default() += 1;
        *self.of_peer.entry(ends.target).or_default() += 1;
        if let Some(subnet) = ends.subnet {
            *self.of_subnet.entry(subnet).or_default() += 1;
        }
        Ok(())
    }

    /// Gives back what [`Self::open`] has taken.
    pub(crate) fn close(&mut self, ends: &Ends) {
        self.circuits = self.circuits.saturating_sub(1);
        one_less(&mut self.of_peer, &ends.source);
        one_less(&mut self.of_peer, &ends.target);
        if let Some(subnet) = ends.subnet {
            one_less(&mut self.of_subnet, &subnet);
        }
    }

    /// Takes `bytes` from a circuit's bucket and from the common one; they may pass after the time returned.
    #[must_use]
    pub(crate) fn take(&mut self, circuit: &mut Bucket, bytes: u64, now: Instant) -> Duration {
        let Limits { circuit: own, total, .. } = self.limits;
        circuit.take(bytes, own, now).max(self.bytes.take(bytes, total, now))
    }
}

fn one_less<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
