//! Tests of what is printed of tunnels.

use super::*;

fn app() -> ExposedApp {
    ExposedApp {
        name: "photos".parse().unwrap(),
        protocol: atoll_protocol::service::Protocol::Http,
        target: "127.0.0.1:3000".to_owned(),
        private: false,
        allow: Default::default(),
        origin: Origin::Kept,
        connections: 2,
        connections_total: 17,
        bytes_in: 4096,
        bytes_out: 1 << 30,
    }
}

#[test]
fn a_page_shows_what_there_is() {
    let nothing = TunnelsReport { exposed: Vec::new(), forwarded: Vec::new() };
    assert!(page(&nothing, None).contains("node expose"));
    let port = ForwardedPort {
        service: "wiki@1".to_owned(),
        local: "127.0.0.1:8080".parse().unwrap(),
        peer: None,
        by_ticket: false,
        url: None,
        origin: Origin::Session,
        connections: 0,
        connections_total: 1,
        bytes_out: 12,
        bytes_in: 34,
    };
    let shown = page(&TunnelsReport { exposed: vec![app()], forwarded: vec![port] }, None);
    let expected = "\
EXPOSED  APPLICATION          WHO        SINCE  OPEN  ALL  IN     OUT
photos   http 127.0.0.1:3000  everybody  kept   2     17   4 KiB  1 GiB

PORT            SERVICE  NODE  SINCE    OPEN  ALL  IN    OUT
127.0.0.1:8080  wiki@1   -     session  0     1    12 B  34 B";
    assert_eq!(shown, expected);
}

#[test]
fn who_may_use_it_is_said_in_words() {
    let node = atoll_protocol::identity::NodeId::from_public_key([7; 32]);
    let with = |private, allow: &[_]| who(&ExposedApp { private, allow: allow.iter().copied().collect(), ..app() });
    assert_eq!(with(false, &[]), "everybody");
    assert_eq!(with(false, &[node]), "1 node");
    assert_eq!(with(true, &[]), "by ticket");
    assert_eq!(with(true, &[node]), "1 node, private");
}
