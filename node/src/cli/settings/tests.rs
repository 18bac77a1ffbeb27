use std::io::Write;

use atoll_protocol::identity::NodeId;
use tempfile::NamedTempFile;

use super::*;

fn address(port: u16) -> Multiaddr {
    format!("/ip4/192.0.2.7/udp/{port}/quic-v1/p2p/{}", NodeId::from_public_key([7; 32])).parse().unwrap()
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn global() -> GlobalArgs {
    GlobalArgs { data_dir: Some("/data".into()), ..GlobalArgs::default() }
}

fn with_file(file: &NamedTempFile) -> ConfigArgs {
    ConfigArgs { config: Some(file.path().to_owned()), ..ConfigArgs::default() }
}

#[test]
fn nothing_given_is_the_default() {
    let config = patched(&ConfigArgs::default(), &global(), Role::Member, "").unwrap();
    let gateway = GatewayConfig { listen: GatewayConfig::at_home(), ..GatewayConfig::default() };
    assert_eq!(config, Config { data_dir: Some("/data".into()), gateway, ..Config::default() });
}

#[test]
fn options_win_over_the_file_and_the_file_over_the_default() {
    let file = file(
        "network = \"home\"\ndata_dir = \"/from-file\"\nlog = \"debug\"\n[net]\nlisten = [\"/ip4/127.0.0.1/tcp/1\"]\n",
    );
    let from_file = patched(&with_file(&file), &GlobalArgs::default(), Role::Member, "").unwrap();
    assert_eq!(from_file.network.as_str(), "home");
    assert_eq!(from_file.data_dir, Some("/from-file".into()));
    assert_eq!(from_file.log, "debug");
    assert_eq!(from_file.net.listen, ["/ip4/127.0.0.1/tcp/1".parse().unwrap()]);
    assert!(from_file.net.mdns && !from_file.bench);

    let args = ConfigArgs {
        listen: vec!["/ip4/127.0.0.1/tcp/2".parse().unwrap()],
        no_mdns: true,
        bench: true,
        log: Some("trace".to_owned()),
        ..with_file(&file)
    };
    let global = GlobalArgs { network: Some("work".parse().unwrap()), ..global() };
    let both = patched(&args, &global, Role::Member, "").unwrap();
    assert_eq!(both.network.as_str(), "work");
    assert_eq!(both.data_dir, Some("/data".into()));
    assert_eq!(both.log, "trace");
    assert_eq!(both.net.listen, ["/ip4/127.0.0.1/tcp/2".parse().unwrap()]);
    assert!(!both.net.mdns && both.bench);
}

#[test]
fn a_file_alone_makes_a_node_measurable() {
    let file = file("bench = true");
    assert!(patched(&with_file(&file), &global(), Role::Member, "").unwrap().bench);
}

#[test]
fn a_keeper_is_made_by_the_file_or_the_option() {
    let file = file("[topics]\nkeep = 4");
    let keep =
        |keep| patched(&ConfigArgs { keep, ..with_file(&file) }, &global(), Role::Member, "").unwrap().topics.keep;
    assert_eq!((keep(None), keep(Some(2)), keep(Some(0))), (4, 2, 0));
}

#[test]
fn a_member_has_a_gateway_at_home_unless_it_is_told_otherwise_and_a_seed_has_none() {
    let listen = |args: &ConfigArgs, role| patched(args, &global(), role, "").unwrap().gateway.listen;
    let none = file("[gateway]\nlisten = []");
    let other = file("[gateway]\nlisten = [\"127.0.0.1:5000\"]");
    assert_eq!(listen(&ConfigArgs::default(), Role::Member), GatewayConfig::at_home());
    let silent = file("[gateway]\nhosts = [\"a\"]");
    assert_eq!(listen(&with_file(&silent), Role::Member), GatewayConfig::at_home());
    assert_eq!(listen(&ConfigArgs::default(), Role::Seed), []);
    assert_eq!(listen(&with_file(&none), Role::Member), []);
    assert_eq!(listen(&with_file(&other), Role::Seed), ["127.0.0.1:5000".parse().unwrap()]);
    let given = |args: ConfigArgs| ConfigArgs { config: Some(other.path().to_owned()), ..args };
    let elsewhere = given(ConfigArgs { gateway: vec!["[::1]:1".parse().unwrap()], ..ConfigArgs::default() });
    assert_eq!(listen(&elsewhere, Role::Member), ["[::1]:1".parse().unwrap()]);
    assert_eq!(listen(&given(ConfigArgs { no_gateway: true, ..ConfigArgs::default() }), Role::Member), []);
    let secret = file("[gateway]\ntoken = \"x\"");
    let token = ConfigArgs { gateway_token: Some("/t".into()), ..with_file(&secret) };
    let gateway = patched(&token, &global(), Role::Member, "").unwrap().gateway;
    assert_eq!((gateway.token, gateway.token_file), (None, Some("/t".into())));
}

#[test]
fn given_peers_are_the_only_ones() {
    let file = file(&format!("bootstrap = [\"{}\"]", address(1)));
    let args = ConfigArgs { peer: Some(vec![address(3)]), ..with_file(&file) };
    let config = patched(&args, &global(), Role::Member, &address(2).to_string()).unwrap();
    assert_eq!(config.bootstrap, [address(3)]);
}

#[test]
fn without_a_given_peer_the_file_comes_before_the_environment() {
    let file = file(&format!("bootstrap = [\"{}\"]", address(1)));
    let environment = format!(" {},{} {},, ", address(2), address(1), address(4));
    for peer in [None, Some(vec![])] {
        let args = ConfigArgs { peer, ..with_file(&file) };
        let config = patched(&args, &global(), Role::Member, &environment).unwrap();
        assert_eq!(config.bootstrap, [address(1), address(2), address(4)]);
    }
}

#[test]
fn a_wrong_address_is_named_with_its_origin() {
    let error = patched(&ConfigArgs::default(), &global(), Role::Member, "192.0.2.7:4077").unwrap_err();
    let said = error.to_string();
    assert!(said.contains("\"192.0.2.7:4077\" in ATOLL_BOOTSTRAP") && said.contains("/p2p/12D3Koo…"), "{said}");
    assert_eq!(error.exit_code(), 2);

    let file = file("bootstrap = [\"/ip4/192.0.2.7/tcp/1/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN\"]");
    let said = patched(&with_file(&file), &global(), Role::Member, "").unwrap_err().to_string();
    assert!(said.contains(&format!("bootstrap of {}", file.path().display())), "{said}");
}

#[test]
fn a_wrong_file_is_named_with_the_place() {
    let file = file("netwrok = \"home\"\n");
    let error = patched(&with_file(&file), &global(), Role::Member, "").unwrap_err();
    let said = error.to_string();
    assert!(said.contains(&file.path().display().to_string()) && said.contains("netwrok"), "{said}");
    assert_eq!(error.exit_code(), 2);

    let args = ConfigArgs { config: Some("/no/such/file.toml".into()), ..ConfigArgs::default() };
    let said = patched(&args, &global(), Role::Member, "").unwrap_err().to_string();
    assert!(said.contains("/no/such/file.toml"), "{said}");
}

#[test]
fn a_seed_keeps_off_the_local_network_unless_its_file_says_otherwise() {
    let mdns = |args: &ConfigArgs| patched(args, &global(), Role::Seed, "").unwrap().net.mdns;
    assert!(!mdns(&ConfigArgs::default()));
    assert!(!mdns(&with_file(&file("network = \"home\""))));
    assert!(mdns(&with_file(&file("[net]\nmdns = true"))));
    assert!(!mdns(&ConfigArgs { no_mdns: true, ..with_file(&file("[net]\nmdns = true")) }));
}

#[test]
fn each_network_and_role_has_its_own_directory() {
    let place = |network: Option<&str>, role| {
        let network = network.map(|n| n.parse().unwrap());
        GlobalArgs { network, ..GlobalArgs::default() }.place(role).unwrap()
    };
    assert!(place(None, Role::Member).ends_with("atoll/main"));
    assert!(place(Some("home"), Role::Member).ends_with("atoll/home"));
    assert!(place(Some("home"), Role::Seed).ends_with("atoll-bootstrap/home"));
}

#[test]
fn a_relative_directory_is_completed() {
    let global = GlobalArgs { data_dir: Some("d".into()), ..GlobalArgs::default() };
    let expected = env::current_dir().unwrap().join("d");
    assert_eq!(global.place(Role::Member).unwrap(), expected);
    assert_eq!(patched(&ConfigArgs::default(), &global, Role::Member, "").unwrap().data_dir, Some(expected));
}
