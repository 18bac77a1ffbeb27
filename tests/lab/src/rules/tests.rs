use std::time::Duration;

use super::{Ports, Translation};
use crate::nat::Scope;

fn rules(ports: Ports, filtering: Scope, udp: bool) -> String {
    Translation { ports, filtering, udp, udp_timeout: Duration::from_secs(30), maps_ports: false }.ruleset()
}

#[test]
fn only_open_kinds_let_others_in() {
    let strict = rules(Ports::Fixed(0), Scope::AddressAndPortDependent, true);
    assert!(!strict.contains("prerouting") && !strict.contains("@mappings"), "{strict}");
    let full = rules(Ports::Fixed(0), Scope::EndpointIndependent, true);
    assert!(full.contains("prerouting") && !full.contains("ip saddr @contacted"), "{full}");
    let address = rules(Ports::Fixed(0), Scope::AddressDependent, true);
    assert!(address.contains("ip saddr @contacted"), "{address}");
}

#[test]
fn every_kind_drops_what_nobody_asked_for() {
    for ports in [Ports::Fixed(0), Ports::Fixed(7), Ports::Random] {
        for filtering in [Scope::EndpointIndependent, Scope::AddressDependent, Scope::AddressAndPortDependent] {
            let rules = rules(ports, filtering, true);
            assert!(rules.contains("hook input priority filter; policy drop;"), "{rules}");
            assert!(rules.contains("hook forward priority filter; policy drop;"), "{rules}");
        }
    }
}

#[test]
fn udp_mappings_live_as_long_as_they_are_told_to() {
    let rules = rules(Ports::Fixed(0), Scope::EndpointIndependent, true);
    assert!(rules.contains("meta l4proto . udp sport timeout 30s :"), "{rules}");
}

#[test]
fn ports_and_udp_are_as_told() {
    let strict = Scope::AddressAndPortDependent;
    assert!(rules(Ports::Fixed(4096), strict, true).contains("udp sport ^ 4096"));
    assert!(!rules(Ports::Fixed(0), strict, true).contains('^'));
    assert!(rules(Ports::Random, strict, true).contains("fully-random"));
    assert!(rules(Ports::Fixed(0), strict, false).contains("udp drop"));
    assert!(!rules(Ports::Fixed(0), strict, true).contains("udp drop"));
}

#[test]
fn a_router_is_asked_for_ports_only_if_it_maps_them() {
    let mut router = Translation {
        ports: Ports::Fixed(0),
        filtering: Scope::AddressAndPortDependent,
        udp: true,
        udp_timeout: Duration::from_secs(30),
        maps_ports: false,
    };
    assert!(!router.ruleset().contains("5351"));
    router.maps_ports = true;
    assert!(router.ruleset().contains("iifname \"lan\" udp dport { 1900, 5351 } accept;"), "{}", router.ruleset());
}
