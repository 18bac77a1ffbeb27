//! The addresses at which a service's programs listen: which are well, and whose turn it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use atoll_protocol::rpc::Code;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

use super::super::problem::Problem;

/// Addresses that one version of a service has at most.
const MEMBERS: usize = 32;

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Pool {
    members: Mutex<Vec<Arc<Upstream>>>,
    turn: AtomicUsize,
    /// The path that says whether a program is well.
    pub(super) health: Option<String>,
}

/// One address.
#[derive(Debug)]
pub(super) struct Upstream {
    /// Without a slash at its end.
    pub(super) url: String,
    expires: Mutex<Instant>,
    in_flight: AtomicUsize,
    /// Whether it was last found so. One that is new is.
    well: AtomicBool,
}

/// An address, as it is told.
#[derive(Debug, Serialize)]
pub(super) struct UpstreamRow {
    url: String,
    well: bool,
    in_flight: usize,
    expires_ms: u64,
}

impl Upstream {
    pub(super) fn set_well(&self, well: bool) {
        if self.well.swap(well, Ordering::Relaxed) != well {
            let state = if well { "is well again" } else { "cannot be reached, and is left out until it can" };
            tracing::info!("the program at {} {state}", self.url);
        }
    }

    fn is_well(&self) -> bool {
        self.well.load(Ordering::Relaxed)
    }
}

/// A call under way at an address.
#[derive(Debug)]
pub(super) struct UnderWay(pub(super) Arc<Upstream>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub(super) fn new(health: Option<String>) -> Self {
        Self { members: Mutex::default(), turn: AtomicUsize::new(0), health }
    }

    /// These addresses are good for another `ttl`.
    pub(super) fn renew(&self, urls: Vec<String>, ttl: Duration) -> Result<(), Problem> {
        let expires = Instant::now() + ttl;
        let mut members = self.members.lock();
        for url in urls {
            if let Some(known) = members.iter().find(|known| known.url == url) {
                *known.expires.lock() = expires;
                continue;
            }
            if members.len() >= MEMBERS {
                let said = format!("{MEMBERS} programs share this service's calls, as many as may");
                return Err(Problem::new(Code::ResourceExhausted, said));
            }
            let (expires, in_flight, well) = (Mutex::new(expires), AtomicUsize::new(0), AtomicBool::new(true));
            members.push(Arc::new(Upstream { url, expires, in_flight, well }));
        }
        Ok(())
    }

    /// Forgets those whose time is over. False if none is left.
    pub(super) fn expire(&self) -> bool {
        let now = Instant::now();
        let mut members = self.members.lock();
        members.retain(|member| *member.expires.lock() > now);
        !members.is_empty()
    }

    /// Forgets one. False if there is no such.
    pub(super) fn forget(&self, url: &str) -> bool {
        let (mut members, url) = (self.members.lock(), url.trim_end_matches('/'));
        let before = members.len();
        members.retain(|member| member.url != url);
        members.len() < before
    }

    /// Where to call next, those left out that were tried: of those that are well the one with the fewest calls under way, by turns; if
    /// none is, any.
    pub(super) fn choose(&self, tried: &[Arc<Upstream>]) -> Option<UnderWay> {
        let members = self.members.lock();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = members.len().max(1);
        let open =
            members.iter().enumerate().filter(|(_, member)| !tried.iter().any(|other| Arc::ptr_eq(other, member)));
        let best = open.min_by_key(|(nth, member)| {
            let from_turn = (nth + count - turn % count) % count;
            (!member.is_well(), member.in_flight.load(Ordering::Relaxed), from_turn)
        });
        best.map(|(_, member)| {
            member.in_flight.fetch_add(1, Ordering::Relaxed);
            UnderWay(Arc::clone(member))
        })
    }

    pub(super) fn members(&self) -> Vec<Arc<Upstream>> {
        self.members.lock().clone()
    }

    pub(super) fn rows(&self) -> Vec<UpstreamRow> {
        let now = Instant::now();
        let row = |member: &Arc<Upstream>| UpstreamRow {
            url: member.url.clone(),
            well: member.is_well(),
            in_flight: member.in_flight.load(Ordering::Relaxed),
            expires_ms: u64::try_from((*member.expires.lock() - now).as_millis()).unwrap_or(u64::MAX),
        };
        self.members.lock().iter().map(row).collect()
    }
}
