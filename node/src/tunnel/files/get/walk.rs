//! What there is to be fetched.

use std::collections::VecDeque;

use super::{GetError, fetch::Fetcher};
use crate::tunnel::files::{
    page::{ListedKind, Listing},
    place::Names,
};

/// Files that are fetched at once, at most.
const FILES: usize = 100_000;
/// Folders that they are in, at most.
const FOLDERS: usize = 10_000;

/// What is to be fetched, and where it belongs.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) single: bool,
    pub(super) folders: Vec<Names>,
    pub(super) files: Vec<Names>,
    pub(super) bytes: u64,
}

impl Plan {
    /// Asks for every folder.
    pub(super) async fn make(fetcher: &Fetcher) -> Result<Self, GetError> {
        let mut plan = Self::default();
        let mut left = VecDeque::from([Names::default()]);
        while let Some(folder) = left.pop_front() {
            let listing: Listing = fetcher.ask(&format!("{}/", folder.url())).await?;
            plan.take(&folder, listing, &mut left)?;
        }
        Ok(plan)
    }

    fn take(&mut self, folder: &Names, listing: Listing, left: &mut VecDeque<Names>) -> Result<(), GetError> {
        let refused = |path: String, reason: &str| Err(GetError::Refused { path, reason: reason.to_owned() });
        if folder.as_slice().is_empty() {
            self.single = listing.single;
        }
        for entry in listing.entries {
            // Also that the whole does not lead too deep: who names folders within folders without end is not followed.
            let Some(names) = folder.join(&entry.name) else {
                return refused(entry.name, "its name is none that a file may have here, or leads too deep");
            };
            match entry.kind {
                ListedKind::Folder if self.folders.len() >= FOLDERS => {
                    return refused(
                        names.shown(),
                        &format!("there are more than {FOLDERS} folders; fetch them one by one"),
                    );
                }
                ListedKind::Folder => {
                    self.folders.push(names.clone());
                    left.push_back(names);
                }
                ListedKind::File if self.files.len() >= FILES => {
                    return refused(
                        names.shown(),
                        &format!("there are more than {FILES} files; fetch its folders one by one"),
                    );
                }
                ListedKind::File => {
                    self.bytes = self.bytes.saturating_add(entry.size);
                    self.files.push(names);
                }
            }
        }
        Ok(())
    }
}
