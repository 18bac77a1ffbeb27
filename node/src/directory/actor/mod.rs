//! The directory's actor: the only writer of the view, and the driver of [`Exchange`].
//!
//! It tells the exchange what arrives and carries out what follows. It never verifies in bulk and never waits for the
//! network: what takes time runs in tasks of its own and comes back as a command.

mod kept;
mod memory;
mod own;
mod survey;

use std::sync::Arc;

use atoll_protocol::{
    codec,
    directory::{Announcement, SyncRequest},
    identity::SecretKey,
    sealed::Verified,
    service::{Seq, Withdrawal},
};
use atoll_registry::{
    exchange::{Effect, Exchange, Moment, Opened, Verdict},
    peers::conduct::Fault,
    services::{Change, Directory as View},
};
use libp2p::PeerId;
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use self::kept::Keeping;
use super::{Command, Directory};
use crate::{
    event::{Events, NodeEvent},
    net::{NetEvent, node_id},
    storage::Storage,
};

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
    exchange: Exchange,
    survey: survey::Surveyor,
    outputs: Outputs,
    /// When the neighbours are next noted for the next run.
    next_note: Instant,
    keeping: Keeping,
}

/// Runs until told to shut down.
pub(super) async fn run(directory: Directory, key: SecretKey, mut inputs: Inputs, outputs: Outputs) {
    let last = Seq(outputs.storage.last_seq());
    let mut exchange = Exchange::new(key, directory.network.clone(), last, directory.moment());
    exchange.restoring(directory.moment());
    let next_note = Instant::now() + memory::ROUND;
    let (survey, keeping) = (survey::Surveyor::default(), Keeping::new());
    let mut actor = Actor { directory, exchange, survey, outputs, next_note, keeping };
    let dropped = Arc::clone(&actor.directory.dropped);
    loop {
        tokio::select! {
            biased;
            command = inputs.commands.recv() => match command {
                Some(Command::Shutdown { reply }) => return actor.shutdown(reply).await,
                Some(command) => actor.command(command).await,
                None => return,
            },
            () = dropped.news.notified() => actor.withdraw_dropped().await,
            Some(event) = inputs.net.recv() => actor.net_event(event).await,
            () = sleep_until(actor.next_due()) => actor.wake(),
        }
        actor.carry_out_survey();
        actor.carry_out().await;
        actor.tell_watchers();
    }
}

impl Actor {
    async fn command(&mut self, command: Command) {
        match command {
            Command::Register { record, reply } => self.register(*record, reply).await,
            Command::Learned { source, batches, reply } => {
                self.with(|exchange, view, at| exchange.learned(view, source, batches, at));
                let _ = reply.send(());
            }
            Command::Compared { peer, asked, heads } => {
                self.with(|exchange, view, at| exchange.compared(view, peer, &asked, &heads, at));
            }
            Command::WasCompared { peer } => self.with(|exchange, view, at| exchange.was_compared(view, peer, at)),
            Command::Asked { peer, question, ok } => {
                self.with(|exchange, view, at| exchange.ended(view, peer, &question, ok, at));
            }
            Command::Goodbye { peer, withdrawal, reply } => {
                self.with(|exchange, view, at| exchange.goodbye(view, peer, &withdrawal, at));
                let _ = reply.send(());
            }
            Command::ContactFailed { node } => {
                self.with(|exchange, view, at| exchange.contact_failed(view, node, at));
            }
            Command::Restore { sets, rubbish, reply } => {
                let _ = reply.send(self.restore(sets, rubbish));
            }
            Command::Restored => self.with(|exchange, view, at| exchange.restored(view, at)),
            Command::Survey(input) => self.survey(input),
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
            NetEvent::Ready { peer, subnet } => {
                self.with(|exchange, view, at| {
                    view.connected(peer, subnet, at.now);
                    exchange.ready(view, peer, at);
                });
                self.survey_met(peer);
            }
            NetEvent::Listens => self.with(|exchange, _, at| exchange.listened_to(at)),
            NetEvent::Lost { peer, failed } => {
                self.with(|exchange, view, at| {
                    view.disconnected(peer);
                    exchange.lost(view, peer, failed, at);
                });
                self.survey.lost(&peer);
            }
            NetEvent::Addresses => self.addresses_changed(),
        }
    }

    /// Takes in a gossiped announcement and says whether it is to be passed on.
    fn gossip(&mut self, source: &PeerId, data: &[u8]) -> Verdict {
        let source = node_id(source);
        let conduct = &self.directory.net.conduct;
        let announcement = match Announcement::decode(data) {
            Ok(announcement) => announcement,
            Err(error) => {
                conduct.charge(source, (&error).into(), error);
                return Verdict::Reject;
            }
        };
        if let Some(peer) = source
            && peer != announcement.author()
            && !conduct.is_worth_checking(&peer)
        {
            // What was true of it comes with the next comparison.
            return Verdict::Ignore;
        }
        // Not the fault of who passes it on: it may be connected to the author over loopback.
        if self.directory.is_void(&announcement.author()) {
            return Verdict::Ignore;
        }
        match Opened::verify(announcement, &self.directory.network) {
            Ok(opened) => self.with(|exchange, view, at| exchange.heard(view, source, opened, at)),
            Err(error) => {
                conduct.charge(source, (&error).into(), error);
                Verdict::Reject
            }
        }
    }

    /// Tells the exchange something, together with the view that it keeps.
    fn with<T>(&mut self, tell: impl FnOnce(&mut Exchange, &mut View, Moment) -> T) -> T {
        let at = self.directory.moment();
        tell(&mut self.exchange, &mut self.directory.view.write(), at)
    }

    fn next_due(&self) -> Instant {
        let expiry = self.directory.view.read().next_expiry();
        let due = expiry.map_or(self.exchange.due(), |expiry| expiry.min(self.exchange.due()));
        let due = due.min(self.survey.due());
        self.directory.clock.instant(due).min(self.next_note).min(self.keeping.due())
    }

    fn wake(&mut self) {
        self.with(|exchange, view, at| {
            view.expire(at.now);
            exchange.wake(view, at);
        });
        self.survey_wakes();
        if self.next_note <= Instant::now() {
            self.next_note = Instant::now() + memory::ROUND;
            self.remember_neighbours();
        }
        if self.keeping.due() <= Instant::now() {
            self.keep_view();
        }
    }

    /// Does what the exchange wants done.
    async fn carry_out(&mut self) {
        for effect in self.exchange.take_effects() {
            match effect {
                Effect::Publish(announcement) => self.publish(&announcement).await,
                Effect::Ask { peer, question } => self.ask(peer, question),
                Effect::Joined => self.joined().await,
                Effect::Said(seq) => self.outputs.storage.set_last_seq(seq.0),
                Effect::Refused { source, why } if source == Some(self.directory.net.me) => {
                    tracing::warn!("this node refuses its own records: {why}");
                }
                Effect::Refused { source, why } => match Fault::of(&why) {
                    Some(fault) => self.directory.net.conduct.charge(source, fault, why),
                    None => tracing::debug!("refused, through no fault of the sender: {why}"),
                },
                Effect::Replayed { source, author } => {
                    let why = format!("old words of {author}, said again");
                    self.directory.net.conduct.charge(source, Fault::Replayed, why);
                }
            }
        }
    }

    async fn publish(&self, announcement: &Announcement) {
        match codec::encode(announcement) {
            Ok(data) => self.directory.net.publish(data).await,
            Err(error) => tracing::error!("an announcement cannot be encoded: {error}"),
        }
    }

    fn ask(&self, peer: atoll_protocol::identity::NodeId, question: SyncRequest) {
        let directory = self.directory.clone();
        tokio::spawn(async move {
            let result = directory.synchronise(peer, &question).await;
            if let Err(error) = &result {
                tracing::debug!(%peer, "a synchronisation failed: {error}");
            }
            let _ = directory.commands.send(Command::Asked { peer, question, ok: result.is_ok() }).await;
        });
    }

    async fn joined(&mut self) {
        self.outputs.joining.send_replace(true);
        let peers = self.directory.net.connections.len();
        let millis = self.directory.clock.now().0;
        self.outputs.events.report(NodeEvent::Joined { peers, millis });
        self.remember_neighbours();
        self.provide_again().await;
    }

    fn tell_watchers(&mut self) {
        let changes = self.directory.view.write().take_changes();
        self.survey_follows(&changes);
        for change in changes {
            self.keeping.noticed(&change);
            // Nobody watching is no error.
            let _ = self.outputs.changes.send(change);
        }
    }

    /// Takes everything back, tells the neighbours, and ends.
    async fn shutdown(mut self, reply: oneshot::Sender<()>) {
        self.remember_neighbours();
        self.keep_all().await;
        let left = self.exchange.leave(&self.directory.view.read(), self.directory.moment());
        if let Ok(withdrawal) = left {
            self.carry_out().await;
            self.say_goodbye(&withdrawal).await;
        }
        let _ = reply.send(());
    }

    async fn say_goodbye(&self, withdrawal: &Verified<Withdrawal>) {
        let request = SyncRequest::Goodbye { withdrawal: withdrawal.signed() };
        let mut told = JoinSet::new();
        for peer in self.directory.net.connections.peers().into_iter().take(GOODBYES) {
            let (directory, request) = (self.directory.clone(), request.clone());
            told.spawn(async move { directory.say_goodbye(peer, &request).await });
        }
        told.join_all().await;
    }
}
