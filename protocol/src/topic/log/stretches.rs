//! Sets of positions, as stretches without a gap: an author's log is one, or few.

use crate::{limits, topic::Seq};

/// Positions from one to another, both included. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Stretch {
    /// The first position.
    pub from: Seq,
    /// The last one.
    pub to: Seq,
}

impl Stretch {
    /// The stretch between these; none if that is empty, or would hold zero, which is no position.
    #[must_use]
    pub fn between(from: Seq, to: Seq) -> Option<Self> {
        (Seq::FIRST <= from && from <= to).then_some(Self { from, to })
    }

    /// How many positions.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.to.0.saturating_sub(self.from.0).saturating_add(1)
    }

    /// Whether it holds this position.
    #[must_use]
    pub fn contains(self, seq: Seq) -> bool {
        self.from <= seq && seq <= self.to
    }

    /// The part that both have.
    #[must_use]
    pub fn overlap(self, other: Self) -> Option<Self> {
        Self::between(self.from.max(other.from), self.to.min(other.to))
    }
}

/// A set of positions: stretches in ascending order that neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stretches(Vec<Stretch>);

impl FromIterator<Stretch> for Stretches {
    fn from_iter<I: IntoIterator<Item = Stretch>>(all: I) -> Self {
        let mut set = Self::default();
        all.into_iter().filter_map(|Stretch { from, to }| Stretch::between(from, to)).for_each(|s| set.insert(s));
        set
    }
}

impl Stretches {
    pub(super) fn contains(&self, seq: Seq) -> bool {
        self.at(seq).is_some()
    }

    /// The stretch that holds this position.
    pub(super) fn at(&self, seq: Seq) -> Option<Stretch> {
        let after = self.0.partition_point(|stretch| stretch.from <= seq);
        self.0.get(after.checked_sub(1)?).copied().filter(|stretch| stretch.contains(seq))
    }

    /// The first stretch that ends at this position or later.
    pub(super) fn from(&self, seq: Seq) -> Option<Stretch> {
        self.0.get(self.0.partition_point(|stretch| stretch.to < seq)).copied()
    }

    /// The last stretch that begins before this position.
    pub(super) fn before(&self, seq: Seq) -> Option<Stretch> {
        let after = self.0.partition_point(|stretch| stretch.from < seq);
        self.0.get(after.checked_sub(1)?).copied()
    }

    pub(super) fn first(&self) -> Option<Stretch> {
        self.0.first().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Stretch> {
        self.0.iter().copied()
    }

    /// Whether there are more than may be.
    pub(super) fn are_too_many(&self) -> bool {
        self.0.len() > limits::LOG_STRETCHES
    }

    pub(super) fn insert(&mut self, new: Stretch) {
        // Nearly always the end of the last one moves on.
        if let Some(last) = self.0.last_mut()
            && last.to.next() == new.from
        {
            last.to = new.to;
            return;
        }
        let begin = self.0.partition_point(|stretch| stretch.to.next() < new.from);
        let end = self.0.partition_point(|stretch| stretch.from <= new.to.next());
        let joined = self
            .0
            .get(begin..end)
            .unwrap_or_default()
            .iter()
            .fold(new, |new, old| Stretch { from: new.from.min(old.from), to: new.to.max(old.to) });
        self.0.splice(begin..end.max(begin), [joined]);
    }

    pub(super) fn remove(&mut self, gone: Stretch) {
        let rest = |old: &Stretch| {
            let left = Stretch::between(old.from, old.to.min(gone.from.before()));
            let right = Stretch::between(old.from.max(gone.to.next()), old.to);
            [left.filter(|_| old.from < gone.from), right.filter(|_| old.to > gone.to)]
        };
        self.0 = self.0.iter().flat_map(rest).flatten().collect();
    }

    /// What `within` has and this set has not.
    pub(super) fn missing(&self, within: Stretch) -> Vec<Stretch> {
        let mut rest = Self(vec![within]);
        let touched = self.0.iter().skip_while(|held| held.to < within.from).take_while(|held| held.from <= within.to);
        touched.for_each(|held| rest.remove(*held));
        rest.0
    }
}
