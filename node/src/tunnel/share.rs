//! Files that are shared: exposed under a name that nobody need know, for as long as a ticket for them is good.

use std::{path::Path, sync::Arc, time::Duration};

use atoll_protocol::{
    names::ServiceName,
    ticket::{Opens, TicketWord},
};
use libp2p::Multiaddr;

use super::{
    Access, IssuedTicket, Origin, Target, Tunnels,
    error::{IssueError, KeepError},
    files::{FileShare, ShareError},
    kept::Shared,
};

impl Tunnels {
    /// Shares what is at `path`, and issues a ticket for it.
    pub(super) async fn share(
        &self,
        path: &Path,
        life: Duration,
        upload: Option<u64>,
        addresses: &[Multiaddr],
    ) -> Result<(IssuedTicket, TicketWord), IssueError> {
        // Nobody ends what has no ticket yet.
        let _alone = self.0.sharing.lock().await;
        self.end_unwanted().await?;
        let share = open(path.to_owned(), upload).await?;
        let path = share.path().to_owned();
        let service: ServiceName = format!("files-{:016x}", rand::random::<u64>()).parse()?;
        let access = Access { private: true, ..Access::default() };
        let target = Target::Files(Arc::new(share));
        // Dropped on the way to an error, it is not shared.
        let exposed = self.expose(service.clone(), target, access, None, Origin::Session).await?;
        let issued = self.0.tickets.issue(service.clone(), Opens::Files, life, addresses).await?;
        let shared = Shared { service: service.clone(), path, upload };
        if let Err(error) = self.0.kept.change(|content| content.shares.push(shared)).await {
            // What cannot be kept is not good for as long as the ticket says.
            let _ = self.0.tickets.revoke(issued.0.id).await;
            return Err(error.into());
        }
        self.mark_kept(&service);
        exposed.detach();
        Ok(issued)
    }

    /// Shares again what was shared before a restart.
    pub(super) async fn resume_share(&self, shared: Shared) -> Result<(), IssueError> {
        let share = open(shared.path, shared.upload).await?;
        let access = Access { private: true, ..Access::default() };
        let target = Target::Files(Arc::new(share));
        self.expose(shared.service, target, access, None, Origin::Kept).await?.detach();
        Ok(())
    }

    /// Ceases to share what no ticket is for any more.
    pub(super) async fn end_shares(&self) -> Result<(), KeepError> {
        let _alone = self.0.sharing.lock().await;
        self.end_unwanted().await
    }

    async fn end_unwanted(&self) -> Result<(), KeepError> {
        let good = self.0.tickets.list();
        let wanted = |service: &ServiceName| good.iter().any(|ticket| ticket.service == *service);
        let ended: Vec<ServiceName> = self.shares().into_iter().filter(|service| !wanted(service)).collect();
        ended.iter().for_each(|service| self.end_exposed(service));
        // What was not there any more at the start is forgotten, too.
        self.0
            .kept
            .change_if(|content| {
                let before = content.shares.len();
                content.shares.retain(|shared| wanted(&shared.service));
                content.shares.len() != before
            })
            .await
    }
}

/// Opening reads the disk: not on a thread that others need.
async fn open(path: std::path::PathBuf, upload: Option<u64>) -> Result<FileShare, ShareError> {
    let shown = path.clone();
    let opened = tokio::task::spawn_blocking(move || FileShare::open(&path, upload)).await;
    opened.map_err(|error| ShareError::Unreadable { path: shown, reason: error.to_string() })?
}
