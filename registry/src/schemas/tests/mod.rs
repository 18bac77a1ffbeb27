//! Tests of schemas: one file per concern. Here is what they share.

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    schema::Document,
    service::Seq,
};

use super::*;
use crate::services::tests::service;

mod cache;
mod hunt;
mod refer;

fn id(seed: u8) -> NodeId {
    SecretKey::from_seed(&[seed; 32]).node_id()
}

/// A schema with this title and length.
fn titled(title: &str, len: usize) -> Document {
    let rest = len.saturating_sub(r#"{"title":""}"#.len() + title.len());
    Document::canonical(&format!(r#"{{"title":"{title}{}"}}"#, "x".repeat(rest))).unwrap()
}

/// Some schema.
fn schema(number: usize) -> Document {
    titled(&number.to_string(), 100)
}
