//! Fetching one file: what is there is checked, the rest is asked for, and each piece is checked as it comes.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use atoll_protocol::rpc::{Code, Status};
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::{GetError, Watched};
use crate::tunnel::{
    dial::Dialer,
    files::{
        hashes::Hashes,
        place::{Folder, Names},
    },
    web::Web,
};

/// The largest answer that is no file.
const ANSWER: usize = 32 << 20;
/// How often a piece that is wrong is fetched.
const WRONG: u32 = 3;
/// How often in a row it is tried to go on where nothing more comes.
const TRIES: u32 = 8;
/// How long is waited before the first of these; each further time twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// How long nothing may come before that counts as broken off.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes that are read at a time.
const READ: usize = 256 * 1024;

/// Asks whoever shares.
#[derive(Debug)]
pub(super) struct Fetcher {
    web: Web,
    dialer: Dialer,
    pub(super) watched: Watched,
}

/// What is being written, and how far it is good.
struct Partial {
    file: Arc<File>,
    /// The first piece that is not there.
    next: usize,
}

impl Fetcher {
    pub(super) fn new(web: Web, dialer: Dialer, watched: Watched) -> Self {
        Self { web, dialer, watched }
    }

    /// What is at `path`, as JSON.
    pub(super) async fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, GetError> {
        let refused = |reason: String| GetError::Refused { path: path.to_owned(), reason };
        let request = request(path, &[(header::ACCEPT, "application/json")]).map_err(refused)?;
        let response = self.web.ask(&self.dialer, request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER).collect().await.map_err(|error| refused(error.to_string()))?.to_bytes();
        if head.status != StatusCode::OK {
            return Err(refused(words(head.status, &body)));
        }
        serde_json::from_slice(&body).map_err(|error| refused(format!("the answer cannot be read: {error}")))
    }

    /// Fetches one file to its place beneath `root`, which is at `into`.
    pub(super) async fn fetch(&self, root: &Arc<Folder>, into: &Path, names: &Names) -> Result<(), GetError> {
        let path = into.join(names.shown());
        let disk = |source| GetError::Disk { path: path.clone(), source };
        let Some((before, name)) = names.split_last() else { return Ok(()) };
        let mut hashes = self.hashes(names).await?;
        let folder = {
            let (root, before) = (Arc::clone(root), before.to_vec());
            Arc::new(blocking(move || root.beneath(&before)).await.map_err(disk)?)
        };
        if self.is_there(&folder, name, &hashes).await.map_err(disk)? {
            return Ok(());
        }
        if blocking(there(&folder, name)).await.map_err(disk)? {
            return Err(GetError::InTheWay { path });
        }
        let mut partial = self.open(&folder, name, &hashes).await.map_err(disk)?;
        let mut tries = Tries::default();
        while partial.next < hashes.pieces.len() {
            let before = partial.next;
            let Err(ended) = self.go_on(names, &hashes, &mut partial).await else { continue };
            if partial.next > before {
                tries = Tries::default();
            }
            let has_changed = matches!(ended, Ended::Changed);
            tries.count(ended, names, &path, partial.next).await?;
            if has_changed {
                self.forget(&hashes, partial.next);
                hashes = self.hashes(names).await?;
                partial = self.open(&folder, name, &hashes).await.map_err(disk)?;
            }
        }
        let (size, name) = (hashes.size, name.to_owned());
        let completing = blocking(move || {
            partial.file.set_len(size)?;
            partial.file.sync_all()?;
            folder.complete(&name)
        });
        match completing.await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(GetError::InTheWay { path }),
            completed => completed.map_err(disk),
        }
    }

    async fn hashes(&self, names: &Names) -> Result<Hashes, GetError> {
        let hashes: Hashes = self.ask(&format!("{}?hashes", names.url())).await?;
        if hashes.is_sound() {
            return Ok(hashes);
        }
        Err(GetError::Refused { path: names.shown(), reason: "its hashes contradict each other".to_owned() })
    }

    /// Whether the file is there, with this content.
    async fn is_there(&self, folder: &Arc<Folder>, name: &str, hashes: &Hashes) -> io::Result<bool> {
        let (folder, name, hashes) = (Arc::clone(folder), name.to_owned(), hashes.clone());
        let size = hashes.size;
        let same = blocking(move || {
            let Ok((mut file, facts)) = folder.file(&name) else { return Ok(false) };
            Ok(facts.size == hashes.size && good(&mut file, &hashes)? == hashes.pieces.len())
        });
        let same = same.await?;
        if same {
            self.watched.had(size);
        }
        Ok(same)
    }

    /// Opens the incomplete file, and checks what is there of it.
    async fn open(&self, folder: &Arc<Folder>, name: &str, hashes: &Hashes) -> io::Result<Partial> {
        let (folder, name, of) = (Arc::clone(folder), name.to_owned(), hashes.clone());
        let opened = blocking(move || {
            let mut file = folder.partial(&name)?;
            let next = good(&mut file, &of)?;
            Ok(Partial { file: Arc::new(file), next })
        });
        let opened = opened.await?;
        self.watched.had(bytes_before(hashes, opened.next));
        Ok(opened)
    }

    /// What was counted does not count any more.
    fn forget(&self, hashes: &Hashes, next: usize) {
        self.watched.lost(bytes_before(hashes, next));
    }

    /// Asks for what is missing, from the first piece that is, and writes it.
    async fn go_on(&self, names: &Names, hashes: &Hashes, partial: &mut Partial) -> Result<(), Ended> {
        let Some((start, ..)) = hashes.piece(partial.next) else { return Ok(()) };
        let range = format!("bytes={start}-");
        let headers = [(header::RANGE, range.as_str()), (header::IF_RANGE, hashes.etag.as_str())];
        let request = request(&names.url(), &headers).map_err(Ended::Refused)?;
        let response = self.web.ask(&self.dialer, request).await.map_err(Ended::Broken)?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if begins_at(&response, start) => {}
            // All of it: the content is another one.
            StatusCode::OK | StatusCode::RANGE_NOT_SATISFIABLE => return Err(Ended::Changed),
            other => return Err(Ended::Refused(words(other, &[]))),
        }
        self.receive(response.into_body(), hashes, partial).await
    }

    async fn receive(&self, mut body: Incoming, hashes: &Hashes, partial: &mut Partial) -> Result<(), Ended> {
        let mut came = Bytes::new();
        while let Some((start, len, wanted)) = hashes.piece(partial.next) {
            let (mut digest, mut done) = (Sha256::new(), 0);
            while done < len {
                if came.is_empty() {
                    came = next(&mut body).await.inspect_err(|_| self.watched.lost(done))?;
                }
                let part = came.split_to(usize::try_from(len - done).unwrap_or(usize::MAX).min(came.len()));
                digest.update(&part);
                let (file, at, bytes) = (Arc::clone(&partial.file), start + done, part.len() as u64);
                let written = blocking(move || write_at(&file, &part, at)).await;
                written.inspect_err(|_| self.watched.lost(done)).map_err(Ended::Disk)?;
                done += bytes;
                self.watched.got(bytes);
            }
            if <[u8; 32]>::from(digest.finalize()) != wanted.0 {
                self.watched.lost(len);
                return Err(Ended::Wrong);
            }
            partial.next += 1;
        }
        Ok(())
    }
}

/// How often something was tried without getting further.
#[derive(Default)]
struct Tries {
    /// What came was wrong, or something else was there.
    wrong: u32,
    /// Nothing came.
    broken: u32,
}

impl Tries {
    /// Waits as long as it takes to try again, unless it has been tried often enough.
    async fn count(&mut self, ended: Ended, names: &Names, path: &Path, piece: usize) -> Result<(), GetError> {
        match ended {
            Ended::Disk(source) => Err(GetError::Disk { path: path.to_owned(), source }),
            Ended::Refused(reason) => Err(GetError::Refused { path: names.shown(), reason }),
            Ended::Wrong | Ended::Changed => {
                self.wrong += 1;
                if self.wrong < WRONG {
                    return Ok(());
                }
                Err(GetError::Damaged { path: names.shown(), piece, times: WRONG })
            }
            Ended::Broken(status) => {
                self.broken += 1;
                if self.broken >= TRIES || status.code() == Code::PermissionDenied {
                    return Err(status.into());
                }
                tracing::debug!("{} broke off and is gone on with: {status}", names.shown());
                sleep(PAUSE * 2_u32.pow(self.broken - 1)).await;
                Ok(())
            }
        }
    }
}

/// Why it does not go on.
enum Ended {
    /// It broke off, and may go on.
    Broken(Status),
    /// A piece is not what it should be.
    Wrong,
    /// The file has changed.
    Changed,
    Refused(String),
    Disk(io::Error),
}

/// The next bytes.
async fn next(body: &mut Incoming) -> Result<Bytes, Ended> {
    let broken = |reason: String| Ended::Broken(Status::unavailable(reason));
    loop {
        match tokio::time::timeout(SILENCE, body.frame()).await {
            Err(_) => return Err(broken(format!("nothing came for {} s", SILENCE.as_secs()))),
            Ok(None) => return Err(broken("it ended before all had come".to_owned())),
            Ok(Some(Err(error))) => return Err(broken(format!("it broke off: {error}"))),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Ok(data),
                _ => {}
            },
        }
    }
}

fn request(path: &str, headers: &[(header::HeaderName, &str)]) -> Result<Request<Empty<Bytes>>, String> {
    let mut request = Request::builder().uri(path).header(header::HOST, "files");
    for (name, value) in headers {
        request = request.header(name, HeaderValue::from_str(value).map_err(|error| error.to_string())?);
    }
    request.body(Empty::new()).map_err(|error| error.to_string())
}

/// Whether a part begins where it should (RFC 9110, 14.4).
fn begins_at(response: &Response<Incoming>, start: u64) -> bool {
    let said = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    said.and_then(|said| said.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()) == Some(start)
}

/// What an answer says that is none, in a line.
fn words(code: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text.lines().next().unwrap_or_default().chars().take(200).collect();
    if line.is_empty() { code.to_string() } else { format!("{line} ({code})") }
}

fn there(folder: &Arc<Folder>, name: &str) -> impl FnOnce() -> io::Result<bool> + Send + 'static {
    let (folder, name) = (Arc::clone(folder), name.to_owned());
    move || folder.kind(&name).map(|kind| kind.is_some())
}

/// How many pieces from the beginning are good.
fn good(file: &mut File, hashes: &Hashes) -> io::Result<usize> {
    file.seek(SeekFrom::Start(0))?;
    let len = file.metadata()?.len();
    let mut buffer = vec![0; READ];
    for index in 0..hashes.pieces.len() {
        let Some((start, mut left, wanted)) = hashes.piece(index).filter(|(start, bytes, _)| start + bytes <= len)
        else {
            return Ok(index);
        };
        debug_assert_eq!(file.stream_position().ok(), Some(start));
        let mut digest = Sha256::new();
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(READ);
            let part = buffer.get_mut(..now).unwrap_or_default();
            file.read_exact(part)?;
            digest.update(&part);
            left -= now as u64;
        }
        if <[u8; 32]>::from(digest.finalize()) != wanted.0 {
            return Ok(index);
        }
    }
    Ok(hashes.pieces.len())
}

fn bytes_before(hashes: &Hashes, next: usize) -> u64 {
    (next as u64 * hashes.piece).min(hashes.size)
}

fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    let mut file = file;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
