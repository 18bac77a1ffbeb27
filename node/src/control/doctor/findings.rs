//! What the facts mean, in words, and what can be done.

use atoll_registry::reach::{
    mapping::{Mapping, Upstream},
    verdicts::Reachability,
};

use crate::{
    control::api::{DoctorReport, Finding, Health},
    net::reach::{PortMapping, Reach},
};

#[cfg(test)]
mod tests;

/// A clock that is further off than this confuses people; one off by a day is refused by others.
const CLOCK_FAIR_MS: u64 = 10_000;
const CLOCK_BAD_MS: u64 = 60 * 60 * 1000;

/// Everything, in the order in which it is worth reading.
pub(super) fn all(report: &DoctorReport, reach: &Reach, peers: usize) -> Vec<Finding> {
    if peers == 0 {
        return vec![Finding {
            subject: "connections".to_owned(),
            health: Health::Bad,
            says: "not connected to anyone".to_owned(),
            advice: Some(
                "start the node with --peer and the address of a node that is reachable from here, or put it on a local \
                 network with one"
                    .to_owned(),
            ),
        }];
    }
    let mut all = vec![reachability(report, reach)];
    all.extend(nat(reach));
    all.extend(upstream(reach));
    all.push(port_mapping(report, reach));
    all.push(relays(report, reach));
    all.extend(punches(report));
    all.push(ipv6(report));
    all.push(clock(report));
    all
}

/// Where the gateway is.
pub(super) fn gateway(url: &str) -> Finding {
    finding("gateway", Health::Good, format!("browsers and programs in any language use this node at {url}"), None)
}

fn finding(subject: &str, health: Health, says: impl Into<String>, advice: Option<&str>) -> Finding {
    Finding { subject: subject.to_owned(), health, says: says.into(), advice: advice.map(ToOwned::to_owned) }
}

fn reachability(report: &DoctorReport, reach: &Reach) -> Finding {
    let subject = "reachability";
    match &reach.reachability {
        _ if !reach.needs_relay && report.tested.is_empty() => finding(
            subject,
            Health::Good,
            "every peer is on this machine or this network, and can dial this node",
            None,
        ),
        Reachability::Public { addresses } => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            finding(subject, Health::Good, format!("strangers can dial this node at {}", addresses.join(" and ")), None)
        }
        Reachability::Private if report.relays.iter().any(|relay| relay.state == "held") => finding(
            subject,
            Health::Fair,
            "strangers cannot dial this node; they reach it through its relays, and directly where a hole can be punched",
            Some("nothing needs to be done; to spare the relays, let the router pass UDP and TCP to this node's port"),
        ),
        Reachability::Private => finding(
            subject,
            Health::Bad,
            "strangers cannot dial this node, and it has no relay: only those that it dials itself can use its services",
            Some("let the router pass UDP and TCP to this node's port, or join through a node that relays"),
        ),
        Reachability::Unknown => finding(
            subject,
            Health::Unknown,
            "not known yet: nobody has tried to dial this node from outside",
            Some("wait a minute; it takes a publicly reachable peer to find out"),
        ),
    }
}

fn nat(reach: &Reach) -> Vec<Finding> {
    let row = |nat: &crate::net::reach::Nat| {
        let health = match nat.mapping {
            Mapping::Open | Mapping::Preserving | Mapping::Shifted => Health::Good,
            Mapping::Symmetric => Health::Fair,
            Mapping::Unknown => Health::Unknown,
        };
        finding(&format!("NAT for {}", nat.transport.name()), health, nat.mapping.describe(), None)
    };
    reach.nats.iter().map(row).collect()
}

fn upstream(reach: &Reach) -> Option<Finding> {
    let upstream = reach.upstream.as_ref()?;
    let health = if *upstream == Upstream::Same { Health::Good } else { Health::Fair };
    Some(finding("router", health, upstream.to_string(), None))
}

fn port_mapping(report: &DoctorReport, reach: &Reach) -> Finding {
    let subject = "port mapping";
    match reach.port_mapping {
        PortMapping::Off => finding(
            subject,
            Health::Fair,
            "off: the router is not asked to let others in",
            Some("set net.port_mapping = true, and leave net.listen empty so that the node has one port"),
        ),
        PortMapping::NotTried => finding(subject, Health::Good, "not needed so far", None),
        PortMapping::Tried => finding(
            subject,
            Health::Fair,
            "no router has answered by UPnP-IGD, NAT-PMP or PCP",
            Some("switch one of them on at the router, or pass UDP and TCP to this node's port there by hand"),
        ),
        PortMapping::Mapped { .. } => {
            finding(subject, Health::Good, format!("the router passes on {}", report.mapped.join(" and ")), None)
        }
    }
}

fn relays(report: &DoctorReport, reach: &Reach) -> Finding {
    let subject = "relays";
    let held = report.relays.iter().filter(|relay| relay.state == "held").count();
    match (reach.needs_relay, held) {
        (false, _) => finding(subject, Health::Good, "not needed: all peers can dial this node", None),
        (true, 0) if report.relays.is_empty() => finding(
            subject,
            Health::Bad,
            "none of this node's peers relays",
            Some("join through a node that relays, such as an atoll-bootstrap"),
        ),
        (true, 0) => finding(
            subject,
            Health::Bad,
            format!("no place at any of the {} relays that are known", report.relays.len()),
            Some("see why each has refused with node doctor --output json; it is tried again by itself"),
        ),
        (true, 1) => finding(
            subject,
            Health::Fair,
            "a place at one relay: if that goes, this node is not reachable until it has found another",
            Some("join through a second node that relays"),
        ),
        (true, held) => finding(subject, Health::Good, format!("a place at each of {held} relays"), None),
    }
}

fn punches(report: &DoctorReport) -> Option<Finding> {
    let counts = &report.punches;
    let subject = "hole punching";
    if counts.tried == 0 {
        return None;
    }
    let says = format!("{} of {} attempts brought a direct connection", counts.succeeded, counts.tried);
    if report.relayed.is_empty() {
        return Some(finding(subject, Health::Good, says, None));
    }
    let still = format!("{says}; {} peers are still reached through a relay", report.relayed.len());
    let advice = "calls to them work, and take longer; what both ends can do is to let their routers pass UDP to the node's port";
    Some(finding(subject, Health::Fair, still, Some(advice)))
}

fn ipv6(report: &DoctorReport) -> Finding {
    if report.ipv6 {
        return finding("IPv6", Health::Good, "this machine has a public IPv6 address", None);
    }
    let advice = "where the provider has it, switch it on at the router: most NATs are then out of the way";
    finding("IPv6", Health::Fair, "this machine has no public IPv6 address", Some(advice))
}

fn clock(report: &DoctorReport) -> Finding {
    let subject = "clock";
    let Some(ahead) = report.clock_ahead_ms else {
        return finding(subject, Health::Unknown, "not known yet: no peer has said what time it is", None);
    };
    let off = ahead.unsigned_abs();
    let seconds = off / 1000;
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    let says = format!("{seconds} s {direction} the peers' clocks");
    let advice = Some("set this machine's clock, best by NTP");
    match off {
        ..CLOCK_FAIR_MS => finding(subject, Health::Good, "agrees with the peers' clocks", None),
        CLOCK_FAIR_MS..CLOCK_BAD_MS => finding(subject, Health::Fair, says, advice),
        _ => finding(subject, Health::Bad, says, advice),
    }
}
