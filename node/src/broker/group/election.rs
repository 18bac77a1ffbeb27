//! Who coordinates a group: the node that has claimed that last, as long as it takes part and can be reached; else whom the nodes that
//! take part all draw alike. So nobody takes over from one that works, and after one that does not all agree without talking.

use atoll_protocol::{identity::NodeId, names::TopicName};
use atoll_registry::topics::keepers::{Volunteer, elect};

/// The coordinator, and those that stand by to be the next one, in this order; `count` at most. `last` is who has claimed last.
pub(super) fn order(notes: &TopicName, candidates: &[NodeId], last: Option<NodeId>, count: usize) -> Vec<NodeId> {
    let volunteer = |node: &NodeId| Volunteer { node: *node, weight: 1, subnet: None };
    let volunteers: Vec<Volunteer> = candidates.iter().map(volunteer).collect();
    let last: Vec<NodeId> = last.filter(|last| candidates.contains(last)).into_iter().collect();
    elect(notes, &last, &volunteers, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_coordinates_goes_on_and_then_all_agree() {
        let notes: TopicName = "jobs/group/workers".parse().unwrap();
        let nodes = [1_u8, 2, 3, 4].map(|number| NodeId::from_public_key([number; 32]));
        let drawn = order(&notes, &nodes, None, 4);
        let mut turned = nodes;
        turned.reverse();
        assert_eq!(order(&notes, &turned, None, 4), drawn, "in whatever order they are known");
        assert_eq!(order(&notes, &nodes, Some(drawn[2]), 1), [drawn[2]]);
        assert_eq!(order(&notes, &drawn[1..], Some(drawn[0]), 1), [drawn[1]], "that one is gone");
        assert_eq!(order(&notes, &[], Some(drawn[0]), 1), []);
    }
}
