//! The control socket: HTTP over a Unix socket in the data directory, for the node's owner alone (mode 0600).
//!
//! [`api`] holds what is said there; the command line is a thin client of it.

pub mod api;
mod bench;
mod call;
mod describe;
mod doctor;
mod graph;
mod groups;
pub mod lines;
pub(crate) mod report;
mod routes;
mod search;
mod standing;
mod stream;
#[cfg(test)]
mod tests;
mod topics;
mod tunnels;
mod watch;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Weak,
    time::Duration,
};

use tokio::{net::UnixListener, task::JoinHandle};

pub(crate) use self::{
    describe::describe,
    doctor::doctor as doctor_report,
    graph::report as graph_report,
    routes::ways as routes_report,
    search::search as search_report,
    topics::{all as topics_report, described as topic_report, gap_row, row as message_row},
};
use crate::{error::SpawnError, node::Inner};

/// The longest path that a Unix socket can have, in bytes (`sun_path`, one of them for the end).
const LONGEST_PATH: usize = 107;

/// Where the control socket of the node with this data directory is.
#[must_use]
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("control.sock")
}

/// The control socket, open and not served yet: whoever connects waits.
pub(crate) struct Socket(UnixListener);

/// Opens the socket. The caller holds the data directory, so a socket that is there is a dead node's.
pub(crate) fn open(data_dir: &Path) -> Result<Socket, SpawnError> {
    let path = socket_path(data_dir);
    let failed = |reason: String| SpawnError::Control { path: path.clone(), reason };
    let len = path.as_os_str().len();
    if len > LONGEST_PATH {
        return Err(failed(format!(
            "its path has {len} bytes, at most {LONGEST_PATH} are possible; use a --data-dir with a shorter path"
        )));
    }
    remove(data_dir);
    let listener = UnixListener::bind(&path).map_err(|e| failed(e.to_string()))?;
    restrict(&path).map_err(|e| failed(e.to_string()))?;
    Ok(Socket(listener))
}

/// Serves all who have connected and will.
pub(crate) fn serve(socket: Socket, node: Weak<Inner>) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Err(error) = axum::serve(socket.0, routes::router(node)).await {
            tracing::error!("the control socket has failed: {error}");
        }
    })
}

/// Removes the socket.
pub(crate) fn remove(data_dir: &Path) {
    // What is not there need not be removed.
    let _ = fs::remove_file(socket_path(data_dir));
}

/// For the owner alone. The data directory, made with mode 0700, keeps others out in the moment before.
fn restrict(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

/// Milliseconds with microsecond precision, as people and JSON want them.
pub(crate) fn as_millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

fn as_u64(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
