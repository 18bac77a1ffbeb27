//! Answering: what peers lack, and what they follow.

use std::sync::Arc;

use atoll_protocol::{
    identity::NodeId,
    topic::{
        ChainId, Seq,
        log::Stretch,
        sync::{Answer, Following, Piece, Reply, Serving, Stored, answer},
    },
};
use futures::{AsyncReadExt, AsyncWriteExt, future::Either};

use super::{SyncError, receive_request, send};
use crate::{
    broker::{
        Broker, Inner,
        tail::{Read, Tail},
    },
    net::streams::{Inbound, Substream},
};

/// Bytes of batches that are sent together to whoever follows.
const TOGETHER: usize = 128 * 1024;

/// Answers on a substream that a peer has opened, until it has no more questions.
pub(crate) async fn serve_stream(broker: Broker, inbound: Inbound) {
    let Inbound { peer, stream, .. } = inbound;
    let inner = broker.0;
    if let Err(error) = converse(&inner, peer, stream).await {
        if let Some(fault) = error.fault() {
            inner.net.conduct.charge(Some(peer), fault, &error);
        }
        tracing::debug!(%peer, "a peer's questions about topics were not answered: {error}");
    }
}

async fn converse(inner: &Arc<Inner>, peer: NodeId, mut stream: Substream) -> Result<(), SyncError> {
    while let Some(request) = receive_request(&mut stream).await? {
        let answered = {
            let logs = inner.logs.lock();
            let may = |topic: &_| logs.policies.may_read(topic, &peer);
            answer(request, &logs.shelf, &may)
        };
        match answered {
            Answer::Reply { reply, differs } => {
                send(&mut stream, &reply).await?;
                if differs {
                    inner.ask_back(peer);
                }
            }
            Answer::Serve(serving) => serve(inner, &mut stream, serving).await?,
            Answer::Receipts(receipts) => {
                inner.receipts(peer, receipts);
                send(&mut stream, &Reply::End { more: false }).await?;
            }
            Answer::Keep(topics) => {
                inner.asked_to_keep(peer, topics);
                send(&mut stream, &Reply::End { more: false }).await?;
            }
            Answer::Follow(following) => return followed(inner, peer, stream, following).await,
        }
        stream.flush().await?;
    }
    let _ = stream.close().await;
    Ok(())
}

/// Sends what was asked for, message by message; each is read on a thread that may wait for the disk.
async fn serve(inner: &Arc<Inner>, stream: &mut Substream, mut serving: Serving) -> Result<(), SyncError> {
    loop {
        let from = Arc::clone(inner);
        let read = tokio::task::spawn_blocking(move || {
            let reply = serving.next(|chain, seq| from.batch_from(chain, seq));
            from.lose_damaged();
            (serving, reply)
        });
        let (rest, reply) = read.await.map_err(|_| SyncError::Stopped)?;
        let Some(reply) = reply else { return Ok(()) };
        send(stream, &reply).await?;
        serving = rest;
    }
}

impl Inner {
    /// The batch that holds a position, or the next one after it. Reads the disk, where not everything may be yet.
    pub(in crate::broker) fn batch_from(&self, chain: &ChainId, seq: Seq) -> Option<Stored> {
        let recent = self.logs.lock().recent.from(chain, seq).cloned();
        let recent = recent.and_then(|batch| {
            let head = batch.head().value();
            Some(Stored { entries: Stretch::between(head.first, head.last())?, batch: batch.signed() })
        });
        if recent.as_ref().is_some_and(|recent| recent.entries.from <= seq) {
            return recent;
        }
        let stored = self.disk.stored(chain, seq);
        [recent, stored].into_iter().flatten().min_by_key(|found| found.entries.from)
    }
}

/// Sends what this node says on these topics from now on, until the peer closes the substream.
async fn followed(inner: &Arc<Inner>, peer: NodeId, stream: Substream, following: Following) -> Result<(), SyncError> {
    let (mut from, mut to) = stream.split();
    let Ok(mut tail) = Tail::own(inner, following.patterns()) else { return Ok(()) };
    let sending = async {
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        while let Some(read) = tail.next().await {
            let at_end = matches!(read, Read::End);
            bytes += take(inner, &peer, read, &mut pieces);
            if !pieces.is_empty() && (at_end || bytes >= TOGETHER) {
                send(&mut to, &Reply::Part { pieces: std::mem::take(&mut pieces) }).await?;
                to.flush().await?;
                bytes = 0;
            }
        }
        Ok(())
    };
    let mut nothing = [0];
    let closed = from.read(&mut nothing);
    match futures::future::select(std::pin::pin!(sending), std::pin::pin!(closed)).await {
        Either::Left((sent, _)) => sent,
        Either::Right(_) => Ok(()),
    }
}

/// Adds what was read to what is to be sent, if the peer may have it.
fn take(inner: &Inner, peer: &NodeId, read: Read, pieces: &mut Vec<Piece>) -> usize {
    // Whoever follows finds gaps by itself.
    let Read::Batch { log, batch, .. } = read else { return 0 };
    if !inner.logs.lock().policies.may_read(&log.topic, peer) {
        return 0;
    }
    pieces.push(Piece::Batch(batch.signed()));
    batch.len()
}
