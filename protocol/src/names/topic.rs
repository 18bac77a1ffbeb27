//! Names of topics, patterns that subscriptions use, and names of groups that share a topic's work.

use super::*;
use crate::identity::NodeId;

name!(
    /// The name of a topic: labels joined by dots and slashes, such as `rooms/lobby` or `math.calc/results`.
    ///
    /// A topic whose first label is [the label of a key](TopicName::owned_by) belongs to that key: the name itself says who
    /// decides about it. Every other name is everybody's.
    TopicName, "a topic name",
    "use labels of a-z, 0-9 and inner hyphens joined by '.' or '/', 128 bytes at most, such as rooms/lobby",
    |text| text.len() <= limits::TOPIC_NAME && text.split(SEPARATORS).all(is_label)
);

name!(
    /// Topics to subscribe to: a name in which `*` stands for one label, and `>` at the end for one or more, as in NATS.
    ///
    /// Separators are part of a name: `rooms/*` matches `rooms/lobby`, but neither `rooms.lobby` nor `rooms/lobby.old`, and
    /// `rooms/>` matches the first and the last.
    TopicPattern, "a topic pattern",
    "use a topic name of 128 bytes at most in which a label may be * and the last one >, such as rooms/* or rooms/>",
    |text| {
        let mut labels = text.split(SEPARATORS).rev();
        let last = labels.next().unwrap_or_default();
        text.len() <= limits::TOPIC_NAME
            && (last == ">" || last == "*" || is_label(last))
            && labels.all(|label| label == "*" || is_label(label))
    }
);

name!(
    /// The name of a group of subscribers that share a topic's work, such as `workers`.
    GroupName, "a group name", "use 1 to 32 characters of a-z, 0-9 and inner hyphens, such as workers",
    |text| text.len() <= limits::GROUP_NAME && is_label(text)
);

const SEPARATORS: [char; 2] = ['.', '/'];

impl TopicName {
    /// Where entries of this topic go that a group has given up: `<topic>/dead/<group>`.
    ///
    /// # Errors
    /// [`NameError`] if that is longer than 128 bytes; a group of that name cannot exist.
    pub fn dead_letters(&self, group: &GroupName) -> Result<Self, NameError> {
        format!("{self}/dead/{group}").parse()
    }

    /// Where a group notes how far it has come in this topic: `<topic>/group/<group>`.
    ///
    /// # Errors
    /// [`NameError`] if that is longer than 128 bytes; a group of that name cannot exist.
    pub fn group_notes(&self, group: &GroupName) -> Result<Self, NameError> {
        format!("{self}/group/{group}").parse()
    }

    /// The topic `name` that belongs to this key: `key-<52 characters>/<name>`.
    ///
    /// # Errors
    /// [`NameError`] if that is no topic name, or longer than 128 bytes.
    pub fn owned_by(owner: &NodeId, name: &str) -> Result<Self, NameError> {
        format!("{OWNER}{}/{name}", base32(owner.public_key())).parse()
    }

    /// The key that this topic belongs to; none if it is everybody's.
    #[must_use]
    pub fn owner(&self) -> Option<NodeId> {
        let label = self.as_str().split(SEPARATORS).next()?;
        read_base32(label.strip_prefix(OWNER)?).map(NodeId::from_public_key)
    }
}

impl TopicPattern {
    /// Whether the pattern stands for this topic.
    #[must_use]
    pub fn matches(&self, topic: &TopicName) -> bool {
        let (mut pattern, mut topic) = (self.as_str(), topic.as_str());
        while pattern != ">" {
            let (wanted, after) = cut(pattern);
            let (label, rest) = cut(topic);
            if wanted != "*" && wanted != label {
                return false;
            }
            match (after, rest) {
                (None, None) => return true,
                (Some((a, wanted)), Some((b, labels))) if a == b => (pattern, topic) = (wanted, labels),
                _ => return false,
            }
        }
        true
    }

    /// The one topic that it stands for, if it has no wildcards.
    #[must_use]
    pub fn literal(&self) -> Option<TopicName> {
        self.as_str().parse().ok()
    }
}

impl From<TopicName> for TopicPattern {
    fn from(name: TopicName) -> Self {
        Self(name.0)
    }
}

/// The first label; the separator and what follows it, if there is more.
fn cut(text: &str) -> (&str, Option<(char, &str)>) {
    match text.find(SEPARATORS).and_then(|at| text.split_at_checked(at)) {
        Some((label, rest)) => {
            let mut rest = rest.chars();
            (label, rest.next().map(|separator| (separator, rest.as_str())))
        }
        None => (text, None),
    }
}

/// What the label of a key begins with.
const OWNER: &str = "key-";
/// RFC 4648, section 6, in lower case and without padding.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

fn base32(key: &[u8; 32]) -> String {
    let bit = |at: usize| key.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0);
    let digit = |at: usize| (0..5).fold(0, |value, nth| value << 1 | usize::from(bit(at + nth)));
    (0..256).step_by(5).filter_map(|at| BASE32.get(digit(at)).copied().map(char::from)).collect()
}

/// There is one text for each key: unused bits at the end are zero.
fn read_base32(text: &str) -> Option<[u8; 32]> {
    let mut key = [0_u8; 32];
    for (at, digit) in text.bytes().enumerate() {
        let value = BASE32.iter().position(|known| *known == digit)?;
        for nth in (0..5).filter(|nth| value & (0x10 >> nth) != 0) {
            let bit = 5 * at + nth;
            *key.get_mut(bit / 8)? |= 0x80 >> (bit % 8);
        }
    }
    (text.len() == 52).then_some(key)
}
