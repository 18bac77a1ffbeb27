//! What survives a restart: `tunnels.json` in the data directory, for its owner alone, since what is private is named in it.
//!
//! The file is written anew for each change, beside the old one, synced, and put in its place: it is never seen half-written.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use atoll_protocol::names::ServiceName;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{error::KeepError, tickets::IssuedTicket};
use crate::{
    config::{ExposeConfig, ForwardConfig},
    identity_file::write_private,
};

/// The file's name in the data directory.
const NAME: &str = "tunnels.json";
/// The form of the file. A node refuses a later one rather than lose what it does not know.
const FORM: u32 = 1;

/// All that is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    form: u32,
    pub(super) expose: Vec<ExposeConfig>,
    pub(super) forward: Vec<ForwardConfig>,
    pub(super) tickets: Vec<IssuedTicket>,
    pub(super) shares: Vec<Shared>,
}

/// Files that are shared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shared {
    /// The service that tickets name.
    pub(super) service: ServiceName,
    /// Where they are.
    pub(super) path: PathBuf,
    /// Bytes that others may put there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upload: Option<u64>,
}

/// The file; cheap to clone. A node without a data directory keeps it in memory.
#[derive(Debug, Clone)]
pub(super) struct Kept(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: Option<PathBuf>,
    content: Mutex<Content>,
}

impl Kept {
    /// Reads what was kept. The data directory is held by this node.
    pub(super) fn open(data_dir: Option<&Path>) -> Result<(Self, Content), KeepError> {
        let path = data_dir.map(|dir| dir.join(NAME));
        let content = path.as_deref().map(read).transpose()?.unwrap_or_default();
        let kept = Self(Arc::new(Inner { path, content: Mutex::new(content.clone()) }));
        Ok((kept, content))
    }

    /// Whether what is kept is there after a restart.
    pub(super) fn lasts(&self) -> bool {
        self.0.path.is_some()
    }

    /// Changes what is kept; when this resolves without an error, that is on the disk.
    pub(super) async fn change(&self, change: impl FnOnce(&mut Content)) -> Result<(), KeepError> {
        self.change_if(|content| {
            change(content);
            true
        })
        .await
    }

    /// The same, if `change` says that it has changed something.
    pub(super) async fn change_if(&self, change: impl FnOnce(&mut Content) -> bool) -> Result<(), KeepError> {
        let mut content = self.0.content.lock().await;
        let mut changed = content.clone();
        if !change(&mut changed) {
            return Ok(());
        }
        changed.form = FORM;
        if let Some(path) = self.0.path.clone() {
            let text = serde_json::to_string_pretty(&changed);
            let writing = tokio::task::spawn_blocking(move || {
                let failed = |reason: String| KeepError::Write { path: path.clone(), reason };
                let text = text.map_err(|e| failed(e.to_string()))?;
                write_private(&path, &text).map_err(|e| failed(e.to_string()))
            });
            writing.await.map_err(|e| KeepError::Write { path: NAME.into(), reason: e.to_string() })??;
        }
        *content = changed;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Content, KeepError> {
    let wrong = |reason: String| KeepError::Read { path: path.to_owned(), reason };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Content::default()),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let content: Content = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    match content.form {
        FORM => Ok(content),
        other => Err(wrong(format!("it is of form {other}, and this version knows form {FORM}"))),
    }
}
