use atoll_registry::standing::Tier;

use super::*;

fn id(key: u8) -> NodeId {
    NodeId::from_public_key([key; 32])
}

#[test]
fn nodes_begin_with_this_one() {
    let node = |key, me, suspect| NodeRow {
        node: id(key),
        me,
        agent: "atoll/0.1.0".to_owned(),
        addresses: vec![format!("/ip4/192.0.2.{key}/tcp/4077/p2p/{}", id(key)), "/ip6/::1/tcp/1".to_owned()],
        services: ["a", "b", "c", "d", "e"].iter().map(|name| name.parse().unwrap()).collect(),
        path: if me { None } else { Some("direct".to_owned()) },
        rtt_ms: if me { None } else { Some(1.5) },
        age_ms: 61_000,
        suspect,
        tier: if me { None } else { Some(Tier::Member) },
        score: if me { None } else { Some(0.66) },
    };
    let lines = nodes(&[node(1, false, false), node(2, true, false), node(3, false, true)]).render(None);
    let expected = [
        "NODE       STATE    TIER    SCORE  PATH    RTT_MS  AGE  AGENT        ADDRESS                  SERVICES"
            .to_owned(),
        format!(
            "{}  self     -       -      -       -       1m   atoll/0.1.0  /ip4/192.0.2.2/tcp/4077  a,b,c,+2",
            id(2).short()
        ),
        format!(
            "{}  ok       member  0.66   direct  1.50    1m   atoll/0.1.0  /ip4/192.0.2.1/tcp/4077  a,b,c,+2",
            id(1).short()
        ),
        format!(
            "{}  suspect  member  0.66   direct  1.50    1m   atoll/0.1.0  /ip4/192.0.2.3/tcp/4077  a,b,c,+2",
            id(3).short()
        ),
    ];
    assert_eq!(lines, expected.join("\n"));
}

#[test]
fn services_count_what_does_not_fit() {
    let row = ServiceRow {
        name: "math.calc".parse().unwrap(),
        version: "1.0.0".to_owned(),
        instances: 5,
        nodes: (1..=5).map(id).collect(),
        age_ms: 3_000,
    };
    let ids = [id(1).short(), id(2).short(), id(3).short(), "+2".to_owned()].join(",");
    let width = ids.chars().count();
    let expected =
        format!("NAME       VERSION  INSTANCES  {:width$}  AGE\nmath.calc  1.0.0    5          {ids}  3s", "NODES");
    assert_eq!(services(&[row]).render(None), expected);
}

#[test]
fn routes_have_the_known_columns() {
    let row = |metric, link: &str, hops| RouteRow {
        service: "math.calc@1.0.0".to_owned(),
        address: id(1),
        gateway: id(2),
        router: id(3),
        network: "main".parse().unwrap(),
        metric_us: metric,
        estimated: link == "none" && metric.is_some(),
        hops,
        expires_ms: hops.map(|hops| u64::from(hops) * 40_000),
        link: link.to_owned(),
    };
    let rows = [row(Some(1234), "direct", Some(1)), row(Some(56789), "none", Some(3)), row(None, "none", None)];
    let text = routes(&rows).render(None);
    let (a, b, c) = (id(1).short(), id(2).short(), id(3).short());
    let expected = [
        "SERVICE          ADDRESS    GATEWAY    ROUTER     NETWORK  METRIC  LINK    HOPS  EXPIRES".to_owned(),
        format!("math.calc@1.0.0  {a}  {b}  {c}  main     1234    direct  1     40s"),
        format!("math.calc@1.0.0  {a}  {b}  {c}  main     ~56789  none    3     2m"),
        format!("math.calc@1.0.0  {a}  {b}  {c}  main     -       none    -     -"),
    ];
    assert_eq!(text, expected.join("\n"));
}

#[test]
fn connections_have_the_known_columns() {
    let row = ConnectionRow {
        peer: id(1),
        address: format!("/ip4/192.0.2.7/udp/4077/quic-v1/p2p/{}", id(1)),
        path: "direct".to_owned(),
        via: None,
        transport: "quic".to_owned(),
        rtt_ms: None,
        outbound: true,
        faults: BTreeMap::new(),
    };
    let expected = [
        "PEER       ADDRESS                          PATH    TRANSPORT  RTT_MS".to_owned(),
        format!("{}  /ip4/192.0.2.7/udp/4077/quic-v1  direct  quic       -", id(1).short()),
    ];
    assert_eq!(connections(std::slice::from_ref(&row)).render(None), expected.join("\n"));

    let relay = "/ip4/192.0.2.9/udp/4077/quic-v1";
    let address = format!("{relay}/p2p/{}/p2p-circuit/p2p/{}", id(2), id(1));
    let relayed = ConnectionRow { address, path: "relayed".to_owned(), via: Some(id(2)), ..row.clone() };
    let lines = connections(&[relayed]).render(None);
    assert!(lines.contains(&format!("{relay}  relayed via {}  quic", id(2).short())), "{lines}");

    let faults = [("replayed".to_owned(), 1), ("forged".to_owned(), 20)].into_iter().collect();
    let faulty = ConnectionRow { faults, ..row.clone() };
    let lines = connections(&[row, faulty]).render(None);
    let ends: Vec<&str> = lines.lines().map(|line| line.rsplit_once("  ").unwrap().1.trim_start()).collect();
    assert_eq!(ends, ["FAULTS", "-", "20 forged, 1 replayed"]);
}

#[test]
fn status_is_read_top_down() {
    let report = StatusReport {
        node: id(1),
        network: "main".parse().unwrap(),
        agent: "atoll/0.1.0".to_owned(),
        pid: 42,
        data_dir: "/d".into(),
        uptime_ms: 7_200_000,
        addresses: vec!["/ip4/192.0.2.7/tcp/1".to_owned(), "/ip6/::1/tcp/1".to_owned()],
        joined: true,
        gateway: Some("http://127.0.0.1:4080/".to_owned()),
        peers: 1,
        nodes: 3,
        instances: 4,
        dht: "server".to_owned(),
        sessions: 0,
        sessions_connected: 0,
        faults: BTreeMap::new(),
        barred: Vec::new(),
    };
    let expected = format!(
        "\
node       {}
network    main, joined, connected to 1 peer
knows      3 nodes, 4 service instances
agent      atoll/0.1.0
process    42, up 2h
data       /d
dht        server
gateway    http://127.0.0.1:4080/
addresses  /ip4/192.0.2.7/tcp/1
           /ip6/::1/tcp/1",
        id(1)
    );
    assert_eq!(status(&report), expected);
    let faults = [("malformed".to_owned(), 3), ("forged".to_owned(), 12)].into_iter().collect();
    let sinned_against = status(&StatusReport { faults, barred: vec![id(9)], ..report.clone() });
    assert!(sinned_against.contains("\nrefused    12 forged, 3 malformed\n"), "{sinned_against}");
    assert!(sinned_against.contains(&format!("\nbarred     {}\n", id(9).short())), "{sinned_against}");
    let waiting = StatusReport { joined: false, peers: 0, ..report };
    assert!(status(&waiting).contains("main, not joined yet, connected to 0 peers"));
}

#[test]
fn the_id_at_the_end_of_an_address_is_not_said_twice() {
    assert_eq!(without_peer("/ip4/1.2.3.4/tcp/1/p2p/X"), "/ip4/1.2.3.4/tcp/1");
    assert_eq!(without_peer("/ip4/1.2.3.4/tcp/1"), "/ip4/1.2.3.4/tcp/1");
    let relayed = "/ip4/1.2.3.4/tcp/1/p2p/X/p2p-circuit";
    assert_eq!(without_peer(relayed), relayed);
}
