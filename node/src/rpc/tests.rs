//! Tests of calls over real sockets: what they carry, how they end, and what hostile peers do to them.

mod balance;
mod bodies;
mod context;
mod endings;
mod flows;
mod hostile;
mod liars;
mod limits;
mod stream_faults;
mod streams;
mod wire;

use std::{future::IntoFuture, sync::Arc};

use crate::{
    Builder, Client, Context, Node, Serving, Status,
    testing::{Happening, builder, eventually, listening, lists, within},
};

/// A server and a client that knows its service `test`, over one transport.
struct Pair {
    server: Node,
    client: Node,
    _serving: Serving,
    witness: Arc<Witness>,
}

/// What happened to the handlers of `wait`.
#[derive(Default)]
struct Witness {
    begun: Happening,
    dropped: Happening,
}

/// Tells its witness when the handler is dropped.
struct Tell(Arc<Witness>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.dropped.happens();
    }
}

const TRANSPORTS: [&str; 2] = ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"];

fn over(transport: &str) -> Builder {
    builder().listen([transport.parse().unwrap()])
}

/// Offers `test`: `echo` (raw), `size` (gives that many bytes), `wait` (for ever), `early` and `late` (panic before
/// and inside their futures).
async fn serve(node: &Node, witness: &Arc<Witness>) -> Serving {
    let witness = Arc::clone(witness);
    node.service("test", "1.0.0")
        .unwrap()
        .raw_method("echo", |_: Context, body| async move { Ok(body) })
        .raw_method("size", |_: Context, body| async move {
            let size: usize = std::str::from_utf8(&body).unwrap().parse().unwrap();
            Ok(vec![7_u8; size].into())
        })
        .raw_method("wait", move |_: Context, _| {
            let told = Tell(Arc::clone(&witness));
            async move {
                told.0.begun.happens();
                std::future::pending::<()>().await;
                Ok(bytes::Bytes::new())
            }
        })
        .raw_method("early", |_: Context, _| -> std::future::Ready<Result<bytes::Bytes, Status>> {
            panic!("too early")
        })
        .raw_method(
            "late",
            |_: Context, _| async move { if true { panic!("too late") } else { Ok(bytes::Bytes::new()) } },
        )
        .register()
        .await
        .unwrap()
}

impl Pair {
    async fn over(transport: &str) -> Self {
        let server = listening(over(transport)).await;
        let client = listening(over(transport).bootstrap(server.addresses())).await;
        let witness = Arc::default();
        let serving = serve(&server, &witness).await;
        within("joining", client.joined()).await;
        eventually("the service is listed", || lists(&client, "test")).await;
        Self { server, client, _serving: serving, witness }
    }

    fn test(&self) -> Client {
        self.client.client("test").unwrap()
    }

    async fn echo(&self, body: &[u8]) -> Result<bytes::Bytes, Status> {
        within("an echo", self.test().call_raw("echo", body.to_vec()).into_future()).await
    }
}
