//! Keepers' receipts: "I have these entries on disk".

use serde::{Deserialize, Serialize};

use super::batch::{ChainId, Seq};
use crate::{
    identity::NodeId,
    limits,
    sealed::{Hash, Sealable, Statement},
    service::{Extensions, UnixMillis},
};

/// What a keeper signs once entries are on its disk (after fsync). It is a promise of that keeper, and no proof that it still
/// has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which log.
    pub chain: ChainId,
    /// The first position that it keeps without a gap up to `last`.
    pub first: Seq,
    /// The last position.
    pub last: Seq,
    /// The hash of the head of the batch that ends there.
    pub hash: Hash,
    /// When it was signed, by the keeper's clock.
    pub issued: UnixMillis,
    /// Room for later fields.
    pub extensions: Extensions,
}

impl Sealable for Receipt {
    const DOMAIN: &'static str = "atoll topic receipt 1";
}

impl Statement for Receipt {
    const NAME: &'static str = "receipt";
    const LIMIT: usize = limits::TOPIC_RECEIPT;

    fn check(&self, keeper: &NodeId) -> Result<(), String> {
        if self.first < Seq::FIRST || self.last < self.first {
            return Err(format!("entries {} to {}; positions begin at 1 and rise", self.first, self.last));
        }
        if self.chain.author == *keeper {
            return Err("a receipt for entries of the keeper's own; it is worth nothing".to_owned());
        }
        Ok(())
    }
}
