//! How many calls peers may make: each by its tier, and all newcomers together only a part of what the node can do.
//!
//! Keys cost little, so a limit for each key is none for whoever has a thousand. All newcomers share [`NEWCOMERS_SHARE`] of the
//! node's capacity, and those of one /24 or /48 a quarter of that: what a crowd of fake identities can take is bounded by where it
//! is, not by how many it is.

use std::{collections::BTreeMap, time::Duration};

use super::tier::{NEWCOMERS_SHARE, NEWCOMERS_SUBNET_SHARE};
use crate::{peers::Subnet, rate::TokenBucket, time::Time};

/// Subnets that newcomers are counted in; those that are quiet go when there are more.
pub const SUBNETS: usize = 4096;

/// What a node can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Calls a second.
    pub calls: u32,
    /// Calls at a time.
    pub at_once: u32,
}

/// Why a newcomer's call is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// Those of its subnet have their share.
    Subnet(Duration),
    /// All newcomers together have theirs.
    All(Duration),
}

impl Crowded {
    /// When to come back.
    #[must_use]
    pub const fn wait(self) -> Duration {
        match self {
            Self::Subnet(wait) | Self::All(wait) => wait,
        }
    }
}

/// Calls of one group of newcomers.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    bucket: TokenBucket,
    at_once: u32,
}

/// What newcomers do, all together and by subnet. `None` stands for all whose subnet is not known.
#[derive(Debug, Clone)]
pub struct Newcomers {
    capacity: Capacity,
    all: Group,
    subnets: BTreeMap<Option<Subnet>, Group>,
}

impl Newcomers {
    /// Nobody so far, on a node that can do so much.
    #[must_use]
    pub fn new(capacity: Capacity) -> Self {
        Self { capacity, all: Group::default(), subnets: BTreeMap::new() }
    }

    /// A newcomer's call begins. Where this gives `Ok`, [`leave`](Self::leave) is to be told when it has ended.
    ///
    /// # Errors
    /// [`Crowded`] says who has had their share, and when there is more.
    pub fn enter(&mut self, subnet: Option<Subnet>, now: Time) -> Result<(), Crowded> {
        let share = NEWCOMERS_SHARE;
        let (all, of_subnet) = (self.limits(share), self.limits(share * NEWCOMERS_SUBNET_SHARE));
        if self.subnets.len() >= SUBNETS && !self.subnets.contains_key(&subnet) {
            let rate = of_subnet.0;
            self.subnets.retain(|_, group| group.at_once > 0 || !group.bucket.is_full(rate, now));
            if self.subnets.len() >= SUBNETS {
                return Err(Crowded::All(SOON));
            }
        }
        let group = self.subnets.entry(subnet).or_default();
        group.enter(of_subnet, now).map_err(Crowded::Subnet)?;
        self.all.enter(all, now).map_err(|wait| {
            // It was not for its subnet that it was refused.
            group.bucket.give_back();
            group.at_once = group.at_once.saturating_sub(1);
            Crowded::All(wait)
        })
    }

    /// A call that has begun has ended.
    pub fn leave(&mut self, subnet: Option<Subnet>) {
        self.all.at_once = self.all.at_once.saturating_sub(1);
        if let Some(group) = self.subnets.get_mut(&subnet) {
            group.at_once = group.at_once.saturating_sub(1);
        }
    }

    /// Subnets that are counted.
    #[must_use]
    pub fn subnets(&self) -> usize {
        self.subnets.len()
    }

    /// Newcomers' calls that are under way.
    #[must_use]
    pub const fn at_once(&self) -> u32 {
        self.all.at_once
    }

    /// Calls a second and calls at a time that make this share; at least one.
    fn limits(&self, share: f64) -> (f64, u32) {
        let of = |whole: u32| (f64::from(whole) * share).max(1.0);
        (of(self.capacity.calls), of(self.capacity.at_once) as u32)
    }
}

/// When to come back where it is not a rate that is exceeded: calls take a while.
const SOON: Duration = Duration::from_millis(100);

impl Group {
    fn enter(&mut self, (rate, at_once): (f64, u32), now: Time) -> Result<(), Duration> {
        if self.at_once >= at_once {
            return Err(SOON);
        }
        // What comes within a second may come at once.
        self.bucket.take(rate, rate, now)?;
        self.at_once += 1;
        Ok(())
    }
}
