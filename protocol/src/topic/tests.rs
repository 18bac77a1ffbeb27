//! What entries and batches may be, and that nothing else gets in.

use bytes::Bytes;
use proptest::{collection, prelude::*, sample::Index};

use super::*;
use crate::{
    codec,
    golden::{self, key, network, other_key, sealed, topic::*},
    limits,
    names::TopicName,
    sealed::{SealError, Signed},
    service::UnixMillis,
    strategies,
};

mod hostile;
mod proofs;
mod rules;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

/// A batch of these that follows what `writer` has written.
pub(crate) fn append(writer: &mut Writer, clock: &mut Clock, drafts: Vec<Draft>) -> Batch {
    writer.append(&key(), &network(), clock, NOW, drafts).unwrap()
}
