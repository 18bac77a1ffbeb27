//! How much is taken on at a time: by a service, by a lane, by a thread.

use std::{
    future::IntoFuture,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use atoll_protocol::{limits::LANES_PER_PEER, service::EndpointKind};
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{Pair, TRANSPORTS, over, serve};
use crate::{
    Code, Context, Node, RawReceiver, RawSender, Serving,
    testing::{eventually, listening, lists, rpc, within},
};

/// Offers `narrow`, whose handlers wait until they are let go: one at a time, and one that waits.
async fn narrow(node: &Node, begun: &Arc<AtomicU64>, go: &Arc<Semaphore>) -> Serving {
    let wait = |begun: Arc<AtomicU64>, go: Arc<Semaphore>| async move {
        begun.fetch_add(1, SeqCst);
        go.acquire().await.unwrap().forget();
        Ok(Bytes::from("done"))
    };
    let (unary, stream) = ((Arc::clone(begun), Arc::clone(go)), (Arc::clone(begun), Arc::clone(go)));
    node.service("narrow", "1.0.0")
        .unwrap()
        .concurrency(1)
        .queue(1)
        .raw_method("wait", move |_: Context, _| wait(Arc::clone(&unary.0), Arc::clone(&unary.1)))
        .raw_stream("stream", EndpointKind::ClientStream, move |_: Context, _: RawReceiver, _: RawSender| {
            wait(Arc::clone(&stream.0), Arc::clone(&stream.1))
        })
        .register()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_refuses_what_is_too_much_at_once_and_goes_on() {
    for transport in TRANSPORTS {
        let pair = Pair::over(transport).await;
        let (begun, go) = (Arc::<AtomicU64>::default(), Arc::new(Semaphore::new(0)));
        let _narrow = narrow(&pair.server, &begun, &go).await;
        eventually("it is listed", || lists(&pair.client, "narrow")).await;
        for (round, node) in (0..).zip([&pair.client, &pair.server]) {
            let narrow = node.client("narrow").unwrap();
            let call = || tokio::spawn(narrow.call_raw("wait", "").deadline(Duration::from_secs(60)).into_future());
            // A stream takes a place like any other call.
            let (sender, mut receiver) = within("it opens", narrow.stream("stream").raw()).await.unwrap();
            sender.finish();
            eventually("the first is under way", || begun.load(SeqCst) == 3 * round + 1).await;
            // Two more: one waits, the other one is refused at once.
            let (second, third) = (call(), call());
            let (refused, waiting) =
                within("one is refused", futures::future::select(second, third)).await.into_inner();
            let status = refused.unwrap().unwrap_err();
            assert_eq!((status.code(), status.is_retryable()), (Code::ResourceExhausted, true), "{status}");
            assert!(status.wait().is_some(), "it says when to come back");
            // So is a stream.
            let (_sender, mut other) = within("it opens", narrow.stream("stream").raw()).await.unwrap();
            let status = within("a refusal", other.next()).await.unwrap_err();
            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
            assert!(status.wait().is_some());

            go.add_permits(2);
            assert_eq!(within("the end", receiver.next()).await.unwrap(), None);
            assert_eq!(within("an answer", waiting).await.unwrap().unwrap(), "done");
            go.add_permits(1);
            assert_eq!(within("an answer", call()).await.unwrap().unwrap(), "done");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handler_that_blocks_its_thread_does_not_hold_up_its_lane_for_ever() {
    let pair = Pair::over(TRANSPORTS[0]).await;
    let _serving = pair
        .server
        .service("rude", "1.0.0")
        .unwrap()
        .raw_method("block", |_: Context, _| async move {
            std::thread::sleep(Duration::from_millis(50));
            Ok(Bytes::from("rude"))
        })
        .register()
        .await
        .unwrap();
    eventually("it is listed", || lists(&pair.client, "rude")).await;
    let rude = pair.client.client("rude").unwrap();
    let calls: Vec<_> = (0..20)
        .map(|_| tokio::spawn(rude.call_raw("block", "").deadline(Duration::from_secs(60)).into_future()))
        .collect();
    for i in 0..20_u8 {
        assert_eq!(pair.echo(&[i]).await.unwrap(), vec![i]);
    }
    for call in calls {
        assert_eq!(within("an answer", call).await.unwrap().unwrap(), "rude");
    }
}

fn lanes(pair: &Pair) -> usize {
    rpc(&pair.client).lanes.peer(&pair.server.id()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowded_lane_gets_company() {
    let useful = std::thread::available_parallelism().unwrap().get().min(LANES_PER_PEER);
    for transport in TRANSPORTS {
        let pair = Pair::over(transport).await;
        pair.echo(b"one lane").await.unwrap();
        assert_eq!(lanes(&pair), 1);
        let mut waiting = Vec::new();
        for i in 0..400_u64 {
            let call = pair.test().call_raw("wait", "").deadline(Duration::from_secs(600));
            waiting.push(tokio::spawn(call.into_future()));
            let under_way = || rpc(&pair.client).net.counters.calls_made.count();
            eventually("it is under way", || under_way() >= i + 2).await;
        }
        eventually("there are as many lanes as are of use", || {
            lanes(&pair) == useful || {
                let call = pair.test().call_raw("wait", "").deadline(Duration::from_secs(600));
                waiting.push(tokio::spawn(call.into_future()));
                false
            }
        })
        .await;
        // All of them carry calls.
        for i in 0..200_u8 {
            assert_eq!(pair.echo(&[i]).await.unwrap(), vec![i]);
        }
        assert_eq!(lanes(&pair), useful);
        for call in waiting {
            call.abort();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_is_opened_again_when_its_node_is_back() {
    for transport in TRANSPORTS {
        let dir = tempfile::tempdir().unwrap();
        let client = listening(over(transport)).await;
        let start = || listening(over(transport).bootstrap(client.addresses()).data_dir(dir.path()));
        let mut nodes = Vec::new();
        for _ in 0..2 {
            let server = start().await;
            let id = server.id();
            let serving = serve(&server, &Arc::default()).await;
            eventually("it is connected", || rpc(&client).net.connections.best(&id).is_some()).await;
            let call = || client.client("test").unwrap().call_raw("echo", "there").peer(id).into_future();
            within("an answer", async { while call().await.is_err() {} }).await;
            nodes.push(id);
            within("it stops", server.shutdown()).await;
            drop((serving, server));
            eventually("it is gone", || rpc(&client).net.connections.best(&id).is_none()).await;
        }
        assert_eq!(nodes[0], nodes[1], "the same node");
    }
}
