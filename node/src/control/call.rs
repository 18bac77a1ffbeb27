//! Calls that are made for whoever asks at the control socket.

use std::{sync::Arc, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    rpc::{Code, Status},
};
use axum::{Json, http::StatusCode};
use tokio::time::Instant;

use super::{
    api::{CallReply, CallRequest, CallStatus},
    report,
    routes::{Answer, Failure, Received, Shared, node, query},
};
use crate::{Client, Policy, rpc::DEFAULT_DEADLINE};

pub(super) async fn call(state: Shared, request: Received<CallRequest>) -> Answer<CallReply> {
    let Json(request) = request?;
    let started = Instant::now();
    let (client, peer) = client(&state, &request)?;
    let deadline = request.deadline_ms.map_or(DEFAULT_DEADLINE, Duration::from_millis);
    let mut call = client.call_raw(&request.method, request.body.to_string()).json().deadline(deadline);
    if let Some(peer) = peer {
        call = call.peer(peer);
    }
    if let Some(after) = request.hedge_ms {
        call = call.hedge(Duration::from_millis(after));
    }
    for (key, value) in request.metadata {
        call = call.metadata(key, value);
    }
    let result = call.run().await.and_then(|body| report::body_as_json(&body));
    let micros = micros_since(started);
    let (status, body) = match result {
        Ok(body) => (CallStatus::ok(), body),
        Err(status) => ((&status).into(), serde_json::from_slice(status.detail()).unwrap_or_default()),
    };
    Ok(Json(CallReply { status, body, micros }))
}

/// A client for this call, and the node that it is for, if it is for a certain one.
pub(super) fn client(state: &Shared, request: &CallRequest) -> Result<(Client, Option<NodeId>), Failure> {
    let refused = |reason: String| Failure(StatusCode::BAD_REQUEST, reason);
    let chooses = !request.labels.is_empty() || request.policy.is_some() || request.hedge_ms.is_some();
    if request.peer.is_some() && chooses {
        return Err(refused("labels, policy and hedge_ms choose between instances; peer leaves no choice".to_owned()));
    }
    let mut client = Client::new(Arc::clone(&node(state)?.rpc), query(&request.service)?);
    if let Some(policy) = &request.policy {
        let policy: Policy = policy.parse().map_err(|e: <Policy as std::str::FromStr>::Err| refused(e.to_string()))?;
        client = client.policy(policy);
    }
    for (key, value) in &request.labels {
        client = client.labelled(key, value);
    }
    Ok((client, request.peer))
}

pub(super) fn micros_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl CallStatus {
    /// Success.
    pub(super) fn ok() -> Self {
        Self { code: Code::Ok, message: String::new(), retryable: false, retry_after_ms: None }
    }
}

impl From<&Status> for CallStatus {
    fn from(status: &Status) -> Self {
        Self {
            code: status.code(),
            message: status.message().to_owned(),
            retryable: status.is_retryable(),
            retry_after_ms: status.wait().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}
