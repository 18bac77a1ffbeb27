//! Attacks on standing, over [`Book`](atoll_registry::standing::Book) as nodes keep it: `make sim-reputation`.
//!
//! 63 honest peers, three of them seeds, make 600 calls each over 14 days, and 5 % of all calls are lost. Everybody offers the service
//! that is called, the attackers too, and whoever calls knows all that offer it. What is counted are bad answers, in part of
//! all calls of the second half. The threat models A to D are those of the EigenTrust paper (S. Kamvar et al., 2003, §7.3). The
//! same attack is made on peers that choose by EigenTrust, and on those that choose at random.
//!
//! Time passes in rounds; messages are not simulated, since nothing here depends on when they arrive: rows are as old as they would be
//! if asked for twice a day.

use self::{
    arena::{Arena, Outcome},
    attack::Attack,
};
use super::{Report, Scenario, Setting, Target};

mod arena;
mod attack;
mod eigentrust;
mod peer;
pub mod table;

#[cfg(test)]
mod tests;

/// How those who call choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// By what the registry says of standing.
    Standing,
    /// By global trust, as in the paper.
    EigenTrust,
    /// Anybody.
    Random,
}

/// Honest peers, seeds included; all scenarios have so many unless told otherwise.
const HONEST: u32 = 63;

macro_rules! attacks {
    ($($(#[$doc:meta])* $id:ident: $name:literal, $about:literal, $attack:expr;)*) => {
        $($(#[$doc])* pub const $id: Scenario = Scenario {
            name: $name,
            about: $about,
            nodes: HONEST,
            run: |setting| run(setting, &$attack),
        };)*
        /// All of them, in the order of the table.
        pub const ALL: &[Scenario] = &[$($id),*];
    };
}

attacks! {
    /// Nobody attacks.
    CALM: "standing-calm", "nobody attacks", Attack::NONE;
    /// Threat model A.
    INDIVIDUAL: "standing-individual", "A: 40 % answer badly, and vouch for some others who do", Attack::individual(0.4);
    /// Threat model B.
    COLLECTIVE: "standing-collective", "B: 70 % answer badly, and vouch for each other", Attack::collective(0.7);
    /// Threat model C.
    CAMOUFLAGE: "standing-camouflage", "C: 40 % answer badly half of the time, and vouch for each other", Attack::camouflage(0.4);
    /// Threat model D.
    SPIES: "standing-spies", "D: 40 answer badly; 40 answer well, and vouch for them", Attack::spies(40, 40);
    /// Threat model D, with all weight on a few.
    FOCUS: "standing-focus", "the same, all spies vouching for the same four, other ones twice a day", Attack::focus(40, 40);
    /// A large region of identities behind a few good ones.
    SYBILS: "standing-sybils", "1 000 answer badly, and vouch for each other; 5 answer well, and vouch for them", Attack::spies(1000, 5);
    /// New names.
    WHITEWASH: "standing-whitewash", "40 % answer badly, under a new name after each bad answer", Attack::whitewash(0.4);
    /// New names that are vouched for.
    LAUNDRY: "standing-laundry", "20 answer badly, under a new name after each bad answer; 20 spies vouch for the new names", Attack::laundry(20, 20);
    /// Good at first.
    TRAITORS: "standing-traitors", "40 % answer well for half of the time, then badly", Attack::traitors(0.4);
    /// Lies about the honest.
    SLANDER: "standing-slander", "100 answer well, and speak badly of all honest peers", Attack::slander(100);
}

fn run(setting: Setting, attack: &Attack) -> Report {
    let of = |policy| Arena::new(setting, attack, policy).play();
    let (ours, eigen, random) = (of(Policy::Standing), of(Policy::EigenTrust), of(Policy::Random));
    let percent = |share: f64| 100.0 * share;
    let mut report =
        Report { simulated: arena::DAYS * 86_400.0, digest: ours.digest, events: ours.calls(), ..Report::default() };
    report = report
        .with("bad answers by standing", percent(ours.late()), "%", attack.target)
        .with("bad answers by EigenTrust", percent(eigen.late()), "%", Target::None)
        .with("bad answers at random", percent(random.late()), "%", Target::None)
        .with("bad answers by standing, first half", percent(ours.early()), "%", Target::None);
    if attack.turns() {
        report = windows(report, &ours, &eigen);
    }
    report = report
        .with("to newcomers, first 20 calls", percent(ours.newcomers), "%", Target::AtMost(8.0))
        .with("honest peers scored below 0.3", percent(ours.misjudged), "%", Target::AtMost(1.0))
        .with("the same, of those called three times or more", percent(ours.misjudged_known), "%", Target::AtMost(1.0))
        .with("peers that answer badly and are members", percent(ours.members), "%", Target::None)
        .with("calls to the busiest 5 % of honest peers", percent(ours.concentration), "%", Target::None)
        .with("the same by EigenTrust", percent(eigen.concentration), "%", Target::None);
    match ours.unequal {
        Some(unequal) => report.with("scores that slander has changed", unequal as f64, "", Target::AtMost(0.0)),
        None => report,
    }
}

/// Begins the names of what EigenTrust lets happen in the same calls.
const EIGEN: &str = "bad answers by EigenTrust, from ";

/// Bad answers so many calls of each peer after the traitors have turned.
fn windows(mut report: Report, ours: &Outcome, eigen: &Outcome) -> Report {
    for (after, most) in [(50, 10.0), (100, 5.0)] {
        let from = arena::ROUNDS / 2 + after;
        let share = |outcome: &Outcome| 100.0 * outcome.share(from..from + 50);
        report = report
            .with(format!("from {after} calls after the turn on"), share(ours), "%", Target::AtMost(most))
            .with(format!("{EIGEN}{after}"), share(eigen), "%", Target::None);
    }
    report
}
