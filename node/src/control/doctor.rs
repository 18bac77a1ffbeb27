//! `GET /v1/doctor`: looks at how this node is reached, and says what can be done about it.

mod findings;
use atoll_protocol::service::UnixMillis;
use atoll_registry::{
    peers::Scope,
    reach::{mapping::Family, relays::State},
    time::Time,
};

use super::{
    api::{DoctorReport, NatRow, PunchCounts, RelayFigures, RelayRow, RelayedPeer, StatusReport, TestedAddress},
    as_millis, as_u64,
};
use crate::{
    net::reach::{PortMapping, Reach},
    node::Inner,
};

/// Everything that can be told.
pub(crate) async fn doctor(node: &Inner) -> Option<DoctorReport> {
    let reach = node.net().reach().await?;
    let public = &node.config.net.public_ranges;
    let ipv6 = reach
        .listening
        .iter()
        .filter_map(crate::net::ip)
        .any(|ip| Family::of(ip) == Family::V6 && public.scope(ip) == Some(Scope::Global));
    let mut report = DoctorReport {
        node: node.net().me,
        findings: Vec::new(),
        reachability: reach.reachability.name().to_owned(),
        tested: tested(&reach),
        nat: nat(&reach),
        ipv6,
        port_mapping: port_mapping(reach.port_mapping).to_owned(),
        mapped: mapped(reach.port_mapping),
        relays: relays(&reach),
        punches: PunchCounts {
            tried: reach.punches.tried,
            succeeded: reach.punches.succeeded,
            failed: reach.punches.failures().map(|(why, count)| (why.name().to_owned(), count)).collect(),
        },
        relayed: relayed(&reach),
        relaying: relaying(node),
        clock_ahead_ms: clock_ahead(node),
    };
    let status: StatusReport = super::report::status(node);
    report.findings = findings::all(&report, &reach, status.peers);
    report.findings.extend(status.gateway.map(|url| findings::gateway(&url)));
    Some(report)
}

fn tested(reach: &Reach) -> Vec<TestedAddress> {
    let row = |tested: &crate::net::reach::Tested| TestedAddress {
        address: tested.address.to_string(),
        reachable: tested.standing.reachable,
        yes: tested.standing.yes,
        no: tested.standing.no,
    };
    reach.tested.iter().map(row).collect()
}

fn nat(reach: &Reach) -> Vec<NatRow> {
    let row = |nat: &crate::net::reach::Nat| NatRow {
        transport: nat.transport.name().to_owned(),
        family: if nat.family == Family::V4 { "ipv4" } else { "ipv6" }.to_owned(),
        mapping: nat.mapping.name().to_owned(),
        observers: nat.observers,
        seen: nat.seen.iter().map(ToString::to_string).collect(),
    };
    reach.nats.iter().map(row).collect()
}

const fn port_mapping(state: PortMapping) -> &'static str {
    match state {
        PortMapping::Off => "off",
        PortMapping::NotTried => "not_tried",
        PortMapping::Tried => "tried",
        PortMapping::Mapped { .. } => "mapped",
    }
}

fn mapped(state: PortMapping) -> Vec<String> {
    let PortMapping::Mapped { udp, tcp } = state else { return Vec::new() };
    let named = [(udp, "udp"), (tcp, "tcp")];
    named.into_iter().filter_map(|(at, name)| at.map(|at| format!("{at} ({name})"))).collect()
}

fn relays(reach: &Reach) -> Vec<RelayRow> {
    let mut rows: Vec<RelayRow> = reach
        .relays
        .iter()
        .map(|held| {
            let (state, expires) = match held.known.state {
                State::Held { expires, .. } => ("held", Some(expires)),
                State::Asked { .. } => ("asked", None),
                State::Idle { .. } => ("idle", None),
            };
            RelayRow {
                relay: held.relay,
                state: state.to_owned(),
                expires_ms: expires.map(|at: Time| as_u64(at.since(reach.at))),
                rtt_ms: held.known.rtt.map(as_millis),
                failures: held.known.failures,
            }
        })
        .collect();
    rows.sort_by_key(|row| (row.expires_ms.is_none(), row.relay));
    rows
}

fn relayed(reach: &Reach) -> Vec<RelayedPeer> {
    let row = |relayed: &crate::net::reach::Relayed| RelayedPeer {
        peer: relayed.peer,
        attempts: relayed.standing.attempts,
        failed: relayed.standing.failed.map(|(why, _)| why.to_string()),
    };
    reach.relayed.iter().map(row).collect()
}

fn relaying(node: &Inner) -> Option<RelayFigures> {
    let relay = &node.net().relay;
    relay.is_enabled().then(|| relay.figures().report())
}

/// How far this machine's clock is ahead of others': of each node whose lease came lately, what it says when that was made and
/// when it came here. A lease takes far less than a second from a neighbour.
fn clock_ahead(node: &Inner) -> Option<i64> {
    let (now, wall) = (node.clock.now(), node.clock.wall());
    let came = |known: &atoll_registry::services::KnownNode| {
        let issued = node.rpc.directory.view().issued_of(&known.node)?;
        let arrived = UnixMillis(wall.0.saturating_sub(as_u64(now.since(known.renewed))));
        Some(i64::try_from(arrived.0).ok()? - i64::try_from(issued.0).ok()?)
    };
    let others = node.rpc.directory.view().nodes().filter(|known| known.node != node.net().me).collect::<Vec<_>>();
    let connected = others.iter().filter(|known| node.net().connections.best(&known.node).is_some());
    let mut ahead: Vec<i64> = connected.filter_map(came).collect();
    ahead.sort_unstable();
    ahead.get(ahead.len() / 2).copied()
}
