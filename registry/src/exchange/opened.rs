//! An announcement whose signatures have been checked.

use atoll_protocol::{
    directory::Announcement,
    names::NetworkName,
    sealed::{SealError, Verified},
    service::{Suspicion, Withdrawal},
};

use crate::services::Batch;

/// What an announcement says, proved to be by those it names. Cheap to clone: a simulator opens a message once for all.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    pub(super) withdrawal: Option<Verified<Withdrawal>>,
    pub(super) batch: Option<Batch>,
    pub(super) suspicion: Option<Verified<Suspicion>>,
}

impl Opened {
    /// Checks every signature.
    ///
    /// # Errors
    /// [`SealError`] of the first statement that is not its author's, of another network, or against the rules.
    pub fn verify(announcement: Announcement, network: &NetworkName) -> Result<Self, SealError> {
        Ok(match announcement {
            Announcement::Lease { lease, node, services } => {
                let batch = Batch {
                    lease: lease.open(network)?,
                    remaining: None,
                    node: node.map(|n| n.open(network)).transpose()?.map(|n| n.record().clone()),
                    services: services.into_iter().map(|s| Ok(s.open(network)?.record().clone())).collect::<Result<
                        _,
                        SealError,
                    >>(
                    )?,
                    whole: false,
                };
                Self { batch: Some(batch), ..Self::default() }
            }
            Announcement::Withdrawal { withdrawal, lease } => {
                let renewed = |lease| Batch { lease, remaining: None, node: None, services: Vec::new(), whole: false };
                let lease = lease.map(|l| l.open(network)).transpose()?;
                Self { withdrawal: Some(withdrawal.open(network)?), batch: lease.map(renewed), suspicion: None }
            }
            Announcement::Suspicion { suspicion } => {
                Self { suspicion: Some(suspicion.open(network)?), ..Self::default() }
            }
        })
    }
}
