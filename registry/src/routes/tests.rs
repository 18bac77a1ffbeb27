//! Which way calls go, one file per concern. Here is what they share.

use std::collections::BTreeMap;

use atoll_protocol::{
    adjacency::{Adjacency, Neighbour},
    identity::SecretKey,
    names::NetworkName,
    sealed::{Proved, Signed, Verified},
    service::{Extensions, Seq, ServiceRecord, UnixMillis},
};

use super::*;
use crate::time::Time;

mod links;
mod paths;
mod property;
mod survey;
mod table;

pub(super) const WALL: UnixMillis = UnixMillis(1_800_000_000_000);
const TTL_SECS: u32 = 120;
pub(super) const LASTS: Duration = Duration::from_secs(TTL_SECS as u64);

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn id(seed: u8) -> NodeId {
    key(seed).node_id()
}

/// The seed of a node.
fn seed(node: &NodeId) -> u8 {
    (0..=u8::MAX).find(|seed| id(*seed) == *node).unwrap()
}

/// What `author` says of its links: other ends with their round trips in milliseconds, zero where nothing is measured.
fn says(author: u8, seq: u64, links: &[(u8, u32)]) -> Verified<Adjacency> {
    let told = |(peer, ms): &(u8, u32)| Neighbour {
        node: id(*peer),
        rtt_us: Some(ms * 1_000).filter(|rtt| *rtt > 0),
        relayed: false,
    };
    sealed(author, seq, links.iter().map(told).collect())
}

fn sealed(author: u8, seq: u64, mut neighbours: Vec<Neighbour>) -> Verified<Adjacency> {
    neighbours.sort_by_key(|neighbour| neighbour.node);
    let said = Adjacency { seq: Seq(seq), issued: WALL, ttl_secs: TTL_SECS, neighbours, extensions: Extensions::new() };
    Signed::seal(&key(author), &NetworkName::main(), said).unwrap()
}

/// A table of node 1 that has heard, at time zero, all that the ends of these links say.
fn table(links: &[(u8, u8, u32)]) -> LinkState {
    let mut table = LinkState::new(id(1));
    let mut said: BTreeMap<u8, Vec<(u8, u32)>> = BTreeMap::new();
    for (a, b, ms) in links {
        said.entry(*a).or_default().push((*b, *ms));
        said.entry(*b).or_default().push((*a, *ms));
    }
    for (author, links) in said.into_iter().filter(|(author, _)| *author != 1) {
        learn(&mut table, says(author, 1, &links), 0);
    }
    table
}

fn learn(table: &mut LinkState, said: Verified<Adjacency>, now: u64) -> Taken {
    let source = said.author();
    table.learn(said, LASTS, source, Time(now), WALL)
}

fn links_of<'a>(table: &'a LinkState, own: &[Link], now: u64) -> Links<'a> {
    table.links(own, Time(now))
}

fn instance(seed: u8, number: u64, name: &str, version: &str) -> Instance {
    let record = ServiceRecord {
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        instance: InstanceId(number),
        endpoints: Vec::new(),
        topics: Vec::new(),
        doc: String::new(),
        metadata: BTreeMap::new(),
        protocols: Vec::new(),
        issued: UnixMillis(0),
        seq: Seq(1),
        extensions: Extensions::new(),
    };
    let record = Proved::own(&key(seed), record).unwrap();
    Instance { node: id(seed), record, learnt: Time(0), expires: Time(90_000), suspect: false }
}

fn link(seed: u8, relay: Option<u8>, rtt: Option<u64>) -> Link {
    Link { peer: id(seed), relayed_by: relay.map(id), rtt: rtt.map(Duration::from_millis) }
}

#[test]
fn each_kind_of_link() {
    let instances = [1, 2, 3, 4, 5].map(|seed| instance(seed, seed.into(), "a", "1.0.0"));
    let links = [link(2, None, Some(20)), link(3, Some(9), Some(10)), link(4, None, None)];
    let table = LinkState::new(id(1));
    let routes = routes(instances, &links_of(&table, &links, 0));
    let shown: Vec<_> = routes.iter().map(|r| (r.instance.0, r.gateway, r.metric, r.link)).collect();
    let millis = |n| Some(Duration::from_millis(n));
    assert_eq!(shown[0], (1, id(1), millis(0), LinkKind::Local));
    assert_eq!(shown[1], (3, id(9), millis(10), LinkKind::Relayed));
    assert_eq!(shown[2], (2, id(2), millis(20), LinkKind::Direct));
    assert!(shown[3..].contains(&(4, id(4), None, LinkKind::Direct)), "not measured: last");
    assert!(shown[3..].contains(&(5, id(5), None, LinkKind::None)));
    assert_eq!(routes[0].address, id(1));
}

#[test]
fn the_best_of_several_links_counts() {
    let table = LinkState::new(id(1));
    let via = |own: &[Link]| routes([instance(2, 1, "a", "1.0.0")], &links_of(&table, own, 0)).remove(0).metric;
    let (relayed, slow, fast, new) =
        (link(2, Some(9), Some(1)), link(2, None, Some(50)), link(2, None, Some(5)), link(2, None, None));
    for links in [[relayed, slow, fast, new], [new, fast, slow, relayed], [slow, new, relayed, fast]] {
        assert_eq!(via(&links), Some(Duration::from_millis(5)), "direct before relayed, then the faster one");
    }
}

#[test]
fn routes_are_ordered_by_service_then_metric_then_version() {
    let instances = [
        instance(3, 1, "b", "1.0.0"),
        instance(2, 2, "a", "1.0.0"),
        instance(2, 3, "a", "1.10.0"),
        instance(3, 4, "a", "3.0.0"),
    ];
    let table = LinkState::new(id(1));
    let own = [link(2, None, Some(1)), link(3, None, Some(2))];
    let routes = routes(instances, &links_of(&table, &own, 0));
    assert_eq!(routes.iter().map(|route| route.instance.0).collect::<Vec<_>>(), [3, 2, 4, 1]);
    assert_eq!(format!("{:>8}|{}", LinkKind::Direct, LinkKind::None), "  direct|none");
}

#[test]
fn without_a_connection_a_route_is_estimated() {
    let table = table(&[(1, 2, 5), (2, 3, 10), (3, 4, 20), (5, 6, 1)]);
    let own = [link(2, None, Some(6))];
    let instances = [1, 2, 3, 4, 5].map(|seed| instance(seed, seed.into(), "a", "1.0.0"));
    let routes = routes(instances, &links_of(&table, &own, 0));
    let millis = |n| Some(Duration::from_millis(n));
    let shown: Vec<_> =
        routes.iter().map(|r| (r.instance.0, seed(&r.gateway), seed(&r.router), r.metric, r.hops)).collect();
    assert_eq!(shown[0], (1, 1, 1, millis(0), Some(0)));
    assert_eq!(shown[1], (2, 2, 1, millis(6), Some(1)));
    assert_eq!(shown[2], (3, 2, 2, millis(16), Some(2)));
    assert_eq!(shown[3], (4, 2, 3, millis(36), Some(3)));
    assert_eq!(shown[4], (5, 5, 1, None, None), "nothing is known of a way to it");
    let kinds: Vec<_> = routes.iter().map(|r| r.link).collect();
    assert_eq!(kinds, [LinkKind::Local, LinkKind::Direct, LinkKind::None, LinkKind::None, LinkKind::None]);
}

#[test]
fn a_route_ends_with_the_first_thing_that_it_is_derived_from() {
    let mut table = LinkState::new(id(1));
    learn(&mut table, says(2, 1, &[(1, 1), (3, 1)]), 7_000);
    table.learn(says(3, 1, &[(2, 1)]), Duration::from_secs(30), id(2), Time(8_000), WALL);
    let own = [link(2, None, Some(1))];
    let ends = |lease: u64, now: u64| {
        let instance = Instance { expires: Time(lease), ..instance(3, 1, "a", "1.0.0") };
        let routes = routes([instance], &links_of(&table, &own, now));
        (routes[0].expires, routes[0].hops)
    };
    assert_eq!(ends(90_000, 8_000), (Time(38_000), Some(2)), "what was passed on with 30 s left");
    assert_eq!(ends(20_000, 8_000), (Time(20_000), Some(2)), "the lease");
    assert_eq!(ends(90_000, 38_000), (Time(90_000), None), "no way is known any more");
}

#[test]
fn a_relay_is_the_gateway_and_two_hops() {
    let table = table(&[(1, 2, 5), (2, 3, 10)]);
    let own = [link(2, Some(9), Some(40))];
    let instances = [instance(2, 2, "a", "1.0.0"), instance(3, 3, "a", "1.0.0")];
    let routes = routes(instances, &links_of(&table, &own, 0));
    let shown: Vec<_> = routes.iter().map(|r| (seed(&r.gateway), seed(&r.router), r.hops)).collect();
    assert_eq!(shown, [(9, 9, Some(2)), (9, 2, Some(3))]);
}
