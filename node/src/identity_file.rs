//! The identity file: the 32-byte seed of the node's key, as 64 hexadecimal digits and a line end, readable by its
//! owner alone (mode 0600). Whoever has it is the node; without it the node is another one.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use atoll_protocol::identity::SecretKey;

#[cfg(test)]
mod tests;

/// The file's name in the data directory.
const NAME: &str = "identity.key";

/// Why an identity could not be read or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("cannot {action} the identity file {path}: {source}", path = .path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not hold a key.
    #[error(
        "the identity file {path} is damaged: expected 64 hexadecimal digits, found {found}; restore it from a backup, \
         or move it away to start as a new node with a new identity",
        path = .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
    },
    /// Others can read the file.
    #[error("others can read the identity file {path} (mode {mode:o}); make it private with: chmod 600 {path}", path = .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// Where the identity of the node with this data directory is kept.
#[must_use]
pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

/// Reads the identity in `data_dir`; `None` if there is none yet.
///
/// # Errors
/// [`IdentityError`] if there is one that cannot be used.
pub fn load(data_dir: &Path) -> Result<Option<SecretKey>, IdentityError> {
    let path = path(data_dir);
    let text = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(IdentityError::Io { action: "read", path, source }),
    };
    check_mode(&path)?;
    let text = text.trim_ascii();
    match parse(text) {
        Some(seed) => Ok(Some(SecretKey::from_seed(&seed))),
        None => {
            let found = if text.len() == 64 { "other characters".to_owned() } else { format!("{} bytes", text.len()) };
            Err(IdentityError::Damaged { path, found })
        }
    }
}

/// Keeps this identity in `data_dir`, where there is none yet.
pub(crate) fn keep(data_dir: &Path, key: &SecretKey) -> Result<(), IdentityError> {
    let path = path(data_dir);
    write_private(&path, &to_hex(key.seed())).map_err(|source| IdentityError::Io { action: "write", path, source })
}

fn to_hex(seed: &[u8; 32]) -> String {
    seed.iter().map(|byte| format!("{byte:02x}")).chain(["\n".to_owned()]).collect()
}

fn parse(text: &[u8]) -> Option<[u8; 32]> {
    if text.len() != 64 {
        return None;
    }
    let mut seed = [0; 32];
    for (byte, digits) in seed.iter_mut().zip(text.chunks(2)) {
        let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(seed)
}

/// Writes a file that never exists half-written, nor with other rights than its owner's.
pub(crate) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let partial = path.with_extension("new");
    // A partial file that an interrupted start left behind may have other rights.
    if let Err(e) = fs::remove_file(&partial)
        && e.kind() != ErrorKind::NotFound
    {
        return Err(e);
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    // The name, too, must survive a power cut: without it the node would be another one.
    match path.parent() {
        // That of a bare name is the working directory.
        Some(dir) if cfg!(unix) => fs::File::open(Path::new(".").join(dir))?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn check_mode(path: &Path) -> Result<(), IdentityError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map(|m| m.permissions().mode() & 0o777).unwrap_or(0o600);
    if mode & 0o077 == 0 { Ok(()) } else { Err(IdentityError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn check_mode(_: &Path) -> Result<(), IdentityError> {
    Ok(())
}
