//! Dead letters: what is given up is published on a topic of its own, with where it comes from and why, before it counts as done.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use atoll_protocol::{
    limits,
    topic::{Draft, Headers},
};
use atoll_registry::topics::group::{EntryId, Reason};
use bytes::Bytes;
use futures::future::join_all;
use tokio::time::sleep;

use super::{Name, coordinator::Coordinator};
use crate::broker::{Message, Publish};

/// How long to wait where dead letters could not be published.
const AGAIN: Duration = Duration::from_secs(1);

/// An entry that was given up.
#[derive(Debug, Clone)]
pub(super) struct DeadLetter {
    pub(super) entry: EntryId,
    pub(super) reason: Reason,
    pub(super) attempts: u32,
}

/// Publishes dead letters, for as long as this is polled.
pub(super) async fn dig(coordinator: &Coordinator) {
    loop {
        coordinator.given_up.notified().await;
        loop {
            let dead = std::mem::take(&mut coordinator.state.lock().dead);
            if dead.is_empty() {
                break;
            }
            let left = bury(coordinator, dead).await;
            if !left.is_empty() {
                coordinator.state.lock().dead.extend(left);
                sleep(AGAIN).await;
            }
        }
    }
}

/// Gives those that could not be published.
async fn bury(coordinator: &Coordinator, dead: Vec<DeadLetter>) -> Vec<DeadLetter> {
    let published = dead.iter().map(|letter| async {
        let held = coordinator.state.lock().held.get(&letter.entry).cloned();
        // What is not held any more was done by somebody else meanwhile.
        let Some(message) = held else { return Ok(()) };
        let draft = draft(&coordinator.name, letter, &message);
        Publish::new(Arc::clone(&coordinator.inner), coordinator.name.dead.clone(), Ok(draft)).await.map(drop)
    });
    let published = join_all(published).await;
    let now = coordinator.inner.clock.now();
    let mut left = Vec::new();
    for (letter, result) in dead.into_iter().zip(published) {
        match result {
            Ok(()) => coordinator.with(|state| state.group.buried(&letter.entry, now)),
            Err(error) => {
                tracing::warn!(group = %coordinator.name.group, topic = %coordinator.name.topic, "a dead letter waits: {error}");
                left.push(letter);
            }
        }
    }
    left
}

fn draft(name: &Name, letter: &DeadLetter, message: &Message) -> Draft {
    let DeadLetter { entry: EntryId { author, epoch, seq }, reason, attempts } = letter;
    let mut headers: Headers = BTreeMap::from([
        ("atoll-reason".to_owned(), reason.to_string()),
        ("atoll-attempts".to_owned(), attempts.to_string()),
        ("atoll-origin-topic".to_owned(), name.topic.to_string()),
        ("atoll-origin-author".to_owned(), author.to_string()),
        ("atoll-origin-epoch".to_owned(), epoch.to_string()),
        ("atoll-origin-seq".to_owned(), seq.to_string()),
    ]);
    let cost = |(name, value): (&String, &String)| name.len() + value.len();
    let mut bytes: usize = headers.iter().map(cost).sum();
    // Its own go with it, as many as there is room for.
    for (own, value) in message.headers() {
        bytes += own.len() + value.len();
        if headers.len() >= limits::ENTRY_HEADERS || bytes > limits::ENTRY_HEADER_BYTES {
            break;
        }
        headers.entry(own.clone()).or_insert_with(|| value.clone());
    }
    // The same from every coordinator that gives it up: readers are given it once.
    let id = [&author.public_key()[..], &epoch.0.to_be_bytes(), &seq.0.to_be_bytes()].concat();
    Draft { key: message.key().cloned(), id: Some(Bytes::from(id)), headers, payload: message.payload().clone() }
}
