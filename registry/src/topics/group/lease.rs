//! What members answer.

use std::time::Duration;

use super::{Group, LeaseId, Order, Reason, State};
use crate::time::Time;

/// An answer came too late, or twice: the entry was given to somebody else meanwhile, or is done. What the member has done may be
/// done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("lease {} of epoch {} has ended; the group is in epoch {now}", lease.number, lease.epoch)]
pub struct Stale {
    /// What was answered under.
    pub lease: LeaseId,
    /// The coordinator's epoch.
    pub now: u64,
}

impl Group {
    /// The member has managed the entry.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn ack(&mut self, lease: LeaseId, now: Time) -> Result<(), Stale> {
        let order = self.order(lease)?;
        self.done(order, now);
        self.give(now);
        Ok(())
    }

    /// The member could not manage the entry, and says why: it is given again after `delay`, at most
    /// [`backoff_max`](super::Settings::backoff_max), or after the usual time.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn nack(&mut self, lease: LeaseId, delay: Option<Duration>, said: &str, now: Time) -> Result<(), Stale> {
        let order = self.order(lease)?;
        if let Some(item) = self.items.get_mut(&order) {
            item.said = Some(cut(said)).filter(|said| !said.is_empty());
        }
        let again = match delay {
            Some(delay) => now + delay.min(self.settings.backoff_max),
            None => self.again(order, now),
        };
        self.failed(order, again, now);
        self.give(now);
        Ok(())
    }

    /// The member says that nobody will ever manage the entry: it is given up at once.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn reject(&mut self, lease: LeaseId, said: &str, now: Time) -> Result<(), Stale> {
        let order = self.order(lease)?;
        self.give_up(order, Reason::Rejected { said: cut(said) }, now);
        self.give(now);
        Ok(())
    }

    /// The member is still at work: it has the whole time again.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn extend(&mut self, lease: LeaseId, now: Time) -> Result<(), Stale> {
        let order = self.order(lease)?;
        let later = now + self.settings.ack_wait;
        if let Some(item) = self.items.get_mut(&order)
            && let State::Leased { until, .. } = &mut item.state
        {
            self.expiries.remove(&(*until, lease.number));
            *until = later;
            self.expiries.insert((later, lease.number));
        }
        Ok(())
    }

    fn order(&self, lease: LeaseId) -> Result<Order, Stale> {
        let order = self.leases.get(&lease.number).filter(|_| lease.epoch == self.epoch);
        order.copied().ok_or(Stale { lease, now: self.epoch })
    }
}

/// As much of it as is kept.
fn cut(said: &str) -> String {
    let end = (0..=Group::SAID.min(said.len())).rev().find(|end| said.is_char_boundary(*end)).unwrap_or_default();
    said.get(..end).unwrap_or_default().to_owned()
}
