//! Which connections are given up when there are too many.
//!
//! Those that nothing is carried on, of peers that are strangers: first those of the tier that may do least, among them those from
//! where most come, so that a crowd in one subnet makes room for others, and the others not for the crowd.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use atoll_protocol::identity::NodeId;
use atoll_registry::peers::Subnet;

use crate::{
    net::{addresses, connections::Connection},
    standing::Trust,
};

#[cfg(test)]
mod tests;

/// Above seven eighths of what there may be, connections are given up until there are three quarters.
const EIGHTHS: [usize; 2] = [7, 6];

/// Peers to be hung up on, of all that are connected.
pub(super) fn superfluous(all: &[Arc<Connection>], trust: &Trust, most: usize) -> Vec<NodeId> {
    let [above, until] = EIGHTHS.map(|eighths| most * eighths / 8);
    if all.len() <= above {
        return Vec::new();
    }
    let subnet = |connection: &Connection| addresses::ip(&connection.address).map(Subnet::of);
    let mut crowds: HashMap<Option<Subnet>, usize> = HashMap::new();
    all.iter().for_each(|connection| *crowds.entry(subnet(connection)).or_default() += 1);
    let idle = |connection: &&Arc<Connection>| {
        connection.in_use() == 0 && !trust.is_exempt(&connection.peer, Some(&***connection))
    };
    let rank = |connection: &Arc<Connection>| {
        let standing = trust.of(&connection.peer);
        let crowd = crowds.get(&subnet(connection)).copied().unwrap_or_default();
        // A score between 0 and 1 as a number that can be ordered.
        (standing.tier, Reverse(crowd), (standing.score * 1e6) as u64)
    };
    let mut candidates: Vec<_> =
        all.iter().filter(idle).map(|connection| (rank(connection), connection.peer)).collect();
    candidates.sort_unstable();
    candidates.into_iter().map(|(_, peer)| peer).take(all.len() - until).collect()
}
