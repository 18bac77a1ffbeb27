//! The swarm task: owns the libp2p swarm, carries out commands, reports what happens.
//!
//! It never waits for anything but its own queues, never verifies or decodes a record, and never touches the disk.

mod dht;
mod dials;
mod events;
mod reach;
mod routing;
mod setup;
mod trim;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use atoll_protocol::{identity::NodeId, names::NetworkName};
use atoll_registry::{exchange::Verdict, peers::PublicRanges};
use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm, gossipsub,
    swarm::{
        DialError,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Duration, Instant, sleep_until, timeout_at},
};

use self::{dht::Dht, dials::Dials, reach::Reach, routing::Routing};
use super::{
    Channel, Command, Counters, EVENTS, NetEvent, Protocols, TopicEvent, addresses,
    behaviour::{Behaviour, CONNECTIONS},
    conduct::Conduct,
    connections::Connections,
    joining::{Joining, Target},
    peer_id,
    relay::Relay,
    streams::Accepted,
};
use crate::{
    error::ConnectError,
    event::{Events, NodeEvent},
    standing::{Accusation, Trust},
};

pub(crate) use setup::start;

/// How long closing all connections may take before the process leaves anyway.
const CLOSING: Duration = Duration::from_millis(500);

/// How long a node of another network, which has dialled this one, has to hang up.
const HANGING_UP: Duration = Duration::from_secs(5);

/// How often what has expired is dropped, and looked whether the network has grown.
const SWEEP: Duration = Duration::from_secs(5);

/// A peer that is connected and no node of this network.
struct Stranger {
    error: ConnectError,
    since: Instant,
}

struct Driver {
    swarm: Swarm<Behaviour>,
    me: NodeId,
    network: NetworkName,
    protocols: Arc<Protocols>,
    topic: gossipsub::IdentTopic,
    /// The broker is told what happens, if it has time.
    topics: mpsc::Sender<TopicEvent>,
    /// On which proofs of fraud are gossiped, and who looks at them.
    frauds: gossipsub::IdentTopic,
    accusations: mpsc::Sender<Accusation>,
    public: PublicRanges,
    connections: Connections,
    counters: Arc<Counters>,
    conduct: Conduct,
    trust: Trust,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<NetEvent>,
    /// Events that the directory has not had room for. Gossip is dropped rather than added when this is long; the
    /// rest is bounded by the number of connections.
    outbox: VecDeque<NetEvent>,
    reports: Events,
    addresses: watch::Sender<Vec<Multiaddr>>,
    dht_server: watch::Sender<bool>,
    /// Peers that have identified themselves as nodes of this network.
    ready: HashSet<NodeId>,
    /// Peers that are connected and no nodes, and what whoever wants to reach them is told.
    strangers: HashMap<PeerId, Stranger>,
    dials: Dials,
    dht: Dht,
    routing: Routing,
    reach: Reach,
    /// The relay service, and whether the owner wants it on where it can be of use.
    relay: Relay,
    relays: bool,
    accepted: Accepted,
    joining: Joining,
    next_round: Instant,
    next_sweep: Instant,
}

impl Driver {
    async fn run(mut self) {
        let events = self.events.clone();
        loop {
            let settled = self.dht.next_settled();
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(Command::Shutdown { reply }) => return self.close(reply).await,
                    Some(command) => self.command(command),
                    None => return,
                },
                room = events.reserve(), if !self.outbox.is_empty() => match (room, self.outbox.pop_front()) {
                    (Ok(room), Some(event)) => room.send(event),
                    _ => return,
                },
                // Before the swarm's events, which under load never cease; both are rare.
                () = sleep_until(settled.unwrap_or(self.next_sweep)), if settled.is_some() => {
                    self.dht.settle(&mut self.swarm.behaviour_mut().kad, Instant::now());
                }
                () = sleep_until(self.next_sweep) => self.sweep(),
                () = sleep_until(self.reach.due()) => self.look_around(),
                done = self.reach.done() => self.reach_done(done),
                event = self.swarm.select_next_some() => self.swarm_event(event),
                () = sleep_until(self.next_round) => self.join_round(),
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Dial { peer: Some(peer), addresses, reply } => self.dial_peer(peer, addresses, reply),
            Command::Dial { peer: None, addresses, reply } => self.dial_anyone(&addresses, reply),
            Command::DialBeside { peer, addresses } => self.dial_beside(&peer, addresses),
            Command::Publish { data } => self.publish(self.topic.hash(), data),
            Command::Accuse { data } => self.publish(self.frauds.hash(), data),
            Command::Announce { channel, data } => self.publish(channel.topic(&self.protocols).hash(), data),
            Command::Listen { channel, on } => self.listen(channel, on),
            Command::Verdict { message, source, verdict } => self.verdict(&message, &source, verdict),
            Command::Provide { key } => self.dht.provide(&mut self.swarm.behaviour_mut().kad, key),
            Command::Unprovide { key } => self.dht.unprovide(&mut self.swarm.behaviour_mut().kad, &key),
            Command::Providers { key, look_up, reply } => {
                self.dht.providers(&mut self.swarm.behaviour_mut().kad, key, look_up, reply);
            }
            Command::Punch { peer, agreed } => self.punch(peer, agreed),
            Command::DialAnew { peer, address, reply } => self.dial_anew(peer, address, reply),
            Command::Reach { reply } => drop(reply.send(self.reach_report())),
            Command::Close { connection } => drop(self.swarm.close_connection(connection)),
            // Handled by the loop, which it ends.
            Command::Shutdown { .. } => {}
        }
    }

    fn dial_peer(&mut self, peer: NodeId, addresses: Vec<Multiaddr>, reply: dials::Reply) {
        if peer == self.me {
            return dials::answer(reply, Err(ConnectError::Itself));
        }
        // The table hears of a connection's end before the swarm says so.
        if self.ready.contains(&peer) && self.connections.best(&peer).is_some() {
            return dials::answer(reply, Ok(peer));
        }
        let Some(id) = peer_id(&peer) else {
            let reason = "its id holds no valid key".to_owned();
            return dials::answer(reply, Err(ConnectError::Failed { target: peer.to_string(), reason }));
        };
        if let Some(Stranger { error, .. }) = self.strangers.get(&id) {
            return dials::answer(reply, Err(error.clone()));
        }
        self.dials.wait_for_peer(id, reply);
        self.dials.may_redial(&id, addresses.clone());
        if !self.swarm.is_connected(&id) {
            self.dial(id, addresses);
        }
    }

    /// Whatever is being tried already: both ends may just have lost a relay, and what failed a moment ago may work now.
    fn dial_beside(&mut self, peer: &NodeId, addresses: Vec<Multiaddr>) {
        if let Some(id) = peer_id(peer) {
            let addresses = self.ways_to(addresses);
            self.dial_at(id, addresses);
        }
    }

    /// Dials a peer for those who wait for it, unless that is being done.
    fn dial(&mut self, id: PeerId, addresses: Vec<Multiaddr>) {
        let addresses = self.ways_to(addresses);
        if !self.dials.are_tried(&id, &addresses) {
            self.dial_at(id, addresses);
        }
    }

    /// These addresses of a peer, and those through relays that it may have a place at.
    fn ways_to(&self, addresses: Vec<Multiaddr>) -> Vec<Multiaddr> {
        let mut addresses = addresses;
        addresses.extend(self.circuits());
        addresses::one_way_through(addresses, |relay| self.connections.best(relay).is_some())
    }

    fn dial_at(&mut self, id: PeerId, addresses: Vec<Multiaddr>) {
        tracing::debug!(peer = %id, ?addresses, "dialling");
        let dial = DialOpts::peer_id(id)
            // Others that are under way may try less, and be about to fail.
            .condition(PeerCondition::Always)
            .addresses(addresses.clone())
            .extend_addresses_through_behaviour()
            .build();
        let connection = dial.connection_id();
        match self.swarm.dial(dial) {
            Ok(()) => self.dials.begun(connection, id, addresses),
            Err(error) => self.dials.peer_failed(&id, &dials::describe(&error)),
        }
    }

    fn dial_anyone(&mut self, addresses: &[Multiaddr], reply: dials::Reply) {
        let Some(address) = addresses.first() else {
            let reason = "no address is known".to_owned();
            return dials::answer(reply, Err(ConnectError::Failed { target: "the peer".to_owned(), reason }));
        };
        let dial = DialOpts::unknown_peer_id().address(address.clone()).build();
        let connection = dial.connection_id();
        match self.swarm.dial(dial) {
            Ok(()) => self.dials.wait_for_connection(connection, address.to_string(), reply),
            // The swarm strikes out the addresses that it listens on itself.
            Err(DialError::NoAddresses) => dials::answer(reply, Err(ConnectError::Itself)),
            Err(error) => dials::answer(reply, Err(dials::failure(address.to_string(), &error))),
        }
    }

    fn publish(&mut self, topic: gossipsub::TopicHash, data: Vec<u8>) {
        match self.swarm.behaviour_mut().gossip.publish(topic, data) {
            Ok(_) => {}
            // Nobody to tell yet: whoever connects will ask. Or said already.
            Err(gossipsub::PublishError::NoPeersSubscribedToTopic | gossipsub::PublishError::Duplicate) => {}
            Err(error) => tracing::warn!("an announcement could not be gossiped: {error}"),
        }
    }

    fn listen(&mut self, channel: Channel, on: bool) {
        let topic = channel.topic(&self.protocols);
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        if !on {
            gossip.unsubscribe(&topic);
        } else if let Err(error) = gossip.subscribe(&topic) {
            tracing::error!("cannot listen to {topic}: {error}");
        }
    }

    fn verdict(&mut self, message: &gossipsub::MessageId, source: &PeerId, verdict: Verdict) {
        let acceptance = match verdict {
            Verdict::Accept => gossipsub::MessageAcceptance::Accept,
            Verdict::Ignore => gossipsub::MessageAcceptance::Ignore,
            Verdict::Reject => gossipsub::MessageAcceptance::Reject,
        };
        self.swarm.behaviour_mut().gossip.report_message_validation_result(message, source, acceptance);
    }

    fn tell(&mut self, event: NetEvent) {
        self.outbox.push_back(event);
    }

    fn topic_gossip_arrived(&mut self, message: gossipsub::MessageId, source: PeerId, data: Vec<u8>) {
        let event = TopicEvent::Gossip { message, source, data };
        let Err(full) = self.topics.try_send(event) else { return };
        self.counters.dropped_topics.add(1);
        if let TopicEvent::Gossip { message, .. } = full.into_inner() {
            self.verdict(&message, &source, Verdict::Ignore);
        }
    }

    /// What there is no room for is told by whoever is connected next.
    fn accusation_arrived(&mut self, message: gossipsub::MessageId, source: PeerId, data: Vec<u8>) {
        let accusation = Accusation { message, source, data };
        if let Err(full) = self.accusations.try_send(accusation) {
            let message = full.into_inner().message;
            self.verdict(&message, &source, Verdict::Ignore);
        }
    }

    /// The broker compares with others now and then: what it misses, it finds.
    fn tell_broker(&self, event: TopicEvent) {
        let _ = self.topics.try_send(event);
    }

    fn gossip_arrived(&mut self, message: gossipsub::MessageId, source: PeerId, data: Vec<u8>) {
        if self.outbox.len() < EVENTS {
            self.tell(NetEvent::Gossip { message, source, data });
        } else {
            self.counters.dropped_gossip.add(1);
            self.verdict(&message, &source, Verdict::Ignore);
        }
    }

    fn join_round(&mut self) {
        let round = self.joining.round(self.ready.len());
        if round.alone {
            self.reports.report(NodeEvent::Alone);
        }
        for Target { peer, addresses, configured } in round.dial {
            let (reply, done) = oneshot::channel();
            match peer {
                Some(peer) => self.dial_peer(peer, addresses, reply),
                None => self.dial_anyone(&addresses, reply),
            }
            if let Some(address) = configured {
                tokio::spawn(configured_dial(address, done, self.conduct.clone(), self.reports.clone()));
            }
        }
        self.next_round = Instant::now() + round.again;
        self.part_from_other_networks();
    }

    /// Drops provider records that have expired, and tells the network again what this node provides, where that is needed.
    fn sweep(&mut self) {
        self.next_sweep = Instant::now() + SWEEP;
        let kad = &mut self.swarm.behaviour_mut().kad;
        kad.store_mut().expire(std::time::Instant::now());
        self.dht.look_after(kad, self.routing.len());
        self.judge_neighbours();
        self.trim();
    }

    /// Tells gossip what is thought of its neighbours.
    fn judge_neighbours(&mut self) {
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        for (node, peer) in self.ready.iter().filter_map(|node| Some((node, peer_id(node)?))) {
            gossip.set_application_score(&peer, self.trust.gossip_score(node));
        }
    }

    /// Makes room for others before there is none: hangs up on those that are least worth it.
    fn trim(&mut self) {
        let all = self.connections.all();
        for peer in trim::superfluous(&all, &self.trust, CONNECTIONS as usize) {
            if let Some(id) = peer_id(&peer) {
                let _ = self.swarm.disconnect_peer_id(id);
            }
        }
    }

    /// Hangs up on nodes of other networks that have dialled and do not hang up themselves.
    fn part_from_other_networks(&mut self) {
        let overdue =
            |s: &Stranger| matches!(s.error, ConnectError::WrongNetwork { .. }) && s.since.elapsed() > HANGING_UP;
        let peers: Vec<PeerId> = self.strangers.iter().filter(|(_, s)| overdue(s)).map(|(peer, _)| *peer).collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    /// A node has shown up on the local network.
    fn found_on_lan(&mut self, peer: PeerId, address: Multiaddr) {
        if self.swarm.is_connected(&peer) {
            return;
        }
        let dial = DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(vec![address.clone()])
            // The other addresses that it has said, too: they come one by one, and only the first makes a dial.
            .extend_addresses_through_behaviour()
            .build();
        let connection = dial.connection_id();
        // A dial that is under way already will do.
        if self.swarm.dial(dial).is_ok() {
            self.dials.begun(connection, peer, vec![address]);
        }
    }

    /// Tells everyone concerned where this node can be dialled now.
    fn addresses_changed(&mut self) {
        let external = self.swarm.external_addresses().cloned();
        let now = addresses::worth_telling(external.chain(self.swarm.listeners().cloned()), &self.public);
        if *self.addresses.borrow() != now {
            self.addresses.send_replace(now);
            self.tell(NetEvent::Addresses);
        }
        self.offer();
        self.dht_mode_changed();
    }

    fn dht_mode_changed(&mut self) {
        let peers = self.connections.all();
        let own = self.dialable();
        let serves = addresses::serves_dht(&own, peers.iter().map(|c| &c.address), &self.public);
        if self.dht_server.send_if_modified(|was| std::mem::replace(was, serves) != serves) {
            let mode = if serves { libp2p::kad::Mode::Server } else { libp2p::kad::Mode::Client };
            self.swarm.behaviour_mut().kad.set_mode(Some(mode));
        }
        // Whoever needs a relay must be able to dial it, as whoever asks the DHT must.
        self.relay.set_enabled(self.relays && serves);
        self.accepted.set_server(serves);
    }

    /// Closes every connection, so that peers notice at once, and waits a little until that has gone out.
    async fn close(mut self, reply: oneshot::Sender<()>) {
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        self.reach.portmap.release().await;
        let end = Instant::now() + CLOSING;
        while self.swarm.connected_peers().next().is_some() {
            if timeout_at(end, self.swarm.select_next_some()).await.is_err() {
                break;
            }
        }
        let _ = reply.send(());
    }
}

/// Sees what comes of dialling an address that the owner has configured: who is there is wanted, or nobody is.
async fn configured_dial(
    address: Multiaddr,
    done: oneshot::Receiver<Result<NodeId, ConnectError>>,
    conduct: Conduct,
    reports: Events,
) {
    match done.await {
        Ok(Ok(peer)) => conduct.name(peer),
        Ok(Err(error)) => reports.report(NodeEvent::BootstrapFailed { address, reason: error.to_string() }),
        // This node is stopping.
        Err(_) => {}
    }
}
