//! Files between real nodes, and names that lead elsewhere.

mod fetching;
mod hostile;
mod pure;
mod serving;
mod uploads;

use std::{fs, path::Path, time::Duration};

use atoll_protocol::ticket::TicketWord;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{get::*, *};
use crate::{
    Node,
    testing::{builder, listening, pair, within},
};

/// A folder with files, beside one with secrets.
struct House {
    dir: TempDir,
}

const SECRET: &[u8] = b"the secret outside";

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let house = Self { dir };
        fs::create_dir_all(house.shared().join("sub/deep")).unwrap();
        fs::create_dir(house.outside()).unwrap();
        fs::write(house.outside().join("secret.txt"), SECRET).unwrap();
        fs::write(house.shared().join("a file.txt"), "hello, file").unwrap();
        fs::write(house.shared().join("sub/deep/b.bin"), bytes(3_000_000)).unwrap();
        fs::write(house.shared().join("empty"), "").unwrap();
        // Ways out, and a way back in.
        std::os::unix::fs::symlink(house.outside(), house.shared().join("out")).unwrap();
        std::os::unix::fs::symlink(house.outside().join("secret.txt"), house.shared().join("secret.txt")).unwrap();
        std::os::unix::fs::symlink("..", house.shared().join("up")).unwrap();
        std::os::unix::fs::symlink("a file.txt", house.shared().join("link.txt")).unwrap();
        house
    }

    fn shared(&self) -> std::path::PathBuf {
        self.dir.path().join("shared")
    }

    fn outside(&self) -> std::path::PathBuf {
        self.dir.path().join("outside")
    }
}

/// Bytes that tell if some are missing or changed places.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 ^ (i >> 13) as u8).collect()
}

const HOUR: Duration = Duration::from_secs(3600);

/// Somebody who shares, somebody who fetches, and the ticket.
struct Stage {
    server: Node,
    client: Node,
    ticket: TicketWord,
}

impl Stage {
    async fn sharing(path: &Path, upload: Option<u64>) -> Self {
        let (server, client) = pair().await;
        let (_, ticket) = server.share(path, HOUR, upload).await.unwrap();
        Self { server, client, ticket }
    }

    async fn get(&self, into: &Path) -> Result<Got, GetError> {
        within("fetching", self.client.get(&self.ticket, into, &Watched::default())).await
    }

    /// The head and the body of an answer.
    async fn ask(&self, request: &[u8]) -> (String, Vec<u8>) {
        within("an answer", async {
            let mut stream = self.client.connect_by(&self.ticket).await.unwrap();
            stream.write_all(request).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(answer.len());
            let body = answer.split_off((end + 4).min(answer.len()));
            (String::from_utf8_lossy(&answer).to_ascii_lowercase(), body)
        })
        .await
    }

    async fn request(&self, method: &str, path: &str, headers: &str) -> (u16, String, Vec<u8>) {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
        let (head, body) = self.ask(request.as_bytes()).await;
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (code.unwrap_or_else(|| panic!("{path}: {head}")), head, body)
    }
}

/// All files beneath a folder, by their paths.
fn tree(at: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut all = std::collections::BTreeMap::new();
    let mut left = vec![at.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.path().strip_prefix(at).unwrap().to_string_lossy().into_owned();
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => left.push(entry.path()),
                kind if kind.is_file() => drop(all.insert(name, fs::read(entry.path()).unwrap())),
                _ => {}
            }
        }
    }
    all
}
