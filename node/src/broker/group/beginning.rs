//! What a coordinator begins with.

use std::{collections::HashMap, time::SystemTime};

use atoll_protocol::{
    identity::NodeId,
    service::UnixMillis,
    topic::{
        Epoch, Hlc, Seq,
        log::Cursor,
        work::{Begun, Standing},
    },
};

use super::{Name, host::Host};
use crate::broker::{
    From, Inner,
    readers::LogRef,
    tail::{Begin, NEWS},
};

pub(super) type Known = Vec<((NodeId, Epoch), Standing)>;

/// See the [module docs](self).
pub(super) struct Beginning {
    pub(super) epoch: u64,
    pub(super) begun: Begun,
    pub(super) known: Known,
    /// Where reading begins, in logs of which nothing is known.
    pub(super) begin: Begin,
    /// What is older there is none of the group's work.
    pub(super) since: Hlc,
}

impl Beginning {
    pub(super) fn of(host: &Host) -> Self {
        let now = host.inner.clock.wall();
        let notes = host.notes.lock();
        let known: Known = notes.standings().map(|(log, standing)| (*log, standing.clone())).collect();
        let epoch = notes.next_epoch(now);
        let (begun, is_new) = (notes.begun(), notes.begun().is_none() && known.is_empty());
        drop(notes);
        let begun = begun.unwrap_or_else(|| begin(host.from, now));
        if is_new && host.from == From::Latest {
            // What is news is known better now than by its date later.
            let known = ends(&host.inner, &host.name);
            return Self { epoch, begun, known, begin: Begin::Latest, since: Hlc::default() };
        }
        let (begin, since) = match begun {
            Begun::Earliest => (Begin::Earliest, Hlc::default()),
            Begun::Since(time) => (Begin::Time(time), Hlc::at(time)),
            Begun::At(seq) => (Begin::Seq(seq), Hlc::default()),
        };
        Self { epoch, begun, known, begin, since }
    }
}

/// Everything that is there is done.
fn ends(inner: &Inner, name: &Name) -> Known {
    let logs = inner.logs.lock();
    let ends: Vec<_> = logs.shelf.logs(&name.topic).map(|log| (log.author(), log.end())).collect();
    let all = |(author, end): &(NodeId, Cursor)| {
        let positions = end.positions().map(|(epoch, seq)| ((*author, epoch), Standing::all(seq)));
        positions.collect::<Vec<_>>()
    };
    ends.iter().flat_map(all).collect()
}

pub(super) fn cursors(inner: &Inner, name: &Name, known: &Known) -> HashMap<LogRef, Cursor> {
    let mut logs = inner.logs.lock();
    let mut cursors: HashMap<LogRef, Cursor> = HashMap::new();
    for ((author, epoch), standing) in known {
        let log = logs.readers.name(&name.topic, *author);
        cursors.entry(log).or_default().pass(*epoch, standing.committed());
    }
    cursors
}

/// Where a new group begins.
fn begin(from: From, now: UnixMillis) -> Begun {
    match from {
        From::Earliest => Begun::Earliest,
        From::Latest => Begun::Since(UnixMillis(now.0.saturating_sub(NEWS))),
        From::Seq(seq) => Begun::At(Seq(seq.max(1))),
        From::Time(time) => {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Begun::Since(UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
        }
    }
}
