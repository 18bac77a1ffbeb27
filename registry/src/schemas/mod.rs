//! Schemas by their hashes: which of them a node has, and how it comes by the others.
//!
//! | part | what it does |
//! |---|---|
//! | [`refer`] | takes the larger schemas out of a record that is to be signed, and leaves their hashes |
//! | [`Cache`] | holds a node's own schemas, for as long as it offers them, and those of others that were looked at lately |
//! | [`Hunt`] | asks those who should have some schemas for them, one after the other, and checks what comes |
//!
//! ```text
//!  register ──► refer ──► pin ┌───────┐ peek ──► whoever asks
//!                             │ Cache │
//!  describe ──► get ─────────►└───▲───┘
//!                  └─► Hunt ──► keep      (what is not there)
//! ```

use std::collections::BTreeMap;

use atoll_protocol::{
    identity::NodeId,
    schema::{Document, SchemaError},
    sealed::Hash,
    service::{Schema, ServiceRecord},
};

pub use self::{
    cache::{Cache, CacheLimits, NoRoom},
    hunt::{Hunt, Question, Refusal, why_missing},
};

use crate::services::Instance;

mod cache;
mod hunt;
#[cfg(test)]
mod tests;

/// Longest schema that stands in the record itself, in bytes. It has room for a number, a text or nothing, of which the words
/// that every schema begins with take 80. A reference takes 33 bytes; so what is longer would cost each node that holds the
/// record several times as much, for the sake of the few that look at it.
pub const INLINE: usize = 128;

/// Takes the schemas that are longer than [`INLINE`] out of a record, and leaves their hashes. Gives what was taken out, each
/// once; whoever signs the record has to keep them.
///
/// # Errors
/// [`SchemaError`] with the method that it is about, in words, if a schema breaks a rule.
pub fn refer(record: &mut ServiceRecord) -> Result<Vec<Document>, String> {
    let mut taken: Vec<Document> = Vec::new();
    for endpoint in &mut record.endpoints {
        let name = endpoint.name.clone();
        for (which, schema) in [("request", &mut endpoint.request), ("response", &mut endpoint.response)] {
            let Schema::Json(text) = schema else { continue };
            let explain = |error: SchemaError| format!("{which} of method {name}: {error}");
            let document = Document::canonical(text).map_err(explain)?;
            if document.len() <= INLINE {
                *text = document.text().to_string();
                continue;
            }
            *schema = Schema::Reference(document.hash());
            if taken.iter().all(|other| other.hash() != document.hash()) {
                taken.push(document);
            }
        }
    }
    Ok(taken)
}

/// The schemas that these records name by their hashes, each with the nodes that offer an instance which names it too, in the
/// order of the instances.
#[must_use]
pub fn named<'a>(
    records: impl IntoIterator<Item = &'a ServiceRecord>,
    instances: &[Instance],
) -> BTreeMap<Hash, Vec<NodeId>> {
    let hashes = records.into_iter().flat_map(references);
    let mut named: BTreeMap<Hash, Vec<NodeId>> = hashes.map(|hash| (hash, Vec::new())).collect();
    for instance in instances {
        for hash in references(instance.record.value()) {
            // One node names a schema once for each method that has it.
            if let Some(nodes) = named.get_mut(&hash).filter(|nodes| nodes.last() != Some(&instance.node)) {
                nodes.push(instance.node);
            }
        }
    }
    named
}

fn references(record: &ServiceRecord) -> impl Iterator<Item = Hash> {
    let schemas = record.endpoints.iter().flat_map(|endpoint| [&endpoint.request, &endpoint.response]);
    schemas.filter_map(|schema| if let Schema::Reference(hash) = schema { Some(*hash) } else { None })
}
