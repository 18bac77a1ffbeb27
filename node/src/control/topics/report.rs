//! Which topics there are, what their owners decide, and what is not kept elsewhere yet.

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{Access, Policy, Retention},
};
use axum::{Json, extract::Path, http::StatusCode};

use super::name;
use crate::{
    broker::{self, EpochReport, LogReport, TopicReport},
    control::{
        api::{
            AuthorRow, EpochRow, KeeperRow, OutboxKeeper, OutboxReport, OutboxRow, RetainRequest, TopicDescription,
            TopicPolicy, TopicRow,
        },
        as_millis,
        routes::{Answer, Failure, Received, Shared, node},
    },
    error::PublishError,
    node::Inner,
};

pub(crate) async fn list(state: Shared) -> Answer<Vec<TopicRow>> {
    Ok(Json(all(&*node(&state)?)))
}

/// Every topic that this node has to do with.
pub(crate) fn all(node: &Inner) -> Vec<TopicRow> {
    node.broker.topics().iter().map(|report| row(node, report)).collect()
}

pub(crate) async fn topic(state: Shared, Path(text): Path<String>) -> Answer<TopicDescription> {
    called(state, &text).await
}

/// The topic of this name.
pub(crate) async fn called(state: Shared, text: &str) -> Answer<TopicDescription> {
    let described = described(&*node(&state)?, &name(text)?);
    described.map(Json).map_err(|said| Failure(StatusCode::NOT_FOUND, said))
}

/// One topic in full.
///
/// # Errors
/// In words, if this node has nothing to do with it.
pub(crate) fn described(node: &Inner, topic: &TopicName) -> Result<TopicDescription, String> {
    let report = node.broker.topic_report(topic).ok_or_else(|| {
        format!(
            "this node has nothing to do with {topic}: nobody here has published on it or subscribed to it, and it keeps nothing of it; \
             subscribe to it, and what others hold of it is fetched (node subscribe {topic} --from earliest)"
        )
    })?;
    Ok(describe(node, report))
}

pub(crate) async fn outbox(state: Shared) -> Answer<OutboxReport> {
    let node = node(&state)?;
    let broker::OutboxReport { wanted, volunteers, published, pending } = node.broker.outbox();
    let row = |pending: broker::PendingReport| OutboxRow {
        topic: pending.topic,
        epoch: pending.epoch,
        from_seq: pending.entries.from,
        to_seq: pending.entries.to,
        waiting: pending.waiting,
        keepers: pending
            .keepers
            .into_iter()
            .map(|(keeper, kept)| {
                let (path, rtt_ms) = way(&node, &keeper);
                let (kept_from_seq, kept_to_seq) = (kept.map(|kept| kept.from), kept.map(|kept| kept.to));
                OutboxKeeper { node: keeper, path, rtt_ms, kept_from_seq, kept_to_seq }
            })
            .collect(),
    };
    let pending = pending.into_iter().map(row).collect();
    Ok(Json(OutboxReport { keepers_wanted: wanted, keepers_known: volunteers, published, pending }))
}

pub(crate) async fn retain(state: Shared, request: Received<RetainRequest>) -> Answer<TopicPolicy> {
    let Json(request) = request?;
    let (node, topic) = (node(&state)?, name(&request.topic)?);
    let handle = node.broker.topic(topic.clone());
    let known = handle.policy();
    let retention = known.as_ref().map(|policy| policy.retention).unwrap_or_default();
    let retention = Retention {
        age_secs: request.age_secs.unwrap_or(retention.age_secs),
        bytes: request.bytes.unwrap_or(retention.bytes),
        entries: request.messages.unwrap_or(retention.entries),
        last_per_key: request.last_per_key.unwrap_or(retention.last_per_key),
    };
    let (access, keepers) =
        known.map_or((Access::Open, Vec::new()), |Policy { access, keepers, .. }| (access, keepers));
    let access = request.access.map_or(access, Access::from);
    let keepers = request.keepers.unwrap_or(keepers);
    handle.decide(access, keepers, retention).await.map_err(|error| undecided(&node, &topic, &error))?;
    let decided = handle.policy().map(TopicPolicy::from);
    // It was published, so it has been read here.
    decided.map(Json).ok_or_else(|| Failure(StatusCode::INTERNAL_SERVER_ERROR, "the policy is not in force".to_owned()))
}

fn undecided(node: &Inner, topic: &TopicName, error: &PublishError) -> Failure {
    let code = match error {
        PublishError::NotTheOwner { .. } => StatusCode::FORBIDDEN,
        PublishError::Invalid { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let way_out = match error {
        PublishError::NotTheOwner { owner: None, .. } => ownership(&node.net().me, topic),
        _ => String::new(),
    };
    Failure(code, format!("{error}{way_out}"))
}

/// How a node comes to own a topic.
fn ownership(me: &NodeId, topic: &TopicName) -> String {
    let own = TopicName::owned_by(me, topic.as_str()).or_else(|_| TopicName::owned_by(me, "name"));
    let own = own.map(|own| format!(", such as {own}")).unwrap_or_default();
    format!(
        ". This one is everybody's. A topic belongs to a node if its name begins with the label of that node's key{own}; or if the \
         configuration of every node that is to act on it says so: [topics] owners = {{ \"{topic}\" = \"{me}\" }}"
    )
}

fn row(node: &Inner, report: &TopicReport) -> TopicRow {
    let epochs = || report.logs.iter().flat_map(|log| &log.epochs);
    TopicRow {
        topic: report.topic.clone(),
        authors: report.logs.iter().filter(|log| !log.epochs.is_empty()).count(),
        messages: epochs().map(|epoch| epoch.entries).sum(),
        bytes: epochs().map(|epoch| epoch.bytes).sum(),
        last_at_unix_ms: epochs().map(|epoch| epoch.last_at.0).max(),
        subscribed: report.subscribed,
        kept: report.kept,
        published: report.published,
        owner: report.owner,
        owned: report.owner == Some(node.net().me),
        keepers: report.keepers.clone(),
    }
}

fn describe(node: &Inner, report: TopicReport) -> TopicDescription {
    let row = row(node, &report);
    let pinned = report.policy.as_ref().map(|policy| policy.keepers.clone()).unwrap_or_default();
    let keeper = |keeper: &NodeId| {
        let (path, rtt_ms) = way(node, keeper);
        KeeperRow { node: *keeper, pinned: pinned.contains(keeper), path, rtt_ms }
    };
    let mut author_rows: Vec<AuthorRow> =
        report.logs.iter().filter(|log| !log.epochs.is_empty() || log.forked).map(author).collect();
    author_rows.sort_by_key(|row| row.author);
    TopicDescription {
        keeper_rows: report.keepers.iter().map(keeper).collect(),
        author_rows,
        policy: report.policy.map(TopicPolicy::from),
        own_name: TopicName::owned_by(&node.net().me, report.topic.as_str()).ok().filter(|_| report.owner.is_none()),
        row,
    }
}

fn author(log: &LogReport) -> AuthorRow {
    let epoch = |epoch: &EpochReport| EpochRow {
        epoch: epoch.epoch,
        first_seq: epoch.first,
        last_seq: epoch.last,
        last_at_unix_ms: epoch.last_at.0,
        messages: epoch.entries,
        bytes: epoch.bytes,
    };
    AuthorRow { author: log.author, quarantined: log.forked, epochs: log.epochs.iter().map(epoch).collect() }
}

/// How a node is reached, and its round trip.
fn way(node: &Inner, to: &NodeId) -> (Option<String>, Option<f64>) {
    if *to == node.net().me {
        return (Some("local".to_owned()), Some(0.0));
    }
    let link = node.net().connections.best(to);
    (link.as_ref().map(|link| link.path.name().to_owned()), link.and_then(|link| link.rtt()).map(as_millis))
}
