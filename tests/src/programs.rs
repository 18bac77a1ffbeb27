//! Where the built programs are.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use anyhow::{Context, Result, anyhow, ensure};

/// A program of this workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `node`.
    Node,
    /// `atoll-bootstrap`.
    Bootstrap,
    /// An example, by its name, such as `01_serve`.
    Example(&'static str),
}

/// One build at a time.
static BUILDING: Mutex<()> = Mutex::new(());

impl Program {
    /// The program's file. It is that of the profile the asking program was built with; one that is missing is built.
    ///
    /// # Errors
    /// If it is not there after building, or cannot be built.
    pub fn path(self) -> Result<PathBuf> {
        let mine = std::env::current_exe().context("cannot tell where this program is")?;
        // Tests are in `target/<profile>/deps`, programs in `target/<profile>`.
        let directory = mine.parent().ok_or_else(|| anyhow!("{} is in no directory", mine.display()))?;
        let profile = if directory.ends_with("deps") { directory.parent().unwrap_or(directory) } else { directory };
        let file = match self {
            Self::Node => profile.join("node"),
            Self::Bootstrap => profile.join("atoll-bootstrap"),
            Self::Example(name) => profile.join("examples").join(name),
        };
        if !file.exists() {
            build(profile, &file)?;
        }
        Ok(file)
    }
}

/// Builds all programs, as the scripts do: another selection of packages would have other features, and build the
/// dependencies once more.
fn build(profile: &Path, wanted: &Path) -> Result<()> {
    let _alone = BUILDING.lock();
    if wanted.exists() {
        return Ok(());
    }
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => return Err(anyhow!("{} is not a directory that cargo builds in", profile.display())),
    };
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--bins", "--examples", "--profile", name])
        // From the top, where that means the default members: those of the benchmarks are heavy.
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .context("cannot run cargo to build the programs under test")?;
    ensure!(status.success() && wanted.exists(), "cargo build ({status}) has not built {}", wanted.display());
    Ok(())
}
