//! The directory's actor: the only writer of the view.
//!
//! It is told what arrives and decides what is said. It never verifies in bulk and never waits for the network: what
//! takes time runs in tasks of its own and comes back as a command.

mod announce;
mod gossip;
mod memory;
mod neighbours;

use std::sync::Arc;

use atoll_protocol::{directory::SyncRequest, identity::SecretKey, service::Seq};
use atoll_registry::services::Change;
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinSet,
    time::{Duration, Instant, sleep_until},
};

use self::{announce::Announcer, neighbours::Neighbours};
use super::{Command, Directory, publisher::Publisher};
use crate::{event::Events, net::NetEvent, storage::Storage};

/// Neighbours told personally that this node leaves; the others hear it by gossip.
const GOODBYES: usize = 8;

/// What the actor hears.
pub(super) struct Inputs {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) net: mpsc::Receiver<NetEvent>,
}

/// Whom the actor tells, besides the network.
pub(super) struct Outputs {
    pub(super) joining: watch::Sender<bool>,
    pub(super) changes: broadcast::Sender<Change>,
    pub(super) events: Events,
    pub(super) storage: Storage,
}

struct Actor {
    directory: Directory,
    publisher: Publisher,
    announcer: Announcer,
    neighbours: Neighbours,
    outputs: Outputs,
}

/// Runs until told to shut down.
pub(super) async fn run(directory: Directory, key: SecretKey, mut inputs: Inputs, outputs: Outputs) {
    let last = Seq(outputs.storage.last_seq());
    let publisher = Publisher::new(key, directory.network.clone(), last);
    let now = Instant::now();
    let mut actor =
        Actor { directory, publisher, announcer: Announcer::new(now), neighbours: Neighbours::new(now), outputs };
    let dropped = Arc::clone(&actor.directory.dropped);
    loop {
        let expiry = actor.next_expiry();
        tokio::select! {
            biased;
            command = inputs.commands.recv() => match command {
                Some(Command::Shutdown { reply }) => return actor.shutdown(reply).await,
                Some(command) => actor.command(command).await,
                None => return,
            },
            () = dropped.news.notified() => actor.withdraw_dropped().await,
            Some(event) = inputs.net.recv() => actor.net_event(event).await,
            () = sleep_until(actor.announcer.due()) => actor.announce().await,
            () = sleep_until(actor.neighbours.due()) => actor.neighbour_round(),
            () = sleep_until(expiry) => actor.expire(),
        }
        actor.tell_watchers();
    }
}

impl Actor {
    async fn command(&mut self, command: Command) {
        match command {
            Command::Register { record, reply } => self.register(*record, reply).await,
            Command::Learned { batches, reply } => {
                for batch in batches {
                    self.learn(batch);
                }
                let _ = reply.send(());
            }
            Command::Synced { peer, asked, ok } => self.synced(peer, &asked, ok).await,
            Command::Goodbye { withdrawal, reply } => self.goodbye(withdrawal, reply),
            Command::ContactFailed { node } => {
                self.directory.view.write().contact_failed(node, self.directory.clock.now());
            }
            // Handled by the loop, which it ends.
            Command::Shutdown { .. } => {}
        }
    }

    async fn net_event(&mut self, event: NetEvent) {
        match event {
            NetEvent::Gossip { message, source, data } => {
                let verdict = self.gossip(&source, &data);
                self.directory.net.verdict(message, source, verdict).await;
            }
            NetEvent::Ready { peer } => self.neighbour_ready(peer),
            NetEvent::Listens => self.first_listener(),
            NetEvent::Lost { peer, failed } => self.neighbour_lost(peer, failed),
            NetEvent::Addresses => self.addresses_changed(),
        }
    }

    fn next_expiry(&self) -> Instant {
        let never = Instant::now() + Duration::from_secs(3600);
        self.directory.view.read().next_expiry().map_or(never, |at| self.directory.clock.instant(at))
    }

    fn expire(&mut self) {
        self.directory.view.write().expire(self.directory.clock.now());
    }

    fn tell_watchers(&mut self) {
        let changes = self.directory.view.write().take_changes();
        for change in changes {
            // Nobody watching is no error.
            let _ = self.outputs.changes.send(change);
        }
    }

    /// Takes everything back, tells the neighbours, and ends.
    async fn shutdown(mut self, reply: oneshot::Sender<()>) {
        self.remember_neighbours();
        if let Ok(withdrawal) = self.publisher.leave(self.directory.clock.wall()) {
            self.outputs.storage.set_last_seq(self.publisher.seq().0);
            let request = SyncRequest::Goodbye { withdrawal: withdrawal.signed().clone() };
            self.gossip_withdrawal(&withdrawal, None).await;
            let mut told = JoinSet::new();
            for peer in self.directory.net.connections.peers().into_iter().take(GOODBYES) {
                let (directory, request) = (self.directory.clone(), request.clone());
                told.spawn(async move { directory.say_goodbye(peer, &request).await });
            }
            told.join_all().await;
        }
        let _ = reply.send(());
    }
}
