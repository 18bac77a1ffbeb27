//! Topics, for whoever asks at the control socket.

mod payload;
mod publish;
mod report;
mod subscribe;

use atoll_protocol::names::{NameError, TopicName};
use axum::http::StatusCode;

pub(super) use self::{
    publish::publish,
    report::{called, list, outbox, retain, topic},
    subscribe::{begin, subscribe},
};
pub(crate) use self::{
    report::{all, described},
    subscribe::{gap_row, row},
};
use super::routes::Failure;

pub(super) fn refused(reason: impl ToString) -> Failure {
    Failure(StatusCode::BAD_REQUEST, reason.to_string())
}

pub(super) fn name(text: &str) -> Result<TopicName, Failure> {
    text.parse().map_err(|e: NameError| refused(e))
}
