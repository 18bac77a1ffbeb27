//! How topics are kept, and how much of them.

use std::{collections::BTreeMap, time::Duration};

use atoll_protocol::{identity::NodeId, names::TopicPattern, topic::log::Room};
use atoll_registry::{
    standing::tier::NEWCOMERS_SHARE,
    topics::{
        keepers::{KEEPERS, WEIGHT_MAX},
        quota::Quotas,
        sessions::SessionLimits,
    },
};
use serde::{Deserialize, Serialize};

use crate::error::SpawnError;

/// How topics are kept, and how much of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopicsConfig {
    /// Whether to keep others' topics, and how much in comparison with other keepers: 1 to 16; 0 for not at all.
    pub keep: u8,
    /// How many nodes keep a topic, if there are so many that do: the same everywhere in a network.
    pub keepers: usize,
    /// MiB of one author's entries on one topic that are retained here; what is beyond goes, oldest first.
    pub author_mib: u64,
    /// MiB of one topic that are retained here, unless its owner says less.
    pub topic_mib: u64,
    /// MiB of topics in which nobody here has a part that are kept for others; where strangers are limited (`standing.limits`), a tenth
    /// of that for all newcomers together.
    pub strangers_mib: u64,
    /// Authors whose entries are held of one topic.
    pub authors: usize,
    /// Topics that this node publishes on or holds, at most.
    pub most_topics: usize,
    /// Sessions of subscribers that are remembered in memory while their subscribers are away.
    pub sessions: usize,
    /// Who decides about topics that belong to nobody by their names: patterns, and the owners' ids.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub owners: BTreeMap<String, NodeId>,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self {
            keep: 0,
            keepers: KEEPERS,
            author_mib: 256,
            topic_mib: 1024,
            strangers_mib: 2048,
            authors: 4_096,
            most_topics: 64 * 1024,
            sessions: 1_024,
            owners: BTreeMap::new(),
        }
    }
}

impl TopicsConfig {
    /// Whether everything is what it can be.
    pub(crate) fn check(&self) -> Result<(), SpawnError> {
        let wrong = |setting, value: String, rule: String| Err(SpawnError::Setting { setting, value, rule });
        if self.keep > WEIGHT_MAX {
            return wrong("topics.keep", self.keep.to_string(), format!("it takes a number from 0 to {WEIGHT_MAX}"));
        }
        if !(1..=16).contains(&self.keepers) {
            return wrong("topics.keepers", self.keepers.to_string(), "it takes a number from 1 to 16".to_owned());
        }
        let amounts = [
            ("topics.author_mib", self.author_mib),
            ("topics.topic_mib", self.topic_mib),
            ("topics.authors", self.authors as u64),
            ("topics.most_topics", self.most_topics as u64),
        ];
        if let Some((setting, _)) = amounts.into_iter().find(|(_, amount)| *amount == 0) {
            return wrong(setting, "0".to_owned(), "it takes a number above 0".to_owned());
        }
        if let Some((text, error)) =
            self.owners.keys().find_map(|text| Some((text, text.parse::<TopicPattern>().err()?)))
        {
            return wrong("topics.owners", text.clone(), error.to_string());
        }
        Ok(())
    }

    pub(crate) fn author_bytes(&self) -> u64 {
        mib(self.author_mib)
    }

    pub(crate) fn topic_bytes(&self) -> u64 {
        mib(self.topic_mib)
    }

    /// What is taken in at most: half as much again as what is retained, which is looked after every second.
    pub(crate) fn quotas(&self) -> Quotas {
        let room = |bytes: u64| Room { bytes: bytes.saturating_add(bytes / 2), entries: u64::MAX };
        Quotas {
            author: room(self.author_bytes()),
            topic: room(self.topic_bytes()),
            authors: self.authors,
            strangers: mib(self.strangers_mib),
            newcomers: (mib(self.strangers_mib) as f64 * NEWCOMERS_SHARE) as u64,
        }
    }

    /// Owners by pattern; patterns that are none were refused before.
    pub(crate) fn owners(&self) -> Vec<(TopicPattern, NodeId)> {
        self.owners.iter().filter_map(|(pattern, owner)| Some((pattern.parse().ok()?, *owner))).collect()
    }

    pub(crate) fn sessions(&self) -> SessionLimits {
        SessionLimits { active: self.sessions, away: Duration::from_secs(60), ..SessionLimits::default() }
    }
}

fn mib(amount: u64) -> u64 {
    amount.saturating_mul(1 << 20)
}
