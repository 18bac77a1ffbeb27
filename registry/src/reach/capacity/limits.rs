//! What a relay gives at most.

use serde::{Deserialize, Serialize};

/// What a relay gives at most. The defaults are for carrying calls, not only for signalling, on a rented machine with a
/// gigabit line and a gigabyte of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelayLimits {
    /// Reservations, of which each peer has one. 256: each keeps a connection open, some 100 KiB with its buffers.
    pub reservations: usize,
    /// Reservations of one subnet. 16: a large office behind one address, and a sixteenth of the whole.
    pub reservations_per_subnet: usize,
    /// Circuits. 512: two for each reservation; each holds up to 64 KiB of buffers, 32 MiB in all.
    pub circuits: usize,
    /// Circuits that one peer has opened. 16: a caller of services at as many homes.
    pub circuits_per_source: usize,
    /// Circuits that peers of one subnet have opened. 64: an eighth of the whole.
    pub circuits_per_subnet: usize,
    /// Circuits to one peer. 32: a service at home with as many callers that cannot get to it directly.
    pub circuits_per_destination: usize,
    /// Bytes a second between two peers, both directions and all their circuits together. 2 MiB: a video call, or a home's
    /// upstream; who needs more has a reason to map a port.
    pub bytes_per_second: u64,
    /// Bytes a second of all circuits that one subnet has opened. 8 MiB: a quarter of the whole.
    pub bytes_per_second_per_subnet: u64,
    /// Bytes a second of all circuits. 32 MiB in and the same out: half of a gigabit line, and 80 TiB in a month at most.
    pub bytes_per_second_total: u64,
    /// For how long the rates may have been saved up, in milliseconds. 2000: a page or a picture comes at once.
    pub burst_ms: u64,
}

/// A limit that lets nothing through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name} is 0, which lets nothing through; give at least 1, or switch the relay off")]
pub struct Nothing {
    /// The limit's name.
    pub name: &'static str,
}

impl RelayLimits {
    /// Whether something can be relayed within these limits.
    ///
    /// # Errors
    /// [`Nothing`] names one that is nought. Only `burst_ms` may be: then all bytes wait for their turn.
    pub fn check(&self) -> Result<(), Nothing> {
        let counts = [
            ("reservations", self.reservations),
            ("reservations_per_subnet", self.reservations_per_subnet),
            ("circuits", self.circuits),
            ("circuits_per_source", self.circuits_per_source),
            ("circuits_per_subnet", self.circuits_per_subnet),
            ("circuits_per_destination", self.circuits_per_destination),
        ];
        let rates = [
            ("bytes_per_second", self.bytes_per_second),
            ("bytes_per_second_per_subnet", self.bytes_per_second_per_subnet),
            ("bytes_per_second_total", self.bytes_per_second_total),
        ];
        let counts = counts.into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name);
        let rates = rates.into_iter().filter(|(_, rate)| *rate == 0).map(|(name, _)| name);
        counts.chain(rates).next().map_or(Ok(()), |name| Err(Nothing { name }))
    }
}

impl Default for RelayLimits {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            reservations: 256,
            reservations_per_subnet: 16,
            circuits: 512,
            circuits_per_source: 16,
            circuits_per_subnet: 64,
            circuits_per_destination: 32,
            bytes_per_second: 2 * MIB,
            bytes_per_second_per_subnet: 8 * MIB,
            bytes_per_second_total: 32 * MIB,
            burst_ms: 2_000,
        }
    }
}
