//! A service of streams, and what its handlers tell the tests.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use atoll_protocol::service::EndpointKind;
use bytes::Bytes;
use serde_json::{Value, json};

use super::over;
use crate::{
    Code, Context, Node, RawReceiver, RawSender, Receiver, Sender, ServiceBuilder, Serving, Status, StreamCall,
    testing::{Happening, eventually, listening, lists, within},
};

/// A server of `flows` and a client that knows it.
pub(super) struct Flows {
    pub(super) server: Node,
    pub(super) client: Node,
    pub(super) serving: Serving,
    pub(super) seen: Arc<Seen>,
}

/// What happened to the handlers.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) begun: Happening,
    pub(super) dropped: Happening,
    /// Work that a handler has handed out was told that nobody waits.
    pub(super) cancelled: Happening,
    /// Bytes that `flood` could send.
    pub(super) sent: AtomicU64,
    /// Streams of requests that seemed to have come to their end, and those that did not.
    pub(super) complete: AtomicU64,
    pub(super) truncated: AtomicU64,
}

impl Seen {
    pub(super) fn count(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::SeqCst)
    }

    /// The handler was dropped, and what it had handed out was told.
    pub(super) async fn ended(&self, what: &str) {
        within(&format!("the handler is dropped: {what}"), self.dropped.happened()).await;
        within(&format!("its work is cancelled: {what}"), self.cancelled.happened()).await;
    }

    /// A handler begins: what tells of its end.
    fn enter(self: &Arc<Self>, context: &Context) -> Leave {
        let (seen, context) = (Arc::clone(self), context.clone());
        tokio::spawn(async move {
            context.cancelled().await;
            seen.cancelled.happens();
        });
        Leave(Arc::clone(self))
    }
}

struct Leave(Arc<Seen>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.dropped.happens();
    }
}

impl Flows {
    pub(super) async fn over(transport: &str) -> Self {
        let server = listening(over(transport)).await;
        let client = listening(over(transport).bootstrap(server.addresses())).await;
        let seen = Arc::default();
        let serving = serve(&server, &seen).await;
        within("joining", client.joined()).await;
        eventually("the service is listed", || lists(&client, "flows")).await;
        Self { server, client, serving, seen }
    }

    /// One that calls over the network, and one that calls itself.
    pub(super) fn callers(&self) -> [&Node; 2] {
        [&self.client, &self.server]
    }

    /// An ordinary call goes through.
    pub(super) async fn stands(&self) {
        let call = self.client.client("flows").unwrap().call::<_, u32>("one", &41);
        assert_eq!(within("an answer", std::future::IntoFuture::into_future(call)).await.unwrap(), 42);
    }
}

pub(super) fn stream(node: &Node, method: &str) -> StreamCall {
    node.client("flows").unwrap().stream(method)
}

/// The failure that `fail` ends with.
pub(super) fn failure() -> Status {
    Status::new(Code::FailedPrecondition, "not on Sundays").retryable(true).with_detail(b"monday".to_vec())
}

/// Offers `flows`.
pub(super) async fn serve(node: &Node, seen: &Arc<Seen>) -> Serving {
    let service = node.service("flows", "1.0.0").unwrap();
    let service = endless(raw(typed(service), seen), seen);
    service.register().await.unwrap()
}

/// Adds `one` (unary, adds one), `count`, `sum`, `double`, `tell` (what it learns), `fail` (after three).
fn typed(service: ServiceBuilder) -> ServiceBuilder {
    service
        .method("one", |_: Context, n: u32| async move { Ok(n + 1) })
        .server_stream("count", |_: Context, to: u32, mut out: Sender<u32>| async move {
            for i in 0..to {
                out.send(&i).await?;
            }
            Ok(())
        })
        .client_stream("sum", |_: Context, mut numbers: Receiver<u64>| async move {
            let mut sum = 0;
            while let Some(n) = numbers.next().await? {
                sum += n;
            }
            Ok(sum)
        })
        .bidirectional("double", |_: Context, mut numbers: Receiver<u64>, mut out: Sender<u64>| async move {
            while let Some(n) = numbers.next().await? {
                out.send(&(2 * n)).await?;
            }
            Ok(())
        })
        .server_stream("tell", |context: Context, _: (), mut out: Sender<Value>| async move {
            let remaining = context.remaining().map(|left| left.as_millis() as u64);
            let (caller, node) = (context.caller().to_string(), context.node().to_string());
            out.send(&json!({
                "caller": caller, "node": node, "remaining": remaining, "metadata": context.metadata(),
            }))
            .await
        })
        .server_stream("fail", |_: Context, _: (), mut out: Sender<u32>| async move {
            for i in 0..3 {
                out.send(&i).await?;
            }
            Err(failure())
        })
        .server_stream("panic", |_: Context, _: (), mut out: Sender<u32>| async move {
            out.send(&1).await?;
            if true { panic!("too much") } else { Ok(()) }
        })
}

/// Adds `echo` (both ways), `join` (answers with all it was sent), `flood` (messages of the size it is told, for ever) and
/// `collect` (which counts whether its requests came to an end).
fn raw(service: ServiceBuilder, seen: &Arc<Seen>) -> ServiceBuilder {
    let (flooding, collecting) = (Arc::clone(seen), Arc::clone(seen));
    service
        .raw_stream(
            "echo",
            EndpointKind::Bidirectional,
            |_: Context, mut messages: RawReceiver, mut out: RawSender| async move {
                while let Some(message) = messages.next().await? {
                    out.send(message).await?;
                }
                Ok(Bytes::new())
            },
        )
        .raw_stream("join", EndpointKind::ClientStream, |_: Context, mut messages: RawReceiver, _| async move {
            let mut all = Vec::new();
            while let Some(message) = messages.next().await? {
                all.extend_from_slice(&message);
            }
            Ok(all.into())
        })
        .raw_stream(
            "flood",
            EndpointKind::ServerStream,
            move |context: Context, mut messages: RawReceiver, mut out: RawSender| {
                let seen = Arc::clone(&flooding);
                async move {
                    let _leave = seen.enter(&context);
                    let size = messages.next().await?.unwrap_or_default();
                    let size: usize = std::str::from_utf8(&size).unwrap().parse().unwrap();
                    loop {
                        out.send(vec![7; size]).await?;
                        seen.sent.fetch_add(size as u64, Ordering::SeqCst);
                    }
                }
            },
        )
        .raw_stream(
            "collect",
            EndpointKind::ClientStream,
            move |context: Context, mut messages: RawReceiver, _: RawSender| {
                let seen = Arc::clone(&collecting);
                async move {
                    let _leave = seen.enter(&context);
                    seen.begun.happens();
                    loop {
                        match messages.next().await {
                            Ok(Some(_)) => {}
                            Ok(None) => break,
                            Err(status) => {
                                seen.truncated.fetch_add(1, Ordering::SeqCst);
                                return Err(status);
                            }
                        }
                    }
                    seen.complete.fetch_add(1, Ordering::SeqCst);
                    Ok(Bytes::new())
                }
            },
        )
}

/// Adds `hang`, which sends `begun`, reads nothing and waits for ever; and `hold`, which sends a number and reads to the end.
fn endless(service: ServiceBuilder, seen: &Arc<Seen>) -> ServiceBuilder {
    let seen = Arc::clone(seen);
    service
        .raw_stream(
            "hang",
            EndpointKind::Bidirectional,
            move |context: Context, messages: RawReceiver, mut out: RawSender| {
                let seen = Arc::clone(&seen);
                async move {
                    let _leave = seen.enter(&context);
                    out.send("begun").await?;
                    seen.begun.happens();
                    std::future::pending::<()>().await;
                    drop((messages, out));
                    Ok(Bytes::new())
                }
            },
        )
        .raw_stream(
            "hold",
            EndpointKind::Bidirectional,
            |_: Context, mut messages: RawReceiver, mut out: RawSender| async move {
                out.send("here").await?;
                while let Some(message) = messages.next().await? {
                    out.send(message).await?;
                }
                Ok(Bytes::new())
            },
        )
}
