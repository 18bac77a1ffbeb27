//! Where no node runs: help, mistakes, exit codes.

use std::{io::Write, process::Stdio};

use super::{Said, node, run, said};

#[test]
fn nothing_shows_the_first_steps() {
    let Said { code, out, err } = run("");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("node --peer ") && out.contains("node network services"), "{out}");
    assert!(out.lines().count() < 12, "short: {out}");
}

#[test]
fn help_is_for_every_command() {
    for command in [
        "",
        "network",
        "network connect",
        "service",
        "service describe",
        "call",
        "bench",
        "bench rpc",
        "bench stream",
        "identity show",
        "config show",
        "completions",
    ] {
        let Said { code, out, .. } = run(&format!("{command} --help"));
        assert_eq!(code, 0, "{command}");
        assert!(out.contains("Usage:") && out.contains("--data-dir"), "{command}: {out}");
    }
}

#[test]
fn no_node_is_exit_code_3_and_one_line() {
    for line in [
        "network nodes",
        "network services --output json",
        "network routes",
        "network graph",
        "network connections",
        "network status",
        "network connect /ip4/127.0.0.1/tcp/1",
        "service list",
        "service describe system",
        "call system ping",
        "call system ping --stream",
        "bench rpc",
        "bench stream",
    ] {
        let Said { code, out, err } = run(line);
        assert_eq!((code, out.as_str()), (3, ""), "{line}: {err}");
        assert!(err.starts_with("no node is running in /") && err.contains("; start one with: node --peer"), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

#[test]
fn a_stale_socket_is_no_node() {
    let dir = tempfile::tempdir().unwrap();
    drop(std::os::unix::net::UnixListener::bind(dir.path().join("control.sock")).unwrap());
    assert_eq!(said(node(dir.path(), "network nodes").output().unwrap()).code, 3);
}

#[test]
fn mistakes_are_exit_code_2() {
    for line in [
        "netwrok",
        "network",
        "network connect there",
        "--peer there",
        "--no-mdns",
        "--peer --listen 4077",
        "--peer --config /no/such/file",
        "--peer --log atoll=loud",
        "call System ping",
        "call system ping {a:1}",
        "call system ping {} --deadline 2",
        "call system ping {} --peer me",
        "call system ping {} --where zone=a --where zone=b",
        "call system ping {a:1} --stream",
        "bench rpc --duration 0s",
        "bench stream --size 1 --concurrency 2",
        "completions tcsh",
        "network nodes --output xml",
        "network nodes --network No_Such",
    ] {
        let Said { code, out, err } = run(line);
        assert_eq!((code, out.as_str()), (2, ""), "{line}: {err}");
        assert!(err.starts_with("error: "), "{line}: {err}");
    }
}

#[test]
fn a_wrong_bootstrap_in_the_environment_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let output = node(dir.path(), "--peer").env("ATOLL_BOOTSTRAP", "seed.example.org").output().unwrap();
    let Said { code, err, .. } = said(output);
    assert_eq!(code, 2);
    assert!(err.contains("\"seed.example.org\" in ATOLL_BOOTSTRAP"), "{err}");
}

#[test]
fn a_wrong_request_on_stdin_shows_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = node(dir.path(), "call system ping -");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{\"a\": 1,\n b}").unwrap();
    let Said { code, err, .. } = said(child.wait_with_output().unwrap());
    assert_eq!(code, 2);
    assert!(err.contains("from stdin") && err.contains("line 2 column 2"), "{err}");
}

#[test]
fn the_configuration_shows_without_a_node() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("atoll.toml");
    std::fs::write(&file, "network = \"home\"\n[net]\nmdns = false\n").unwrap();
    let line = format!("config show --config {} --log debug", file.display());
    let Said { code, out, .. } = said(node(dir.path(), &line).output().unwrap());
    assert_eq!(code, 0);
    assert!(out.contains("network = \"home\"") && out.contains("log = \"debug\""), "{out}");
    let shown = dir.path().join("shown.toml");
    std::fs::write(&shown, &out).unwrap();
    let again = said(node(dir.path(), &format!("config show --config {}", shown.display())).output().unwrap());
    assert_eq!(again.out, out, "what is shown can be read");
    let json = said(node(dir.path(), "--output json config show").output().unwrap()).out;
    assert_eq!(json.lines().count(), 1);
    assert!(json.contains(&format!("\"data_dir\":\"{}\"", dir.path().display())), "{json}");
}

#[test]
fn an_identity_that_is_not_there_yet_is_said_so() {
    let Said { code, out, err } = run("identity show --output json");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("no identity in /"), "{err}");
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let Said { code, out, .. } = run(&format!("completions {shell}"));
        assert_eq!(code, 0);
        assert!(out.contains("describe") && out.contains("data-dir"), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = node(dir.path(), "completions zsh").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let Said { code, err, .. } = said(child.wait_with_output().unwrap());
    assert_eq!((code, err.as_str()), (0, ""));
}
