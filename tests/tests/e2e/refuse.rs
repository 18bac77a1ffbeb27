//! What is damaged, taken or unreadable: a clear error, and no crash.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use atoll_node::identity_file;
use atoll_tests::{NodeOptions, PATIENCE, command};

/// Starts a node that has to refuse with these words.
async fn refused(options: NodeOptions, code: i32, words: &[&str]) -> Result<()> {
    let (mut process, _data_dir) = options.spawn()?;
    let status = process.exit(PATIENCE).await?;
    let report = process.report();
    ensure!(status.code() == Some(code), "exit code {code} was expected, not {status}: {report}");
    ensure!(!process.complaints().contains("panicked"), "{report}");
    for word in words {
        ensure!(process.complaints().contains(word), "{word:?} was expected on stderr: {report}");
    }
    ensure!(process.events().iter().all(|event| event["event"] != "listening"), "{report}");
    Ok(())
}

/// A directory that a node has used.
async fn used() -> Result<tempfile::TempDir> {
    let directory = tempfile::tempdir()?;
    NodeOptions::node("before").data_dir(directory.path()).start().await?.stop().await?;
    Ok(directory)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("not Unicode")
}

#[tokio::test]
async fn a_second_node_on_the_same_directory() -> Result<()> {
    let holder = NodeOptions::node("holder").start().await?;
    let directory = holder.data_dir.path();
    let pid = holder.process.pid()?.to_string();
    refused(NodeOptions::node("second").data_dir(directory), 1, &[text(directory)?, &pid]).await?;
    // The holder is unharmed, and so is its socket.
    holder.run(&["network", "nodes"]).await?.succeeded()?;
    Ok(())
}

#[tokio::test]
async fn a_damaged_identity() -> Result<()> {
    let directory = used().await?;
    let identity = identity_file::path(directory.path());
    let whole = fs::read(&identity)?;
    for damaged in [&whole[..whole.len() / 2], b"", b"not a key at all", &[0xff; 64]] {
        fs::write(&identity, damaged)?;
        refused(NodeOptions::node("damaged").data_dir(directory.path()), 1, &[text(&identity)?, "damaged"]).await?;
        let asked = command::node(directory.path(), &["identity", "show"]).await?;
        ensure!(asked.code != 0 && asked.stderr.contains(text(&identity)?), "{asked}");
        // It was not replaced behind its owner's back.
        ensure!(fs::read(&identity)? == damaged);
    }
    fs::write(&identity, &whole)?;
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o644))?;
    refused(NodeOptions::node("exposed").data_dir(directory.path()), 1, &[text(&identity)?, "chmod 600"]).await
}

#[tokio::test]
async fn a_damaged_database() -> Result<()> {
    let directory = used().await?;
    let current = find(directory.path(), "CURRENT")?;
    fs::write(&current, "MANIFEST-that-never-was\n")?;
    let database = current.parent().context("in no directory")?;
    refused(NodeOptions::node("damaged").data_dir(directory.path()), 1, &[text(database)?]).await
}

/// Finds a file by its name, in the directory or one below.
fn find(directory: &Path, name: &str) -> Result<PathBuf> {
    let below = fs::read_dir(directory)?.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir());
    let places = std::iter::once(directory.to_owned()).chain(below);
    places.map(|place| place.join(name)).find(|file| file.exists()).with_context(|| format!("no file {name}"))
}

#[tokio::test]
async fn a_directory_that_is_a_file() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    refused(NodeOptions::node("in a file").data_dir(file.path()), 1, &[text(file.path())?, "--data-dir"]).await
}

#[tokio::test]
async fn addresses_that_are_none() -> Result<()> {
    for address in ["somewhere", "127.0.0.1:4077", "/ip4/300.1.1.1/tcp/1"] {
        refused(NodeOptions::node("to nowhere").peer(address), 2, &[address]).await?;
    }
    refused(NodeOptions::node("nowhere").listen("here"), 2, &["here"]).await?;
    refused(NodeOptions::node("of no network").network("No Network"), 2, &["No Network"]).await
}
