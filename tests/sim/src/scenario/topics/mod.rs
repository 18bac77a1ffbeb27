//! Topics as nodes run them: logs that go apart on islands, and [`sync`](atoll_protocol::topic::sync) that makes them equal again.
//!
//! Every node is interested in a random part of the topics, and publishes on some of those. What is published is passed on from
//! neighbour to neighbour at once; what that misses is found by comparing with a neighbour now and then. Everything is signed, and
//! verified by everyone who receives it.

use std::time::Duration;

use self::ocean::{Ocean, missing};
use super::{Churn, Report, Scenario, Setting, Target};
use crate::engine::{Direction, Network};

mod node;
mod ocean;
mod store;
mod wire;

#[cfg(test)]
mod tests;

/// Two islands go on alone for a day.
pub const ISLANDS: Scenario = Scenario {
    name: "topics-islands",
    about: "50 topics on two islands for a day, merged: the same logs everywhere, for little more than what was missing",
    nodes: 20,
    run: islands,
};

/// The same, with loss, and nodes that crash and lose what they have not yet written to disk.
pub const CHURN: Scenario = Scenario {
    name: "topics-churn",
    about: "the same with 5 % of packets lost, and a node crashing every half hour that comes back in a new epoch",
    nodes: 20,
    run: churn,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MINUTE: Duration = Duration::from_secs(60);
/// The books are opened so long after the islands have met: until then they are only about to.
const PATIENCE: Duration = Duration::from_secs(3600);

fn islands(setting: Setting) -> Report {
    let mut ocean = Ocean::new(setting, Network::default());
    ocean.engine.run_for(10 * MINUTE);
    ocean.engine.divide(|peer| peer.0 % 2);
    ocean.engine.run_for(DAY);
    merge(ocean)
}

fn churn(setting: Setting) -> Report {
    let mut ocean = Ocean::new(setting, Network { loss: 0.05, ..Network::default() });
    ocean.engine.run_for(10 * MINUTE);
    ocean.engine.divide(|peer| peer.0 % 2);
    let churn = Churn { per_minute: 1.0 / 30.0, crashes: 1.0 };
    let until = ocean.engine.now() + DAY;
    churn.run(&mut ocean.engine, until, ocean::crash);
    merge(ocean)
}

/// The islands meet, and nobody publishes until everything is the same everywhere.
fn merge(mut ocean: Ocean) -> Report {
    ocean.quiet();
    ocean.engine.run_for(10 * MINUTE);
    let lacked = missing(&ocean.engine, ocean::Counted::Bytes);
    let apart = missing(&ocean.engine, ocean::Counted::Batches);
    let before = ocean.engine.traffic();
    ocean.engine.heal();
    let equal = ocean
        .engine
        .run_until_done(PATIENCE, Duration::from_secs(1), |engine| missing(engine, ocean::Counted::Batches) == 0);
    let traffic = ocean.engine.traffic().since(&before);
    let crossed = traffic.of_class(Direction::Sent, wire::SYNC).bytes;
    // What is still said once everything is equal.
    let before = ocean.engine.traffic();
    ocean.engine.run_for(PATIENCE);
    let idle = ocean.engine.traffic().since(&before).mean_rate(Direction::Sent);
    let took = equal.map_or(f64::INFINITY, |took| took.as_secs_f64());
    let (logs, differing) = ocean::logs(&ocean.engine);
    let told = ocean::told(&ocean.engine);
    Report::of(&ocean.engine)
        .with(
            "batches missing somewhere, once all has settled",
            missing(&ocean.engine, ocean::Counted::Batches) as f64,
            "",
            Target::AtMost(0.0),
        )
        .with("logs that are not the same everywhere", differing as f64, "", Target::AtMost(0.0))
        .with("bytes exchanged, of what was missing", crossed as f64 / lacked.max(1) as f64, "", Target::AtMost(1.2))
        .with("until nothing was missing", took, "s", Target::AtMost(300.0))
        .with("faults that honest nodes were charged with", told.faults as f64, "", Target::AtMost(0.0))
        .with("gaps that readers were told of", told.gaps as f64, "", Target::AtMost(0.0))
        .with("entries read out of order, or twice", told.disorder as f64, "", Target::AtMost(0.0))
        .with("entries read", told.entries as f64, "", Target::AtLeast(1.0))
        .with("batches missing when the islands met", apart as f64, "", Target::AtLeast(1.0))
        .with("the same in bytes", lacked as f64 / 1_048_576.0, "MiB", Target::None)
        .with("logs by topic, author and epoch", logs as f64, "", Target::None)
        .with("said by a node where all is equal", idle, "B/s", Target::AtMost(100.0))
}
