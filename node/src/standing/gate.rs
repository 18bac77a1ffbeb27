//! Who may make how many calls here: by tier, and of newcomers all together by where they are.

use std::sync::Arc;

use atoll_protocol::{identity::NodeId, rpc::Status};
use atoll_registry::{
    peers::Subnet,
    standing::{Tier, admission::Crowded},
    time::Time,
};

use super::{Account, Trust};
use crate::net::{self, connections::Connection};

#[cfg(test)]
mod tests;

/// Somebody who makes calls here, over one connection. Cheap to clone, which each call does.
#[derive(Debug, Clone)]
pub(crate) struct Caller(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    trust: Trust,
    account: Arc<Account>,
    subnet: Option<Subnet>,
    /// Whether it is one of those that limits protect against.
    limited: bool,
}

/// A call that may be made.
#[derive(Debug)]
pub(crate) struct Admitted {
    caller: Caller,
    /// The place that it takes among those of newcomers.
    place: Option<Option<Subnet>>,
}

impl Trust {
    /// A peer that calls over this connection. Behind a relay it counts where the relay is: that is all that is known of it.
    pub(crate) fn caller(&self, peer: &NodeId, over: &Connection) -> Caller {
        let limited = self.0.limits && !self.is_exempt(peer, Some(over));
        let subnet = net::ip(&over.address).map(Subnet::of);
        Caller(Arc::new(Inner { trust: self.clone(), account: self.account(peer), subnet, limited }))
    }

    /// How many services a peer may offer, if that is limited.
    pub(crate) fn services(&self, peer: &NodeId, over: Option<&Connection>) -> Option<u32> {
        let limited = self.0.limits && !self.is_exempt(peer, over);
        self.of(peer).tier.allowance().services.filter(|_| limited)
    }

    /// This node itself.
    pub(crate) fn itself(&self, me: &NodeId) -> Caller {
        Caller(Arc::new(Inner { trust: self.clone(), account: self.account(me), subnet: None, limited: false }))
    }
}

impl Caller {
    pub(crate) fn peer(&self) -> NodeId {
        self.0.account.peer
    }

    /// A call begins.
    ///
    /// # Errors
    /// `resource_exhausted` with a hint, if the caller or those like it have made enough.
    pub(crate) fn admit(&self, now: Time) -> Result<Admitted, Status> {
        let Inner { trust, account, subnet, limited } = &*self.0;
        let mut admitted = Admitted { caller: self.clone(), place: None };
        if !limited {
            return Ok(admitted);
        }
        let tier = account.tier();
        let allowance = tier.allowance();
        account.bucket.lock().take(allowance.calls.into(), allowance.burst.into(), now).map_err(|wait| {
            let text = format!(
                "a {tier} makes {} calls a second here, after the first {}; good work makes it more",
                allowance.calls, allowance.burst
            );
            Status::resource_exhausted(text).retry_after(wait)
        })?;
        if tier == Tier::Newcomer {
            trust.0.newcomers.lock().enter(*subnet, now).map_err(|crowded| {
                let who = match crowded {
                    Crowded::Subnet(_) => "newcomers of this subnet",
                    Crowded::All(_) => "newcomers",
                };
                Status::resource_exhausted(format!("{who} make as many calls here as they may"))
                    .retry_after(crowded.wait())
            })?;
            admitted.place = Some(*subnet);
        }
        Ok(admitted)
    }
}

impl Admitted {
    /// It was answered well.
    pub(crate) fn answered(&self) {
        let Inner { trust, account, .. } = &*self.caller.0;
        trust.0.accounts.answered(account);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        if let Some(subnet) = self.place {
            self.caller.0.trust.0.newcomers.lock().leave(subnet);
        }
    }
}
