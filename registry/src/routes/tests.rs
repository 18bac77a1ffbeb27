//! Which way calls go.

use std::collections::BTreeMap;

use atoll_protocol::{
    identity::SecretKey,
    names::NetworkName,
    sealed::Signed,
    service::{Extensions, Seq, ServiceRecord, UnixMillis},
};

use super::*;
use crate::time::Time;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn id(seed: u8) -> NodeId {
    key(seed).node_id()
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
    let record = Signed::seal(&key(seed), &NetworkName::main(), record).unwrap().record().clone();
    Instance { node: id(seed), record, learnt: Time(0), expires: Time(90_000), suspect: false }
}

fn link(seed: u8, relay: Option<u8>, rtt: Option<u64>) -> Link {
    Link { peer: id(seed), relayed_by: relay.map(id), rtt: rtt.map(Duration::from_millis) }
}

#[test]
fn each_kind_of_link() {
    let instances = [1, 2, 3, 4, 5].map(|seed| instance(seed, seed.into(), "a", "1.0.0"));
    let links = [link(2, None, Some(20)), link(3, Some(9), Some(10)), link(4, None, None)];
    let routes = routes(id(1), instances, links);
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
    let via = |links: &[Link]| routes(id(1), [instance(2, 1, "a", "1.0.0")], links.to_vec()).remove(0).metric;
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
    let routes = routes(id(1), instances, [link(2, None, Some(1)), link(3, None, Some(2))]);
    assert_eq!(routes.iter().map(|route| route.instance.0).collect::<Vec<_>>(), [3, 2, 4, 1]);
    assert_eq!(format!("{:>8}|{}", LinkKind::Direct, LinkKind::None), "  direct|none");
}
