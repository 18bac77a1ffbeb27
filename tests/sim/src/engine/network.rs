//! What lies between nodes: distance, loss, and how long it takes to notice that somebody is gone.
//!
//! Links stand for QUIC connections with one ordered stream. A lost packet is sent again, so on a reliable link loss is
//! delay, also for what was sent after it. What a node sends leaves one after the other; lines down and the queues of
//! routers are not modelled.

use std::{ops::RangeInclusive, time::Duration};

use super::{peer::PeerIndex, random::Random, time::micros};

/// What a packet carries, in bytes. A larger message is lost if one of its packets is.
const PACKET: u32 = 1_200;
/// How long a receiver waits before it acknowledges (RFC 9002, max_ack_delay), in microseconds.
const ACK_DELAY: u64 = 25_000;
/// Doublings of the probe timeout.
const MAX_BACKOFF: u32 = 6;

/// How far nodes are from each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Distance {
    /// Every pair has its own one-way delay in this range, whatever the others have.
    Uniform(RangeInclusive<Duration>),
    /// Nodes stand on a square of this side, measured as one-way delay, and each has an access line of up to `access`,
    /// most of them much less. The delay is the straight line plus both access lines, so detours never pay off much.
    Plane {
        /// One-way delay along a side of the square.
        side: Duration,
        /// One-way delay of the slowest access line.
        access: Duration,
    },
}

/// The network's behaviour.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// How far nodes are from each other.
    pub distance: Distance,
    /// The share of the one-way delay that a message takes longer, at most.
    pub jitter: f64,
    /// The probability that a packet is lost.
    pub loss: f64,
    /// Bytes that a node's line sends in a second; more waits its turn. None if it does not matter.
    pub uplink: Option<u64>,
    /// How long it takes one end of a link to notice that the other has vanished.
    pub detection: RangeInclusive<Duration>,
    /// How long a node waits for an answer when it dials.
    pub dial_timeout: Duration,
}

impl Default for Network {
    /// The internet on a good day: up to 106 ms across and up to 30 ms for access, 10 % jitter, 20 Mbit/s up, no
    /// loss.
    fn default() -> Self {
        Self {
            distance: Distance::Plane { side: Duration::from_millis(75), access: Duration::from_millis(15) },
            jitter: 0.1,
            loss: 0.0,
            uplink: Some(2_500_000),
            detection: Duration::from_secs(10)..=Duration::from_secs(15),
            dial_timeout: Duration::from_secs(5),
        }
    }
}

/// Where a node stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    x: f64,
    y: f64,
    access: f64,
    salt: u64,
}

impl Place {
    pub(crate) fn new(random: &mut Random) -> Self {
        let (x, y, line) = (random.unit(), random.unit(), random.unit());
        // Cubed, so that a quarter of the lines is as long as the other three quarters.
        Self { x, y, access: line * line * line, salt: random.number() }
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives after so many microseconds.
    Arrives(u64),
    /// It never arrives.
    Lost,
}

impl Network {
    /// The one-way delay between two nodes in microseconds, the same in both directions.
    pub(crate) fn one_way(&self, (a, at): (PeerIndex, Place), (b, bt): (PeerIndex, Place)) -> u64 {
        match &self.distance {
            Distance::Uniform(range) => {
                let (low, high) = (micros(*range.start()), micros(*range.end()));
                let width = high.saturating_sub(low).saturating_add(1);
                // The salts are random, so their sum is as good as a draw that belongs to the pair.
                low.saturating_add(mixed(at.salt.wrapping_add(bt.salt), a, b) % width)
            }
            Distance::Plane { side, access } => {
                let (dx, dy) = (at.x - bt.x, at.y - bt.y);
                let line = (dx * dx + dy * dy).sqrt() * micros(*side) as f64;
                let access = (at.access + bt.access) * micros(*access) as f64;
                // Nothing is nearer than a switch.
                200 + (line + access) as u64
            }
        }
    }

    /// What becomes of a message on a link with this one-way delay, if lost packets are sent again.
    pub(crate) fn reliable(&self, one_way: u64, bytes: u32, weather: &mut Random) -> u64 {
        let mut delay = self.jittered(one_way, weather);
        // The probe timeout (RFC 9002, 6.2) with the round trip's variation at its usual size of an eighth.
        let mut timeout = one_way * 2 * 9 / 8 + ACK_DELAY;
        let mut packets = bytes.div_ceil(PACKET);
        for _ in 0..=MAX_BACKOFF {
            packets = self.lost(packets, weather);
            if packets == 0 {
                break;
            }
            delay += timeout;
            timeout *= 2;
        }
        delay
    }

    /// What becomes of a message on a link with this one-way delay, if nobody cares about lost packets.
    pub(crate) fn datagram(&self, one_way: u64, bytes: u32, weather: &mut Random) -> Fate {
        let delay = self.jittered(one_way, weather);
        if self.lost(bytes.div_ceil(PACKET), weather) == 0 { Fate::Arrives(delay) } else { Fate::Lost }
    }

    /// How many of the packets are lost.
    fn lost(&self, packets: u32, weather: &mut Random) -> u32 {
        if self.loss <= 0.0 {
            return 0;
        }
        let lost = (0..packets.max(1)).filter(|_| weather.chance(self.loss)).count();
        u32::try_from(lost).unwrap_or(packets)
    }

    fn jittered(&self, one_way: u64, weather: &mut Random) -> u64 {
        one_way + (one_way as f64 * self.jitter * weather.unit()) as u64
    }
}

/// The finaliser of SplitMix64 (Steele and others, 2014) over the pair, whichever way round.
fn mixed(salt: u64, a: PeerIndex, b: PeerIndex) -> u64 {
    let pair = u64::from(a.0.min(b.0)) << 32 | u64::from(a.0.max(b.0));
    let mut z = salt ^ pair.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
