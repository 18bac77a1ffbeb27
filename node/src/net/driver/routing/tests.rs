//! Kademlia's table and the account of it, without a network.

use std::time::Duration;

use atoll_protocol::identity::SecretKey;
use libp2p::{StreamProtocol, multiaddr::Protocol};

use super::*;
use crate::{net::peer_id, storage::Storage};

struct Desk {
    kad: Kad,
    routing: Routing,
    me: PeerId,
}

fn peer(n: u16) -> PeerId {
    let mut seed = [0; 32];
    seed[..2].copy_from_slice(&n.to_be_bytes());
    peer_id(&SecretKey::from_seed(&seed).node_id()).unwrap()
}

fn at(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

fn tcp(ip: &str) -> Multiaddr {
    at(&format!("/ip4/{ip}/tcp/4077"))
}

fn said(over: &Multiaddr, addresses: &[Multiaddr]) -> Said {
    Said { serves: true, addresses: addresses.to_vec(), over: over.clone(), dialled: false, anew: true }
}

impl Desk {
    fn new() -> Self {
        let (me, counters) = (peer(0), Arc::<Counters>::default());
        let records = Records::new(me, Storage::open(None).unwrap(), PublicRanges::default(), Arc::clone(&counters));
        let mut config = kad::Config::new(StreamProtocol::new("/test/kad/1"));
        config.set_kbucket_inserts(kad::BucketInserts::Manual).set_kbucket_pending_timeout(Duration::ZERO);
        Self {
            kad: kad::Behaviour::with_config(me, records, config),
            routing: Routing::new(me, PublicRanges::default(), counters),
            me,
        }
    }

    fn identified(&mut self, n: u16, said: Said) {
        self.routing.identified(&mut self.kad, &peer(n), said);
    }

    /// A peer that is reached where it says it is.
    fn met(&mut self, n: u16, ip: &str) {
        self.identified(n, said(&tcp(ip), &[tcp(ip)]));
    }

    fn knows(&mut self, n: u16) -> Vec<String> {
        entry(&mut self.kad, &peer(n)).iter().map(|a| addresses::bare(a).to_string()).collect()
    }

    /// Whether the account is that of the table. Returns how many there are.
    fn count(&mut self) -> usize {
        let in_table: Vec<PeerId> =
            self.kad.kbuckets().flat_map(|b| b.iter().map(|e| *e.node.key.preimage()).collect::<Vec<_>>()).collect();
        assert!(in_table.iter().all(|p| self.routing.diversity.contains(&node_id(p).unwrap())));
        assert_eq!((in_table.len(), in_table.len()), (self.routing.len(), self.routing.counters.dht.peers.value()));
        in_table.len()
    }

    fn refused(&self) -> u64 {
        self.routing.counters.dht.refused_peers.count()
    }

    fn updated(&mut self, n: u16, old: Option<u16>, reached: Option<&Multiaddr>) {
        let mut known = Addresses::new(tcp("8.8.8.8"));
        for (i, address) in entry(&mut self.kad, &peer(n)).into_iter().enumerate() {
            if i == 0 {
                known = Addresses::new(address)
            } else {
                known.insert(address);
            }
        }
        self.routing.updated(&mut self.kad, &peer(n), &known, old.map(peer), reached);
    }
}

#[tokio::test]
async fn one_subnet_does_not_fill_the_table() {
    let mut desk = Desk::new();
    for n in 1..=200 {
        desk.met(n, &format!("8.8.8.{n}"));
    }
    let met = desk.count();
    assert!((2..=Diversity::PER_TABLE).contains(&met), "{met}");
    assert_eq!(desk.refused() as usize, 200 - met);
    for bucket in desk.kad.kbuckets() {
        assert!(bucket.num_entries() <= Diversity::PER_BUCKET);
    }
    let before = desk.count();
    desk.met(300, "9.9.9.9");
    assert_eq!(desk.count(), before + 1, "another subnet");
    let mut home = Desk::new();
    for n in 1..=15 {
        home.met(n, &format!("192.168.0.{n}"));
    }
    assert_eq!((home.count(), home.refused()), (15, 0), "at home everyone may be there");
}

#[tokio::test]
async fn a_peer_counts_where_it_was_reached_not_where_it_says_it_is() {
    let mut desk = Desk::new();
    for n in 1..=100 {
        let elsewhere = tcp(&format!("1.{n}.1.1"));
        desk.identified(n, said(&tcp("8.8.8.8"), &[elsewhere]));
    }
    assert!(desk.count() <= Diversity::PER_TABLE);
}

/// Peers that Kademlia has in one bucket.
fn of_one_bucket(n: usize) -> Vec<u16> {
    let bucket = |n: &u16| KBucketKey::from(peer(*n)).distance(&KBucketKey::from(peer(0))).ilog2();
    (1..500).filter(|n| bucket(n) == Some(255)).take(n).collect()
}

#[tokio::test]
async fn a_peer_that_comes_back_from_a_crowded_subnet_is_out() {
    let mut desk = Desk::new();
    let same = of_one_bucket(3);
    desk.met(same[0], "8.8.8.1");
    desk.met(same[1], "8.8.8.2");
    desk.met(same[2], "9.9.9.9");
    assert_eq!(desk.count(), 3);
    desk.identified(same[2], Said { anew: false, ..said(&tcp("8.8.8.3"), &[tcp("8.8.8.3")]) });
    assert_eq!(desk.count(), 3, "another connection to it does not move it");
    desk.met(same[2], "8.8.8.3");
    assert_eq!((desk.knows(same[2]).len(), desk.count(), desk.refused()), (0, 2, 1));
}

#[tokio::test]
async fn only_addresses_that_lead_straight_to_it_are_known() {
    let mut desk = Desk::new();
    let circuit = tcp("9.9.9.9").with(Protocol::P2p(peer(9))).with(Protocol::P2pCircuit);
    let all = [tcp("127.0.0.1"), tcp("192.168.1.1"), circuit.clone(), at("/dns4/example.org/tcp/1"), tcp("8.8.8.8")];
    desk.identified(1, said(&tcp("8.8.8.8"), &all));
    assert_eq!(desk.knows(1), [tcp("8.8.8.8").to_string()]);
    desk.identified(2, said(&tcp("8.8.8.8"), &all[..4]));
    assert!(desk.knows(2).is_empty(), "nothing that others could dial");
    desk.identified(3, said(&circuit, &all));
    assert!(desk.knows(3).is_empty(), "behind a relay nothing is seen of it");
    let many: Vec<Multiaddr> = (1..=99).map(|n| tcp(&format!("8.8.8.{n}"))).collect();
    desk.identified(4, said(&tcp("8.8.8.1"), &many));
    assert_eq!(desk.knows(4).len(), ADDRESSES_PER_PEER);
    assert_eq!(desk.count(), 2);
}

#[tokio::test]
async fn what_a_peer_says_no_more_is_forgotten() {
    let mut desk = Desk::new();
    let (old, new) = (tcp("8.8.8.8"), tcp("8.8.8.9"));
    desk.identified(1, said(&old, std::slice::from_ref(&old)));
    desk.identified(1, Said { anew: false, ..said(&old, std::slice::from_ref(&new)) });
    assert_eq!(desk.knows(1), [new.to_string()]);
    // But where it was dialled, it can be dialled.
    desk.identified(1, Said { dialled: true, ..said(&old, std::slice::from_ref(&new)) });
    assert_eq!(desk.knows(1).len(), 2);
    desk.identified(1, Said { serves: false, ..said(&old, std::slice::from_ref(&old)) });
    assert_eq!((desk.knows(1).len(), desk.count()), (0, 0), "it does not serve any more");
    desk.met(1, "8.8.8.8");
    let p = peer(1);
    desk.routing.remove(&mut desk.kad, &p);
    assert_eq!(desk.count(), 0);
}

#[tokio::test]
async fn what_kademlia_adds_by_itself_is_put_right() {
    let mut desk = Desk::new();
    desk.met(1, "8.8.8.8");
    let circuit = tcp("9.9.9.9").with(Protocol::P2p(peer(9))).with(Protocol::P2pCircuit);
    for address in [tcp("127.0.0.1"), tcp("10.0.0.1"), circuit] {
        let _ = desk.kad.add_address(&peer(1), address);
    }
    desk.updated(1, None, Some(&tcp("8.8.8.8")));
    assert_eq!(desk.knows(1), [tcp("8.8.8.8").to_string()]);
    for n in 1..=20 {
        let _ = desk.kad.add_address(&peer(1), tcp(&format!("8.8.4.{n}")));
    }
    desk.updated(1, None, Some(&tcp("8.8.8.8")));
    let known = desk.knows(1);
    assert_eq!(known.len(), ADDRESSES_PER_PEER);
    assert!(known.contains(&tcp("8.8.4.20").to_string()), "the newest are kept: {known:?}");
    assert_eq!(desk.count(), 1);
}

#[tokio::test]
async fn whoever_was_put_out_leaves_its_place_to_others() {
    let mut desk = Desk::new();
    let same = of_one_bucket(4);
    desk.met(same[0], "8.8.8.1");
    desk.met(same[1], "8.8.8.2");
    desk.met(same[2], "8.8.8.3");
    assert_eq!((desk.count(), desk.refused()), (2, 1));
    // Kademlia has replaced one by another, which it had kept waiting.
    desk.kad.remove_peer(&peer(same[0]));
    let _ = desk.kad.add_address(&peer(same[3]), tcp("8.8.8.4"));
    desk.updated(same[3], Some(same[0]), None);
    assert_eq!(desk.count(), 2);
    // And again, by one that may not be there.
    let _ = desk.kad.add_address(&peer(same[2]), tcp("8.8.8.3"));
    desk.updated(same[2], None, None);
    assert_eq!((desk.knows(same[2]).len(), desk.count(), desk.refused()), (0, 2, 2));
}

#[tokio::test]
async fn a_full_bucket_leaves_no_trace_of_who_did_not_get_in() {
    let mut desk = Desk::new();
    for n in 1..=400 {
        desk.met(n, "127.0.0.1");
        desk.count();
    }
    assert!(desk.count() < 400);
    let me = desk.me;
    assert_eq!(desk.routing.bucket(&me), None);
}
