//! Which of the connections to one peer carries new calls, and which ones are closed.
//!
//! A peer behind a NAT is connected to more than once: first through a relay, then directly, and since both ends dial while a
//! hole is punched, often directly two or three times. All of them work. What is decided here is that one remains, the same
//! one at both ends, and that no call is cut off by it:
//!
//! - **New calls** take the best connection at once: direct before relayed, QUIC before TCP before WebSocket, then one that the
//!   node with the smaller id has dialled, then the lowest connection id.
//! - **Closing** waits until [`SETTLE`] after the newest direct connection, since others may be about to follow. Then the node
//!   with the smaller id closes the other direct ones, and the other end leaves them alone: connection ids are numbers of each
//!   end, and may rank two equal connections differently. Both ends close the relayed ones.
//! - **A relayed connection that came after the direct one** stays for [`DOUBT`]: somebody has looked for another way, so the
//!   direct one may be dead, which takes ten seconds to be noticed at an end that says nothing itself.
//! - **Nothing that is in use is closed.** Streams in flight finish first; new ones go elsewhere already.
//!
//! Relayed connections without a direct one beside them stay, all of them: they are what a lost relay is survived with.

use std::{cmp::Reverse, time::Duration};

use atoll_protocol::identity::NodeId;

use super::Transport;
use crate::time::Time;

#[cfg(test)]
mod tests;

/// How long after the newest direct connection the others are closed: both ends have then seen all that a hole punch made,
/// at round trips of up to half a second.
pub const SETTLE: Duration = Duration::from_millis(1500);
/// How long a relayed connection stays that came after the direct one: longer than it takes to notice that one is dead.
pub const DOUBT: Duration = Duration::from_secs(15);
/// How long to wait before looking again at connections that were in use.
pub const AGAIN: Duration = Duration::from_secs(1);

/// How the bytes of a connection travel, better one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Path {
    /// Straight to the peer.
    Direct,
    /// Through a relay.
    Relayed,
}

/// A connection to a peer; `I` is how this end names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection<I> {
    /// Its name at this end.
    pub id: I,
    /// What carries it; of a relayed one, what carries it to the relay.
    pub transport: Transport,
    /// Whether it goes through a relay.
    pub path: Path,
    /// Whether this end is the client of the handshake, as the ends agreed upon it: in a hole punch both have dialled.
    pub dialled: bool,
    /// When it was established.
    pub established: Time,
    /// Calls and streams under way on it, of both ends. Standing substreams without any, such as a lane that waits for
    /// calls, or gossip, are not counted.
    pub in_flight: usize,
}

/// What is to be done with the connections to a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<I> {
    /// The one for new calls; `None` if there is no connection.
    pub best: Option<I>,
    /// Those to close now. The best one is never among them.
    pub close: Vec<I>,
    /// When to decide again if no connection comes or goes before; `None` if there is nothing to wait for. When the last
    /// stream of a connection ends, deciding at once saves a wait.
    pub again: Option<Time>,
}

/// Decides about all connections that `me` has to `peer`.
#[must_use]
pub fn decide<I: Copy + Ord>(me: &NodeId, peer: &NodeId, all: &[Connection<I>], now: Time) -> Decision<I> {
    let smaller = me < peer;
    let best = all.iter().min_by_key(|connection| rank(connection, smaller));
    let newest = all.iter().filter(|c| c.path == Path::Direct).map(|c| c.established).max();
    let (Some(best), Some(newest)) = (best, newest) else {
        return Decision { best: best.map(|c| c.id), close: Vec::new(), again: None };
    };
    let others = all.iter().filter(|c| c.id != best.id && (c.path == Path::Relayed || smaller));
    let (mut close, mut again) = (Vec::new(), None);
    for other in others {
        let doubted = other.path == Path::Relayed && other.established > newest;
        let due = if doubted { other.established + DOUBT } else { newest + SETTLE };
        if now >= due && other.in_flight == 0 {
            close.push(other.id);
        } else {
            let at = if now < due { due } else { now + AGAIN };
            again = Some(again.map_or(at, |earlier: Time| earlier.min(at)));
        }
    }
    Decision { best: Some(best.id), close, again }
}

/// The lowest rank is the best connection. `smaller`: whether this end has the smaller id.
fn rank<I: Copy + Ord>(connection: &Connection<I>, smaller: bool) -> (Path, Transport, Reverse<bool>, I) {
    let dialled_by_smaller = connection.dialled == smaller;
    (connection.path, connection.transport, Reverse(dialled_by_smaller), connection.id)
}
