//! Groups that share a topic's work.

use serde::{Deserialize, Serialize};

use super::{MessageRow, SubscribeFrom};
pub use crate::broker::{GroupProgress, GroupReport, NodeMembers};

/// "Give me work." Settings that are left out are the library's defaults; what they mean is said at [`Group`](crate::Group).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkRequest {
    /// Whose work is shared.
    pub topic: String,
    /// By which group.
    pub group: String,
    /// Where the group begins, if it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<SubscribeFrom>,
    /// How long a job may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack_wait_ms: Option<u64>,
    /// How often a job is given at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<u32>,
    /// How long until it is given the second time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_ms: Option<u64>,
    /// Whether jobs with one key are given one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_order: Option<bool>,
    /// How many jobs may be in hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<u32>,
    /// No answers follow: a job counts as done as soon as the next line is asked for.
    #[serde(default)]
    pub auto: bool,
}

/// What is said of a job, one a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkAnswer {
    /// The job's number.
    pub job: u64,
    /// What has come of it.
    pub answer: WorkOutcome,
    /// When to give it again; only where it was not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Why, where it was not managed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What has come of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkOutcome {
    /// It is done.
    Ack,
    /// It was not managed, and is to be given again.
    Nack,
    /// Nobody will ever manage it.
    Reject,
    /// It is still being worked on.
    Extend,
}

/// What is told while work is given, one a line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkEvent {
    /// A job.
    Job(Box<JobRow>),
    /// What has come of an answer.
    Answered {
        /// The job's number.
        job: u64,
        /// Why the answer does not count; none if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// Nothing follows, for this reason.
    End {
        /// The reason, for people.
        error: String,
    },
}

/// A job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobRow {
    /// Its number, by which it is answered: from 1 in each exchange.
    pub number: u64,
    /// How often it was given, this time included.
    pub attempt: u32,
    /// How long there is for it, when this is written.
    pub time_left_ms: u64,
    /// What is to be done.
    pub message: MessageRow,
}
