//! Many messages, one a line of stdin.

use std::{
    io::{self, BufReader, IsTerminal},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use atoll_node::{
    AckLevel,
    cli::text::{complain, printable},
    control::api::{FailedRow, PublishEvent, PublishRequest, PublishedRow},
};
use atoll_protocol::names::TopicName;
use bytes::Bytes;
use futures::{
    FutureExt, StreamExt,
    future::Fuse,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    PATH, in_words,
    lines::{self, Sent},
    with_way_out,
};
use crate::{
    client::Feed,
    failure::Failure,
    progress,
    session::{Session, json_line},
    units::{precise_moment, thousands},
};

/// Failures that are told one by one.
const TOLD: u64 = 5;

pub(super) async fn run(head: PublishRequest, topic: &TopicName, session: &Session) -> Result<(), Failure> {
    let (started, typed) = (Instant::now(), io::stdin().is_terminal());
    if typed && !session.out.is_json() {
        complain("each line is published as it is typed; Ctrl-D ends it");
    }
    let sent = Arc::new(Mutex::new(Sent::default()));
    let (mut requests, mut failure) = read(head, &sent)?;
    let mut told = Told { sent, ..Told::default() };
    // Nothing is said to the node before there is something to say.
    let first = tokio::select! {
        biased;
        Ok(failure) = &mut failure => return Err(failure),
        first = requests.recv() => first,
    };
    if let Some(first) = first {
        let mut answers = session.client.converse(PATH, body(first, requests)).await?;
        let count = Arc::clone(&told.published);
        let telling = told.tell_all(&mut answers, &mut failure, session);
        if typed || session.out.is_json() {
            telling.await?;
        } else {
            progress::shown(telling, |_| format!("{} published", thousands(count.load(Relaxed)))).await?;
        }
    }
    told.end(topic, started, session)
}

/// Reads stdin in a thread of its own, which the end of the program does not wait for: nobody may ever type more.
fn read(
    head: PublishRequest,
    sent: &Arc<Mutex<Sent>>,
) -> Result<(mpsc::Receiver<Bytes>, Fuse<oneshot::Receiver<Failure>>), Failure> {
    let ((to, requests), (failed, failure)) = (mpsc::channel(2), oneshot::channel());
    let sent = Arc::clone(sent);
    let read = move || lines::read(BufReader::with_capacity(lines::AT_A_TIME, io::stdin()), &head, &to, &sent, failed);
    thread::Builder::new().name("messages".to_owned()).spawn(read).map_err(Failure::Input)?;
    Ok((requests, failure.fuse()))
}

fn body(first: Bytes, rest: mpsc::Receiver<Bytes>) -> BoxStream<'static, Bytes> {
    let rest = stream::unfold(rest, async |mut rest| rest.recv().await.map(|request| (request, rest)));
    stream::iter([first]).chain(rest).boxed()
}

/// What the node has said so far.
#[derive(Default)]
struct Told {
    sent: Arc<Mutex<Sent>>,
    published: Arc<AtomicU64>,
    failed: u64,
    first: Option<PublishedRow>,
    last: Option<PublishedRow>,
    /// What all have reached.
    level: Option<AckLevel>,
}

impl Told {
    async fn tell_all(
        &mut self,
        answers: &mut Feed<PublishEvent>,
        failure: &mut Fuse<oneshot::Receiver<Failure>>,
        session: &Session,
    ) -> Result<(), Failure> {
        loop {
            let event = tokio::select! {
                biased;
                Ok(failure) = &mut *failure => return Err(failure),
                event = answers.next() => event?,
            };
            let Some(event) = event else { return Ok(()) };
            let mut lines = String::new();
            self.tell(event, session, &mut lines)?;
            while lines.len() < lines::AT_A_TIME
                && let Some(event) = answers.ready()?
            {
                self.tell(event, session, &mut lines)?;
            }
            if !lines.is_empty() {
                session.out.text(&lines)?;
            }
        }
    }

    fn tell(&mut self, event: PublishEvent, session: &Session, lines: &mut String) -> Result<(), Failure> {
        let number = self.sent.lock().unanswered.pop_front().unwrap_or_default();
        let line = session.out.is_json().then(|| match &event {
            PublishEvent::Published(row) => json_line(row),
            PublishEvent::Failed(row) => json_line(row),
        });
        if let Some(line) = line.transpose()? {
            lines.push_str(&line);
            lines.push('\n');
        }
        match event {
            PublishEvent::Published(row) => {
                self.published.fetch_add(1, Relaxed);
                let level = row.level.parse().ok();
                self.level = self.level.map_or(level, |lowest| level.map(|level| lowest.min(level)));
                self.first.get_or_insert_with(|| row.clone());
                self.last = Some(row);
            }
            PublishEvent::Failed(row) => self.fail(number, row),
        }
        Ok(())
    }

    fn fail(&mut self, number: u64, row: FailedRow) {
        self.failed += 1;
        if self.failed <= TOLD {
            complain(&format!("line {number} of stdin: {}", printable(&with_way_out(row).error)));
        }
    }

    fn end(&self, topic: &TopicName, started: Instant, session: &Session) -> Result<(), Failure> {
        let published = self.published.load(Relaxed);
        let Sent { unanswered, refused } = &*self.sent.lock();
        if !session.out.is_json() && (published > 0 || (self.failed == 0 && *refused == 0)) {
            session.out.text(&self.summary(published, topic, started))?;
        }
        if let (Some(first), Some(last)) = (unanswered.front(), unanswered.back()) {
            return Err(Failure::NoAnswer(format!(
                "the node went away: whether lines {first} to {last} of stdin were published is not known"
            )));
        }
        let failed = self.failed + refused;
        if failed == 0 {
            return Ok(());
        }
        let all = published + failed;
        Err(Failure::Incomplete(format!("{} of {} messages failed", thousands(failed), thousands(all))))
    }

    fn summary(&self, published: u64, topic: &TopicName, started: Instant) -> String {
        let (Some(first), Some(last)) = (&self.first, &self.last) else {
            return "nothing was published: there was no line on stdin".to_owned();
        };
        let positions = if published == 1 {
            format!("1 message on {topic} at position {}", first.seq)
        } else {
            format!("{} messages on {topic} at positions {} to {}", thousands(published), first.seq, last.seq)
        };
        let level = self.level.map_or_else(|| last.level.clone(), |level| level.to_string());
        let (seconds, epoch) = (started.elapsed().as_secs_f64(), precise_moment(last.epoch.0));
        format!("published {positions} (epoch {epoch}) in {seconds:.2} s: {}", in_words(&level))
    }
}
