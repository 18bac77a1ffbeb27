//! Several instances of one service: which of them is called, and what happens when one is not well.

use std::{
    future::IntoFuture,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use atoll_registry::select::{Health, Policy};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use super::{TRANSPORTS, over};
use crate::{
    Client, Code, Context, Node, Serving, Status,
    testing::{Happening, eventually, listening, rpc, within},
};

/// Longer than a call takes that is not to wait.
const LONG: Duration = Duration::from_secs(600);

/// One instance of `who`. Its methods give its number, unless it is told to be unwell.
struct Server {
    node: Node,
    serving: Serving,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    failing: AtomicBool,
    busy: AtomicBool,
    hanging: AtomicBool,
    begun: AtomicU64,
    dropped: Happening,
    /// The one that hangs, if this is to wait for a call that it has begun.
    after: Mutex<Option<Arc<State>>>,
    hung: Happening,
}

struct Tell(Arc<State>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.dropped.happens();
    }
}

/// A client and instances that it knows, of versions 1.0.0, 1.2.0, 2.0.0.
struct Several {
    client: Node,
    servers: Vec<Server>,
}

/// What the number `i` is asked does: as it is told to, or gives its number.
async fn ask(i: usize, state: Arc<State>) -> Result<Bytes, Status> {
    state.begun.fetch_add(1, SeqCst);
    if state.failing.load(SeqCst) {
        return Err(Status::internal("unwell"));
    }
    if state.busy.load(SeqCst) {
        return Err(Status::resource_exhausted("busy").retry_after(Duration::from_secs(1)));
    }
    if state.hanging.load(SeqCst) {
        state.hung.happens();
        let _tell = Tell(Arc::clone(&state));
        std::future::pending::<()>().await;
    }
    let after = state.after.lock().clone();
    if let Some(hanging) = after {
        hanging.hung.happened().await;
    }
    Ok(i.to_string().into())
}

async fn serve(node: Node, i: usize) -> Server {
    let state = Arc::<State>::default();
    let (once, again) = (Arc::clone(&state), Arc::clone(&state));
    let serving = node
        .service("who", ["1.0.0", "1.2.0", "2.0.0"][i])
        .unwrap()
        .metadata("number", i.to_string())
        .raw_method("once", move |_: Context, _| ask(i, Arc::clone(&once)))
        .raw_method("again", move |_: Context, _| ask(i, Arc::clone(&again)))
        .idempotent("again")
        .register()
        .await
        .unwrap();
    Server { node, serving, state }
}

impl Several {
    async fn of(count: usize) -> Self {
        let client = listening(over(TRANSPORTS[0])).await;
        let mut servers = Vec::new();
        for i in 0..count {
            servers.push(serve(listening(over(TRANSPORTS[0]).bootstrap(client.addresses())).await, i).await);
        }
        knows(&client, count).await;
        Self { client, servers }
    }

    fn in_turn(&self) -> Client {
        self.client.client("who").unwrap().policy(Policy::RoundRobin)
    }
}

async fn knows(client: &Node, count: usize) {
    let query = "who".parse().unwrap();
    eventually("all are listed", || rpc(client).directory.find(&query).len() == count).await;
}

async fn who(client: &Client, method: &str) -> Result<usize, Status> {
    let call = client.call_raw(method, "").deadline(LONG);
    within("an answer", call.into_future()).await.map(|body| std::str::from_utf8(&body).unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_power_of_two_choices_spreads_calls() {
    let several = Several::of(3).await;
    let client = several.client.client("who").unwrap();
    for _ in 0..20 {
        let calls: Vec<_> = (0..50).map(|_| tokio::spawn(client.call_raw("once", "").into_future())).collect();
        for call in calls {
            within("an answer", call).await.unwrap().unwrap();
        }
    }
    let begun: Vec<u64> = several.servers.iter().map(|s| s.state.begun.load(SeqCst)).collect();
    assert_eq!(begun.iter().sum::<u64>(), 1_000);
    assert!(begun.iter().all(|n| *n > 0), "{begun:?}");
    let tally = client.tally();
    assert_eq!((tally.len(), tally.iter().map(|t| t.calls).sum::<u64>()), (3, 1_000));
    assert!(tally.iter().all(|t| t.failures == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn round_robin_takes_turns() {
    let several = Several::of(3).await;
    let client = several.in_turn();
    let mut turns = Vec::new();
    for _ in 0..30 {
        turns.push(who(&client, "once").await.unwrap());
    }
    assert!(turns.windows(4).all(|w| w[0] == w[3] && w[0] != w[1] && w[1] != w[2] && w[0] != w[2]), "{turns:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn affinity_keeps_a_key_on_one_instance() {
    let several = Several::of(3).await;
    let client = several.client.client("who").unwrap();
    let mut used = std::collections::BTreeSet::new();
    for key in 0..20 {
        let ask = || within("an answer", client.call_raw("once", "").affinity(&key.to_string()).into_future());
        let first = ask().await.unwrap();
        for _ in 0..5 {
            assert_eq!(ask().await.unwrap(), first);
        }
        used.insert(first);
    }
    assert_eq!(used.len(), 3, "the keys are spread");
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_and_versions_select() {
    let several = Several::of(3).await;
    for i in 0..3 {
        let client = several.in_turn().labelled("number", i.to_string());
        for _ in 0..4 {
            assert_eq!(who(&client, "once").await.unwrap(), i);
        }
    }
    let nobody = several.in_turn().labelled("number", "9").labelled("color", "red");
    let status = who(&nobody, "once").await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains("color=red, number=9"), "{status}");

    for (query, fits) in [("who@1", vec![0, 1]), ("who@^1.2", vec![1]), ("who@2", vec![2]), ("who", vec![0, 1, 2])] {
        let client = several.client.client(query).unwrap().policy(Policy::RoundRobin);
        let mut seen = Vec::new();
        for _ in 0..fits.len() {
            seen.push(who(&client, "once").await.unwrap());
        }
        seen.sort_unstable();
        assert_eq!(seen, fits, "{query}");
    }
    let none = several.client.client("who@3").unwrap();
    assert_eq!(who(&none, "once").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_fails_is_ejected_and_comes_back() {
    let several = Several::of(3).await;
    let client = several.in_turn();
    let unwell = &several.servers[0];
    unwell.state.failing.store(true, SeqCst);
    let rpc = rpc(&several.client);
    let load = rpc.instances.of(unwell.node.id(), unwell.serving.instance());
    for strike in 1..=Health::STRIKES {
        assert!(!load.is_blocked(rpc.directory.now()), "before strike {strike}");
        while let Ok(other) = who(&client, "once").await {
            assert_ne!(other, 0);
        }
    }
    assert!(load.is_blocked(rpc.directory.now()));
    assert_eq!(client.tally().iter().find(|t| t.node == unwell.node.id()).unwrap().failures, 5);
    unwell.state.failing.store(false, SeqCst);
    // The probe finds it well.
    within("it is back", async { while who(&client, "once").await.unwrap() != 0 {} }).await;
    assert!(!load.is_blocked(rpc.directory.now()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_instance_refuses_another_one_does() {
    let several = Several::of(3).await;
    let client = several.in_turn();
    several.servers[0].state.busy.store(true, SeqCst);
    for _ in 0..12 {
        // Nothing was done: also what is not idempotent goes on.
        assert_ne!(who(&client, "once").await.unwrap(), 0);
    }
    assert!(several.servers[0].state.begun.load(SeqCst) > 0, "it was asked");
    for server in &several.servers {
        server.state.busy.store(true, SeqCst);
    }
    let status = who(&client, "once").await.unwrap_err();
    assert_eq!((status.code(), status.wait()), (Code::ResourceExhausted, Some(Duration::from_secs(1))));
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotent_calls_survive_their_instance_and_others_are_not_made_twice() {
    let mut several = Several::of(2).await;
    let gone = several.servers.remove(0);
    gone.state.hanging.store(true, SeqCst);
    let client = several.in_turn();
    let calls = |method| {
        let calls = (0..6).map(|_| tokio::spawn(client.call_raw(method, "").deadline(LONG).into_future()));
        calls.collect::<Vec<_>>()
    };
    let (again, once) = (calls("again"), calls("once"));
    eventually("half of them are there", || gone.state.begun.load(SeqCst) == 6).await;
    drop(gone);
    for call in again {
        assert_eq!(within("an answer", call).await.unwrap().unwrap(), "1");
    }
    let mut lost = 0;
    for call in once {
        match within("an end", call).await.unwrap() {
            Ok(body) => assert_eq!(body, "1"),
            Err(status) => {
                assert_eq!((status.code(), status.is_retryable()), (Code::Unavailable, false), "{status}");
                lost += 1;
            }
        }
    }
    assert_eq!(several.servers[0].state.begun.load(SeqCst), 12 - lost, "what was lost was not made again");
}

/// A node whose only thread can be blocked: connected, and silent.
struct Silent {
    runtime: Runtime,
    /// Dropping it lets the thread go on.
    block: mpsc::SyncSender<()>,
    node: Node,
    _serving: Serving,
}

impl Silent {
    async fn beside(client: &Node) -> Self {
        let mut threads = tokio::runtime::Builder::new_multi_thread();
        let runtime = threads.worker_threads(1).enable_all().build().unwrap();
        let (block, blocked) = mpsc::sync_channel::<()>(1);
        let blocked = Arc::new(Mutex::new(blocked));
        let bootstrap = client.addresses();
        let serving = runtime.spawn(async move {
            let node = listening(over(TRANSPORTS[0]).bootstrap(bootstrap)).await;
            let handler = move |_: Context, _: Bytes| {
                let _ = blocked.lock().recv();
                std::future::ready(Ok(Bytes::from("silent")))
            };
            let service = node.service("who", "1.0.0").unwrap().raw_method("once", handler.clone());
            let serving = service.raw_method("again", handler).idempotent("again").register().await.unwrap();
            (node, serving)
        });
        let (node, serving) = within("it serves", serving).await.unwrap();
        Self { runtime, block, node, _serving: serving }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_leave_a_node_that_has_fallen_silent_if_they_may() {
    let mut several = Several::of(1).await;
    let silent = Silent::beside(&several.client).await;
    knows(&several.client, 2).await;
    let client = several.in_turn();
    let once = client.call_raw("once", "").peer(silent.node.id()).deadline(Duration::from_secs(4));
    let once = tokio::spawn(once.into_future());
    let again: Vec<_> =
        (0..4).map(|_| tokio::spawn(client.call_raw("again", "").deadline(LONG).into_future())).collect();
    for call in again {
        assert_eq!(within("it moves", call).await.unwrap().unwrap(), "0");
    }
    // New ones do not go there.
    for _ in 0..4 {
        assert_eq!(who(&client, "once").await.unwrap(), 0);
    }
    let status = within("the deadline", once).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    drop(silent.block);
    silent.runtime.shutdown_background();
    several.servers.clear();
}

/// A server that keeps its identity there, on a runtime of its own: it ends with that, and says no goodbye.
async fn on_a_runtime(dir: &std::path::Path, bootstrap: Vec<crate::Multiaddr>) -> (Runtime, Server) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let builder = over(TRANSPORTS[1]).data_dir(dir).bootstrap(bootstrap);
    let server = runtime.spawn(async move { serve(listening(builder).await, 0).await });
    let server = within("it serves", server).await.unwrap();
    (runtime, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotent_call_waits_a_while_for_somebody_to_be_reached() {
    let dir = tempfile::tempdir().unwrap();
    let client = listening(over(TRANSPORTS[1])).await;
    let (runtime, server) = on_a_runtime(dir.path(), client.addresses()).await;
    knows(&client, 1).await;
    let who_client = client.client("who").unwrap();
    assert_eq!(who(&who_client, "again").await.unwrap(), 0);
    runtime.shutdown_background();
    drop(server);
    eventually("it is gone", || rpc(&client).net.connections.len() == 0).await;

    let status = who(&who_client, "once").await.unwrap_err();
    assert!(status.message().contains("cannot be reached"), "{status}");
    let short = who_client.call_raw("again", "").deadline(Duration::from_secs(1));
    let status = within("no answer", short.into_future()).await.unwrap_err();
    assert!(status.message().contains("cannot be reached"), "what is known, and not that time was up: {status}");

    let call = who_client.call_raw("again", "").deadline(LONG);
    let mut call = tokio::spawn(call.into_future());
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut call).await.is_err(), "it is not given up");
    let (runtime, _server) = on_a_runtime(dir.path(), client.addresses()).await;
    let answer = within("it is found again", call).await.unwrap();
    runtime.shutdown_background();
    assert_eq!(answer.unwrap(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hedged_call_takes_the_second_answer_and_cancels_the_first() {
    let several = Several::of(2).await;
    let client = several.in_turn();
    let hanging = &several.servers[0];
    hanging.state.hanging.store(true, SeqCst);
    // Were the answer there before the first call has come, nothing would have to be cancelled.
    *several.servers[1].state.after.lock() = Some(Arc::clone(&hanging.state));
    for round in 1..=3 {
        for _ in 0..2 {
            let call = client.call_raw("again", "").hedge(Duration::from_millis(20)).deadline(LONG);
            assert_eq!(within("the second answer", call.into_future()).await.unwrap(), "1");
            within("the other is cancelled", hanging.state.dropped.happened()).await;
        }
        assert_eq!(hanging.state.begun.load(SeqCst), 2 * round);
    }
    *several.servers[1].state.after.lock() = None;
    // What is not idempotent is not made twice.
    let before = || several.servers.iter().map(|s| s.state.begun.load(SeqCst)).sum::<u64>();
    let (begun, mut late) = (before(), 0);
    for _ in 0..2 {
        let call = client.call_raw("once", "").hedge(Duration::from_millis(1)).deadline(Duration::from_secs(2));
        match within("an end", call.into_future()).await {
            Ok(body) => assert_eq!(body, "1"),
            Err(status) => {
                assert_eq!(status.code(), Code::DeadlineExceeded);
                late += 1;
            }
        }
    }
    assert_eq!((before() - begun, late), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_has_no_time_left_does_no_harm() {
    let several = Several::of(2).await;
    let client = several.in_turn();
    for _ in 0..20 {
        for method in ["once", "again"] {
            let call = client.call_raw(method, "").deadline(Duration::ZERO);
            let status = within("it ends", call.into_future()).await.unwrap_err();
            assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        }
    }
    let rpc = rpc(&several.client);
    for server in &several.servers {
        assert!(!rpc.instances.of(server.node.id(), server.serving.instance()).is_blocked(rpc.directory.now()));
        assert_eq!(server.state.begun.load(SeqCst), 0);
    }
    assert!(rpc.directory.find(&"who".parse().unwrap()).iter().all(|instance| !instance.suspect));
    who(&client, "once").await.unwrap();
}
