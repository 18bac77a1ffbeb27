//! Paths beneath a folder that is held open, and nowhere else.
//!
//! A path is followed one name at a time, each from the folder before it, and no link is followed (`openat` with `O_NOFOLLOW`): there is
//! no moment between looking and opening in which somebody could put a link in the way.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};

/// Bytes of one name, as file systems have it.
const NAME: usize = 255;
/// Folders that a path may lead through.
const DEPTH: usize = 64;
/// Entries of one folder that are listed at most.
pub(super) const ENTRIES: usize = 100_000;

/// What names of files begin with that are not complete yet. They are neither listed nor served.
pub(super) const PARTIAL: &str = ".atoll-part-";

/// A path as a list of names, of which none leads anywhere else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// The names of a URL's path; `None` if it is not one that could have been listed.
    pub(super) fn of_url(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        if path.is_empty() {
            return Some(Self::default());
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let names: Option<Vec<String>> = path.split('/').map(decode).collect();
        names.filter(|names| names.len() <= DEPTH && names.iter().all(|name| is_name(name))).map(Self)
    }

    /// These, and one more; `None` if that is no name.
    pub(super) fn join(&self, name: &str) -> Option<Self> {
        if !is_name(name) || self.0.len() >= DEPTH {
            return None;
        }
        Some(Self(self.0.iter().cloned().chain([name.to_owned()]).collect()))
    }

    /// All but the last one, and the last one.
    pub(super) fn split_last(&self) -> Option<(&[String], &str)> {
        self.0.split_last().map(|(last, before)| (before, last.as_str()))
    }

    pub(super) fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// As a URL's path, without a slash at its end.
    pub(super) fn url(&self) -> String {
        self.0.iter().map(|name| format!("/{}", encode(name))).collect()
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        self.0.join("/")
    }
}

/// Whether this names something in its folder, on any system, and cannot be taken for anything else.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME
        && name != "."
        && name != ".."
        && !name.starts_with(PARTIAL)
        && !name.chars().any(|c| c == '/' || c == '\\' || c.is_control())
}

/// A name as it stands in a URL: everything encoded but what RFC 3986 calls unreserved.
pub(super) fn encode(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Facts {
    pub(super) size: u64,
    /// Since 1970.
    pub(super) modified: Duration,
    pub(super) inode: u64,
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) folder: bool,
    pub(super) facts: Facts,
}

/// A folder that is held open.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

const AS_FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

impl Folder {
    /// The folder that somebody has named; here links are followed, since it is they who have named it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        Ok(Self(rustix::fs::open(&path, AS_FOLDER, Mode::empty())?))
    }

    /// A folder beneath it.
    pub(super) fn beneath(&self, names: &[String]) -> io::Result<Self> {
        let mut folder = Self(self.0.try_clone()?);
        for name in names {
            folder = Self(rustix::fs::openat(&folder.0, checked(name)?, AS_FOLDER, Mode::empty())?);
        }
        Ok(folder)
    }

    /// The same; what is not there is made.
    pub(super) fn made(&self, names: &[String]) -> io::Result<Self> {
        let mut folder = Self(self.0.try_clone()?);
        for name in names {
            match rustix::fs::mkdirat(&folder.0, checked(name)?, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            folder = folder.beneath(std::slice::from_ref(name))?;
        }
        Ok(folder)
    }

    /// A file in it, to be read. What is neither file nor folder is not opened: that alone may do something.
    pub(super) fn file(&self, name: &str) -> io::Result<(File, Facts)> {
        match self.kind(name)? {
            Some(FileType::RegularFile) => {}
            _ => return Err(io::ErrorKind::NotFound.into()),
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&self.0, checked(name)?, flags, Mode::empty())?);
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok((file, facts(&stat)))
    }

    /// What is there under that name, if anything.
    pub(super) fn kind(&self, name: &str) -> io::Result<Option<FileType>> {
        match rustix::fs::statat(&self.0, checked(name)?, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A file in it that is not complete, to be read and written; made if need be.
    pub(super) fn partial(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&self.0, partial_name(name)?, flags, Mode::from_raw_mode(0o644))?;
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("there is something that is no file where the incomplete file would be"));
        }
        Ok(File::from(file))
    }

    /// Gives the incomplete file its name, unless there is something of that name.
    pub(super) fn complete(&self, name: &str) -> io::Result<()> {
        let (from, to) = (partial_name(name)?, checked(name)?);
        match rustix::fs::renameat_with(&self.0, &from, &self.0, to, RenameFlags::NOREPLACE) {
            // Some file systems do not know how to do that in one step.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                if self.kind(name)?.is_some() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                rustix::fs::renameat(&self.0, &from, &self.0, to)?;
            }
            renamed => renamed?,
        }
        // The name, too, is to survive a power cut.
        Ok(rustix::fs::fsync(&self.0)?)
    }

    /// Gives the incomplete file up.
    pub(super) fn abandon(&self, name: &str) {
        if let Ok(partial) = partial_name(name) {
            // It is overwritten next time if it is still there.
            let _ = rustix::fs::unlinkat(&self.0, &partial, AtFlags::empty());
        }
    }

    /// What is in it, folders first, by name. Links, and what is neither file nor folder, is left out, and so are names that cannot
    /// be told.
    pub(super) fn list(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let Ok(name) = std::str::from_utf8(entry.file_name().to_bytes()) else { continue };
            if !is_name(name) {
                continue;
            }
            // It may have gone since.
            let Ok(stat) = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let folder = match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => false,
                FileType::Directory => true,
                _ => continue,
            };
            if entries.len() >= ENTRIES {
                return Err(io::Error::other(format!("there are more than {ENTRIES} entries in one folder")));
            }
            entries.push(Entry { name: name.to_owned(), folder, facts: facts(&stat) });
        }
        entries.sort_by(|a, b| (!a.folder, &a.name).cmp(&(!b.folder, &b.name)));
        Ok(entries)
    }
}

/// Every name is checked once more where it meets the file system.
fn checked(name: &str) -> io::Result<&OsStr> {
    if is_name(name) { Ok(OsStr::from_bytes(name.as_bytes())) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Where a file is until it is complete: its own name, or a part of a long one and what tells it from others.
fn partial_name(name: &str) -> io::Result<String> {
    checked(name)?;
    let hash = atoll_protocol::sealed::Hash::of(name.as_bytes());
    let tag: String = hash.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{PARTIAL}{tag}"))
}

fn facts(stat: &rustix::fs::Stat) -> Facts {
    let secs = u64::try_from(stat.st_mtime).unwrap_or_default();
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or_default();
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    Facts { size, modified: Duration::new(secs, nanos.min(999_999_999)), inode: stat.st_ino }
}

impl Facts {
    /// Tells one content of a file from another, as well as the file system does.
    pub(super) fn etag(&self) -> String {
        format!("\"{:x}-{:x}-{:x}\"", self.size, self.modified.as_nanos(), self.inode)
    }

    pub(super) fn modified(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(self.modified).unwrap_or(UNIX_EPOCH)
    }
}
