//! Saying what this node offers: at once when it changes, and again before the lease ends.

use std::time::Duration;

use atoll_protocol::{
    directory::Announcement,
    limits,
    names::InstanceId,
    sealed::{SealError, Verified},
    service::{ServiceRecord, Withdrawal},
};

use super::{Effect, Exchange, Moment, publisher::Renewal};
use crate::{
    services::{Batch, Directory},
    time::Time,
};

/// How long to wait for further changes before announcing one: a program that registers a hundred services says so once.
const COALESCE: Duration = Duration::from_millis(10);
/// Shortest time between two renewals.
const RENEWAL_MIN: Duration = Duration::from_secs(30);
/// A lease lasts so many renewals, so that two of them may be lost.
const RENEWALS_PER_LEASE: u32 = 3;
/// How often a node hears of a renewal at most, about. Each takes some 330 bytes and comes about three times in a mesh of four
/// neighbours: together about 1.6 KiB/s.
const HEARD_EVERY: Duration = Duration::from_millis(600);
/// The same where views list a part of the network only: what those take who come and go, and the DHT, is as much again.
const HEARD_EVERY_IN_PART: Duration = Duration::from_millis(1_200);
/// Up to so many nodes everyone is sent what changed, whatever its size. In a larger network more than [`PUSHED`] bytes are
/// asked for by each node once: gossip would bring them to each several times.
const SMALL_NETWORK: usize = 128;
/// Bytes of records that are sent to everyone in a large network.
const PUSHED: usize = 1024;
/// How long contradictions count, and how soon after a renewal the next one may answer them.
const CONTRADICTION: Duration = Duration::from_secs(30);

/// How often a lease is renewed where everybody lists so many nodes.
#[must_use]
pub fn renewal(nodes: usize) -> Duration {
    budgeted(nodes, HEARD_EVERY)
}

/// How often this node's lease is renewed.
fn renewal_in(view: &Directory) -> Duration {
    match view.depth() {
        0 => renewal(view.told_of()),
        _ => budgeted(view.told_of(), HEARD_EVERY_IN_PART),
    }
}

fn budgeted(nodes: usize, heard_every: Duration) -> Duration {
    let longest = limits::LEASE_TTL_MAX / RENEWALS_PER_LEASE;
    let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
    heard_every.checked_mul(nodes).unwrap_or(longest).clamp(RENEWAL_MIN, longest)
}

/// When to announce next.
#[derive(Debug)]
pub(super) struct Announcer {
    due: Time,
    renewed: Time,
    /// Whether anyone listens.
    heard: bool,
    /// Whether those who listen have been told everything.
    told: bool,
    /// Nodes that others know although they had ended here, or that came back, since then.
    contradictions: (Time, usize),
}

impl Announcer {
    pub(super) fn new(at: Moment) -> Self {
        Self { due: at.now + RENEWAL_MIN, renewed: at.now, heard: false, told: false, contradictions: (at.now, 0) }
    }

    pub(super) fn due(&self) -> Time {
        self.due
    }

    pub(super) fn soon(&mut self, at: Moment) {
        self.due = self.due.min(at.now + COALESCE);
    }

    /// Some time within `span`, so that not everybody speaks at once.
    pub(super) fn soon_within(&mut self, span: Duration, at: Moment) {
        self.due = self.due.min(at.now + at.jitter("soon", span));
    }

    /// Whether the last renewal is at least this old.
    pub(super) fn silent_for(&self, span: Duration, at: Moment) -> bool {
        at.now.since(self.renewed) >= span
    }

    /// Notes nodes whose end was contradicted, and says whether that many mean that a partition has healed: then this node,
    /// too, may have ended elsewhere, and has to say that it is there.
    pub(super) fn contradicted(&mut self, count: usize, nodes: usize, at: Moment) -> bool {
        if at.now.since(self.contradictions.0) > CONTRADICTION {
            self.contradictions = (at.now, 0);
        }
        self.contradictions.1 += count;
        self.contradictions.1 > 2 + nodes / 8 && self.silent_for(CONTRADICTION, at)
    }

    fn renewed(&mut self, every: Duration, at: Moment) {
        self.renewed = at.now;
        // Up to a tenth earlier, so that nodes started together do not renew together.
        self.due = at.now + (every - at.jitter("renewal", every / 10));
    }
}

impl Exchange {
    /// Begins to offer a service.
    ///
    /// # Errors
    /// The rule that its record breaks, in words.
    pub fn register(&mut self, view: &mut Directory, record: ServiceRecord, at: Moment) -> Result<(), String> {
        self.publisher.add(record, at.wall)?;
        self.changed(view, at);
        Ok(())
    }

    /// Says where this node can be dialled, and what program it is.
    ///
    /// # Errors
    /// If the record breaks a rule.
    pub fn introduce(
        &mut self,
        view: &mut Directory,
        addresses: Vec<String>,
        agent: &str,
        at: Moment,
    ) -> Result<(), SealError> {
        self.publisher.set_addresses(addresses, agent, at.wall)?;
        self.changed(view, at);
        Ok(())
    }

    /// Stops offering these instances.
    ///
    /// # Errors
    /// If the withdrawal breaks a rule: more than [`limits::WITHDRAWN_INSTANCES`] at a time.
    pub fn withdraw(
        &mut self,
        view: &mut Directory,
        instances: impl IntoIterator<Item = InstanceId>,
        at: Moment,
    ) -> Result<(), SealError> {
        let Some(withdrawal) = self.publisher.remove(instances, at.wall).transpose()? else { return Ok(()) };
        view.withdraw(&withdrawal, at.now);
        let own = self.publisher.whole(renewal_in(view) * RENEWALS_PER_LEASE, at.wall)?;
        let lease = Some(own.lease.signed());
        self.take_in(view, own, at);
        if view.is_told_of(&self.me) {
            let withdrawal = withdrawal.signed();
            self.effects.push(Effect::Publish(Announcement::Withdrawal { withdrawal, lease }));
        }
        Ok(())
    }

    /// Takes everything back. Whoever is told personally gets the same withdrawal.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub fn leave(&mut self, view: &Directory, at: Moment) -> Result<Verified<Withdrawal>, SealError> {
        let withdrawal = self.publisher.leave(at.wall)?;
        self.effects.push(Effect::Said(self.publisher.seq()));
        self.tell_of_end(view, &withdrawal);
        Ok(withdrawal)
    }

    /// Of a node's end only those need to know who list it.
    pub(super) fn tell_of_end(&mut self, view: &Directory, withdrawal: &Verified<Withdrawal>) {
        if view.is_told_of(&withdrawal.author()) {
            let withdrawal = withdrawal.signed();
            self.effects.push(Effect::Publish(Announcement::Withdrawal { withdrawal, lease: None }));
        }
    }

    /// Somebody listens to this node's gossip.
    pub fn listened_to(&mut self, at: Moment) {
        self.announcer.heard = true;
        self.introduce_oneself(at);
    }

    /// A node that nobody listened to has told nobody anything: the first listeners are told everything, as soon as this
    /// node knows how large its network is, and so how to tell it.
    pub(super) fn introduce_oneself(&mut self, at: Moment) {
        if self.joined && self.announcer.heard && !self.announcer.told {
            self.announcer.told = true;
            self.publisher.retell();
            self.announcer.soon(at);
        }
    }

    /// Renews the lease and tells the network, with whatever is new.
    pub(super) fn announce(&mut self, view: &mut Directory, at: Moment) {
        let nodes = view.network_size();
        let every = renewal_in(view);
        self.announcer.renewed(every, at);
        let ttl = every * RENEWALS_PER_LEASE;
        let renewal = if self.announcer.told && view.is_told_of(&self.me) {
            let pushed = if nodes <= SMALL_NETWORK { usize::MAX } else { PUSHED };
            self.publisher.renewal(ttl, pushed, at.wall)
        } else {
            // Nobody listens, or nobody lists it, or this node does not know yet how to tell them: they will be told everything.
            self.publisher.whole(ttl, at.wall).map(|whole| Renewal { whole, announcements: Vec::new() })
        };
        let Ok(Renewal { whole, announcements }) = renewal else { return };
        self.take_in(view, whole, at);
        self.effects.push(Effect::Said(self.publisher.seq()));
        self.effects.extend(announcements.into_iter().map(Effect::Publish));
    }

    /// This node's own view follows at once; the network is told a moment later.
    fn changed(&mut self, view: &mut Directory, at: Moment) {
        if let Ok(own) = self.publisher.whole(renewal_in(view) * RENEWALS_PER_LEASE, at.wall) {
            self.take_in(view, own, at);
        }
        self.announcer.soon(at);
    }

    fn take_in(&mut self, view: &mut Directory, own: Batch, at: Moment) {
        if let Err(why) = view.apply(own, at.now, at.wall) {
            self.effects.push(Effect::Refused { source: Some(self.me), why });
        }
    }
}
