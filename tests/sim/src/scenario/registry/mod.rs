//! The registry as nodes run it: [`Exchange`](atoll_registry::exchange::Exchange) and
//! [`Directory`](atoll_registry::services::Directory) over the overlay and the gossip carrier.
//!
//! Half as many names as nodes, ten instances of each, five on every node. Every statement is signed; a gossip message is
//! verified once and not at every receiver, which is what makes a thousand nodes cheap.

use std::time::Duration;

use atoll_registry::services::DirectoryLimits;

pub use self::routes::ROUTES;
use self::{island::Island, node::Kind};
use super::{Churn, Report, Scenario, Setting, Target, report::quantile};
use crate::engine::{Direction, Network, Time, Traffic};

mod adjacent;
mod island;
mod node;
mod resolver;
mod routes;
mod wire;

#[cfg(test)]
mod tests;

/// Nobody comes or goes.
pub const CALM: Scenario = Scenario {
    name: "registry",
    about: "everybody lists everything, and what that costs a node",
    nodes: 1_000,
    run: calm,
};

/// Nodes come and go.
pub const CHURN: Scenario = Scenario {
    name: "registry-churn",
    about: "10 % of nodes replaced a minute, half of them by crash, 5 % of packets lost",
    nodes: 1_000,
    run: churn,
};

/// Two islands go on alone for ten minutes.
pub const PARTITION: Scenario = Scenario {
    name: "registry-partition",
    about: "two halves for ten minutes, healed: what was withdrawn stays gone, everything else is back",
    nodes: 1_000,
    run: partition,
};

/// More than a view has room for.
pub const LARGE: Scenario = Scenario {
    name: "registry-large",
    about: "views list a part of the network and the DHT the rest; 1 % of nodes replaced a minute, half of them by crash",
    nodes: 10_000,
    run: large,
};

/// After the last node has joined.
const SETTLING: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const KIB: f64 = 1_024.0;

fn calm(setting: Setting) -> Report {
    let mut island = Island::settled(setting, Network::default());
    let renewed = atoll_registry::exchange::renewal(usize::try_from(setting.nodes).unwrap_or(usize::MAX));
    let before = island.engine.traffic();
    island.engine.run_for(renewed + SETTLING);
    let traffic = island.engine.traffic().since(&before);
    let complete = island.completeness();
    costs(Report::of(&island.engine), &traffic, 4.0).with(
        "listed of what there is",
        complete,
        "%",
        Target::AtLeast(100.0),
    )
}

fn churn(setting: Setting) -> Report {
    let mut island = Island::settled(setting, Network { loss: 0.05, ..Network::default() });
    let churn = Churn { per_minute: f64::from(setting.nodes) / 10.0, crashes: 0.5 };
    // Until as many come as go, in the views as well.
    island.run(churn, Duration::from_secs(120), |_| {});
    let before = island.engine.traffic();
    let mut found = island::Found::default();
    island.run(churn, Duration::from_secs(300), |island| island.look_up(20, &mut found));
    let traffic = island.engine.traffic().since(&before);
    costs(Report::of(&island.engine), &traffic, 12.0)
        .with("look-ups that reached a provider within two tries", found.reached(), "%", Target::AtLeast(99.9))
        .with("look-ups that reached one at the first try", found.at_once(), "%", Target::None)
        .with("listed instances that are dead", found.dead(), "%", Target::AtMost(3.0))
        .with("the same, without suspects", found.dead_unsuspected(), "%", Target::None)
        .with("dead for more than a minute", found.long_dead(), "%", Target::None)
        .with("live instances that are listed", found.listed(), "%", Target::None)
}

fn large(setting: Setting) -> Report {
    // Smaller than a node's own, so that ten thousand of them fit into memory: a sixteenth of the network, or less.
    let limits = DirectoryLimits { records: 500, nodes: 500, floors: 1_000, ..DirectoryLimits::default() };
    let mut island = Island::grown(setting, Network::default(), Kind { limits, dht: true }, 50);
    let churn = Churn { per_minute: f64::from(setting.nodes) / 100.0, crashes: 0.5 };
    island.run(churn, Duration::from_secs(60), |_| {});
    let before = island.engine.traffic();
    let mut outside = island::Outside::default();
    island.run(churn, Duration::from_secs(180), |island| island.look_outside(20, &mut outside));
    let traffic = island.engine.traffic().since(&before);
    let (depth, listed) = island.breadth();
    costs(Report::of(&island.engine), &traffic, 8.0)
        .with("names outside the view that were found", outside.found(), "%", Target::AtLeast(99.9))
        .with("of so many", outside.tries() as f64, "", Target::None)
        .with("how long that took, median", outside.took(0.5), "ms", Target::None)
        .with("the same, 99 %", outside.took(0.99), "ms", Target::None)
        .with("nodes in a view, mean", listed, "", Target::None)
        .with("depth of views, mean", depth, "", Target::None)
}

fn partition(setting: Setting) -> Report {
    let mut island = Island::settled(setting, Network::default());
    island.engine.divide(|peer| peer.0 % 2);
    island.engine.run_for(Duration::from_secs(300));
    let withdrawn = island.withdraw_some();
    island.engine.run_for(Duration::from_secs(300));
    let apart = island.completeness();
    island.engine.heal();
    let healed = island.engine.now();
    let equal = island.engine.run_until_done(Duration::from_secs(180), SECOND, island::all_equal);
    let took = equal.map_or(f64::INFINITY, |took| took.as_secs_f64());
    island.engine.run_until(healed + Duration::from_secs(180));
    let returned = island.listed(&withdrawn);
    Report::of(&island.engine)
        .with("until all views were equal", took, "s", Target::AtMost(60.0))
        .with("listed of what there is, afterwards", island.completeness(), "%", Target::AtLeast(100.0))
        .with("the same, just before healing", apart, "%", Target::None)
        .with("withdrawn instances that came back", returned as f64, "", Target::AtMost(0.0))
}

/// What a node hears and says, in all.
fn costs(report: Report, traffic: &Traffic, budget: f64) -> Report {
    let heard = traffic.rates(Direction::Received, Duration::from_secs(30));
    let mut report = report
        .with("heard by a node, mean", traffic.mean_rate(Direction::Received) / KIB, "KiB/s", Target::AtMost(budget))
        .with("heard by a node, 99 %", quantile(&heard, 0.99) / KIB, "KiB/s", Target::None)
        .with("said by a node, mean", traffic.mean_rate(Direction::Sent) / KIB, "KiB/s", Target::None);
    let all: u64 = traffic.classes().map(|class| traffic.of_class(Direction::Received, class).bytes).sum();
    for class in traffic.classes() {
        let share = traffic.of_class(Direction::Received, class).bytes as f64 / all.max(1) as f64;
        if share >= 0.01 {
            report = report.with(format!("of it {class}"), 100.0 * share, "%", Target::None);
        }
    }
    report
}

/// When something settled.
fn settled(joined: Time) -> Time {
    joined + SETTLING
}
