//! The program `lab` and its sandbox: nothing is left behind, nobody needs to be root, and errors name the way out.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use atoll_lab::{sandbox, testing::sandboxed};

fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(arguments).stdin(Stdio::null()).env("SHELL", "/bin/sh");
    command
}

/// Whether there can be a lab here; if not, says why, unless this must not be passed over.
fn possible() -> Result<bool> {
    match sandbox::means() {
        Ok(_) => Ok(true),
        Err(missing) if std::env::var_os("CI").is_some_and(|ci| ci == "true") => Err(missing.into()),
        Err(missing) => {
            eprintln!("skipped: {missing}");
            Ok(false)
        }
    }
}

fn said(command: &mut Command) -> Result<(bool, String)> {
    let output = command.output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[test]
fn nobody_needs_to_be_root() -> Result<()> {
    if !possible()? {
        return Ok(());
    }
    let (success, text) = said(&mut lab(&["prove", "port-shift", "none", "--user-namespace"]))?;
    ensure!(success && text.contains("port-shift") && text.contains("one other port"), "{text}");
    Ok(())
}

#[test]
fn the_matrix_can_be_read_by_programs() -> Result<()> {
    if !possible()? {
        return Ok(());
    }
    let arguments = ["matrix", "--pairs", "none,symmetric", "firewall,symmetric", "--repeat", "2", "--output", "json"];
    let (success, text) = said(&mut lab(&arguments))?;
    ensure!(success, "{text}");
    let cells: serde_json::Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    ensure!(cells[0]["a"] == "none" && cells[0]["b"] == "symmetric", "{cells}");
    ensure!(cells[0]["attempts"][1]["outcome"]["path"] == "direct", "{cells}");
    ensure!(cells[1]["attempts"][1]["outcome"]["path"] == "relayed" && cells[1]["expected"] == "relayed", "{cells}");
    Ok(())
}

/// All that runs in the lab holds the lab's stderr; so it ends when the last of them has.
fn ends(child: &mut Child) -> Result<mpsc::Receiver<()>> {
    let mut stderr = child.stderr.take().context("no stderr")?;
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let _ = stderr.read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    Ok(receiver)
}

#[test]
fn everything_is_gone_after_kill_9() -> Result<()> {
    if !possible()? {
        return Ok(());
    }
    let mut child =
        lab(&["shell", "cgnat-cone"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // A program of the lab's own, in a namespace of its own, that would stay for an hour.
    child.stdin.as_mut().context("no stdin")?.write_all(b"sleep 3600 & echo up; wait\n")?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut line)?;
    ensure!(line.trim() == "up", "{line}");
    let ended = ends(&mut child)?;
    ensure!(ended.recv_timeout(Duration::from_millis(300)).is_err(), "it has ended by itself");
    child.kill()?;
    child.wait()?;
    ended.recv_timeout(Duration::from_secs(20)).context("something of the lab still runs")
}

#[test]
fn a_lab_is_possible() -> Result<()> {
    sandboxed("a_lab_is_possible", async { Ok(()) })
}

/// Runs the test above where no more network namespaces may be made: inside a user namespace, that can be set.
fn without_namespaces(ci: &str) -> Result<(bool, String)> {
    let forbid = r#"echo 0 > /proc/sys/user/max_net_namespaces && exec "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "sh", "-c", forbid, "sh"]).arg(std::env::current_exe()?);
    said(command.args(["--exact", "a_lab_is_possible", "--nocapture"]).env("CI", ci))
}

#[test]
fn without_namespaces_tests_are_skipped_and_under_ci_they_fail() -> Result<()> {
    if !possible()? {
        return Ok(());
    }
    let (success, text) = without_namespaces("")?;
    ensure!(success && text.contains("is skipped: the lab needs network namespaces"), "{text}");
    let (success, text) = without_namespaces("true")?;
    ensure!(!success && text.contains("user.max_user_namespaces"), "{text}");
    Ok(())
}

#[test]
fn what_is_missing_is_named_with_the_way_out() -> Result<()> {
    let missing = sandbox::Missing::Tool { tool: "nft", package: "nftables" }.to_string();
    ensure!(missing.contains("`nft`") && missing.contains("apt-get install nftables"), "{missing}");
    let missing = sandbox::Missing::Namespaces { reason: "Operation not permitted".into() }.to_string();
    ensure!(missing.contains("Operation not permitted") && missing.contains("max_user_namespaces"), "{missing}");
    Ok(())
}

#[test]
fn unknown_kinds_and_half_pairs_are_refused() -> Result<()> {
    for (arguments, words) in [
        (&["prove", "fullcone"][..], "there is no NAT kind \"fullcone\"; there are none, firewall, full-cone"),
        (&["matrix", "--pairs", "none"], "a pair is two kinds with a comma between"),
        (&["matrix", "--repeat", "0"], "1.."),
    ] {
        let (success, text) = said(&mut lab(arguments))?;
        ensure!(!success && text.contains(words), "{arguments:?}: {text}");
    }
    Ok(())
}

#[test]
fn a_lab_is_made_nowhere_but_in_a_sandbox() -> Result<()> {
    let refused = atoll_lab::topology::Lab::new("lab").err().context("it was made")?;
    ensure!(refused.to_string().contains("sandbox"), "{refused}");
    Ok(())
}
