//! How this node is reached, and reaches those that cannot be dialled: what the machines of [`atoll_registry::reach`] decide
//! is carried out here, and they are told what happens.
//!
//! | part | what it does |
//! |---|---|
//! | [`observing`] | finds out what others see of this node: its NAT, and whether strangers can dial it |
//! | [`glimpse`] | has itself seen over both transports |
//! | [`relays`] | reserves places at relays, as long as this node cannot be dialled itself |
//! | [`punching`] | agrees with relayed peers on when to dial each other, and dials |
//! | [`paths`] | keeps the best connection to each peer, and closes the others |
//! | [`network`] | begins anew where this machine is in another network |
//! | [`report`] | says how it stands |

mod glimpse;
mod network;
mod observing;
mod paths;
mod places;
mod punching;
mod relays;
mod report;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use atoll_protocol::identity::NodeId;
use atoll_registry::{
    peers::PublicRanges,
    reach::{
        mapping::Mappings,
        punch::Punches,
        relays::{Relays, Wanted},
        verdicts::Verdicts,
    },
    time::Time,
};
use libp2p::{Multiaddr, identify, swarm::ConnectionId};
use tokio::{
    sync::{Mutex, oneshot, watch},
    task::JoinSet,
    time::{Duration, Instant},
};

use self::places::Places;
use super::Driver;
use crate::{
    clock::Clock,
    net::{
        addresses,
        autonat::Nonces,
        connections::{Connection, Path},
        portmap::PortMap,
        punch::Candidates,
    },
};

/// How often the machines are asked what to do if nothing happens: what only a change of speed or traffic tells of.
const LOOK: Duration = Duration::from_secs(5);

/// What was done outside the swarm's task.
pub(super) enum Done {
    Agreed(NodeId, punching::Outcome),
    Tested(observing::Told),
    /// The router has begun or ceased to map this node's port.
    Mapped,
}

/// See the [module docs](self).
pub(super) struct Reach {
    clock: Clock,
    candidates: Candidates,
    /// What is offered to peers that want to punch a hole: read by the tasks that agree with them.
    offered: watch::Sender<Vec<Multiaddr>>,
    punches: Punches,
    mappings: Mappings,
    verdicts: Verdicts<Multiaddr>,
    /// When others were dialled in order to be seen.
    glimpses: Vec<Time>,
    nonces: Nonces,
    /// Whose turn it is to be tested, for each server that tests something.
    turns: HashMap<NodeId, Arc<Mutex<()>>>,
    /// What goes on outside the swarm: agreeing with peers, being tested by them.
    tasks: JoinSet<Done>,
    pub(super) portmap: PortMap,
    /// Who waits for a connection over another port.
    anew: HashMap<ConnectionId, oneshot::Sender<Result<Arc<Connection>, String>>>,
    /// Dials that are to become direct connections.
    dials: HashMap<ConnectionId, NodeId>,
    relays: Relays,
    places: Places,
    /// When to look at the connections of a peer again.
    unsettled: BTreeMap<NodeId, Time>,
    due: Instant,
}

impl Reach {
    pub(super) fn new(
        clock: Clock,
        public: PublicRanges,
        nonces: Nonces,
        portmap: PortMap,
        offered: watch::Sender<Vec<Multiaddr>>,
    ) -> Self {
        Self {
            clock,
            candidates: Candidates::default(),
            offered,
            punches: Punches::new(),
            mappings: Mappings::new(public),
            verdicts: Verdicts::new(),
            glimpses: Vec::new(),
            nonces,
            turns: HashMap::new(),
            tasks: JoinSet::new(),
            portmap,
            anew: HashMap::new(),
            dials: HashMap::new(),
            relays: Relays::new(Wanted::default(), rand::random()),
            places: Places::default(),
            unsettled: BTreeMap::new(),
            due: Instant::now(),
        }
    }

    /// When [`Driver::look_around`] is due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// What has been done outside the swarm; pends while there is nothing to do there.
    pub(super) async fn done(&mut self) -> Done {
        tokio::select! {
            done = next(&mut self.tasks) => done,
            () = self.portmap.changed() => Done::Mapped,
        }
    }
}

/// The next task to end.
async fn next(tasks: &mut JoinSet<Done>) -> Done {
    loop {
        match tasks.join_next().await {
            Some(Ok(done)) => return done,
            // A task that was cancelled: the runtime is going down.
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }
}

impl Driver {
    pub(super) fn reach_done(&mut self, done: Done) {
        match done {
            Done::Agreed(peer, outcome) => self.punch_agreed(peer, outcome),
            Done::Tested(told) => self.tested(told),
            Done::Mapped => self.mapped(),
        }
    }

    /// A node has said who it is and what it knows, on this connection.
    pub(super) fn reach_identified(&mut self, connection: &Arc<Connection>, info: &identify::Info) {
        match connection.path {
            Path::Direct => {
                self.observed_by(connection, info);
                self.be_seen_otherwise(connection, info);
                self.offer();
                self.relay_identified(connection, info);
            }
            Path::Relayed => self.dial_directly(connection.peer, &info.listen_addrs),
        }
        self.look_around();
    }

    /// Connections to a peer have come or gone.
    pub(super) fn reach_changed(&mut self, peer: NodeId) {
        let now = self.reach.clock.now();
        let all = self.connections.of(&peer);
        if all.iter().any(|c| c.path == Path::Direct) {
            self.reach.punches.direct(&peer);
        } else if all.iter().any(|c| c.path == Path::Relayed && !c.outbound) {
            self.reach.punches.relayed(peer, now);
        } else if all.is_empty() {
            self.reach.punches.gone(&peer);
        }
        self.settle(peer);
        self.look_around();
    }

    /// Does whatever is due.
    pub(super) fn look_around(&mut self) {
        let now = self.reach.clock.now();
        let unsettled: Vec<NodeId> =
            self.reach.unsettled.iter().filter(|(_, at)| **at <= now).map(|(peer, _)| *peer).collect();
        unsettled.into_iter().for_each(|peer| self.settle(peer));
        self.test_due(now);
        self.punch_due(now);
        self.reserve_due(now);
        let next = [
            self.reach.verdicts.next(),
            self.reach.punches.next(now),
            self.reach.relays.next(now),
            self.reach.unsettled.values().min().copied(),
        ];
        let next = next.into_iter().flatten().min().map_or(LOOK, |at| at.since(now).min(LOOK));
        // What is overdue waits for something else to end: no use in asking at once.
        self.reach.due = Instant::now() + next.max(Duration::from_millis(20));
    }

    /// Tells the tasks that agree with others what this node's addresses are now.
    pub(super) fn offer(&self) {
        let own = self.swarm.external_addresses().chain(self.swarm.listeners()).cloned();
        let offer = self.reach.candidates.offer(own.filter(|address| !addresses::is_circuit(address)));
        self.reach.offered.send_if_modified(|was| std::mem::replace(was, offer.clone()) != offer);
    }
}
