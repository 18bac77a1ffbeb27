//! The lab's own outer namespaces.
//!
//! Everything that the lab makes is inside a network, a mount and a process namespace of its own, so nothing of the
//! machine is touched, nothing outside can be reached, and all of it is gone with the process, also after `kill -9`:
//! `setpriv --pdeathsig` ends `unshare` with whoever started it, `--kill-child` ends the first process inside, and with
//! that one the kernel ends every process inside and takes the networks down.
//!
//! Root needs nothing more; anybody else gets a user namespace, in which they are root over their own networks.

use std::{
    ffi::{OsStr, OsString},
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

/// A file that is only in the sandbox's own `/run`.
const MARK: &str = "/run/atoll-lab";

/// Programs that a system may keep out of an ordinary user's PATH.
const PATHS: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// The programs that the lab needs, and the Debian package of each.
const TOOLS: [(&str, &str); 7] = [
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("mount", "mount"),
    ("fallocate", "util-linux"),
];

/// What is done inside before the program starts. `ip netns` keeps its names in /run, so the sandbox has its own. The
/// shell stays: as the first process inside it collects those whose parents have ended.
const SETUP: &str = r#"set -e
mount -t tmpfs -o mode=755 lab /run
mkdir /run/netns
mount -t proc proc /proc 2>/dev/null || true
: > /run/atoll-lab
"$@"
exit $?"#;

/// Why there can be no lab here, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Missing {
    /// A program is not installed.
    #[error("the lab needs the program `{tool}`, and it is not installed; install it: apt-get install {package}")]
    Tool {
        /// The program.
        tool: &'static str,
        /// The Debian package that it is in.
        package: &'static str,
    },
    /// The system lets nobody, or not this user, make namespaces.
    #[error(
        "the lab needs network namespaces, and this system permits none ({reason}); run it as root, or allow user \
         namespaces (sysctl user.max_user_namespaces=10000, kernel.unprivileged_userns_clone=1, \
         kernel.apparmor_restrict_unprivileged_userns=0), or in a container --privileged or with --cap-add SYS_ADMIN"
    )]
    Namespaces {
        /// What the system said.
        reason: String,
    },
}

/// How the outer namespaces are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// As root, over the machine's own user namespace.
    Root,
    /// In a user namespace, as anybody.
    User,
}

/// Whether this process is in the sandbox.
#[must_use]
pub fn inside() -> bool {
    Path::new(MARK).exists()
}

/// How the sandbox can be made here. Tried once, by making one.
///
/// # Errors
/// What is missing, and the way out.
pub fn means() -> Result<Means, Missing> {
    static MEANS: OnceLock<Result<Means, Missing>> = OnceLock::new();
    MEANS.get_or_init(find_means).clone()
}

fn find_means() -> Result<Means, Missing> {
    for (tool, package) in TOOLS {
        if !installed(tool) {
            return Err(Missing::Tool { tool, package });
        }
    }
    // Root in a container may lack the right and still be allowed a user namespace.
    let ways: &[Means] = if is_root() { &[Means::Root, Means::User] } else { &[Means::User] };
    let mut reason = String::new();
    for means in ways {
        match works(*means) {
            Ok(()) => return Ok(*means),
            Err(said) => reason = said,
        }
    }
    Err(Missing::Namespaces { reason })
}

/// A command that runs `program` in a sandbox of its own. It ends when the thread that starts it does.
pub fn command<A: AsRef<OsStr>>(means: Means, program: &OsStr, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new("setpriv");
    command.env("PATH", path()).args(["--pdeathsig", "KILL", "unshare"]);
    if means == Means::User {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", SETUP, "sh"]);
    command.arg(program).args(arguments);
    command
}

/// The PATH to find the tools in.
#[must_use]
pub fn path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":");
    path.push(PATHS);
    path
}

fn works(means: Means) -> Result<(), String> {
    let tried = command(means, OsStr::new("true"), [""; 0]).stdin(Stdio::null()).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether there is a program of that name.
#[must_use]
pub fn installed(tool: &str) -> bool {
    std::env::split_paths(&path()).any(|directory| directory.join(tool).is_file())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
