//! Every kind of NAT is told from the others, and no liar changes that.

use proptest::{collection, prelude::*};

use super::*;

const PORT: u16 = 4001;
const HOME: &str = "192.168.1.2";
const OUTSIDE: &str = "8.8.4.4";

fn node(n: u16) -> NodeId {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    NodeId::from_public_key(key)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Observer `n`, at an address of its own, sees this node come from `ip` and `port`.
fn seen(n: u16, from: &str, port: u16) -> Observation {
    let [high, low] = n.to_be_bytes();
    Observation {
        observer: node(n),
        observer_ip: IpAddr::from([1, 1, high, low]),
        transport: Transport::Quic,
        local_port: PORT,
        observed: SocketAddr::new(ip(from), port),
        at: Time(0),
    }
}

fn at_home() -> Mappings {
    let mut mappings = Mappings::new(PublicRanges::default());
    mappings.set_local([ip(HOME), ip("2606:4700::2")]);
    mappings
}

fn quic(mappings: &Mappings) -> Mapping {
    mappings.mapping(Transport::Quic, Family::V4, Time(0))
}

/// What is found after these ports were seen by as many observers.
fn found(ports: &[u16]) -> Mapping {
    let mut mappings = at_home();
    for (n, port) in (1..).zip(ports) {
        mappings.observed(seen(n, OUTSIDE, *port));
    }
    quic(&mappings)
}

#[test]
fn the_kinds_of_nat() {
    assert_eq!(found(&[]), Mapping::Unknown);
    assert_eq!(found(&[PORT]), Mapping::Preserving);
    assert_eq!(found(&[PORT, PORT]), Mapping::Preserving);
    assert_eq!(found(&[7]), Mapping::Unknown, "shifted or symmetric: it takes two to tell");
    assert_eq!(found(&[7, 7]), Mapping::Shifted);
    assert_eq!(found(&[7, 8]), Mapping::Symmetric);
    assert_eq!(found(&[7, 8, 9, 10]), Mapping::Symmetric);
    assert_eq!(found(&[PORT, 8, 9]), Mapping::Symmetric, "one kept its port by chance");
}

#[test]
fn no_nat_is_seen_at_an_own_address() {
    let mut mappings = Mappings::new(PublicRanges::default());
    mappings.set_local([ip(OUTSIDE)]);
    mappings.observed(seen(1, "::ffff:8.8.4.4", PORT));
    assert_eq!(quic(&mappings), Mapping::Open);
    mappings.set_local([ip(HOME)]);
    assert_eq!(quic(&mappings), Mapping::Preserving);
}

#[test]
fn two_names_at_one_address_have_one_voice() {
    let mut mappings = at_home();
    let first = seen(1, OUTSIDE, 7);
    mappings.observed(first);
    mappings.observed(Observation { observer: node(2), ..first });
    assert_eq!((quic(&mappings), mappings.observers(Transport::Quic, Family::V4, Time(0))), (Mapping::Unknown, 1));
    mappings.observed(Observation { observer: node(2), observer_ip: ip("1.2.3.4"), ..first });
    assert_eq!(quic(&mappings), Mapping::Unknown, "one name at two addresses neither");
    mappings.observed(first);
    assert_eq!(quic(&mappings), Mapping::Shifted);
}

#[test]
fn another_address_for_each_destination_is_symmetric_too() {
    let mut mappings = at_home();
    mappings.observed(seen(1, "8.8.4.4", PORT));
    mappings.observed(seen(2, "8.8.4.5", PORT));
    assert_eq!(quic(&mappings), Mapping::Symmetric);
    assert_eq!(mappings.seen(Transport::Quic, Family::V4, Time(0)).len(), 2);
}

#[test]
fn transports_families_and_ports_are_judged_apart() {
    let mut mappings = at_home();
    for n in 1..=3 {
        mappings.observed(seen(n, OUTSIDE, 7));
        mappings.observed(Observation { transport: Transport::Tcp, ..seen(n, OUTSIDE, 100 + n) });
        let observer_ip = IpAddr::from([0x2606, 0x4700, 0, 0, 0, 0, 0, n]);
        mappings.observed(Observation { observer_ip, ..seen(n, "2606:4700::2", PORT) });
    }
    assert_eq!(quic(&mappings), Mapping::Shifted);
    assert_eq!(mappings.mapping(Transport::Tcp, Family::V4, Time(0)), Mapping::Symmetric);
    assert_eq!(mappings.mapping(Transport::Quic, Family::V6, Time(0)), Mapping::Open);
    // Connections from other ports say nothing of this one.
    for n in 4..=5 {
        mappings.observed(Observation { local_port: 9, ..seen(n, OUTSIDE, 70 + n) });
    }
    assert_eq!(quic(&mappings), Mapping::Shifted);
}

#[test]
fn only_public_peers_see_the_far_side() {
    let mut mappings = at_home();
    mappings.observed(Observation { observer_ip: ip("192.168.1.3"), ..seen(1, HOME, PORT) });
    mappings.observed(Observation { observer_ip: ip("127.0.0.1"), ..seen(2, "127.0.0.1", PORT) });
    mappings.observed(Observation { observer_ip: ip("192.168.1.3"), ..seen(1, OUTSIDE, PORT) });
    mappings.observed(seen(3, HOME, PORT));
    mappings.observed(seen(4, "2606:4700::2", PORT));
    assert_eq!(quic(&mappings), Mapping::Unknown);
    let mut lab = Mappings::new("10.0.0.0/8".parse().unwrap());
    lab.observed(Observation { observer_ip: ip("10.0.0.3"), ..seen(1, "10.0.0.9", PORT) });
    assert_eq!(quic(&lab), Mapping::Preserving);
}

#[test]
fn observations_expire_and_networks_change() {
    let mut mappings = at_home();
    mappings.observed(seen(1, OUTSIDE, 7));
    mappings.observed(Observation { at: Time(1), ..seen(2, OUTSIDE, 7) });
    let ask = |mappings: &Mappings, now| mappings.mapping(Transport::Quic, Family::V4, now);
    let end = Time(0) + EXPIRY;
    assert_eq!(ask(&mappings, Time(end.0 - 1)), Mapping::Shifted);
    assert_eq!(ask(&mappings, end), Mapping::Unknown);
    mappings.observed(seen(1, OUTSIDE, 7));
    mappings.network_changed();
    assert_eq!(ask(&mappings, Time(0)), Mapping::Unknown);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut mappings = at_home();
    for n in 1..1_000 {
        mappings.observed(Observation { at: Time(n.into()), ..seen(n, OUTSIDE, n) });
    }
    assert_eq!(mappings.observations.len(), OBSERVERS);
    assert!(mappings.observations.iter().all(|o| o.at.0 >= 1_000 - OBSERVERS as u64), "the newest stay");
    mappings.set_local((0..1_000_u16).map(|n| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, n])));
    assert_eq!(mappings.local.len(), LOCAL);
}

#[test]
fn a_nat_behind_the_router() {
    let mut mappings = at_home();
    assert_eq!(mappings.upstream(Time(0)), None);
    for address in ["100.64.3.4", "10.0.0.1", "192.168.2.1"] {
        mappings.set_external(Some(ip(address)));
        let upstream = mappings.upstream(Time(0)).unwrap();
        assert_eq!(upstream, Upstream::Private { external: ip(address) });
        assert!(upstream.is_nat() && upstream.to_string().contains(address));
    }
    mappings.set_external(Some(ip("8.8.9.9")));
    assert_eq!(mappings.upstream(Time(0)), None, "nobody has said what they see");
    mappings.observed(seen(1, OUTSIDE, PORT));
    mappings.observed(seen(2, OUTSIDE, 7));
    let differs = Upstream::Differs { external: ip("8.8.9.9"), observed: ip(OUTSIDE) };
    assert_eq!(mappings.upstream(Time(0)), Some(differs));
    assert!(differs.is_nat() && differs.to_string().contains("8.8.9.9") && differs.to_string().contains(OUTSIDE));
    mappings.set_external(Some(ip(OUTSIDE)));
    assert_eq!(mappings.upstream(Time(0)), Some(Upstream::Same));
    assert!(!Upstream::Same.is_nat());
    let mut lab = Mappings::new("100.64.0.0/10".parse().unwrap());
    lab.set_external(Some(ip("100.64.3.4")));
    assert_eq!(lab.upstream(Time(0)), None, "public there");
}

#[test]
fn every_kind_is_told_in_words_and_with_a_way_out() {
    let kinds = [Mapping::Unknown, Mapping::Open, Mapping::Preserving, Mapping::Shifted, Mapping::Symmetric];
    let names: BTreeSet<&str> = kinds.iter().map(|kind| kind.name()).collect();
    assert_eq!(names.len(), kinds.len());
    for kind in kinds {
        assert!(kind.describe().starts_with(&kind.to_string()), "{kind}");
        assert!(kind.describe().contains("port") || kind == Mapping::Unknown, "{kind}");
    }
}

proptest! {
    #[test]
    fn a_liar_does_not_flip_what_three_agree_on(
        port in prop::sample::select(vec![PORT, 7]),
        honest in 3_u16..10,
        lies in collection::vec((any::<u32>(), any::<u16>(), any::<u16>()), 1..50),
        order in any::<u64>(),
    ) {
        let mut mappings = at_home();
        let truth = if port == PORT { Mapping::Preserving } else { Mapping::Shifted };
        for n in 1..=honest {
            mappings.observed(seen(n, OUTSIDE, port));
        }
        // One name, at one address of its own, says whatever it likes, of any port.
        for (address, seen_port, local_port) in lies {
            let observed = SocketAddr::new(IpAddr::V4(address.into()), seen_port);
            let local_port = if order % 2 == 0 { PORT } else { local_port };
            mappings.observed(Observation { observed, local_port, ..seen(99, OUTSIDE, 0) });
            prop_assert_eq!(quic(&mappings), truth);
        }
    }

    #[test]
    fn a_symmetric_nat_is_never_taken_for_another(ports in collection::btree_set(1024_u16.., 2..30)) {
        let ports: Vec<u16> = ports.into_iter().collect();
        prop_assert_eq!(found(&ports), Mapping::Symmetric);
    }
}
