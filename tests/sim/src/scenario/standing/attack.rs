//! Who attacks, and how.

use super::Target;

/// What an attacker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Answers as well as it can. Not an attacker.
    Honest,
    /// Answers badly.
    Bad,
    /// Answers badly half of the time.
    Half,
    /// Answers well, and vouches for those who do not.
    Spy,
    /// Answers well until the middle of the run.
    Traitor,
    /// Answers well, and speaks badly of others.
    Slanderer,
}

/// Whom attackers vouch for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vouching {
    /// Ten others, each its own.
    Some,
    /// All that answer badly.
    All,
    /// The same four, other ones with every new row: as much for each as a row can give.
    Four,
    /// Nobody.
    Nobody,
}

/// How many there are.
#[derive(Debug, Clone, Copy)]
enum Many {
    /// So many.
    Count(u32),
    /// This part of all peers.
    Share(f64),
}

/// An attack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attack {
    kinds: [(Kind, Many); 2],
    pub vouching: Vouching,
    /// Whether whoever has answered badly comes back under another name.
    pub renames: bool,
    /// The bad answers that there may be, in the second half.
    pub target: Target,
}

const NONE: (Kind, Many) = (Kind::Honest, Many::Count(0));

impl Attack {
    pub(super) const NONE: Self = Self::of([NONE, NONE], Vouching::Nobody, Target::AtMost(0.0));

    const fn of(kinds: [(Kind, Many); 2], vouching: Vouching, target: Target) -> Self {
        Self { kinds, vouching, renames: false, target }
    }

    pub(super) const fn individual(share: f64) -> Self {
        Self::of([(Kind::Bad, Many::Share(share)), NONE], Vouching::Some, Target::AtMost(3.0))
    }

    pub(super) const fn collective(share: f64) -> Self {
        Self::of([(Kind::Bad, Many::Share(share)), NONE], Vouching::All, Target::AtMost(4.0))
    }

    pub(super) const fn camouflage(share: f64) -> Self {
        Self::of([(Kind::Half, Many::Share(share)), NONE], Vouching::All, Target::AtMost(3.0))
    }

    pub(super) const fn spies(bad: u32, spies: u32) -> Self {
        let target = if bad > 100 { 8.0 } else { 3.0 };
        let kinds = [(Kind::Bad, Many::Count(bad)), (Kind::Spy, Many::Count(spies))];
        Self::of(kinds, Vouching::All, Target::AtMost(target))
    }

    pub(super) const fn focus(bad: u32, spies: u32) -> Self {
        Self { vouching: Vouching::Four, ..Self::spies(bad, spies) }
    }

    pub(super) const fn whitewash(share: f64) -> Self {
        Self { renames: true, target: Target::AtMost(3.0), ..Self::collective(share) }
    }

    pub(super) const fn laundry(bad: u32, spies: u32) -> Self {
        Self { renames: true, target: Target::None, ..Self::focus(bad, spies) }
    }

    pub(super) const fn traitors(share: f64) -> Self {
        Self::of([(Kind::Traitor, Many::Share(share)), NONE], Vouching::All, Target::None)
    }

    pub(super) const fn slander(count: u32) -> Self {
        Self::of([(Kind::Slanderer, Many::Count(count)), NONE], Vouching::Nobody, Target::AtMost(0.0))
    }

    /// Whether some turn from good to bad.
    pub(super) fn turns(&self) -> bool {
        self.kinds.iter().any(|(kind, _)| *kind == Kind::Traitor)
    }

    /// Whether some speak badly of others.
    pub(super) fn slanders(&self) -> bool {
        self.kinds.iter().any(|(kind, _)| *kind == Kind::Slanderer)
    }

    /// The attackers beside so many honest peers.
    pub(super) fn attackers(&self, honest: u32) -> Vec<Kind> {
        let count = |many| match many {
            Many::Count(count) => count,
            Many::Share(share) => (f64::from(honest) * share / (1.0 - share)).round() as u32,
        };
        self.kinds.iter().flat_map(|(kind, many)| (0..count(*many)).map(|_| *kind)).collect()
    }
}
