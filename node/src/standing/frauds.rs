//! Proofs of fraud: checked, kept, acted on, and told to everybody.

use std::collections::BTreeMap;

use atoll_protocol::{
    identity::NodeId,
    names::NetworkName,
    standing::{FraudProof, ProofError},
};
use atoll_registry::{exchange::Verdict, peers::conduct::Fault};
use libp2p::{PeerId, gossipsub::MessageId};
use tokio::sync::mpsc;

use super::Trust;
use crate::net::{Net, node_id};

/// Frauds that are remembered: for ever, so the first ones stay.
const FRAUDS: usize = 16 * 1024;

/// A proof that was gossiped, still unread. Its verdict is to be given within five seconds.
#[derive(Debug)]
pub(crate) struct Accusation {
    pub(crate) message: MessageId,
    pub(crate) source: PeerId,
    pub(crate) data: Vec<u8>,
}

/// Those that are known, by who has committed it.
#[derive(Debug, Default)]
pub(super) struct Frauds(BTreeMap<NodeId, FraudProof>);

impl Frauds {
    pub(super) fn restored(proofs: BTreeMap<NodeId, FraudProof>) -> Self {
        Self(proofs.into_iter().take(FRAUDS).collect())
    }

    pub(super) fn culprits(&self) -> impl Iterator<Item = NodeId> {
        self.0.keys().copied()
    }

    /// Some of the proofs, beginning anywhere: whoever asks again and again gets all.
    pub(super) fn some(&self, count: usize, from: usize) -> Vec<FraudProof> {
        let from = from.checked_rem(self.0.len()).unwrap_or_default();
        self.0.values().cycle().skip(from).take(count.min(self.0.len())).cloned().collect()
    }

    fn insert(&mut self, culprit: NodeId, proof: FraudProof) -> bool {
        let new = self.0.len() < FRAUDS && !self.0.contains_key(&culprit);
        if new {
            self.0.insert(culprit, proof);
        }
        new
    }
}

impl Trust {
    /// Checks a proof and acts on it. Gives whether it is news.
    ///
    /// # Errors
    /// [`ProofError`] if it proves nothing.
    pub(crate) fn convict(&self, proof: &FraudProof, network: &NetworkName) -> Result<bool, ProofError> {
        let culprit = proof.verify(network)?.culprit;
        if !self.0.frauds.lock().insert(culprit, proof.clone()) {
            return Ok(false);
        }
        tracing::info!(peer = %culprit, "it is proved that a peer has signed two receipts where only one can be true");
        if !self.0.storage.keep_fraud(culprit, proof.clone()) {
            tracing::warn!("the disk is too slow: a proof of fraud is not remembered");
        }
        self.0.book.lock().convict(culprit);
        self.judge_all();
        Ok(true)
    }

    /// Acts on a proof that this node has come upon, and tells everybody.
    pub(super) async fn accuse(&self, net: &Net, proof: &FraudProof) {
        match (self.convict(proof, &self.0.network), atoll_protocol::codec::encode(proof)) {
            (Ok(true), Ok(data)) => net.accuse(data).await,
            (Ok(_), _) => {}
            (Err(error), _) => tracing::debug!("a proof of fraud proves nothing: {error}"),
        }
    }
}

/// Judges what is gossiped of frauds, for as long as the node lives.
pub(crate) async fn hear(trust: Trust, net: Net, mut heard: mpsc::Receiver<Accusation>) {
    while let Some(Accusation { message, source, data }) = heard.recv().await {
        let verdict = judge(&trust, &net, node_id(&source), &data);
        net.verdict(message, source, verdict).await;
    }
}

/// Only what is proved is passed on, and only once.
fn judge(trust: &Trust, net: &Net, source: Option<NodeId>, data: &[u8]) -> Verdict {
    let proof = match FraudProof::decode(data) {
        Ok(proof) => proof,
        Err(error) => {
            net.conduct.charge(source, (&error).into(), error);
            return Verdict::Reject;
        }
    };
    match trust.convict(&proof, &trust.0.network) {
        Ok(true) => Verdict::Accept,
        Ok(false) => Verdict::Ignore,
        Err(error) => {
            let fault = match &error {
                ProofError::Void(error) => error.into(),
                _ => Fault::Inconsistent,
            };
            net.conduct.charge(source, fault, error);
            Verdict::Reject
        }
    }
}
