//! The data path on pipes: what is passed on, what it costs, when it ends.

use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt, FutureExt, future::join};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Pipe, pipe};
use crate::{
    net::relay::{
        BUFFER,
        copy::{self, Ended, Meter},
    },
    testing::within,
};

const NEVER: Duration = Duration::from_secs(3600);

/// Lets bytes through after a wait, and writes down what it was asked.
#[derive(Default)]
struct Account {
    wait: Duration,
    taken: Mutex<Vec<usize>>,
    passed: Mutex<usize>,
}

impl Meter for Account {
    fn take(&self, bytes: usize) -> Duration {
        self.taken.lock().push(bytes);
        self.wait
    }

    fn passed(&self, bytes: usize) {
        *self.passed.lock() += bytes;
    }
}

/// A circuit between two pipes, and their other ends.
fn circuit(account: &Account, idle: Duration) -> (Pipe, Pipe, impl Future<Output = Ended>) {
    let ((source, to_source), (target, to_target)) = (pipe(), pipe());
    (source, target, copy::circuit(to_source, to_target, account, idle))
}

#[tokio::test]
async fn both_ways_are_passed_on_counted_and_closed_one_after_the_other() {
    let account = Account::default();
    let (mut source, mut target, circuit) = circuit(&account, NEVER);
    let exchange = async {
        source.write_all(b"question").await.unwrap();
        source.close().await.unwrap();
        let mut question = String::new();
        target.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question", "and then its end");
        target.write_all(b"the answer").await.unwrap();
        target.close().await.unwrap();
        let mut answer = String::new();
        source.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "the answer");
    };
    let (ended, ()) = within("both ends close", join(circuit, exchange)).await;
    assert!(matches!(ended, Ended::Closed), "{ended:?}");
    assert_eq!(*account.passed.lock(), "question".len() + "the answer".len());
    assert_eq!(account.taken.lock().iter().sum::<usize>(), *account.passed.lock());
}

#[tokio::test]
async fn nothing_passes_before_it_may_and_no_more_than_a_buffer_is_taken_meanwhile() {
    let account = Account { wait: NEVER, ..Account::default() };
    let (mut source, mut target, circuit) = circuit(&account, NEVER);
    let mut circuit = Box::pin(circuit);
    source.write_all(&[7; 2 * BUFFER]).await.unwrap();
    for _ in 0..100 {
        assert!((&mut circuit).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    assert_eq!(*account.taken.lock(), [BUFFER], "one take, and no busy waiting for the rest");
    assert_eq!(*account.passed.lock(), 0);
    assert!(target.read(&mut [0]).now_or_never().is_none());
}

#[tokio::test]
async fn a_break_of_one_side_ends_both() {
    let account = Account::default();
    let (mut source, target, circuit) = circuit(&account, NEVER);
    drop(target);
    source.write_all(b"into the void").await.unwrap();
    let ended = within("it breaks", circuit).await;
    assert!(matches!(ended, Ended::Broken(_)), "{ended:?}");
    assert_eq!(source.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn silence_ends_a_circuit() {
    let account = Account::default();
    let (_source, _target, circuit) = circuit(&account, Duration::from_millis(50));
    assert!(matches!(within("it ends", circuit).await, Ended::Idle));
}

#[tokio::test]
async fn a_byte_puts_the_end_off() {
    let (last, idle) = (Mutex::new(Instant::now()), Duration::from_millis(100));
    let ending = async {
        copy::idled(&last, idle).await;
        assert!(Instant::now() >= *last.lock() + idle);
    };
    let passing = async {
        for _ in 0..10 {
            tokio::time::sleep(idle / 4).await;
            *last.lock() = Instant::now();
        }
    };
    within("it ends", join(ending, passing)).await;
}
