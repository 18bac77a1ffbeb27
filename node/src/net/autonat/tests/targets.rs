//! Which address a server chooses.

use crate::net::autonat::targets::choose;

use super::address;

/// The index and the address that is chosen where everything is public.
fn chosen(addresses: &[&str]) -> Option<(u32, String)> {
    let bytes: Vec<_> = addresses.iter().map(|a| address(a).to_vec()).collect();
    choose(&bytes, |_| true).map(|target| (target.index, target.address.to_string()))
}

#[test]
fn addresses_of_the_transports_that_nodes_have_are_dialled() {
    for good in [
        "/ip4/198.51.100.7/udp/4077/quic-v1",
        "/ip4/198.51.100.7/tcp/4077",
        "/ip4/198.51.100.7/tcp/443/ws",
        "/ip6/2001:db8::7/udp/4077/quic-v1",
        "/ip4/10.1.2.3/tcp/4077",
    ] {
        assert_eq!(chosen(&[good]), Some((0, good.to_owned())));
        let named = format!("{good}/p2p/12D3KooWRBhwfeP2Y4TCx1SM6s9rUoHhR5STiGwxBhgFRcw3UERE");
        assert_eq!(chosen(&[&named]), Some((0, good.to_owned())), "without the peer");
    }
}

#[test]
fn nothing_else_is_ever_dialled() {
    let peer = "12D3KooWRBhwfeP2Y4TCx1SM6s9rUoHhR5STiGwxBhgFRcw3UERE";
    let circuit = format!("/ip4/198.51.100.7/tcp/1/p2p/{peer}/p2p-circuit");
    let beyond = format!("{circuit}/p2p/{peer}");
    let twice = format!("/ip4/198.51.100.7/tcp/1/p2p/{peer}/p2p/{peer}");
    let itself = ["/ip4/127.0.0.1/tcp/22", "/ip6/::1/tcp/22", "/ip6/::ffff:127.0.0.1/tcp/22", "/ip4/0.0.0.0/tcp/22"];
    let link = ["/ip4/169.254.169.254/tcp/80", "/ip6/fe80::1/tcp/22", "/ip6/::ffff:169.254.169.254/tcp/80"];
    let many = ["/ip4/224.0.0.1/udp/1/quic-v1", "/ip4/255.255.255.255/udp/1/quic-v1", "/ip6/ff02::1/udp/1/quic-v1"];
    let forms = ["/dns4/x.example/tcp/1", "/ip4/198.51.100.7/tcp/0", "/ip4/198.51.100.7/udp/1", "/tcp/1"];
    let more =
        ["/ip4/198.51.100.7/tcp/1/tls/ws", "/ip4/198.51.100.7/tcp/1/x-parity-ws/%2fadmin", &circuit, &beyond, &twice];
    for bad in itself.into_iter().chain(link).chain(many).chain(forms).chain(more) {
        assert_eq!(chosen(&[bad]), None, "{bad}");
    }
}

#[test]
fn the_first_that_can_be_dialled_is_chosen() {
    let all = ["/ip4/127.0.0.1/tcp/1", "/dns4/x.example/tcp/1", "/ip4/198.51.100.7/tcp/1", "/ip4/198.51.100.7/tcp/2"];
    assert_eq!(chosen(&all), Some((2, all[2].to_owned())));
    let readable = address(all[2]).to_vec();
    let target = choose(&[vec![0xff; 9], Vec::new(), readable], |_| true).unwrap();
    assert_eq!(target.index, 2, "what cannot be read is passed over");
}

#[test]
fn the_caller_says_what_is_public() {
    let mapped = address("/ip6/::ffff:10.0.0.1/tcp/1").to_vec();
    let plain = address("/ip4/198.51.100.7/tcp/1").to_vec();
    let public = |ip: std::net::IpAddr| ip.to_string() == "198.51.100.7";
    let target = choose(&[mapped, plain.clone()], public).unwrap();
    assert_eq!((target.index, target.ip.to_string().as_str()), (1, "198.51.100.7"), "also of IPv4 within IPv6");
    assert_eq!(choose(&[plain], |_| false), None);
}
