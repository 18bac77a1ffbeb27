//! Who is in Kademlia's routing table: peers that serve it, at addresses that others can dial, not too many of one subnet.
//!
//! Kademlia takes nobody in by itself. It does let peers out by itself, and adds the address that a peer was dialled at;
//! both are reported, and put right here.

use std::{net::IpAddr, sync::Arc};

use atoll_protocol::identity::NodeId;
use atoll_registry::peers::{Bucket, Diversity, PublicRanges};
use libp2p::{
    Multiaddr, PeerId,
    kad::{self, Addresses, KBucketKey, RoutingUpdate},
};

use crate::net::{Counters, addresses, node_id, records::Records};

#[cfg(test)]
mod tests;

type Kad = kad::Behaviour<Records>;

/// Addresses of a peer that Kademlia is told.
const ADDRESSES_PER_PEER: usize = 6;

pub(super) struct Routing {
    me: KBucketKey<PeerId>,
    diversity: Diversity,
    public: PublicRanges,
    counters: Arc<Counters>,
}

/// What a peer has said of itself.
pub(super) struct Said {
    pub(super) serves: bool,
    pub(super) addresses: Vec<Multiaddr>,
    /// The address of the connection that it said so over.
    pub(super) over: Multiaddr,
    /// Whether it was dialled there: then others can dial it there, too.
    pub(super) dialled: bool,
    /// Whether it was not connected before: then it may have moved.
    pub(super) anew: bool,
}

impl Routing {
    pub(super) fn new(me: PeerId, public: PublicRanges, counters: Arc<Counters>) -> Self {
        Self { me: me.into(), diversity: Diversity::with_public(public.clone()), public, counters }
    }

    /// Peers in the table.
    pub(super) fn len(&self) -> usize {
        self.diversity.len()
    }

    /// Puts a peer into the table, or out of it.
    pub(super) fn identified(&mut self, kad: &mut Kad, peer: &PeerId, said: Said) {
        let (Some(node), Some(reached)) = (node_id(peer), addresses::ip(&said.over)) else { return };
        let relayed = addresses::is_circuit(&said.over);
        let dialled = Some(said.over).filter(|_| said.dialled);
        let all = dialled.into_iter().chain(said.addresses).map(|address| addresses::bare(&address));
        let mut told = addresses::reaching(all, reached, &self.public);
        kad.store_mut().heard(node, told.clone());
        if !said.serves {
            return self.remove(kad, peer);
        }
        told.retain(|address| !addresses::is_circuit(address));
        told.truncate(ADDRESSES_PER_PEER);
        // Over a relay nothing is seen of where a peer is.
        if told.is_empty() || relayed {
            return;
        }
        if (said.anew || !self.diversity.contains(&node)) && !self.enter(kad, peer, node, reached) {
            return;
        }
        let mut inside = false;
        for address in &told {
            inside |= kad.add_address(peer, address.clone()) == RoutingUpdate::Success;
        }
        if !inside {
            // The bucket is full. If there comes to be room for it, that is reported.
            self.diversity.leave(&node);
        }
        // What it does not say any more leads nowhere.
        let stale = |known: &Multiaddr| !told.contains(&addresses::bare(known));
        let known: Vec<Multiaddr> = entry(kad, peer).into_iter().filter(stale).collect();
        for address in known {
            kad.remove_address(peer, &address);
        }
        self.count();
    }

    /// Kademlia has changed an entry by itself, or is telling of a change made here. `reached` is the address of a
    /// connection to the peer, if there is one.
    pub(super) fn updated(
        &mut self,
        kad: &mut Kad,
        peer: &PeerId,
        known: &Addresses,
        old_peer: Option<PeerId>,
        reached: Option<&Multiaddr>,
    ) {
        if let Some(evicted) = old_peer.as_ref().and_then(node_id) {
            self.diversity.leave(&evicted);
        }
        let (Some(node), Some(at)) = (node_id(peer), reached.or_else(|| known.iter().next()).and_then(addresses::ip))
        else {
            return self.remove(kad, peer);
        };
        let in_table = entry(kad, peer);
        if in_table.is_empty() {
            self.diversity.leave(&node);
        } else if !self.diversity.contains(&node) {
            self.enter(kad, peer, node, at);
        }
        let (useful, useless): (Vec<&Multiaddr>, Vec<&Multiaddr>) =
            in_table.iter().partition(|a| !addresses::is_circuit(a) && addresses::reaches(a, at, &self.public));
        // The last are the newest; those that it was dialled at are among them.
        let too_many = useful.into_iter().rev().skip(ADDRESSES_PER_PEER);
        for address in useless.into_iter().chain(too_many) {
            if kad.remove_address(peer, address).is_some() {
                self.diversity.leave(&node);
            }
        }
        self.count();
    }

    /// Takes a peer out of the table.
    pub(super) fn remove(&mut self, kad: &mut Kad, peer: &PeerId) {
        kad.remove_peer(peer);
        if let Some(node) = node_id(peer) {
            self.diversity.leave(&node);
        }
        self.count();
    }

    /// Enters a peer into the account, or takes it out of the table if it may not be there.
    fn enter(&mut self, kad: &mut Kad, peer: &PeerId, node: NodeId, reached: IpAddr) -> bool {
        let Some(bucket) = self.bucket(peer) else { return false };
        match self.diversity.enter(node, bucket, reached) {
            Ok(()) => true,
            Err(crowded) => {
                tracing::debug!(%peer, %reached, "not taken into the routing table: {crowded}");
                self.counters.dht.refused_peers.add(1);
                self.remove(kad, peer);
                false
            }
        }
    }

    /// The bucket that Kademlia has a peer in; none for this node itself.
    fn bucket(&self, peer: &PeerId) -> Option<Bucket> {
        let distance = KBucketKey::from(*peer).distance(&self.me);
        distance.ilog2().and_then(|bits| Bucket::try_from(bits).ok())
    }

    fn count(&self) {
        self.counters.dht.peers.set(self.diversity.len());
    }
}

/// The addresses that Kademlia has for a peer, oldest first; none if it is not in the table.
fn entry(kad: &mut Kad, peer: &PeerId) -> Vec<Multiaddr> {
    let Some(bucket) = kad.kbucket(*peer) else { return Vec::new() };
    let found = bucket.iter().find(|entry| entry.node.key.preimage() == peer);
    found.map(|entry| entry.node.value.iter().cloned().collect()).unwrap_or_default()
}
