//! Packet counters of a host, read from nftables.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::Ipv4Addr, ops::AddAssign};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;

use super::Namespace;

/// Packets and their bytes, IP headers included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// What a host and one address said to each other over one protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// The other end, as seen from this host: a home's external address.
    pub remote: Ipv4Addr,
    /// `udp`, `tcp`, `icmp`, or a number.
    pub protocol: String,
    /// What came from there.
    pub received: Count,
    /// What went there.
    pub sent: Count,
}

/// Reads the counters that [`rules::meter`](crate::rules::meter) put there.
pub(super) fn flows(namespace: &Namespace) -> Result<Vec<Flow>> {
    let text = namespace
        .output("nft", &["-j", "list", "table", "ip", "lab_meter"])
        .context("no counters: call Host::meter before reading them")?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Flow>> {
    let tree: Value = serde_json::from_str(text).context("nft printed no JSON")?;
    let objects = tree.get("nftables").and_then(Value::as_array).context("nft printed no list of objects")?;
    let mut flows: BTreeMap<(Ipv4Addr, String), (Count, Count)> = BTreeMap::new();
    for set in objects.iter().filter_map(|object| object.get("set")) {
        let name = set.get("name").and_then(Value::as_str).unwrap_or_default();
        for element in set.get("elem").and_then(Value::as_array).into_iter().flatten() {
            let (key, count) = element_of(element).with_context(|| format!("nft counts something else: {element}"))?;
            let flow = flows.entry(key).or_default();
            match name {
                "received" => flow.0 = count,
                "sent" => flow.1 = count,
                _ => bail!("nft lists a set {name:?} among the counters"),
            }
        }
    }
    let named = |((remote, protocol), (received, sent))| Flow { remote, protocol, received, sent };
    Ok(flows.into_iter().map(named).collect())
}

/// `{"elem": {"val": {"concat": ["203.0.113.10", "udp"]}, "counter": {"packets": 1, "bytes": 28}}}`
fn element_of(element: &Value) -> Option<((Ipv4Addr, String), Count)> {
    let element = element.get("elem")?;
    let key = element.get("val")?.get("concat")?.as_array()?;
    let [remote, protocol] = key.as_slice() else { return None };
    let protocol = protocol.as_str().map_or_else(|| protocol.to_string(), str::to_owned);
    let counter = element.get("counter")?;
    let count = Count { packets: counter.get("packets")?.as_u64()?, bytes: counter.get("bytes")?.as_u64()? };
    Some(((remote.as_str()?.parse().ok()?, protocol), count))
}
