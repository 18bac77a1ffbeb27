use atoll_protocol::identity::NodeId;
use clap::{Parser, error::ErrorKind};

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    run: RunArgs,
}

fn parse(line: &str) -> Result<RunArgs, clap::Error> {
    Program::try_parse_from(std::iter::once("program").chain(line.split_whitespace())).map(|p| p.run)
}

fn address(port: u16) -> String {
    format!("/ip4/192.0.2.7/udp/{port}/quic-v1/p2p/{}", NodeId::from_public_key([7; 32]))
}

#[test]
fn no_option_says_nothing() {
    let args = parse("").unwrap();
    assert_eq!(args.config, ConfigArgs::default());
    assert_eq!(args.config.given(), None);
    assert_eq!(args.global.output, Output::Table);
}

#[test]
fn peer_takes_no_address_or_many() {
    assert_eq!(parse("--peer").unwrap().config.peer, Some(vec![]));
    assert_eq!(parse("--peer --no-mdns").unwrap().config.peer, Some(vec![]));
    let (a, b, c) = (address(1), address(2), address(3));
    let args = parse(&format!("--peer {a} {b} --peer {c}")).unwrap();
    let peers: Vec<_> = args.config.peer.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(peers, [a, b, c]);
}

#[test]
fn keep_takes_a_weight_or_none() {
    for (line, keep) in [("--peer", None), ("--keep --peer", Some(1)), ("--keep 16", Some(16)), ("--keep 0", Some(0))] {
        assert_eq!(parse(line).unwrap().config.keep, keep, "{line}");
    }
}

#[test]
fn every_option_arrives() {
    let args = parse(
        "--peer --data-dir /d --network home --listen /ip4/0.0.0.0/tcp/1 --listen /ip6/::/udp/2/quic-v1 \
         --config /f.toml --no-mdns --bench --keep 4 --log info,libp2p=debug --output json",
    )
    .unwrap();
    assert_eq!(args.global.data_dir, Some("/d".into()));
    assert_eq!(args.global.network, Some("home".parse().unwrap()));
    assert_eq!(args.global.output, Output::Json);
    assert_eq!(args.config.listen.len(), 2);
    assert_eq!(args.config.config, Some("/f.toml".into()));
    assert!(args.config.no_mdns && args.config.bench);
    assert_eq!(args.config.keep, Some(4));
    assert_eq!(args.config.log.as_deref(), Some("info,libp2p=debug"));
}

#[test]
fn bad_values_are_refused_with_the_value_and_an_example() {
    let cases = [
        ("--peer here", "'here'", "/p2p/12D3Koo…"),
        ("--listen 4077", "'4077'", "/ip4/"),
        ("--network Main", "'Main'", "such as main"),
        ("--keep 17", "'17'", "from 1 to 16"),
        ("--output xml", "'xml'", "json"),
        ("--log atoll=loud", "'atoll=loud'", "atoll_node=debug"),
    ];
    for (line, value, example) in cases {
        let said = parse(line).expect_err(line).to_string();
        assert!(said.contains(value) && said.contains(example), "{line}: {said}");
    }
}

#[test]
fn an_option_without_its_value_is_refused() {
    for line in ["--data-dir", "--network", "--listen", "--config", "--log", "--output"] {
        let kind = parse(line).expect_err(line).kind();
        assert_eq!(kind, ErrorKind::InvalidValue, "{line}");
    }
    assert_eq!(parse("--fast").expect_err("no such option").kind(), ErrorKind::UnknownArgument);
}

#[test]
fn the_first_given_option_is_named() {
    assert_eq!(parse("--peer").unwrap().config.given(), Some("--peer"));
    assert_eq!(parse("--bench").unwrap().config.given(), Some("--bench"));
    assert_eq!(parse("--keep").unwrap().config.given(), Some("--keep"));
    assert_eq!(parse("--log info").unwrap().config.given(), Some("--log"));
    assert_eq!(parse("--network home").unwrap().config.given(), None);
}
