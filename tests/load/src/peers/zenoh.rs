//! Zenoh: a query and its replies, straight between two peers, over plain TCP.
//!
//! The stream is one query with many replies, which Zenoh sends as the query says: blocking rather than dropping. The
//! reader's queue is bounded and blocks too, so nothing gets lost between the two. Zenoh brings its own threads.

use std::{net::Ipv4Addr, sync::Arc, thread};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use tokio::time::{Duration, sleep};
use zenoh::{
    Config, Session, Wait,
    qos::CongestionControl,
    query::{ConsolidationMode, Querier, Query},
};

use super::{Peer, Place};
use crate::{measure, work};

const ECHO: &str = "load/echo";
const STREAM: &str = "load/stream";

/// A session, and a querier for the calls: declared once, which spares each call the declaration.
#[derive(Clone)]
pub(super) struct Zenoh(Arc<Client>);

struct Client {
    echo: Querier<'static>,
    session: Session,
}

impl Peer for Zenoh {
    async fn serve(_broker: Option<Place>) -> Result<()> {
        let address = format!("tcp/{}:{}", Ipv4Addr::LOCALHOST, free_port()?);
        let session = zenoh::open(config(&[&address], &[])?).await.map_err(|e| anyhow!(e))?;
        // Answered where the query is read: Zenoh's own latency examples do so.
        let _echo =
            session.declare_queryable(ECHO).callback(|query| complain(echo(&query))).await.map_err(|e| anyhow!(e))?;
        // Sending blocks, so it must not happen there.
        let _stream = session
            .declare_queryable(STREAM)
            .callback(|query| drop(thread::spawn(move || complain(stream(&query)))))
            .await
            .map_err(|e| anyhow!(e))?;
        Place::plain(address).announce()?;
        std::future::pending().await
    }

    async fn connect(to: &Place) -> Result<Self> {
        let session = zenoh::open(config(&[], &[&to.address])?).await.map_err(|e| anyhow!(e))?;
        let echo = session
            .declare_querier(ECHO)
            .congestion_control(CongestionControl::Block)
            // Each reply as it comes: to gather and compare them would only take time.
            .consolidation(ConsolidationMode::None)
            .await
            .map_err(|e| anyhow!(e))?;
        while !echo.matching_status().await.map_err(|e| anyhow!(e))?.matching() {
            sleep(Duration::from_millis(10)).await;
        }
        Ok(Self(Arc::new(Client { echo, session })))
    }

    async fn call(&mut self, request: Bytes) -> Result<Bytes> {
        let replies = self.0.echo.get().payload(request).await.map_err(|e| anyhow!(e))?;
        let reply = replies.recv_async().await.map_err(|e| anyhow!(e))?;
        let sample = reply.into_result()?;
        Ok(sample.payload().to_bytes().into_owned().into())
    }

    async fn stream(&mut self, size: u64) -> Result<u64> {
        let replies = self
            .0
            .session
            .get(STREAM)
            .payload(work::ask_for_stream(size))
            .congestion_control(CongestionControl::Block)
            .consolidation(ConsolidationMode::None)
            .timeout(measure::STREAM_LIMIT)
            .await
            .map_err(|e| anyhow!(e))?;
        let mut received = 0;
        while let Ok(reply) = replies.recv_async().await {
            received += reply.into_result()?.payload().len() as u64;
        }
        Ok(received)
    }
}

fn echo(query: &Query) -> Result<()> {
    let request = query.payload().context("a query without a payload")?.clone();
    query.reply(ECHO, request).wait().map_err(|e| anyhow!(e))
}

fn stream(query: &Query) -> Result<()> {
    let request = query.payload().context("a query without a payload")?;
    let size = work::asked_for(&request.to_bytes()).context("a size of eight bytes is asked for")?;
    work::chunks(size).try_for_each(|chunk| query.reply(STREAM, chunk).wait().map_err(|e| anyhow!(e)))
}

fn complain(outcome: Result<()>) {
    if let Err(error) = outcome {
        eprintln!("cannot reply: {error:#}");
    }
}

/// Two peers that know each other's address need not look for anyone.
fn config(listen: &[&str], connect: &[&str]) -> Result<Config> {
    let mut config = Config::default();
    for (key, value) in [
        ("mode", r#""peer""#.to_owned()),
        ("scouting/multicast/enabled", "false".to_owned()),
        ("scouting/gossip/enabled", "false".to_owned()),
        ("listen/endpoints", serde_json::to_string(listen)?),
        ("connect/endpoints", serde_json::to_string(connect)?),
    ] {
        config.insert_json5(key, &value).map_err(|e| anyhow!(e)).with_context(|| format!("setting {key}"))?;
    }
    Ok(config)
}

/// Zenoh does not say, in its stable interface, which port it got; so one is looked for beforehand.
fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
