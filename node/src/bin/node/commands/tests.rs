use atoll_node::cli::Output;

use super::*;
use crate::network::NetworkQuery;

fn read(line: &str) -> Result<Cli, clap::Error> {
    parse(std::iter::once("node").chain(line.split_whitespace()).map(OsString::from))
}

fn refusal(line: &str) -> String {
    let error = read(line).expect_err(line);
    assert_eq!(error.exit_code(), 2, "{line}");
    error.to_string()
}

#[test]
fn the_definition_is_sound() {
    command().debug_assert();
}

#[test]
fn nothing_at_all_is_no_mistake() {
    let cli = read("").unwrap();
    assert!(cli.command.is_none() && cli.run.config.peer.is_none());
    assert!(first_steps().contains("--peer ") && first_steps().contains("network services"));
}

#[test]
fn options_for_every_command_stand_before_or_behind_it() {
    for line in [
        "--data-dir /d --network home --output json network nodes",
        "network --data-dir /d nodes --network home --output json",
        "network nodes --output json --data-dir /d --network home",
    ] {
        let cli = read(line).unwrap();
        assert_eq!(cli.run.global.data_dir, Some("/d".into()), "{line}");
        assert_eq!(cli.run.global.network, Some("home".parse().unwrap()), "{line}");
        assert_eq!(cli.run.global.output, Output::Json, "{line}");
        assert!(matches!(cli.command, Some(Command::Network { query: NetworkQuery::Nodes })), "{line}");
    }
}

#[test]
fn every_command_is_there() {
    for line in [
        "network nodes",
        "network services",
        "network routes",
        "network graph",
        "network graph --radius 1 --output dot",
        "network connections",
        "network status",
        "network connect /ip4/192.0.2.7/tcp/4077",
        "service list",
        "service describe math.calc",
        "service describe math.calc@^1.2",
        "service search",
        "service search add numbers --meta zone=eu --meta tier=1 --version ^1.2 --prefix math. --limit 5",
        "service watch",
        "service watch math.*",
        "service watch math.calc --count 1",
        "call math.calc add",
        "call math.calc add --stream",
        "publish rooms/lobby",
        "publish rooms/lobby -",
        "publish rooms/lobby -5 --key k --id i --header a=b --header c=d --ack kept:2 --within 30s",
        "subscribe rooms/lobby",
        "subscribe rooms/> --from 10m --key k --header a=b --session mine --count 1",
        "subscribe rooms/* --last-per-key",
        "topic list",
        "topic describe rooms/lobby",
        "topic retain rooms/lobby --age 7d --bytes 100M --count 10 --last-per-key --open --keeper none",
        "topic outbox",
        "expose photos --http 3000",
        "expose db --tcp 192.168.1.9:5432 --private --keep --doc x --allow 12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477",
        "forward photos",
        "forward photos@1 8080 --keep --node 12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477",
        "share photos",
        "share photos --for 7d",
        "share ./holiday --for 7d --upload",
        "share ./holiday --upload 2GiB",
        "share --list",
        "share --revoke 9f86d081884c7d65",
        "tunnel list",
        "tunnel remove 8080",
        "bench rpc",
        "bench stream",
        "reputation",
        "reputation --why --output json",
        "reputation 12D3KooWFppSuubWzyRmtQuVt4bnbCHNfdhyP7wYLJ3qL1EvW477 --why",
        "identity show",
        "identity svid math.calc",
        "identity svid math.calc --dir /d --valid 7d --output json",
        "identity verify math.calc.svid.pem",
        "config show",
        "config show --peer --no-mdns --listen /ip4/127.0.0.1/tcp/1 --log info",
        "completions bash",
        "completions zsh",
        "completions fish",
    ] {
        assert!(read(line).unwrap_or_else(|e| panic!("{line}: {e}")).command.is_some(), "{line}");
    }
}

#[test]
fn a_call_reads_its_arguments() {
    let peer = atoll_protocol::identity::NodeId::from_public_key([7; 32]);
    let cli = read(&format!("call math.calc@^1.2 add {{\"a\":1}} --deadline 500ms --peer {peer}")).unwrap();
    let Some(Command::Call(args)) = cli.command else { panic!("not a call") };
    assert_eq!(args.service.to_string(), "math.calc@^1.2");
    assert_eq!(args.method.as_str(), "add");
    assert_eq!(args.request.as_deref(), Some("{\"a\":1}"));
    assert_eq!(args.deadline, Some(std::time::Duration::from_millis(500)));
    assert_eq!(args.peer, Some(peer));
    for (request, expected) in [("-", "-"), ("-5", "-5"), ("[1]", "[1]")] {
        let cli = read(&format!("call a b {request}")).unwrap();
        let Some(Command::Call(args)) = cli.command else { panic!("not a call") };
        assert_eq!(args.request.as_deref(), Some(expected));
    }
}

#[test]
fn bad_values_are_refused_with_the_value_and_an_example() {
    let cases = [
        ("call Math add", "'Math'", "math.calc"),
        ("call math.calc@one add", "'math.calc@one'", "^1.2"),
        ("call math.calc a/b", "'a/b'", "such as add"),
        ("call math.calc add {} --deadline 2", "'2'", "500ms"),
        ("call math.calc add {} --deadline 0s", "'0s'", "2s"),
        ("call math.calc add {} --deadline soon", "'soon'", "500ms"),
        ("call math.calc add {} --peer 12D3", "'12D3'", "12D3Koo…"),
        ("call math.calc add {} --where zone", "'zone'", "zone=eu"),
        ("call math.calc add {} --metadata =x", "'=x'", "zone=eu"),
        ("call math.calc add {} --policy best", "'best'", "least_inflight"),
        ("call math.calc add {} --policy affinity()", "'affinity()'", "affinity(customer-17)"),
        ("call math.calc add {} --hedge 5", "'5'", "500ms"),
        ("publish Rooms x", "'Rooms'", "rooms/lobby"),
        ("publish a x --ack most", "'most'", "kept:2"),
        ("publish a x --within 0s", "'0s'", "2s"),
        ("publish a x --header kind", "'kind'", "zone=eu"),
        ("subscribe rooms/>/x", "'rooms/>/x'", "rooms/*"),
        ("subscribe a --from soon", "'soon'", "2026-03-01T12:00:00Z"),
        ("subscribe a --count 0", "'0'", "at least 1"),
        ("topic describe rooms/*", "'rooms/*'", "rooms/lobby"),
        ("topic retain a --age 7", "'7'", "7d"),
        ("bench rpc --concurrency 0", "'0'", "such as 64"),
        ("bench stream --size much", "'much'", "512MiB"),
        ("network connect there", "'there'", "/ip4/"),
        ("service describe math.calc@one", "'math.calc@one'", "^1.2"),
        ("service describe Math", "'Math'", "math.calc"),
        ("service search x --meta zone", "'zone'", "zone=eu"),
        ("service search x --version one", "'one'", "^1.2"),
        ("service search x --prefix Math", "'Math'", "such as math."),
        ("service search x --limit 0", "'0'", "from 1 to 1000"),
        ("service search x --limit 1001", "'1001'", "from 1 to 1000"),
        ("service watch Math", "'Math'", "math.*"),
        ("service watch math.>.x", "'math.>.x'", "math.>"),
        ("service watch --count 0", "'0'", "at least 1"),
        ("network graph --radius 0", "'0'", "from 1 to 8"),
        ("network graph --radius 9", "'9'", "from 1 to 8"),
        ("network graph --output svg", "'svg'", "json"),
        ("completions tcsh", "'tcsh'", "bash"),
    ];
    for (line, value, example) in cases {
        let said = refusal(line);
        assert!(said.contains(value) && said.contains(example), "{line}: {said}");
    }
}

#[test]
fn what_is_missing_is_named() {
    assert!(refusal("call math.calc").contains("METHOD"));
    assert!(refusal("call").contains("SERVICE"));
    assert!(refusal("service describe").contains("NAME"));
    assert!(refusal("network connect").contains("ADDR"));
    assert!(refusal("publish").contains("TOPIC"));
    assert!(refusal("subscribe").contains("TOPIC|PATTERN"));
    assert!(refusal("topic").contains("retain"));
    assert!(refusal("topic retain a").contains("--last-per-key"));
    assert!(refusal("network").contains("Usage"));
    assert!(refusal("bench").contains("rpc"));
    assert!(refusal("netwrok nodes").contains("network"), "a slip is put right");
}

#[test]
fn options_of_a_run_do_not_go_with_a_command() {
    assert!(refusal("--no-mdns network nodes").contains("--no-mdns"));
    assert!(refusal("--bench network nodes").contains("--bench"));
    assert!(refusal("--keep 2 network nodes").contains("--keep"));
    assert!(refusal("--listen /ip4/127.0.0.1/tcp/1 network nodes").contains("--listen"));
    assert!(refusal("--log info config show").contains("config show --log"));
    assert!(refusal("--no-mdns").contains("--peer"));
    assert!(refusal("--output json").contains("--peer"));
}

#[test]
fn dot_is_for_graphs() {
    for line in ["network nodes", "service list", "service search x", "service watch", "call a b", "config show"] {
        let said = refusal(&format!("{line} --output dot"));
        assert!(said.contains("network graph") && said.contains("--output json"), "{line}: {said}");
    }
}

#[test]
fn every_command_says_what_it_is_for() {
    fn check(command: &clap::Command) {
        for sub in command.get_subcommands() {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty(), "{}", sub.get_name());
            for argument in sub.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", sub.get_name(), argument.get_id());
            }
            check(sub);
        }
    }
    check(&command());
}

#[test]
fn examples_name_the_program_as_it_is_called() {
    let help = "Examples:\n  node --peer\n      run a node of it\n  echo 1 | node call a b -\nnode ids stay";
    let expected = "Examples:\n  atoll --peer\n      run a node of it\n  echo 1 | atoll call a b -\nnode ids stay";
    assert_eq!(rename_examples(help, "atoll"), expected);
}
