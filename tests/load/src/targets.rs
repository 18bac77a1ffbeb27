//! What Atoll has to reach, in the same run as those it is compared with.

use serde::Serialize;

use crate::{
    case::Case,
    compare::{Group, Outcome},
    peers::PeerName::{self, AtollQuic, AtollTcp, Nats, Quinn, Tonic},
};

/// What a figure of Atoll's is divided by.
#[derive(Debug, Clone, Copy)]
enum Against {
    /// Nothing.
    Itself,
    /// The same figure of this peer.
    Peer(PeerName),
    /// The lowest of all others'.
    Lowest,
}

/// How far the quotient may go.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

struct Target {
    what: &'static str,
    case: Case,
    figure: &'static str,
    of: PeerName,
    against: Against,
    limit: Limit,
}

/// A target, and what was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) what: &'static str,
    pub(crate) limit: Limit,
    pub(crate) value: f64,
    pub(crate) reached: bool,
}

const ONE: Case = Case::Echo { in_flight: 1 };
const MANY: Case = Case::Echo { in_flight: 64 };

const fn target(
    what: &'static str,
    (case, figure): (Case, &'static str),
    of: PeerName,
    against: Against,
    limit: Limit,
) -> Target {
    Target { what, case, figure, of, against, limit }
}

const RATE: (Case, &str) = (MANY, "requests_per_second");
const P50: (Case, &str) = (ONE, "p50_us");
const P99: (Case, &str) = (MANY, "p99_us");
const STREAM: (Case, &str) = (Case::Stream, "megabytes_per_second");
const PEAK: (Case, &str) = (Case::Streams, "peak_mib");
const SUCCESS: (Case, &str) = (Case::Failover, "success_percent");
const AFTER_KILL: (Case, &str) = (Case::Failover, "called_after_kill_ms");

#[rustfmt::skip]
const TARGETS: [Target; 12] = [
    target("echo, 64 in flight, QUIC: requests/s ÷ quinn's", RATE, AtollQuic, Against::Peer(Quinn), Limit::AtLeast(1.7)),
    target("echo, 64 in flight, QUIC: requests/s ÷ NATS's", RATE, AtollQuic, Against::Peer(Nats), Limit::AtLeast(2.0)),
    target("echo, 64 in flight, QUIC: requests/s ÷ tonic's", RATE, AtollQuic, Against::Peer(Tonic), Limit::AtLeast(3.5)),
    target("echo, 1 in flight, QUIC: p50 ÷ quinn's", P50, AtollQuic, Against::Peer(Quinn), Limit::AtMost(1.0)),
    target("echo, 64 in flight, QUIC: p99 ÷ the best peer's", P99, AtollQuic, Against::Lowest, Limit::AtMost(1.0)),
    target("stream, TCP: MB/s ÷ tonic's", STREAM, AtollTcp, Against::Peer(Tonic), Limit::AtLeast(0.9)),
    target("10 000 streams, QUIC: peak memory of both, MiB", PEAK, AtollQuic, Against::Itself, Limit::AtMost(300.0)),
    target("10 000 streams, TCP: peak memory of both, MiB", PEAK, AtollTcp, Against::Itself, Limit::AtMost(300.0)),
    target("one of three killed, QUIC: calls that succeed, %", SUCCESS, AtollQuic, Against::Itself, Limit::AtLeast(99.99)),
    target("one of three killed, TCP: calls that succeed, %", SUCCESS, AtollTcp, Against::Itself, Limit::AtLeast(99.99)),
    target("one of three killed, QUIC: it is still called for, ms", AFTER_KILL, AtollQuic, Against::Itself, Limit::AtMost(1000.0)),
    target("one of three killed, TCP: it is still called for, ms", AFTER_KILL, AtollTcp, Against::Itself, Limit::AtMost(1000.0)),
];

/// What was reached and what was not, of all that could be told from this run.
pub(crate) fn verdicts(groups: &[Group]) -> Vec<Verdict> {
    TARGETS.iter().filter_map(|target| target.verdict(groups)).collect()
}

impl Target {
    fn verdict(&self, groups: &[Group]) -> Option<Verdict> {
        let group = groups.iter().find(|group| group.case == self.case)?;
        let value = group.figure(self.of, self.figure)?;
        let value = match self.against {
            Against::Itself => value,
            Against::Peer(peer) => value / group.figure(peer, self.figure)?,
            Against::Lowest => value / self.lowest(group)?,
        };
        let reached = match self.limit {
            Limit::AtLeast(limit) => value >= limit,
            Limit::AtMost(limit) => value <= limit,
        };
        Some(Verdict { what: self.what, limit: self.limit, value, reached })
    }

    fn lowest(&self, group: &Group) -> Option<f64> {
        let others = group.peers.iter().filter(|outcome| !outcome.peer.is_atoll());
        others.filter_map(|Outcome { figures, .. }| figures.get(self.figure).copied()).min_by(f64::total_cmp)
    }
}
