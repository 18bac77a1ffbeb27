//! Whom the node's owner trusts, and what is asked of strangers.

use std::collections::BTreeSet;

use atoll_protocol::{identity::NodeId, limits, names::NetworkName};
use atoll_registry::standing::admission::Capacity;
use serde::{Deserialize, Serialize};

use crate::error::SpawnError;

/// Whom the owner trusts. What everybody else may do follows from how they have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StandingConfig {
    /// Nodes that are trusted whatever they do, such as the owner's other ones: no limit for strangers holds for them, and none of
    /// them is passed over in favour of another.
    pub trusted: BTreeSet<NodeId>,
    /// How hard it is to make an identity: zero bits that the double hash of a node's key begins with. 20 on the network main, which takes
    /// a new node some seconds, and 0 on others, unless this says otherwise: the same on all nodes of a network. Whoever has
    /// fewer is refused. A node that listens on this machine alone needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub puzzle_bits: Option<u32>,
    /// Whether strangers may make only so many calls, by what is thought of them: on the network main they may, on others not, unless this
    /// says otherwise. Who calls from this machine, or is trusted, is no stranger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<bool>,
    /// Calls a second that this node can take. All newcomers together may make a tenth of them, those of one subnet a quarter of that.
    pub capacity: u32,
}

impl Default for StandingConfig {
    fn default() -> Self {
        Self { trusted: BTreeSet::new(), puzzle_bits: None, limits: None, capacity: CALLS }
    }
}

/// What a core does with room to spare.
const CALLS: u32 = 20_000;
/// Calls at a time that are shared among strangers as calls a second are: as many as a service takes that does not say.
const AT_ONCE: u32 = 1024;

/// Bits of the puzzle on the main network: a million keys are tried on average.
const MAIN_BITS: u32 = 20;

impl StandingConfig {
    /// Whether these settings can be.
    pub(crate) fn check(&self) -> Result<(), SpawnError> {
        match self.puzzle_bits {
            Some(bits) if bits > limits::PUZZLE_BITS => Err(SpawnError::Setting {
                setting: "standing.puzzle_bits",
                value: bits.to_string(),
                rule: format!("it takes a number from 0 to {}", limits::PUZZLE_BITS),
            }),
            _ if self.capacity == 0 => Err(SpawnError::Setting {
                setting: "standing.capacity",
                value: "0".to_owned(),
                rule: "it takes a number of calls a second above 0".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Whether strangers are limited in this network.
    pub(crate) fn limits(&self, network: &NetworkName) -> bool {
        self.limits.unwrap_or(*network == NetworkName::main())
    }

    /// What there is to be shared.
    pub(crate) const fn capacity(&self) -> Capacity {
        Capacity { calls: self.capacity, at_once: AT_ONCE }
    }

    /// The bits that nodes of this network must have.
    pub(crate) fn bits(&self, network: &NetworkName) -> u32 {
        self.puzzle_bits.unwrap_or(if *network == NetworkName::main() { MAIN_BITS } else { 0 })
    }
}
