//! Following topics over a stream, at the speed at which they are published.

use super::{Fault, Piece};
use crate::{
    names::{NetworkName, TopicName, TopicPattern},
    topic::Batch,
};

/// The topics that are followed over one substream; both sides have one.
#[derive(Debug, Clone, PartialEq)]
pub struct Following {
    patterns: Vec<TopicPattern>,
}

impl Following {
    /// Those that these stand for.
    #[must_use]
    pub fn new(patterns: Vec<TopicPattern>) -> Self {
        Self { patterns }
    }

    /// What they are named by.
    #[must_use]
    pub fn patterns(&self) -> &[TopicPattern] {
        &self.patterns
    }

    /// Whether this topic is among them. Whoever sends also asks whether it may be told.
    #[must_use]
    pub fn includes(&self, topic: &TopicName) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(topic))
    }

    /// Opens what has come. It is handed to its log then, which says what is [missing](crate::topic::log::Refused::Missing), if
    /// something is.
    ///
    /// # Errors
    /// [`Fault`]: it is a gap, not its author's, or of a topic that is not followed.
    pub fn open(&self, piece: Piece, network: &NetworkName) -> Result<Batch, Fault> {
        let Piece::Batch(batch) = piece else { return Err(Fault::NotAsked { what: "a gap" }) };
        let batch = batch.open(network).map_err(|error| Fault::Unchecked(error.to_string()))?;
        let head = batch.head().value();
        if self.includes(&head.topic) {
            return Ok(batch);
        }
        let chain = head.chain(batch.author());
        Err(Fault::Unwanted { chain, first: head.first, last: head.last() })
    }
}
