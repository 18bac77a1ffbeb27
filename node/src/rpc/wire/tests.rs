use std::sync::Arc;

use super::*;

/// A machine that says what it is told to.
#[derive(Default)]
struct Speaker {
    outbox: Outbox,
    /// Who may still say something.
    others: usize,
    silent: bool,
}

impl Speaks for Speaker {
    fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    fn is_silent(&self) -> bool {
        self.silent
    }

    fn may_say_more(&self) -> bool {
        self.others > 0
    }
}

impl Shared<Speaker> {
    fn say(&self, len: usize) {
        self.with(|speaker| assert!(speaker.outbox.push(FrameKind::Request, 1, &[], vec![0; len].into())));
    }

    /// Bytes in each of the writes that a writer would make.
    async fn writes(&self) -> Vec<usize> {
        let mut writes = Vec::new();
        while self.has_said().await {
            self.gather().await;
            let written: usize = std::iter::from_fn(|| self.take()).map(|bytes| bytes.len()).sum();
            writes.extend((written > 0).then_some(written));
        }
        writes
    }
}

fn speakers(others: usize) -> Arc<Shared<Speaker>> {
    Arc::new(Shared::new(Speaker { others, ..Speaker::default() }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn those_who_speak_at_once_share_a_write_until_there_is_enough() {
    const EACH: usize = 1000;
    let shared = speakers(1);
    let writer = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move { shared.writes().await }
    });
    // All on the one worker, as a reader does it that wakes its callers.
    let reader = tokio::spawn({
        let shared = Arc::clone(&shared);
        async move {
            shared.expect();
            let speaker = || {
                tokio::spawn({
                    let shared = Arc::clone(&shared);
                    async move { shared.say(EACH) }
                })
            };
            std::iter::repeat_with(speaker).take(12).collect::<Vec<_>>()
        }
    });
    for speaker in reader.await.unwrap() {
        speaker.await.unwrap();
    }
    shared.with(|speaker| speaker.silent = true);
    let (writes, each) = (writer.await.unwrap(), EACH + frame::HEADER);
    assert_eq!(writes.iter().sum::<usize>(), 12 * each);
    let (last, others) = writes.split_last().unwrap();
    assert!(!others.is_empty(), "the other side can begin while this one goes on");
    assert!(others.iter().all(|write| *write >= ENOUGH), "{writes:?}, then {last}");
}

#[tokio::test]
async fn who_speaks_alone_waits_for_nobody() {
    let shared = speakers(0);
    shared.say(1);
    assert!(futures::FutureExt::now_or_never(shared.gather()).is_some());
    let shared = speakers(1);
    shared.say(1);
    assert!(futures::FutureExt::now_or_never(shared.gather()).is_none());
    shared.say(ENOUGH);
    assert!(futures::FutureExt::now_or_never(shared.gather()).is_some());
}

#[tokio::test]
async fn what_was_expected_need_not_come() {
    let shared = speakers(1);
    shared.expect();
    shared.with(|speaker| speaker.silent = true);
    assert_eq!(shared.writes().await, [0; 0]);
}
