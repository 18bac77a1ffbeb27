//! Answering what others ask about standing.

use atoll_protocol::{
    limits,
    standing::{
        Countersign, NotSigned,
        exchange::{Reply, Request},
    },
};
use futures::AsyncWriteExt;
use tokio::time::timeout;

use super::{
    Caller, Trust,
    talk::{PATIENCE, TalkError},
};
use crate::net::{
    Net, framed,
    streams::{Inbound, Substream},
};

/// Answers one question.
pub(crate) async fn serve_stream(trust: Trust, net: Net, inbound: Inbound) {
    let Inbound { peer, connection, stream, .. } = inbound;
    let caller = trust.caller(&peer, &connection);
    drop(connection);
    match timeout(PATIENCE, answer(&trust, &net, &caller, stream)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => match error.fault() {
            Some(fault) => net.conduct.charge(Some(peer), fault, error),
            None => tracing::debug!(%peer, "a question about standing was not answered: {error}"),
        },
        Err(_) => tracing::debug!(%peer, "a question about standing took too long"),
    }
}

async fn answer(trust: &Trust, net: &Net, caller: &Caller, mut stream: Substream) -> Result<(), TalkError> {
    let request = framed::receive::<_, TalkError>(&mut stream, limits::STANDING_REQUEST, Request::decode).await?;
    let Some((request, _)) = request else { return Ok(()) };
    // Questions take time as calls do, and count as such. Whoever asks too much gets no answer.
    let Ok(_admitted) = caller.admit(trust.0.clock.now()) else { return Ok(()) };
    let reply = match request {
        Request::Propose { half } => {
            let (peer, now) = (caller.peer(), trust.0.clock.wall());
            let signed = trust.0.pairs.lock().countersign(peer, half, now);
            match signed {
                // It is on the disk before it is sent: or this node might sign another one with this number.
                Ok(Countersign::Agreed(receipt)) if trust.keep_pair(&peer).await => Reply::Agreed { receipt: *receipt },
                Ok(Countersign::Agreed(_)) => return Ok(()),
                Ok(Countersign::Fraud(proof)) => {
                    trust.accuse(net, &proof).await;
                    return Ok(());
                }
                Err(NotSigned::Void(error)) => return Err(error.into()),
                Err(error) => {
                    tracing::debug!(%peer, "not signed: {error}");
                    let last = trust.0.pairs.lock().agreed(&peer).map(|agreed| agreed.signed.clone());
                    Reply::Refused { last }
                }
            }
        }
        Request::Row => Reply::Row { row: trust.row() },
        Request::Receipts { peers } => {
            let pairs = trust.0.pairs.lock();
            let asked = peers.iter().take(limits::RECEIPTS_ASKED);
            let receipts = asked.filter_map(|peer| Some(pairs.agreed(peer)?.signed.clone())).collect();
            Reply::Receipts { receipts }
        }
        Request::Proofs => {
            Reply::Proofs { proofs: trust.0.frauds.lock().some(limits::PROOFS_TOLD, rand::random_range(0..usize::MAX)) }
        }
    };
    framed::send::<_, TalkError>(&mut stream, &reply).await?;
    stream.close().await?;
    Ok(())
}
