//! How peers are reached that cannot simply be dialled, and how this node is reached by them.
//!
//! There is a ladder of ways to a peer, best first:
//!
//! 1. the **LAN**: addresses heard there, and private addresses of a peer that turns out to be on the same one;
//! 2. a **public address**, IPv4 or IPv6, its own or one that its router maps to it (UPnP-IGD, NAT-PMP, PCP);
//! 3. a **hole punch**: both dial each other's observed addresses at the same time, which most NATs let through;
//! 4. a **relay**, which always works and costs somebody else's line.
//!
//! The relayed path is there first and calls use it at once; a direct one replaces it as soon as it is there. What stands
//! here are the decisions on that ladder, each a small machine of its own that is told what happened and what time it is:
//!
//! ```text
//!  AutoNAT answers ──► verdicts ──► public, private or unknown ──► relays ──► reserve, release
//!                          ▲                                         ▲
//!         network change ──┼───────────────┬─────────────────────────┤
//!                          │               ▼                         │
//!  identify's observed ──► mapping ──► kind of NAT ──► punch ──► try a direct path to a peer
//!  addresses                                             ▲
//!  connections, their traffic ──► paths ─────────────────┘
//!                                   └──► the connection for new calls, and those to close
//!
//!  others' reservations and circuits ──► capacity ──► admitted or refused, and how fast
//! ```
//!
//! Nothing here dials, listens or reads a clock, and nothing is taken from one peer's word alone where several can be asked. Every
//! table has a bound, since strangers fill them.

use std::time::Duration;

use crate::mix::mix;

pub mod capacity;
pub mod mapping;
pub mod paths;
pub mod punch;
pub mod relays;
#[cfg(test)]
mod tests;
pub mod verdicts;

/// What carries a connection, better one first: over QUIC a lost packet holds up one stream only, and most NATs are
/// easier to punch for UDP; WebSocket is TCP with a header on everything, for networks that let nothing else pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// QUIC, over UDP.
    Quic,
    /// TCP.
    Tcp,
    /// WebSocket, over TCP.
    WebSocket,
}

impl Transport {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
            Self::WebSocket => "websocket",
        }
    }
}

/// `first`, doubled so many times, and `longest` at most.
fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(longest)
}

/// A wait give or take a quarter, by a number that was drawn.
fn jittered(wait: Duration, draw: u64) -> Duration {
    // Three quarters to five quarters, in steps of a thousandth of a half.
    let share = 750 + u32::try_from(mix(draw) % 501).unwrap_or(0);
    wait.saturating_mul(share) / 1000
}
