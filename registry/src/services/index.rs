//! What searches read: what services say of themselves, laid out when a record is taken in, not each time someone searches.
//!
//! Folding case and copying took most of a search, and looking up the node of each instance most of the rest. So the folded
//! text is kept, once for all records that say the same, as the instances of a service mostly do. It takes no more than the
//! texts of the records themselves, which the directory holds anyway, and which its limits and those of a record bound.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use atoll_protocol::{
    identity::NodeId,
    names::ServiceName,
    sealed::Proved,
    service::{Endpoint, ServiceRecord},
};

use super::order::ByVersion;

/// The words of a record beside its name, in lower case; a line for each text: a word has no line break in it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Said {
    /// Names of methods and topics.
    pub(super) names: Box<str>,
    /// Documentation and metadata.
    pub(super) text: Box<str>,
}

impl Said {
    pub(super) fn of(record: &ServiceRecord) -> Self {
        let (mut names, mut text) = (String::new(), String::new());
        record.endpoints.iter().for_each(|endpoint| push(&mut names, &mut text, endpoint));
        record.topics.iter().for_each(|topic| push_lower(&mut names, topic));
        push_lower(&mut text, &record.doc);
        for (key, value) in &record.metadata {
            push_lower(&mut text, key);
            push_lower(&mut text, value);
        }
        Self { names: names.into(), text: text.into() }
    }

    /// One method alone.
    pub(super) fn of_method(endpoint: &Endpoint) -> Self {
        let (mut names, mut text) = (String::new(), String::new());
        push(&mut names, &mut text, endpoint);
        Self { names: names.into(), text: text.into() }
    }
}

/// The records of a name, and what each says.
pub(super) type Listed = BTreeMap<ByVersion, Arc<Said>>;

/// All records by name, and what they say.
#[derive(Debug, Default)]
pub(super) struct Index {
    names: BTreeMap<ServiceName, Listed>,
    /// Everything that is said, each once, with the number of records that say it.
    said: BTreeMap<Arc<Said>, usize>,
    suspects: BTreeSet<NodeId>,
}

impl Index {
    pub(super) fn insert(&mut self, record: &Proved<ServiceRecord>) {
        let said = self.enter(Said::of(record.value()));
        let name = &record.value().name;
        let listed = match self.names.get_mut(name) {
            Some(listed) => listed,
            None => self.names.entry(name.clone()).or_default(),
        };
        listed.insert(ByVersion(record.clone()), said);
    }

    pub(super) fn remove(&mut self, record: &Proved<ServiceRecord>) {
        let name = &record.value().name;
        let Some(listed) = self.names.get_mut(name) else { return };
        let removed = listed.remove(&ByVersion(record.clone()));
        if listed.is_empty() {
            self.names.remove(name);
        }
        if let Some(said) = removed {
            self.leave(&said);
        }
    }

    /// Sets or clears suspicion of a node.
    pub(super) fn suspect(&mut self, node: &NodeId, suspect: bool) {
        if suspect {
            self.suspects.insert(*node);
        } else {
            self.suspects.remove(node);
        }
    }

    /// Whether a node is suspect. Costs next to nothing where none is.
    pub(super) fn suspects(&self, node: &NodeId) -> bool {
        !self.suspects.is_empty() && self.suspects.contains(node)
    }

    /// Names in alphabetical order, each with its records, latest version first: those that begin like this.
    pub(super) fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a ServiceName, &'a Listed)> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.names.range::<str, _>(from).take_while(move |(name, _)| name.as_str().starts_with(prefix))
    }

    /// How many different things are said.
    #[cfg(test)]
    pub(super) fn different(&self) -> usize {
        self.said.len()
    }

    /// One more record says this.
    fn enter(&mut self, said: Said) -> Arc<Said> {
        let held = self.said.get_key_value(&said).map(|(held, _)| Arc::clone(held)).unwrap_or_else(|| Arc::new(said));
        *self.said.entry(Arc::clone(&held)).or_default() += 1;
        held
    }

    /// One record less does.
    fn leave(&mut self, said: &Said) {
        let Some(count) = self.said.get_mut(said) else { return };
        *count -= 1;
        if *count == 0 {
            self.said.remove(said);
        }
    }
}

fn push(names: &mut String, text: &mut String, endpoint: &Endpoint) {
    push_lower(names, endpoint.name.as_str());
    push_lower(text, &endpoint.doc);
}

/// Adds a line in lower case.
fn push_lower(lines: &mut String, text: &str) {
    if text.is_ascii() {
        let start = lines.len();
        lines.push_str(text);
        if let Some(new) = lines.get_mut(start..) {
            new.make_ascii_lowercase();
        }
    } else {
        lines.extend(text.chars().flat_map(char::to_lowercase));
    }
    lines.push('\n');
}
