//! What this node asks others: to sign receipts, for whom they vouch, and who is a fraud.
//!
//! One thing at a time of each peer, and only of those that it is connected to: nobody is dialled for it.

use std::{collections::BTreeSet, time::Duration};

use atoll_protocol::{
    codec::{DecodeError, EncodeError},
    identity::NodeId,
    limits,
    sealed::{Countersigned, SealError, Signed},
    standing::{
        Ending, NotSigned, PairReceipt, Row, Vouch,
        exchange::{Reply, Request},
    },
};
use atoll_registry::{peers::conduct::Fault, standing::Adopted};
use futures::{AsyncWriteExt, StreamExt, stream};
use tokio::time::{Instant, timeout};

use super::Trust;
use crate::net::{Net, framed, streams::OpenError};

/// How long a question may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Peers that are asked at a time.
const AT_A_TIME: usize = 16;
/// How often there may be something to be said.
const PACE: Duration = Duration::from_secs(1);
/// How often whoever is believed is asked for whom it vouches.
const ROWS: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 60 });

/// Why a question has had no good answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum TalkError {
    #[error("not connected")]
    NotConnected,
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error(transparent)]
    Void(#[from] SealError),
    #[error(transparent)]
    NotSigned(#[from] NotSigned),
    #[error("no answer in time")]
    Timeout,
    #[error("an answer to something else")]
    Unrelated,
    #[error("it vouches for more than its receipts show")]
    Unshown,
}

impl TalkError {
    /// What the peer has done wrong, if it has.
    pub(super) fn fault(&self) -> Option<Fault> {
        match self {
            Self::Decode(error) => Some(error.into()),
            Self::Void(error) | Self::NotSigned(NotSigned::Void(error)) => Some(error.into()),
            Self::Unrelated => Some(Fault::Inconsistent),
            _ => None,
        }
    }
}

/// Asks what there is to be asked, for as long as the node lives.
pub(crate) async fn talk(trust: Trust, net: Net) {
    let talk = Talk { trust, net };
    let mut known = BTreeSet::new();
    let mut rows_due = Instant::now();
    loop {
        tokio::time::sleep(PACE).await;
        let peers: BTreeSet<NodeId> = talk.net.connections.peers().into_iter().collect();
        let new: Vec<NodeId> = peers.difference(&known).copied().collect();
        stream::iter(new).for_each_concurrent(AT_A_TIME, |peer| talk.proofs(peer)).await;
        let due = talk.trust.due(&peers);
        stream::iter(due).for_each_concurrent(AT_A_TIME, |(peer, half)| talk.receipt(peer, half)).await;
        if rows_due <= Instant::now() {
            rows_due = Instant::now() + ROWS;
            let wanted = talk.trust.wanted(&peers);
            if !wanted.is_empty() {
                stream::iter(wanted).for_each_concurrent(AT_A_TIME, |peer| talk.row(peer)).await;
                talk.trust.judge_all();
            }
        }
        known = peers;
    }
}

struct Talk {
    trust: Trust,
    net: Net,
}

impl Talk {
    /// Who is known to be a fraud: whoever has just come may not have heard it.
    async fn proofs(&self, peer: NodeId) {
        let told = async {
            let Reply::Proofs { proofs } = self.ask(peer, &Request::Proofs).await? else {
                return Err(TalkError::Unrelated);
            };
            for proof in proofs {
                if let Err(error) = self.trust.convict(&proof, &self.trust.0.network) {
                    self.net.conduct.charge(Some(peer), Fault::Inconsistent, error);
                }
            }
            Ok(())
        };
        self.conclude(peer, told.await);
    }

    /// Proposes a receipt.
    async fn receipt(&self, peer: NodeId, half: Signed<PairReceipt>) {
        let told = async {
            if !self.trust.keep_pair(&peer).await {
                return Ok(());
            }
            match self.ask(peer, &Request::Propose { half }).await? {
                Reply::Agreed { receipt } | Reply::Refused { last: Some(receipt) } => {
                    let newer = self.trust.0.pairs.lock().agree(&peer, &receipt)?;
                    if newer {
                        self.trust.keep_pair(&peer).await;
                    }
                    Ok(())
                }
                Reply::Refused { last: None } => Ok(()),
                _ => Err(TalkError::Unrelated),
            }
        };
        self.conclude(peer, told.await);
    }

    /// Asks whom a witness vouches for, and looks at one of them.
    async fn row(&self, peer: NodeId) {
        let told = async {
            let Reply::Row { row } = self.ask(peer, &Request::Row).await? else { return Err(TalkError::Unrelated) };
            let Some(row) = row else { return Ok(()) };
            let row = row.open(&self.trust.0.network)?;
            if row.author() != peer {
                return Err(TalkError::Unrelated);
            }
            if let Some(vouch) = one_of(row.value()) {
                self.look_at(peer, &vouch).await?;
            }
            self.trust.hear(&row);
            Ok(())
        };
        self.conclude(peer, told.await);
    }

    /// Whether what a witness says of one peer is borne out by their receipt. What is not costs the witness its word, and counts as
    /// a fault: whoever is honest can show what it has signed.
    async fn look_at(&self, witness: NodeId, vouch: &Vouch) -> Result<(), TalkError> {
        let Reply::Receipts { receipts } = self.ask(witness, &Request::Receipts { peers: vec![vouch.peer] }).await?
        else {
            return Err(TalkError::Unrelated);
        };
        for receipt in receipts.into_iter().take(limits::RECEIPTS_ASKED) {
            self.adopt(&receipt).await?;
        }
        if !self.trust.is_shown(&witness, vouch) {
            self.trust.0.book.lock().forget_row(&witness);
            self.trust.ended(&self.trust.account(&witness), Ending::Fault);
            tracing::debug!(%witness, peer = %vouch.peer, "a witness vouches for more than its receipts show");
            return Err(TalkError::Unshown);
        }
        Ok(())
    }

    /// Remembers a receipt of two others. One that contradicts another proves fraud of both.
    async fn adopt(&self, receipt: &Countersigned<PairReceipt>) -> Result<(), TalkError> {
        let halves = receipt.open(&self.trust.0.network)?;
        let adopted = self.trust.0.receipts.lock().adopt(halves, self.trust.0.clock.wall());
        if let Adopted::Fraud(proofs) = adopted {
            for proof in proofs.iter() {
                self.trust.accuse(&self.net, proof).await;
            }
        }
        Ok(())
    }

    async fn ask(&self, peer: NodeId, request: &Request) -> Result<Reply, TalkError> {
        let connection = self.net.connections.best(&peer).ok_or(TalkError::NotConnected)?;
        let asked = async {
            let mut stream = connection.open(self.net.protocols.standing.clone()).await?;
            framed::send::<_, TalkError>(&mut stream, request).await?;
            stream.close().await?;
            let reply = framed::receive::<_, TalkError>(&mut stream, limits::STANDING_REPLY, Reply::decode).await?;
            let (reply, _) = reply.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof))?;
            Ok(reply)
        };
        timeout(PATIENCE, asked).await.map_err(|_| TalkError::Timeout)?
    }

    fn conclude(&self, peer: NodeId, told: Result<(), TalkError>) {
        if let Err(error) = told {
            match error.fault() {
                Some(fault) => self.net.conduct.charge(Some(peer), fault, error),
                None => tracing::debug!(%peer, "nothing was learnt of standing: {error}"),
            }
        }
    }
}

/// Any one of those that a row vouches for.
fn one_of(row: &Row) -> Option<Vouch> {
    let count = row.vouches.len();
    (count > 0).then(|| row.vouches.get(rand::random_range(0..count)).copied()).flatten()
}
