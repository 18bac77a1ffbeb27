//! A node in the foreground: its log on stderr, its events on stdout, its end by signal.

use std::{
    env,
    future::Future,
    io::{self, IsTerminal},
    process::{self, ExitCode},
    thread,
    time::Duration,
};

use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    time::timeout,
};
use tracing_subscriber::EnvFilter;

use super::{
    Output, RunArgs, RunError,
    events::EventPrinter,
    settings::effective,
    text::{complain, program},
};
use crate::Node;

/// How long a node may take to say goodbye. With [`LAST_WORDS`] it is less than the 2 s promised to whoever stops it.
const GOODBYE: Duration = Duration::from_millis(1600);

/// How long what still runs when the work is done may take, such as printing the last event.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The exit code of someone who could not wait: 128 + SIGINT, as shells have it.
const IMPATIENT: i32 = 130;

/// Which of the two programs runs the node; they differ in defaults only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `node`: somebody's node.
    Member,
    /// `atoll-bootstrap`: a public node that others join through. It does not look for nodes on the local network.
    Seed,
}

/// Runs a node until SIGINT or SIGTERM. The first signal withdraws its services and closes its connections; a second one
/// exits at once with code 130.
///
/// # Errors
/// [`RunError`] where the configuration is wrong or the node does not start.
pub async fn run(args: RunArgs, role: Role) -> Result<(), RunError> {
    if args.global.output == Output::Dot {
        return Err(RunError::Output);
    }
    let config = effective(&args.config, &args.global, role)?;
    start_log(&config.log)?;
    let mut signals = Signals::listen().map_err(RunError::Signals)?;
    // Whoever joins a seed runs a node, whatever that is called on their machine.
    let joiner = if role == Role::Seed { "node".to_owned() } else { program() };
    let printer = EventPrinter::new(args.global.output, config.network.clone(), joiner);
    let starting = Node::builder().config(config).on_event(move |event| printer.print(&event)).spawn();
    let node = tokio::select! {
        biased;
        () = signals.next() => return Ok(()),
        node = starting => node?,
    };
    signals.next().await;
    tokio::select! {
        biased;
        () = signals.next() => process::exit(IMPATIENT),
        stopped = timeout(GOODBYE, node.shutdown()) => if stopped.is_err() {
            tracing::warn!("stopping takes too long; leaving without a goodbye to every peer");
        },
    }
    Ok(())
}

/// Threads that the program works with: half of the machine's cores, at least one. The other half is for what else runs at
/// home; and a node mostly waits for its network, where handing work to a second thread costs more than doing it (measured:
/// on two cores one thread carries more calls than two).
fn workers() -> usize {
    (thread::available_parallelism().map_or(1, usize::from) / 2).max(1)
}

/// Does `work` on a runtime of its own, and does not wait long for what it leaves behind.
pub fn execute(work: impl Future<Output = ExitCode>) -> ExitCode {
    match runtime::Builder::new_multi_thread().worker_threads(workers()).enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(work);
            runtime.shutdown_timeout(LAST_WORDS);
            code
        }
        Err(error) => {
            complain(&format!("error: the system gives no threads to run on: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Logs to stderr what passes `filter`.
fn start_log(filter: &str) -> Result<(), RunError> {
    let parsed =
        EnvFilter::try_new(filter).map_err(|e| RunError::Log { filter: filter.to_owned(), reason: e.to_string() })?;
    let colours = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(io::stderr).with_ansi(colours);
    // A log that is set up already, by whoever embeds this, is theirs to keep.
    let _ = log.try_init();
    Ok(())
}

/// The signals that ask to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next of them.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
