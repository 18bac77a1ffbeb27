//! Following topics for as long as there is a node, and going on where it was once it is back.

use std::{
    collections::HashMap,
    time::{Duration, UNIX_EPOCH},
};

use atoll_node::{
    cli::text::complain,
    control::api::{LogPosition, MessageRow, SubscribeEvent, SubscribeFrom, SubscribeRequest, TakenCount},
};
use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{Epoch, Seq},
};
use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::line;
use crate::{
    client::Feed,
    failure::Failure,
    session::{Session, json_line},
};

const PATH: &str = "/v1/topics/subscribe";
/// How soon a node that has gone is asked for again.
pub(super) const RETRY: Duration = Duration::from_millis(500);
/// How long the node may take to hear what was taken.
const LEAVING: Duration = Duration::from_secs(2);
/// Logs of which it is remembered how far they have come; messages of more may come again after the node has been away.
const LOGS: usize = 64 * 1024;
/// Logs of which that is said to the node: as many as fit into a line. Of others what has come before is left out here.
const SAID: usize = 4_000;
/// Bytes that are printed at a time, where so much has come.
const AT_A_TIME: usize = 32 * 1024;

/// See the [module docs](self).
pub(super) struct Follower {
    request: SubscribeRequest,
    /// Messages that are still to come.
    left: Option<u64>,
    with_topic: bool,
    /// Whether the node has gone before.
    back: bool,
    positions: HashMap<(TopicName, NodeId, Epoch), Seq>,
    /// Messages and gaps that this connection has brought and that are printed.
    taken: u64,
    /// Says to the node how many they are.
    confirm: Option<watch::Sender<u64>>,
    feed: Option<Feed<SubscribeEvent>>,
}

impl Follower {
    pub(super) fn new(request: SubscribeRequest, count: Option<u64>, with_topic: bool) -> Self {
        let (positions, confirm, feed) = (HashMap::new(), None, None);
        Self { request, left: count, with_topic, back: false, positions, taken: 0, confirm, feed }
    }

    /// Prints what comes, until enough has.
    pub(super) async fn follow(&mut self, session: &Session) -> Result<(), Failure> {
        loop {
            match self.ask(session).await {
                Ok(()) => {}
                // It is waited for only if it has been there.
                Err(Failure::NoNode { .. } | Failure::NoAnswer(_) | Failure::Refused(_)) if self.back => {
                    sleep(RETRY).await;
                    continue;
                }
                Err(failure) => return Err(failure),
            }
            while self.print_some(session).await? {
                if self.left == Some(0) {
                    return Ok(());
                }
            }
            self.lose(session)?;
        }
    }

    /// Says what was taken, and waits until the node has heard it.
    pub(super) async fn leave(&mut self) {
        // The request ends with this.
        self.confirm = None;
        let Some(mut feed) = self.feed.take().filter(|_| self.request.confirm) else { return };
        // Whether it was heard is not known otherwise; whoever comes next is given something twice at worst.
        let _ = timeout(LEAVING, async { while let Ok(Some(_)) = feed.next().await {} }).await;
    }

    async fn ask(&mut self, session: &Session) -> Result<(), Failure> {
        (self.taken, self.confirm, self.feed) = (0, None, None);
        if self.request.confirm {
            let (confirm, taken) = watch::channel(0);
            let head = serde_json::to_string(&self.request).map_err(|e| Failure::Unprintable(e.to_string()))?;
            self.feed = Some(session.client.converse(PATH, confirmations(head, taken)).await?);
            self.confirm = Some(confirm);
        } else {
            let positions = self.positions.iter().take(SAID);
            self.request.after = positions
                .map(|((topic, author, epoch), seq)| LogPosition {
                    topic: topic.clone(),
                    author: *author,
                    epoch: *epoch,
                    seq: *seq,
                })
                .collect();
            self.feed = Some(session.client.follow(PATH, &self.request).await?);
        }
        Ok(())
    }

    /// Waits for something, and prints it with all that has come as well. False if the node has gone.
    async fn print_some(&mut self, session: &Session) -> Result<bool, Failure> {
        let Some(feed) = &mut self.feed else { return Ok(false) };
        let Some(mut event) = feed.next().await? else { return Ok(false) };
        let mut lines = String::new();
        let mut taken = 0;
        loop {
            taken += u64::from(matches!(event, SubscribeEvent::Message(_) | SubscribeEvent::Gap(_)));
            if let Some(line) = self.line(&event, session)? {
                lines.push_str(&line);
                lines.push('\n');
            }
            let Some(feed) = &mut self.feed else { break };
            if self.left == Some(0) || lines.len() >= AT_A_TIME {
                break;
            }
            match feed.ready()? {
                Some(next) => event = next,
                None => break,
            }
        }
        if !lines.is_empty() {
            session.out.text(&lines)?;
        }
        self.taken += taken;
        if let Some(confirm) = &self.confirm {
            confirm.send_replace(self.taken);
        }
        Ok(true)
    }

    /// What is to be printed of this, if anything.
    fn line(&mut self, event: &SubscribeEvent, session: &Session) -> Result<Option<String>, Failure> {
        match event {
            SubscribeEvent::Subscribed { at_unix_ms } => {
                self.begin(*at_unix_ms, session);
                // What follows goes on where it was.
                return if session.out.is_json() { json_line(event).map(Some) } else { Ok(None) };
            }
            SubscribeEvent::Message(row) if !self.is_new(row) => return Ok(None),
            SubscribeEvent::Message(_) => self.left = self.left.map(|left| left.saturating_sub(1)),
            SubscribeEvent::Gap(_) | SubscribeEvent::Lost { .. } => {}
        }
        if session.out.is_json() {
            return json_line(event).map(Some);
        }
        Ok(match event {
            SubscribeEvent::Message(row) => Some(line::message(row, self.with_topic)),
            SubscribeEvent::Gap(row) => Some(line::gap(row)),
            SubscribeEvent::Subscribed { .. } | SubscribeEvent::Lost { .. } => None,
        })
    }

    fn begin(&mut self, at_unix_ms: u64, session: &Session) {
        if self.request.from == SubscribeFrom::Latest && !self.request.confirm {
            // The next time what was published meanwhile is wanted, too.
            self.request.from = SubscribeFrom::AtUnixMs(at_unix_ms);
        }
        if !session.out.is_json() {
            let topics = &self.request.topics;
            complain(&match self.back {
                true => format!("the node is back; going on with {topics}"),
                false => format!("subscribed to {topics}; Ctrl-C ends it"),
            });
        }
    }

    /// Whether it has not been printed before.
    fn is_new(&mut self, row: &MessageRow) -> bool {
        let log = (row.topic.clone(), row.author, row.epoch);
        if self.positions.len() >= LOGS && !self.positions.contains_key(&log) {
            return true;
        }
        let known = self.positions.entry(log).or_default();
        let is_new = row.seq > *known;
        *known = row.seq.max(*known);
        is_new
    }

    fn lose(&mut self, session: &Session) -> Result<(), Failure> {
        self.back = true;
        complain("the node has stopped; waiting until it is started again, Ctrl-C ends it");
        if !session.out.is_json() {
            return Ok(());
        }
        let now = UNIX_EPOCH.elapsed().unwrap_or_default();
        let at_unix_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        session.out.json(&SubscribeEvent::Lost { at_unix_ms })
    }
}

/// The request, and then how much has been taken, whenever that is more.
fn confirmations(head: String, taken: watch::Receiver<u64>) -> BoxStream<'static, Bytes> {
    let counts = stream::unfold(taken, async |mut taken| {
        // What was said last is seen before the end.
        taken.changed().await.ok()?;
        let count = TakenCount { taken: *taken.borrow_and_update() };
        Some((serde_json::to_string(&count).unwrap_or_default(), taken))
    });
    stream::iter([head]).chain(counts).map(|line| Bytes::from(format!("{line}\n"))).boxed()
}
