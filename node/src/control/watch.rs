//! `/v1/watch`: changes of what is listed, one a line, as they happen, for as long as the client listens.
//!
//! ```text
//! {"change": "present", …}     one line for each instance that is listed
//! {"change": "ready", …}       that was all of them
//! {"change": "added", …}       and so on, until the node stops: then the body ends
//! ```
//!
//! Nothing is queued here: a client that reads slowly is brought up to date with what has changed in between (see
//! [`Watch`]). A blank line now and then finds out whether there still is a client.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use atoll_registry::services::{Change, NamePattern, Removal};
use axum::{
    Json,
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{FutureExt, stream};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{
    api::{WatchEvent, WatchRequest, WatchedChange, WatchedInstance},
    routes::{Failure, Received, Shared, node},
};
use crate::{Watch, clock::Clock};

/// How long a client that is gone goes unnoticed, while nothing changes.
const PULSE: Duration = Duration::from_secs(1);

pub(super) async fn watch(state: Shared, request: Received<WatchRequest>) -> Result<Response, Failure> {
    let Json(request) = request?;
    let pattern = request.pattern.as_deref().map(str::parse).transpose();
    let pattern =
        pattern.map_err(|e: atoll_registry::services::PatternError| Failure(StatusCode::BAD_REQUEST, e.to_string()))?;
    let node = node(&state)?;
    let watching = Watching::new(node.rpc.directory.watch(), pattern.unwrap_or_else(NamePattern::all), node.clock);
    // The watch must not keep the node alive.
    drop(node);
    let body = Body::from_stream(stream::unfold(watching, Watching::next));
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

struct Watching {
    watch: Watch,
    pattern: NamePattern,
    clock: Clock,
    ready: VecDeque<WatchEvent>,
    pulse: Interval,
}

impl Watching {
    fn new(watch: Watch, pattern: NamePattern, clock: Clock) -> Self {
        let mut pulse = interval(PULSE);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watching = Self { watch, pattern, clock, ready: VecDeque::new(), pulse };
        watching.ready = watching.present();
        watching
    }

    /// What is listed: a watch has that at hand, before anything that has to be waited for.
    fn present(&mut self) -> VecDeque<WatchEvent> {
        let (mut present, mut later) = (Vec::new(), Vec::new());
        while let Some(Some(change)) = self.watch.next().now_or_never() {
            let is_present = matches!(change, Change::Added(_));
            let events = if is_present { &mut present } else { &mut later };
            events.extend(self.event(&change).map(|event| match is_present {
                true => WatchEvent { change: WatchedChange::Present, ..event },
                false => event,
            }));
        }
        present.sort_by(|a, b| {
            let key = |event: &WatchEvent| {
                event.instance.as_ref().map(|i| (i.service.clone(), i.version.clone(), i.node, i.instance))
            };
            key(a).cmp(&key(b))
        });
        present.push(WatchEvent { instance: None, reason: None, ..self.now(WatchedChange::Ready) });
        present.into_iter().chain(later).collect()
    }

    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if let Some(event) = self.ready.pop_front() {
            return Some((Ok(line(&event)), self));
        }
        loop {
            tokio::select! {
                change = self.watch.next() => match self.event(&change?) {
                    Some(event) => return Some((Ok(line(&event)), self)),
                    None => continue,
                },
                _ = self.pulse.tick() => return Some((Ok(Bytes::from_static(b"\n")), self)),
            }
        }
    }

    /// The change as it is told; `None` if nobody asked for it.
    fn event(&self, change: &Change) -> Option<WatchEvent> {
        let instance = change.instance();
        let record = instance.record.value();
        if !self.pattern.matches(&record.name) {
            return None;
        }
        let (what, reason) = match change {
            Change::Added(_) => (WatchedChange::Added, None),
            Change::Changed(_) => (WatchedChange::Changed, None),
            Change::Suspect(_) => (WatchedChange::Suspect, None),
            Change::Recovered(_) => (WatchedChange::Recovered, None),
            Change::Removed(_, why) => (WatchedChange::Removed, Some(name(*why).to_owned())),
        };
        let instance = WatchedInstance {
            service: record.name.clone(),
            version: record.version.to_string(),
            instance: record.instance,
            node: instance.node,
            suspect: instance.suspect,
        };
        Some(WatchEvent { reason, instance: Some(instance), ..self.now(what) })
    }

    fn now(&self, change: WatchedChange) -> WatchEvent {
        WatchEvent { at_unix_ms: self.clock.wall().0, change, reason: None, instance: None }
    }
}

fn name(why: Removal) -> &'static str {
    match why {
        Removal::Withdrawn => "withdrawn",
        Removal::Expired => "expired",
        Removal::Evicted => "evicted",
        Removal::Superseded => "superseded",
        Removal::Unconfirmed => "unconfirmed",
    }
}

fn line(event: &WatchEvent) -> Bytes {
    // Names and numbers can always be written.
    let mut text = serde_json::to_vec(event).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
