//! Running a test in a lab: the test's program starts itself again in a sandbox, with that test alone. And what such tests share.

use std::{
    env,
    ffi::OsStr,
    future::Future,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};

use crate::{delay::DelayLine, sandbox};

/// How long what ought to come is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long to let things happen before looking again.
pub const PAUSE: Duration = Duration::from_millis(50);

/// Waits until something holds.
///
/// # Errors
/// If it cannot be said whether it does, or does not within [`PATIENCE`].
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let waiting = async {
        while !holds().await? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, waiting).await.with_context(|| format!("{what}: not within {PATIENCE:?}"))?
}

/// Where Atoll's programs are: beside the lab's own.
///
/// # Errors
/// If they are not built.
pub fn programs(lab: impl AsRef<Path>) -> Result<PathBuf> {
    let directory = lab.as_ref().parent().context("the lab's program is in no directory")?;
    for program in ["node", "atoll-bootstrap"] {
        ensure!(directory.join(program).exists(), "{program} is not built; run `cargo build --bins`, or `make test`");
    }
    Ok(directory.to_owned())
}

/// Runs `body` in a sandbox of its own. `name` is the test's name, as `cargo test` lists it.
///
/// Where there can be no lab, the test prints why and passes; but if the environment says `CI=true` it fails.
///
/// # Errors
/// If `body` fails, or there can be no lab and `CI=true`.
pub fn sandboxed(name: &str, body: impl Future<Output = Result<()>>) -> Result<()> {
    if sandbox::inside() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        return runtime.block_on(body);
    }
    let means = match sandbox::means() {
        Ok(means) => means,
        Err(missing) => return skip(name, missing.into()),
    };
    let program = env::current_exe().context("cannot tell where this program is")?;
    let arguments = ["--exact", name, "--nocapture", "--include-ignored"];
    let child = sandbox::command(means, program.as_os_str(), arguments.map(OsStr::new))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start the sandbox")?;
    judge(name, child)
}

/// Runs `body` in a sandbox as [`sandboxed`] does, if delay lines can be had; without, the test prints why and passes, but fails
/// if the environment says `CI=true`.
///
/// # Errors
/// As [`sandboxed`].
pub fn sandboxed_with_delays(name: &str, body: impl Future<Output = Result<()>>) -> Result<()> {
    match DelayLine::available() {
        Ok(()) => sandboxed(name, body),
        Err(missing) => skip(name, missing),
    }
}

/// Passes over a test because of what is missing, unless nothing is to be passed over.
fn skip(name: &str, missing: Error) -> Result<()> {
    if env::var_os("CI").is_some_and(|ci| ci == "true") {
        return Err(missing);
    }
    eprintln!("{name} is skipped: {missing}");
    Ok(())
}

/// Waits for the test in the sandbox, passing on what it says, so that it belongs to this test.
fn judge(name: &str, mut child: Child) -> Result<()> {
    let stdout = child.stdout.take().context("no stdout")?;
    let stderr = child.stderr.take().context("no stderr")?;
    let complaints = thread::spawn(move || {
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        lines.for_each(|line| eprintln!("{line}"));
    });
    let mut said = String::new();
    BufReader::new(stdout).read_to_string(&mut said)?;
    complaints.join().map_err(|_| anyhow!("the reader of stderr has failed"))?;
    let status = child.wait()?;
    print!("{said}");
    if !status.success() {
        bail!("{name} failed in its sandbox ({status}); what it said is above");
    }
    ensure!(said.contains("1 passed"), "{name} was not run: is that its name? {said}");
    Ok(())
}
