//! What a person reads, for the cases there are.

use atoll_protocol::identity::SecretKey;
use atoll_registry::{
    reach::{Transport, mapping::Family, punch},
    time::Time,
};

use super::*;
use crate::{
    control::api::{PunchCounts, RelayRow, RelayedPeer, TestedAddress},
    net::reach::Nat,
};

fn reach() -> Reach {
    Reach {
        at: Time(0),
        reachability: Reachability::Unknown,
        tested: Vec::new(),
        nats: Vec::new(),
        upstream: None,
        port_mapping: PortMapping::Tried,
        listening: Vec::new(),
        needs_relay: true,
        relays: Vec::new(),
        punches: punch::Counts::default(),
        relayed: Vec::new(),
    }
}

fn report() -> DoctorReport {
    DoctorReport {
        node: SecretKey::from_seed(&[1; 32]).node_id(),
        findings: Vec::new(),
        reachability: "unknown".to_owned(),
        tested: vec![TestedAddress { address: "/ip4/203.0.113.9/tcp/1".to_owned(), reachable: None, yes: 0, no: 0 }],
        nat: Vec::new(),
        ipv6: false,
        port_mapping: "tried".to_owned(),
        mapped: Vec::new(),
        relays: Vec::new(),
        punches: PunchCounts::default(),
        relayed: Vec::new(),
        relaying: None,
        clock_ahead_ms: None,
    }
}

fn held(count: u8) -> Vec<RelayRow> {
    let relay = |n| RelayRow {
        relay: SecretKey::from_seed(&[n; 32]).node_id(),
        state: "held".to_owned(),
        expires_ms: Some(1),
        rtt_ms: None,
        failures: 0,
    };
    (1..=count).map(relay).collect()
}

/// What is said of a subject: how it is, and whether there is advice.
fn of(subject: &str, report: &DoctorReport, reach: &Reach) -> (Health, String, bool) {
    let all = all(report, reach, 1);
    let found = all.into_iter().find(|finding| finding.subject == subject).expect("it is looked at");
    (found.health, found.says, found.advice.is_some())
}

#[test]
fn a_node_that_is_alone_is_told_how_to_find_others() {
    let all = all(&report(), &reach(), 0);
    assert_eq!(all.len(), 1, "nothing else can be told then");
    assert_eq!(all[0].health, Health::Bad);
    assert!(all[0].advice.as_ref().unwrap().contains("--peer"));
}

#[test]
fn what_is_wrong_comes_with_what_to_do() {
    let every_bad = |report: &DoctorReport, reach: &Reach| {
        let all = all(report, reach, 1);
        all.into_iter().filter(|f| f.health == Health::Bad).all(|f| f.advice.is_some())
    };
    let private = Reach { reachability: Reachability::Private, ..reach() };
    let late = DoctorReport { clock_ahead_ms: Some(-9_999_000), ..report() };
    assert!(every_bad(&late, &private));
    assert_eq!(of("clock", &late, &private), (Health::Bad, "9999 s behind the peers' clocks".to_owned(), true));
}

#[test]
fn reachability_is_told_by_what_follows_from_it() {
    let subject = "reachability";
    assert_eq!(of(subject, &report(), &reach()).0, Health::Unknown);
    let address = "/ip4/203.0.113.9/tcp/1".parse().unwrap();
    let public = Reach { reachability: Reachability::Public { addresses: [address].into() }, ..reach() };
    let (health, says, _) = of(subject, &report(), &public);
    assert_eq!((health, says.contains("/ip4/203.0.113.9/tcp/1")), (Health::Good, true), "{says}");
    let private = Reach { reachability: Reachability::Private, ..reach() };
    assert_eq!(of(subject, &report(), &private).0, Health::Bad, "and no relay");
    let relayed = DoctorReport { relays: held(1), ..report() };
    assert_eq!(of(subject, &relayed, &private).0, Health::Fair);
    let island = Reach { needs_relay: false, ..reach() };
    assert_eq!(of(subject, &DoctorReport { tested: Vec::new(), ..report() }, &island).0, Health::Good);
}

#[test]
fn one_relay_is_too_few() {
    assert_eq!(of("relays", &report(), &reach()).0, Health::Bad);
    for (count, health) in [(1, Health::Fair), (2, Health::Good)] {
        assert_eq!(of("relays", &DoctorReport { relays: held(count), ..report() }, &reach()).0, health);
    }
    assert_eq!(of("relays", &report(), &Reach { needs_relay: false, ..reach() }).0, Health::Good);
}

#[test]
fn nats_are_told_in_plain_words() {
    let nat = |mapping| Nat { transport: Transport::Quic, family: Family::V4, mapping, observers: 2, seen: Vec::new() };
    for (mapping, health) in [(Mapping::Preserving, Health::Good), (Mapping::Symmetric, Health::Fair)] {
        let found = of("NAT for quic", &report(), &Reach { nats: vec![nat(mapping)], ..reach() });
        assert_eq!((found.0, found.1.as_str()), (health, mapping.describe()));
    }
}

#[test]
fn hole_punching_is_told_of_once_there_was_some() {
    let tells = |report: &DoctorReport| all(report, &reach(), 1).iter().any(|f| f.subject == "hole punching");
    assert!(!tells(&report()));
    let tried = PunchCounts { tried: 3, succeeded: 2, ..PunchCounts::default() };
    let good = DoctorReport { punches: tried, ..report() };
    let (health, says, _) = of("hole punching", &good, &reach());
    assert_eq!((health, says.as_str()), (Health::Good, "2 of 3 attempts brought a direct connection"));
    let peer = RelayedPeer { peer: report().node, attempts: 1, failed: None };
    assert_eq!(of("hole punching", &DoctorReport { relayed: vec![peer], ..good }, &reach()).0, Health::Fair);
}

#[test]
fn port_mapping_says_what_to_switch_on() {
    for (state, health) in [
        (PortMapping::Off, Health::Fair),
        (PortMapping::NotTried, Health::Good),
        (PortMapping::Tried, Health::Fair),
        (PortMapping::Mapped { udp: "203.0.113.9:4077".parse().ok(), tcp: None }, Health::Good),
    ] {
        let found = of("port mapping", &report(), &Reach { port_mapping: state, ..reach() });
        assert_eq!(found.0, health, "{state:?}");
        assert_eq!(found.2, health == Health::Fair, "{state:?}");
    }
}
