//! An announcement whose signatures have been checked.

use atoll_protocol::{
    directory::{Announcement, News},
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
    /// Checks every signature, and that a lease covers the records that it comes with.
    ///
    /// # Errors
    /// [`SealError`] of the first statement that is not its author's, of another network, not covered, or against the rules.
    pub fn verify(announcement: Announcement, network: &NetworkName) -> Result<Self, SealError> {
        Ok(match announcement {
            Announcement::Lease(news) => Self { batch: Some(news.open(network)?.into()), ..Self::default() },
            Announcement::Withdrawal { withdrawal, lease } => {
                let renewed = lease.map(|lease| News::none(lease).open(network)).transpose()?;
                Self { withdrawal: Some(withdrawal.open(network)?), batch: renewed.map(Batch::from), suspicion: None }
            }
            Announcement::Suspicion { suspicion } => {
                Self { suspicion: Some(suspicion.open(network)?), ..Self::default() }
            }
        })
    }
}
