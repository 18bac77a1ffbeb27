//! Many bytes, on one stream or on many.

use std::time::Instant;

use atoll_protocol::identity::NodeId;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{Client, Code, RawReceiver, RawSender, Status};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLoad {
    /// The node to call; without it, any instance.
    pub peer: Option<NodeId>,
    /// Streams that are open at a time, all of them before the first byte is measured.
    pub concurrency: usize,
    /// Bytes to transfer, over all streams.
    pub bytes: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowReport {
    /// Bytes received; all that were asked for.
    pub bytes: u64,
    /// Streams that were open.
    pub streams: usize,
    /// How long it took to open them.
    pub opening_seconds: f64,
    /// How long the bytes took.
    pub seconds: f64,
    /// Millions of bytes for each second.
    pub megabytes_per_second: f64,
}

/// One open stream.
struct Flow(RawSender, RawReceiver);

impl FlowLoad {
    /// Transfers the bytes.
    ///
    /// # Errors
    /// `invalid_argument` for a load that cannot be made, and the first failure of a stream.
    pub(crate) async fn run(self, client: &Client) -> Result<FlowReport, Status> {
        if self.concurrency == 0 || self.bytes < self.concurrency as u64 {
            return Err(Status::invalid_argument("at least one stream, and at least a byte for each"));
        }
        let start = Instant::now();
        let mut opening = JoinSet::new();
        let mut flows = Vec::with_capacity(self.concurrency);
        for _ in 0..self.concurrency {
            let client = client.clone();
            opening.spawn(async move { self.open(&client).await });
        }
        while let Some(opened) = opening.join_next().await {
            flows.push(opened.map_err(|e| Status::internal(e.to_string()))??);
        }
        let opening_seconds = start.elapsed().as_secs_f64();

        let start = Instant::now();
        let share = self.bytes / self.concurrency as u64;
        let mut first = self.bytes % self.concurrency as u64;
        let mut flowing = JoinSet::new();
        for flow in flows {
            let bytes = share + std::mem::take(&mut first);
            flowing.spawn(flow.receive(bytes));
        }
        let mut bytes = 0;
        while let Some(received) = flowing.join_next().await {
            bytes += received.map_err(|e| Status::internal(e.to_string()))??;
        }
        let seconds = start.elapsed().as_secs_f64();
        let megabytes_per_second = bytes as f64 / 1e6 / seconds;
        Ok(FlowReport { bytes, streams: self.concurrency, opening_seconds, seconds, megabytes_per_second })
    }

    /// A stream that is open at both ends: one byte has come over it. A single one is a server stream as any other.
    async fn open(self, client: &Client) -> Result<Flow, Status> {
        let single = self.concurrency == 1;
        let mut call = client.stream(if single { "download" } else { "flow" });
        if let Some(peer) = self.peer {
            call = call.peer(peer);
        }
        let (sender, receiver) = call.raw().await?;
        let mut flow = Flow(sender, receiver);
        flow.0.send(request(1)).await?;
        flow.1.next().await?;
        Ok(flow)
    }
}

fn request(bytes: u64) -> Bytes {
    Bytes::copy_from_slice(&bytes.to_le_bytes())
}

impl Flow {
    async fn receive(mut self, bytes: u64) -> Result<u64, Status> {
        self.0.send(request(bytes)).await?;
        self.0.finish();
        let mut received = 0;
        while let Some(chunk) = self.1.next().await? {
            received += chunk.len() as u64;
        }
        match received {
            all if all == bytes => Ok(all),
            _ => Err(Status::new(Code::DataLoss, format!("{received} of {bytes} bytes have come"))),
        }
    }
}
