//! What receipts, rows and proofs may say, and that nothing else gets in.

use super::*;
use crate::{
    codec,
    golden::{self, key, network, other_key, standing::*},
    identity::NodeId,
    limits,
    sealed::{Countersigned, SealError, Signed},
    service::{Seq, UnixMillis},
};

mod exchange;
mod hostile;
mod pairs;
mod proofs;
mod property;
mod rules;
