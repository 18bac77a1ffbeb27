//! Addresses as people type them.

use super::*;

#[test]
fn applications_are_named_by_port_or_by_host_and_port() {
    for (text, shown) in [
        ("3000", "127.0.0.1:3000"),
        ("127.0.0.1:3000", "127.0.0.1:3000"),
        ("localhost:80", "localhost:80"),
        ("nas.home_net.example-1.org:65535", "nas.home_net.example-1.org:65535"),
        ("[::1]:8080", "[::1]:8080"),
    ] {
        let address: AppAddress = text.parse().unwrap();
        assert_eq!(address.to_string(), shown);
        assert_eq!(shown.parse(), Ok(address.clone()));
        assert_eq!(serde_json::from_str::<AppAddress>(&format!("{text:?}")).unwrap(), address);
    }
}

#[test]
fn what_is_no_address_of_an_application_is_refused() {
    let long = format!("{}:80", "a".repeat(254));
    for text in [
        "",
        "0",
        "65536",
        "+80",
        "80a",
        ":80",
        "host:",
        "host:0",
        "http://127.0.0.1:3000",
        "127.0.0.1:3000/",
        "::1",
        "[::1]",
        "[::1]80",
        "[host]:80",
        "a b:80",
        "ä:80",
        &long,
    ] {
        let refused = text.parse::<AppAddress>().unwrap_err().to_string();
        assert!(refused.contains("such as 3000"), "{text}: {refused}");
    }
}

#[test]
fn a_local_port_is_of_the_loopback_address_unless_it_is_written_out() {
    for (text, shown) in [
        ("8080", "127.0.0.1:8080"),
        ("0", "127.0.0.1:0"),
        ("localhost:80", "127.0.0.1:80"),
        ("0.0.0.0:8080", "0.0.0.0:8080"),
        ("[::]:8080", "[::]:8080"),
    ] {
        assert_eq!(text.parse::<LocalAddress>().unwrap().to_string(), shown);
    }
    for text in ["", "host:80", "80:", "65536", "[::1]", "127.0.0.1", "-1"] {
        assert!(text.parse::<LocalAddress>().is_err(), "{text}");
    }
}
