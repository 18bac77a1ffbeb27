//! Tests of the configuration file.

use super::*;

fn read(text: &str) -> Result<Config, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.toml");
    fs::write(&path, text).unwrap();
    Config::read(&path)
}

/// The error that `text` gives, which names the file.
fn refused(text: &str) -> String {
    let message = read(text).unwrap_err().to_string();
    assert!(message.contains("node.toml"), "{message}");
    message
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let config = read("").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!((config.network.as_str(), config.data_dir, config.net.mdns), ("main", None, true));
    assert!(config.bootstrap.is_empty() && config.net.listen.is_empty());
}

#[test]
fn everything_can_be_said() {
    let config = read(
        r#"
        network = "island"
        data_dir = "/var/lib/atoll"
        bootstrap = ["/dnsaddr/example.org", "/ip4/192.0.2.7/tcp/4077"]
        bench = true
        log = "debug"

        [net]
        listen = ["/ip4/0.0.0.0/udp/5000/quic-v1"]
        mdns = false

        [net.relay_limits]
        circuits = 8

        [gateway]
        listen = ["127.0.0.1:4080", "[::1]:4080"]
        token_file = "/etc/atoll/token"
        certificate = "/etc/atoll/cert.pem"
        key = "/etc/atoll/key.pem"
        hosts = ["node.example.org"]
        origins = ["https://app.example.org"]
        remote_upstreams = true
        connections = 100

        [topics]
        keep = 4
        strangers_mib = 100
        owners = { "rooms/>" = "12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477" }

        [standing]
        trusted = ["12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477"]
        puzzle_bits = 8
        limits = false
        capacity = 500

        [tunnels]
        idle_secs = 60

        [[tunnels.expose]]
        name = "photos"
        http = "3000"
        allow = ["12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477"]

        [[tunnels.forward]]
        service = "wiki@1"
        local = "[::1]:8080"
        "#,
    )
    .unwrap();
    let expected = Config {
        network: "island".parse().unwrap(),
        data_dir: Some("/var/lib/atoll".into()),
        bootstrap: vec!["/dnsaddr/example.org".parse().unwrap(), "/ip4/192.0.2.7/tcp/4077".parse().unwrap()],
        net: NetConfig {
            listen: vec!["/ip4/0.0.0.0/udp/5000/quic-v1".parse().unwrap()],
            mdns: false,
            relay_limits: RelayLimits { circuits: 8, ..RelayLimits::default() },
            ..NetConfig::default()
        },
        gateway: GatewayConfig {
            listen: vec!["127.0.0.1:4080".parse().unwrap(), "[::1]:4080".parse().unwrap()],
            token: None,
            token_file: Some("/etc/atoll/token".into()),
            certificate: Some("/etc/atoll/cert.pem".into()),
            key: Some("/etc/atoll/key.pem".into()),
            hosts: vec!["node.example.org".to_owned()],
            origins: vec!["https://app.example.org".to_owned()],
            remote_upstreams: true,
            connections: 100,
        },
        topics: TopicsConfig {
            keep: 4,
            strangers_mib: 100,
            owners: [("rooms/>".to_owned(), "12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477".parse().unwrap())]
                .into(),
            ..TopicsConfig::default()
        },
        standing: StandingConfig {
            trusted: ["12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477".parse().unwrap()].into(),
            puzzle_bits: Some(8),
            limits: Some(false),
            capacity: 500,
        },
        tunnels: TunnelsConfig {
            idle_secs: 60,
            expose: vec![ExposeConfig {
                name: "photos".parse().unwrap(),
                http: Some("127.0.0.1:3000".parse().unwrap()),
                tcp: None,
                allow: ["12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477".parse().unwrap()].into(),
                private: false,
                doc: None,
            }],
            forward: vec![ForwardConfig {
                service: "wiki@1".to_owned(),
                local: "[::1]:8080".parse().unwrap(),
                peer: None,
                ticket: None,
            }],
            ..TunnelsConfig::default()
        },
        bench: true,
        log: "debug".to_owned(),
    };
    assert_eq!(config, expected);
    assert_eq!(read(&toml::to_string(&expected).unwrap()).unwrap(), expected, "what is shown can be read again");
}

#[test]
fn the_limits_in_the_file_for_seeds_are_those_that_hold_without_it() {
    let seed = read(include_str!("../../../bootstrap/bootstrap.toml")).unwrap();
    assert!(seed.net.relay && !seed.net.mdns && !seed.net.port_mapping);
    assert_eq!(seed.net.relay_limits, RelayLimits::default());
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let message = refused("network = \"main\"\nport = 4077\n");
    assert!(message.contains("port") && message.contains("line 2"), "{message}");
    let message = refused("[net]\nmdsn = true\n");
    assert!(message.contains("mdsn") && message.contains("mdns"), "{message}");
}

#[test]
fn a_wrong_type_is_named_with_its_line() {
    let message = refused("\n\n[net]\nmdns = \"yes\"\n");
    assert!(message.contains("line 4") && message.contains("bool"), "{message}");
}

#[test]
fn a_wrong_value_is_named_with_its_line() {
    let message = refused("network = \"Not A Name\"\n");
    assert!(message.contains("line 1") && message.contains("Not A Name"), "{message}");
    let message = refused("bootstrap = [\"127.0.0.1:4077\"]\n");
    assert!(message.contains("line 1"), "{message}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let message = Config::read(Path::new("/nowhere/node.toml")).unwrap_err().to_string();
    assert!(message.contains("/nowhere/node.toml"), "{message}");
}

#[test]
fn settings_of_topics_that_cannot_be_are_named() {
    let error = |config: TopicsConfig| config.check().unwrap_err().to_string();
    let with = TopicsConfig::default;
    assert!(with().check().is_ok());
    assert_eq!(
        error(TopicsConfig { keep: 17, ..with() }),
        "the setting topics.keep is 17; it takes a number from 0 to 16"
    );
    assert!(error(TopicsConfig { keepers: 0, ..with() }).contains("topics.keepers is 0"));
    assert!(error(TopicsConfig { topic_mib: 0, ..with() }).contains("topics.topic_mib is 0"));
    let owners =
        [("rooms//x".to_owned(), "12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477".parse().unwrap())].into();
    assert!(error(TopicsConfig { owners, ..with() }).contains("topics.owners is rooms//x"));
}

#[test]
fn bits_of_the_puzzle_follow_from_the_network_unless_they_are_set() {
    let config = StandingConfig::default();
    assert_eq!(config.bits(&NetworkName::main()), 20);
    assert_eq!(config.bits(&"island".parse().unwrap()), 0);
    let config = StandingConfig { puzzle_bits: Some(7), ..config };
    assert_eq!((config.bits(&NetworkName::main()), config.check().is_ok()), (7, true));
    assert!(config.limits(&NetworkName::main()) && !config.limits(&"island".parse().unwrap()));
    let none = StandingConfig { capacity: 0, ..StandingConfig::default() }.check().unwrap_err().to_string();
    assert!(none.starts_with("the setting standing.capacity is 0"), "{none}");
    let error = StandingConfig { puzzle_bits: Some(41), ..config }.check().unwrap_err().to_string();
    assert_eq!(error, "the setting standing.puzzle_bits is 41; it takes a number from 0 to 40");
}

#[test]
fn settings_of_tunnels_that_cannot_be_are_named() {
    let error = |config: TunnelsConfig| config.check().unwrap_err().to_string();
    let with = TunnelsConfig::default;
    assert!(with().check().is_ok());
    assert_eq!(
        error(TunnelsConfig { idle_secs: 0, ..with() }),
        "the setting tunnels.idle_secs is 0; it takes a number above 0"
    );
    assert!(error(TunnelsConfig { connections: 0, ..with() }).contains("tunnels.connections is 0"));
    for (text, word) in [("", "either http or tcp"), ("http = \"1\"\ntcp = \"2\"", "either http or tcp")] {
        let config = read(&format!("[[tunnels.expose]]\nname = \"photos\"\n{text}")).unwrap();
        let message = error(config.tunnels);
        assert!(message.contains("tunnels.expose is photos") && message.contains(word), "{message}");
    }
    let message = refused("[[tunnels.expose]]\nname = \"photos\"\nhttp = \"http://localhost/\"\n");
    assert!(message.contains("without http://") && message.contains("line 3"), "{message}");
    let message = refused("[[tunnels.forward]]\nservice = \"photos\"\nlocal = \"example.org:80\"\n");
    assert!(message.contains("127.0.0.1:8080"), "{message}");
}
