//! How far nodes are trusted, as the control socket reports it.

use std::cmp::Ordering;

use atoll_protocol::identity::NodeId;
use atoll_registry::standing::Tier;
use axum::{Json, extract::Path, http::StatusCode};

use super::{
    api::{NextTier, Reputation},
    routes::{Answer, Failure, Shared, node},
};
use crate::standing::Trust;

/// Everybody of whom anything is known, best first.
pub(super) async fn all(state: Shared) -> Answer<Vec<Reputation>> {
    let trust = &node(&state)?.rpc.trust;
    let known: Vec<NodeId> = trust.opinion().scores.iter().map(|(peer, _)| *peer).collect();
    let mut all: Vec<Reputation> = known.into_iter().map(|peer| reputation(trust, peer)).collect();
    all.sort_by(|one, other| best_first(one, other).then(one.node.cmp(&other.node)));
    Ok(Json(all))
}

/// One node, whether anything is known of it or not.
pub(super) async fn one(state: Shared, Path(peer): Path<String>) -> Answer<Reputation> {
    let node = node(&state)?;
    let peer: NodeId = peer.parse().map_err(|error| Failure(StatusCode::BAD_REQUEST, format!("{error}")))?;
    if peer == node.net().me {
        let reason = format!("{peer} is this node itself; what others think of it, they alone can say");
        return Err(Failure(StatusCode::BAD_REQUEST, reason));
    }
    Ok(Json(reputation(&node.rpc.trust, peer)))
}

fn best_first(one: &Reputation, other: &Reputation) -> Ordering {
    (other.tier.cmp(&one.tier)).then(other.score.total_cmp(&one.score)).then(other.calls.cmp(&one.calls))
}

fn reputation(trust: &Trust, node: NodeId) -> Reputation {
    let opinion = trust.opinion();
    let standing = opinion.scores.of(&node);
    let evidence = trust.evidence(&node);
    Reputation {
        node,
        tier: standing.tier,
        score: standing.score,
        quality: standing.quality,
        confidence: standing.confidence,
        hearsay: standing.hearsay,
        calls: standing.calls,
        success: evidence.success(),
        fault: evidence.fault(),
        days: standing.merits.days,
        successes: standing.merits.successes,
        counterparties: standing.merits.counterparties,
        witness: opinion.scores.witness(&node).trust,
        friend: trust.is_friend(&node),
        convicted: standing.convicted,
        next: standing.tier.next().and_then(|next| lacks(next, &standing.merits)),
    }
}

fn lacks(tier: Tier, merits: &atoll_registry::standing::Merits) -> Option<NextTier> {
    let lacks = merits.lacks(&tier.entry()?).unwrap_or_default();
    let atoll_registry::standing::Merits { score, days, successes, counterparties } = lacks;
    Some(NextTier { tier, score, days, successes, counterparties })
}
