//! One network namespace, and the only place that knows `ip`, `nft` and `nsenter`.

use std::{
    ffi::OsStr,
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow, bail};

use crate::sandbox;

/// A network namespace. A clone is the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Nothing for the lab's outer one.
    name: Option<Arc<str>>,
}

impl Namespace {
    /// The namespace that the lab itself runs in: the internet.
    #[must_use]
    pub fn outer() -> Self {
        Self { name: None }
    }

    /// Makes a namespace with a loopback interface, and without IPv6.
    ///
    /// # Errors
    /// If the system refuses, or the name is taken.
    pub fn create(name: &str) -> Result<Self> {
        run("ip", &["netns", "add", name], "")?;
        let namespace = Self { name: Some(name.into()) };
        namespace.sysctl(&[
            ("net/ipv6/conf/all/disable_ipv6", "1"),
            ("net/ipv6/conf/default/disable_ipv6", "1"),
            // No duplicate address detection: there are no duplicates, and it takes a second.
            ("net/ipv6/conf/all/accept_dad", "0"),
            ("net/ipv6/conf/default/accept_dad", "0"),
        ])?;
        namespace.ip(&["link set lo up"])?;
        Ok(namespace)
    }

    /// Its name, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("internet")
    }

    /// A command that runs `program` in this namespace. The process that is started is the program itself.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let Some(name) = &self.name else {
            return with_path(Command::new(program));
        };
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{name}")).arg("--").arg(program);
        with_path(command)
    }

    /// Runs `ip` commands, without the word `ip`, in order.
    ///
    /// # Errors
    /// If one fails, with what `ip` said.
    pub fn ip<L: AsRef<str>>(&self, lines: &[L]) -> Result<()> {
        let script = lines.iter().flat_map(|line| [line.as_ref(), "\n"]).collect::<String>();
        let mut command = with_path(Command::new("ip"));
        if let Some(name) = &self.name {
            command.args(["-n", name]);
        }
        command.args(["-batch", "-"]);
        feed(command, &script).with_context(|| format!("in {}: ip -batch said no to\n{script}", self.name()))?;
        Ok(())
    }

    /// Gives nftables a script.
    ///
    /// # Errors
    /// If it refuses, with what it said.
    pub fn nft(&self, script: &str) -> Result<()> {
        let mut command = self.command("nft");
        command.args(["-f", "-"]);
        feed(command, script).with_context(|| format!("in {}: nft said no to\n{script}", self.name()))?;
        Ok(())
    }

    /// Writes kernel settings, by their path below `/proc/sys`. What this kernel does not have is left alone.
    ///
    /// # Errors
    /// If a setting is there and cannot be written.
    pub fn sysctl(&self, settings: &[(&str, &str)]) -> Result<()> {
        let script: String = settings.iter().map(|(path, value)| format!("{path} {value}\n")).collect();
        let mut command = self.command("sh");
        command.args(["-ec", r#"while read -r p v; do [ ! -e "/proc/sys/$p" ] || echo "$v" > "/proc/sys/$p"; done"#]);
        feed(command, &script).with_context(|| format!("in {}: cannot set\n{script}", self.name()))?;
        Ok(())
    }

    /// Runs a program to its end and gives what it printed.
    ///
    /// # Errors
    /// If it fails, with what it said.
    pub fn output(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<String> {
        let mut command = self.command(program);
        command.args(arguments);
        feed(command, "").with_context(|| format!("in {}", self.name()))
    }
}

fn with_path(mut command: Command) -> Command {
    command.env("PATH", sandbox::path());
    command
}

/// Runs a tool outside any of the lab's namespaces but the outer one.
fn run(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let mut command = with_path(Command::new(program));
    command.args(arguments);
    feed(command, input)
}

/// Runs a command to its end with this on stdin; what it printed.
fn feed(mut command: Command, input: &str) -> Result<String> {
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {shown}"))?;
    let mut stdin = child.stdin.take().ok_or_else(|| anyhow!("no stdin"))?;
    // Small enough for a pipe; one that does not read will say why.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{shown} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
