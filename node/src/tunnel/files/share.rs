//! What is shared: one file, or a folder and all beneath it.

use std::{
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{
    hashes::Remembered,
    page::{Listed, Listing},
    place::{Entry, Facts, Folder, Names, is_name},
    upload::Uploads,
};

/// Why something is not shared.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ShareError {
    /// It cannot be read.
    #[error("cannot share {path}: {reason}", path = .path.display())]
    Unreadable {
        /// What was named.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It is neither a file nor a folder.
    #[error("cannot share {path}: it is neither a file nor a folder", path = .path.display())]
    Neither {
        /// What was named.
        path: PathBuf,
    },
    /// It has no name that others could use.
    #[error("cannot share {path}: its name has characters that not every system takes; share the folder that it is in", path = .path.display())]
    Name {
        /// What was named.
        path: PathBuf,
    },
    /// Files can only be put into folders.
    #[error("cannot let others put files into {path}: it is a file", path = .path.display())]
    NoFolder {
        /// What was named.
        path: PathBuf,
    },
}

/// A file or a folder that is shared.
pub struct FileShare {
    path: PathBuf,
    title: String,
    root: Folder,
    /// The only file in the folder that is shared, if it is one file.
    only: Option<String>,
    pub(super) uploads: Option<Uploads>,
    pub(super) hashes: Remembered,
}

/// What there is at a path.
pub(super) enum Found {
    Folder(Listing),
    File(File, Facts),
}

impl FileShare {
    /// Shares what is at `path`; into a folder others may put `upload` bytes in all, if that is given. Reads the disk.
    ///
    /// # Errors
    /// [`ShareError`] names the path, and what is wrong with it.
    pub fn open(path: &Path, upload: Option<u64>) -> Result<Self, ShareError> {
        let failed = |error: io::Error| ShareError::Unreadable { path: path.to_owned(), reason: error.to_string() };
        let whole = path.canonicalize().map_err(failed)?;
        let metadata = whole.metadata().map_err(failed)?;
        let name = whole.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let (root, only) = if metadata.is_dir() {
            (Folder::open(&whole).map_err(failed)?, None)
        } else if !metadata.is_file() {
            return Err(ShareError::Neither { path: path.to_owned() });
        } else if upload.is_some() {
            return Err(ShareError::NoFolder { path: path.to_owned() });
        } else {
            let name = name.clone().filter(|name| is_name(name));
            let name = name.ok_or_else(|| ShareError::Name { path: path.to_owned() })?;
            let root = Folder::open(whole.parent().unwrap_or(&whole)).map_err(failed)?;
            // Whether it can be read shows now, and not when somebody wants it.
            root.file(&name).map_err(failed)?;
            (root, Some(name))
        };
        let title = name.unwrap_or_else(|| "files".to_owned());
        let uploads = upload.map(Uploads::new);
        Ok(Self { path: whole, title, root, only, uploads, hashes: Remembered::default() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that others may put into it in all, if they may.
    #[must_use]
    pub fn upload(&self) -> Option<u64> {
        self.uploads.as_ref().map(Uploads::limit)
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// What is there. Reads the disk.
    pub(super) fn find(&self, names: &Names) -> io::Result<Found> {
        match (&self.only, names.split_last()) {
            (Some(only), None) => {
                let (_, facts) = self.root.file(only)?;
                let entry = Entry { name: only.clone(), folder: false, facts };
                Ok(Found::Folder(self.listing(names, &[entry])))
            }
            (Some(only), Some((before, name))) if before.is_empty() && name == only => {
                let (file, facts) = self.root.file(only)?;
                Ok(Found::File(file, facts))
            }
            (Some(_), Some(_)) => Err(io::ErrorKind::NotFound.into()),
            (None, None) => Ok(Found::Folder(self.listing(names, &self.root.list()?))),
            (None, Some((before, name))) => {
                let folder = self.root.beneath(before)?;
                match folder.kind(name)? {
                    Some(rustix::fs::FileType::Directory) => {
                        let folder = folder.beneath(std::slice::from_ref(&name.to_owned()))?;
                        Ok(Found::Folder(self.listing(names, &folder.list()?)))
                    }
                    Some(_) => folder.file(name).map(|(file, facts)| Found::File(file, facts)),
                    None => Err(io::ErrorKind::NotFound.into()),
                }
            }
        }
    }

    fn listing(&self, names: &Names, entries: &[Entry]) -> Listing {
        let path = format!("{}/", names.url());
        let entries = entries.iter().map(Listed::from).collect();
        Listing { path, single: self.only.is_some(), upload: self.uploads.is_some(), entries }
    }

    /// The folder that files are put into. Reads the disk.
    pub(super) fn folder(&self, names: &[String]) -> io::Result<Folder> {
        self.root.beneath(names)
    }
}

impl fmt::Debug for FileShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileShare").field("path", &self.path).finish_non_exhaustive()
    }
}

impl PartialEq for FileShare {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, &self.only, self.upload()) == (&other.path, &other.only, other.upload())
    }
}

impl Eq for FileShare {}
