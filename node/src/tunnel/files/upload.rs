//! Files that others put into a folder: new ones only, one at a time for each name, and not more than was allowed.

use std::{
    collections::BTreeSet,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    body::Body,
    http::{Request, Response, StatusCode, header},
};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parking_lot::Mutex;

use super::{
    place::{Folder, Names},
    serve::{Refusal, blocking},
    share::FileShare,
};

/// Files that are being put at a time.
const AT_ONCE: usize = 16;
/// Files that may be put into one share.
const FILES: u64 = 10_000;

/// What may be put, and what was.
#[derive(Debug)]
pub(super) struct Uploads {
    limit: u64,
    bytes: AtomicU64,
    files: AtomicU64,
    /// Paths that are being put.
    under_way: Mutex<BTreeSet<String>>,
}

impl Uploads {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, bytes: AtomicU64::new(0), files: AtomicU64::new(0), under_way: Mutex::default() }
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Takes so many bytes out of what may still be put.
    fn take(&self, bytes: u64) -> Result<(), Refusal> {
        let taken = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |sum| {
            sum.checked_add(bytes).filter(|sum| *sum <= self.limit)
        });
        let text = || format!("no more than {} bytes may be put here in all", self.limit);
        taken.map(drop).map_err(|_| Refusal(StatusCode::PAYLOAD_TOO_LARGE, text()))
    }

    fn give_back(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A file that is being put: given up when dropped, unless it is complete.
struct Taking<'a> {
    uploads: &'a Uploads,
    folder: Arc<Folder>,
    name: String,
    /// Bytes that were taken of what may be put.
    bytes: u64,
    complete: bool,
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        if !self.complete {
            self.uploads.give_back(self.bytes);
            // Nothing is left of it: what broke off is not to fill the disk.
            self.folder.abandon(&self.name);
        }
    }
}

/// A path that is being put.
struct UnderWay<'a>(&'a Uploads, String);

impl<'a> UnderWay<'a> {
    fn begin(uploads: &'a Uploads, path: String) -> Result<Self, Refusal> {
        let mut all = uploads.under_way.lock();
        if all.len() >= AT_ONCE {
            let text = format!("{AT_ONCE} files are being put here; wait for one of them");
            return Err(Refusal(StatusCode::TOO_MANY_REQUESTS, text));
        }
        if !all.insert(path.clone()) {
            return Err(Refusal(StatusCode::CONFLICT, "somebody is putting a file of this name".to_owned()));
        }
        Ok(Self(uploads, path))
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.lock().remove(&self.1);
    }
}

impl FileShare {
    /// Takes a file, if that is allowed. It has its name once it is complete and on the disk.
    pub(super) async fn take(self: &Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let refused = |code, text: &str| Err(Refusal(code, text.to_owned()));
        let Some(uploads) = &self.uploads else {
            return refused(StatusCode::FORBIDDEN, "whoever shares this does not let others put files here");
        };
        let names = Names::of_url(request.uri().path()).filter(|_| !request.uri().path().ends_with('/'));
        let Some((before, name)) = names.as_ref().and_then(Names::split_last) else {
            return refused(StatusCode::BAD_REQUEST, "a file cannot be called like that");
        };
        if request.headers().contains_key(header::CONTENT_RANGE) {
            return refused(StatusCode::BAD_REQUEST, "a file is put whole, not in parts");
        }
        if uploads.files.load(Ordering::Relaxed) >= FILES {
            return refused(StatusCode::PAYLOAD_TOO_LARGE, "as many files have been put here as may be");
        }
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > uploads.limit) {
            uploads.take(u64::MAX)?;
        }
        let path = names.as_ref().map(Names::shown).unwrap_or_default();
        let _under_way = UnderWay::begin(uploads, path)?;
        let (share, before, name) = (Arc::clone(self), before.to_vec(), name.to_owned());
        let (folder, file) = {
            let name = name.clone();
            blocking(move || {
                let folder = share.folder(&before)?;
                if folder.kind(&name)?.is_some() {
                    return Err(std::io::ErrorKind::AlreadyExists.into());
                }
                let file = folder.partial(&name)?;
                file.set_len(0)?;
                Ok((Arc::new(folder), Arc::new(file)))
            })
            .await?
        };
        let mut taking = Taking { uploads, folder: Arc::clone(&folder), name: name.clone(), bytes: 0, complete: false };
        receive(&mut taking, request.into_body(), &file).await?;
        blocking(move || {
            file.sync_all()?;
            folder.complete(&name)
        })
        .await?;
        taking.complete = true;
        uploads.files.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(Body::from("it is there\n"));
        *response.status_mut() = StatusCode::CREATED;
        Ok(response)
    }
}

/// Writes a body into a file, as long as there is room for it.
async fn receive(taking: &mut Taking<'_>, mut body: Incoming, file: &Arc<std::fs::File>) -> Result<(), Refusal> {
    while let Some(frame) = body.frame().await {
        let broken = |error: hyper::Error| Refusal(StatusCode::BAD_REQUEST, format!("the file broke off: {error}"));
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        let bytes = data.len() as u64;
        taking.uploads.take(bytes)?;
        taking.bytes += bytes;
        let file = Arc::clone(file);
        blocking(move || (&*file).write_all(&data)).await?;
    }
    Ok(())
}
