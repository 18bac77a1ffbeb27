//! JSON Schema documents (2020-12), named by what they say.
//!
//! A record that every node holds should be small, so it names a larger schema by its [`struct@Hash`] only
//! ([`Schema::Reference`](crate::service::Schema::Reference)). Whoever wants to read it asks the provider, or anybody who
//! has it: what comes is checked against its name, so it does not matter who gave it.
//!
//! The name is the SHA-256 of the document's bytes. Authors write documents in one form ([`Document::canonical`]), so that
//! the same schema has the same name wherever it is used, and is held once.

use std::{fmt, sync::Arc};

use serde_json::Value;

use crate::{limits, sealed::Hash};

#[cfg(test)]
mod tests;

/// A schema that keeps the rules: at most [`limits::SCHEMA`] bytes, nested at most [`limits::SCHEMA_DEPTH`] deep, and JSON
/// that a schema can be, which is an object or a boolean. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    text: Arc<str>,
    hash: Hash,
}

/// Why a text is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// It is longer than [`limits::SCHEMA`].
    #[error("the schema has {len} bytes, at most {} are allowed", limits::SCHEMA)]
    TooLong {
        /// Its length, in bytes.
        len: usize,
    },
    /// It is nested deeper than [`limits::SCHEMA_DEPTH`].
    #[error("the schema is nested more than {} deep", limits::SCHEMA_DEPTH)]
    TooDeep,
    /// It is no JSON.
    #[error("the schema is not JSON: {0}")]
    NotJson(String),
    /// It is JSON of another kind.
    #[error("a schema is an object or a boolean, and this one is neither")]
    NotSchema,
}

impl Document {
    /// Takes a document as it came, to be known by the hash of exactly these bytes.
    ///
    /// # Errors
    /// [`SchemaError`] if the text is no schema, or beyond a limit. Length and depth are checked before anything is parsed.
    pub fn read(text: impl Into<Arc<str>>) -> Result<Self, SchemaError> {
        let text = text.into();
        check_bounds(&text)?;
        // Parsed as it will be by whoever reads it: skipping over it would leave strings and numbers unread.
        let value: Value = serde_json::from_str(&text).map_err(not_json)?;
        if !value.is_object() && !value.is_boolean() {
            return Err(SchemaError::NotSchema);
        }
        let hash = Hash::of(text.as_bytes());
        Ok(Self { text, hash })
    }

    /// Writes a document in its one form: without blanks, the keys of its objects in the order of their bytes.
    ///
    /// # Errors
    /// As [`Document::read`], for what is written.
    pub fn canonical(text: &str) -> Result<Self, SchemaError> {
        // Before it is parsed, so that a depth that JSON's parser would refuse is refused in words of this module.
        check_depth(text)?;
        let mut value: Value = serde_json::from_str(text).map_err(not_json)?;
        // Maps are ordered by key unless some crate of the program has asked for the order of insertion.
        value.sort_all_objects();
        Self::read(value.to_string())
    }

    /// What it says.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Its name.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Its length, in bytes; never zero.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an empty text is no schema")]
    pub fn len(&self) -> usize {
        self.text.len()
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes, {:?})", self.len(), self.hash)
    }
}

fn not_json(error: serde_json::Error) -> SchemaError {
    SchemaError::NotJson(error.to_string())
}

fn check_bounds(text: &str) -> Result<(), SchemaError> {
    if text.len() > limits::SCHEMA {
        return Err(SchemaError::TooLong { len: text.len() });
    }
    check_depth(text)
}

/// How many brackets are open at a time, those in strings left out. What is no JSON is not judged here.
fn check_depth(text: &str) -> Result<(), SchemaError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth = depth.saturating_add(1),
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::SCHEMA_DEPTH {
            return Err(SchemaError::TooDeep);
        }
    }
    Ok(())
}
