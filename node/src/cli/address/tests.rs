use super::*;

/// A valid id of a key that nobody holds.
fn id() -> String {
    NodeId::from_public_key([7; 32]).to_string()
}

#[test]
fn an_address_to_dial_may_end_in_an_id() {
    let text = format!("/ip4/192.0.2.7/udp/4077/quic-v1/p2p/{}", id());
    assert_eq!(dial_address(&text).unwrap().to_string(), text);
    assert!(dial_address("/dnsaddr/seeds.example.org").is_ok());
}

#[test]
fn what_is_no_multiaddr_is_refused_with_an_example() {
    for text in ["", "/", "192.0.2.7:4077", "example.org", "/ip4/192.0.2.777/tcp/1", "/ip4/192.0.2.7/tcp/99999"] {
        let said = dial_address(text).expect_err(text).to_string();
        assert!(said.contains("/ip4/192.0.2.7/udp/4077/quic-v1/p2p/12D3Koo…"), "{text}: {said}");
        assert!(listen_address(text).is_err(), "{text}");
    }
}

#[test]
fn a_peer_with_another_kind_of_key_is_refused() {
    let rsa = "/ip4/192.0.2.7/tcp/1/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN";
    assert_eq!(dial_address(rsa), Err(AddressError::ForeignPeer));
}

#[test]
fn one_can_connect_without_knowing_the_id() {
    assert!(dial_address("/ip4/192.0.2.7/tcp/4077").is_ok());
    assert!(dial_address(&format!("/ip6/::1/tcp/4077/p2p/{}", id())).is_ok());
}

#[test]
fn listening_takes_tcp_and_quic() {
    assert!(listen_address("/ip4/127.0.0.1/udp/0/quic-v1").is_ok());
    assert!(listen_address("/ip6/::/tcp/4077").is_ok());
    for text in ["/ip4/127.0.0.1", "/ip4/127.0.0.1/udp/0", "/ip4/127.0.0.1/tcp/1/ws"] {
        assert_eq!(listen_address(text), Err(AddressError::NoTransport), "{text}");
    }
    assert!(listen_address(&format!("/ip4/127.0.0.1/tcp/1/p2p/{}", id())).is_err());
}
