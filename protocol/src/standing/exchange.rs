//! What nodes ask each other about standing: one question on a substream of its own, and one answer.
//!
//! ```text
//! ┌───────────────────────┬─────────────────────────┐
//! │ length, 4 bytes LE    │ request or reply         │   as everything that is encoded
//! └───────────────────────┴─────────────────────────┘
//! ```
//!
//! | asked | answer |
//! |---|---|
//! | [`Request::Propose`]: a half of a receipt | [`Reply::Agreed`], both halves, or [`Reply::Refused`] with the last ones that were agreed on |
//! | [`Request::Row`] | [`Reply::Row`], none if the node vouches for nobody |
//! | [`Request::Receipts`] with some of its peers | [`Reply::Receipts`], those that there are |
//! | [`Request::Proofs`] | [`Reply::Proofs`] of fraud that it knows of, the latest |

use serde::{Deserialize, Serialize};

use super::{FraudProof, PairReceipt, Row};
use crate::{
    codec::{self, DecodeError},
    identity::NodeId,
    limits,
    sealed::{Countersigned, Signed},
};

/// A question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// "Sign this, too."
    Propose {
        /// Half of a receipt, signed by who asks.
        half: Signed<PairReceipt>,
    },
    /// "For whom do you vouch?"
    Row,
    /// "Show me what you and these have signed." At most [`limits::RECEIPTS_ASKED`]; of more, the first.
    Receipts {
        /// Peers of the one who is asked.
        peers: Vec<NodeId>,
    },
    /// "Who is known to be a fraud?"
    Proofs,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    /// Signed by both.
    Agreed {
        /// The receipt.
        receipt: Countersigned<PairReceipt>,
    },
    /// Not signed, since it says something else than this node knows, or comes too late.
    Refused {
        /// The last receipt that both have signed, as this node has it.
        last: Option<Countersigned<PairReceipt>>,
    },
    /// For whom the node vouches.
    Row {
        /// None if it vouches for nobody.
        row: Option<Signed<Row>>,
    },
    /// What it and its peers have signed.
    Receipts {
        /// Each the last one of its pair.
        receipts: Vec<Countersigned<PairReceipt>>,
    },
    /// Who is known to be a fraud, and by what.
    Proofs {
        /// Each of them can be checked by anybody.
        proofs: Vec<FraudProof>,
    },
}

impl Request {
    /// Reads a question from bytes that anybody may have sent.
    ///
    /// # Errors
    /// [`DecodeError`], as told by the codec.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, limits::STANDING_REQUEST)
    }
}

impl Reply {
    /// Reads an answer from bytes that anybody may have sent.
    ///
    /// # Errors
    /// [`DecodeError`], as told by the codec.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, limits::STANDING_REPLY)
    }
}

const _: () = assert!(limits::PAIR_RECEIPT_WIRE < limits::STANDING_REQUEST);
const _: () = assert!(limits::RECEIPTS_ASKED * 33 < limits::STANDING_REQUEST);
const _: () = assert!(limits::RECEIPTS_ASKED * limits::PAIR_RECEIPT_WIRE < limits::STANDING_REPLY);
const _: () = assert!(limits::PROOFS_TOLD * FraudProof::LIMIT < limits::STANDING_REPLY);
const _: () = assert!(limits::ROW + 256 < limits::STANDING_REPLY);
