//! Search: services by their names, by words in what they say of themselves, by metadata and by version.
//!
//! A search is one pass over the view, without an index: what it costs is bounded by the view's own bounds (records and
//! bytes of a record) and by [`WORDS`]. Ten thousand records with docs of 720 bytes were measured at 12 to 25 ms on a busy
//! machine (`speed_of_search`), little for a question that a person asks; calls never search. A service whose name says it
//! all is not read any further, and one that says the same as the instance before it is not read again.

use std::{cmp::Reverse, collections::BTreeMap, mem};

use atoll_protocol::{
    limits,
    names::{MethodName, ServiceName},
    sealed::Proved,
    service::{Endpoint, ServiceRecord},
};
use semver::{Version, VersionReq};

use super::{Directory, lookup::Instance};

/// Words of a search.
pub const WORDS: usize = 16;
/// Bytes of a word: no name is longer.
pub const WORD: usize = limits::SERVICE_NAME;
/// Services that a search finds unless told otherwise.
pub const FOUND: usize = 50;
/// Names that are offered in place of one that nobody has.
pub const NEAR: usize = 3;

/// What to look for; all that is given must hold.
///
/// A word is looked for anywhere in the names of the service, its methods and its topics, and at the beginning of the
/// words of its documentation and of its metadata, whatever the case. What is said of single fields stands in the schemas, which
/// a record mostly names by their hashes only; it is not searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// In lower case.
    words: Vec<String>,
    prefix: String,
    labels: BTreeMap<String, String>,
    version: VersionReq,
    limit: usize,
}

/// Why something cannot be looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// There are more than [`WORDS`].
    #[error("{count} words to look for, at most {WORDS} can be; leave out the common ones")]
    TooManyWords {
        /// How many there are.
        count: usize,
    },
    /// A word has more than [`WORD`] bytes.
    #[error("the word {word:?}… has {len} bytes, at most {WORD} can be looked for; give its beginning")]
    LongWord {
        /// Its beginning.
        word: String,
        /// Its length.
        len: usize,
    },
}

/// What a search gives.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The services found, best first.
    pub found: Vec<Found>,
    /// How many more there are, beyond the limit.
    pub more: usize,
}

/// One version of a service that was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The service.
    pub name: ServiceName,
    /// The version.
    pub version: Version,
    /// Its instances that fit, suspect ones last; never empty.
    pub instances: Vec<Instance>,
    /// The methods that have one of the words in their name or documentation, in the service's own order.
    pub methods: Vec<MethodName>,
}

/// Where a word was found, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// It is the service's name.
    Name,
    /// It is one of the name's labels.
    Label,
    /// It is a part of the name.
    Part,
    /// In the name of a method or of a topic.
    Method,
    /// In the documentation or the metadata.
    Text,
}

impl SearchQuery {
    /// Looks for the words of `text`; without one, for every service.
    ///
    /// # Errors
    /// [`SearchError`] if there are too many, or one is too long.
    pub fn new(text: &str) -> Result<Self, SearchError> {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        if words.len() > WORDS {
            return Err(SearchError::TooManyWords { count: words.len() });
        }
        if let Some(long) = words.iter().find(|word| word.len() > WORD) {
            return Err(SearchError::LongWord { word: long.chars().take(20).collect(), len: long.len() });
        }
        let (prefix, labels) = (String::new(), BTreeMap::new());
        Ok(Self { words, prefix, labels, version: VersionReq::STAR, limit: FOUND })
    }

    /// Only services whose name begins like this.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Only instances with this metadata; see [`Instance::is_labelled`]. May be given several times.
    #[must_use]
    pub fn labelled(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Only these versions. As for calls, pre-releases fit if every version does.
    #[must_use]
    pub fn version(mut self, version: VersionReq) -> Self {
        self.version = version;
        self
    }

    /// At most so many services, instead of [`FOUND`].
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Searches `instances`, which stand in the order of [`Directory::instances`].
    #[must_use]
    pub fn search(&self, instances: impl IntoIterator<Item = Instance>) -> Search {
        let mut scan = Scan { query: self, last: None, in_name: None, text: String::new(), names: String::new() };
        let mut groups: Vec<(u32, Found)> = Vec::new();
        for instance in instances {
            let record = instance.record.value();
            let Some(rank) = self.admits(&instance).then(|| scan.rank(&instance.record)).flatten() else { continue };
            match groups.last_mut() {
                Some((best, group)) if group.name == record.name && group.version == record.version => {
                    *best = rank.min(*best);
                    group.instances.push(instance);
                }
                _ => {
                    let (name, version) = (record.name.clone(), record.version.clone());
                    groups.push((rank, Found { name, version, instances: vec![instance], methods: Vec::new() }));
                }
            }
        }
        for (_, group) in &mut groups {
            group.instances.sort_by_key(|instance| instance.suspect);
        }
        groups.sort_by(|(rank_a, a), (rank_b, b)| {
            let key = |rank: u32, group: &Found| (group.is_suspect(), rank);
            let versions = || Reverse(&a.version).cmp(&Reverse(&b.version));
            key(*rank_a, a).cmp(&key(*rank_b, b)).then_with(|| a.name.cmp(&b.name)).then_with(versions)
        });
        let more = groups.len().saturating_sub(self.limit);
        let mut found: Vec<Found> = groups.into_iter().take(self.limit).map(|(_, group)| group).collect();
        for group in &mut found {
            group.methods = scan.methods(group);
        }
        Search { found, more }
    }

    fn admits(&self, instance: &Instance) -> bool {
        let record = instance.record.value();
        record.name.as_str().starts_with(&self.prefix)
            && (self.version == VersionReq::STAR || self.version.matches(&record.version))
            && instance.is_labelled(&self.labels)
    }
}

impl Instance {
    /// Whether its metadata has all of `wanted`, each with exactly this value.
    #[must_use]
    pub fn is_labelled(&self, wanted: &BTreeMap<String, String>) -> bool {
        let labels = &self.record.value().metadata;
        wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

impl Found {
    /// Whether none of its instances could be reached lately.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.instances.iter().all(|instance| instance.suspect)
    }
}

impl Directory {
    /// Searches the view. Does not count as use of what is found.
    #[must_use]
    pub fn search(&self, query: &SearchQuery) -> Search {
        query.search(self.instances())
    }

    /// Listed names that someone may have meant who typed `name`, the nearest first, [`NEAR`] at most: with a slip of
    /// the fingers in it, or with `name` as a part.
    #[must_use]
    pub fn names_near(&self, name: &ServiceName) -> Vec<ServiceName> {
        let name = name.as_str();
        let slips = (name.len() / 4).clamp(1, 3);
        let mut near: Vec<(usize, &ServiceName)> = Vec::new();
        for (listed, _) in self.table.names() {
            let text = listed.as_str();
            let is_part = text.split('.').any(|label| label == name) || text.starts_with(name);
            let distance = (text.len().abs_diff(name.len()) <= slips).then(|| distance(name, text));
            match distance.filter(|distance| *distance <= slips) {
                Some(distance) => near.push((distance, listed)),
                None if is_part => near.push((slips + 1, listed)),
                None => {}
            }
        }
        near.sort_unstable();
        near.into_iter().take(NEAR).map(|(_, name)| name.clone()).collect()
    }
}

/// One pass, and what it keeps from one record to the next.
struct Scan<'a> {
    query: &'a SearchQuery,
    /// The record before, and its rank: instances of one version mostly say the same.
    last: Option<(Proved<ServiceRecord>, Option<u32>)>,
    /// Where the words are in the last name: instances of one name follow each other.
    in_name: Option<(ServiceName, Vec<Option<Place>>)>,
    /// Documentation and metadata of the record at hand, in lower case; empty if not needed yet.
    text: String,
    /// Names of methods and topics, the same way.
    names: String,
}

impl Scan<'_> {
    /// How well the record fits, best first; `None` if it does not.
    fn rank(&mut self, record: &Proved<ServiceRecord>) -> Option<u32> {
        if let Some((last, rank)) = &self.last
            && says_the_same(last.value(), record.value())
        {
            return *rank;
        }
        let rank = self.read_and_rank(record.value());
        self.last = Some((record.clone(), rank));
        rank
    }

    fn read_and_rank(&mut self, record: &ServiceRecord) -> Option<u32> {
        let in_name = match self.in_name.take() {
            Some((name, places)) if name == record.name => places,
            _ => self.query.words.iter().map(|word| place_in_name(word, record.name.as_str())).collect(),
        };
        self.text.clear();
        self.names.clear();
        let mut rank = 0;
        for (word, place) in self.query.words.iter().zip(&in_name) {
            let Some(place) = place.or_else(|| self.place_in_text(word, record)) else {
                self.in_name = Some((record.name.clone(), in_name));
                return None;
            };
            rank += u32::from(place as u8);
        }
        self.in_name = Some((record.name.clone(), in_name));
        Some(rank)
    }

    fn place_in_text(&mut self, word: &str, record: &ServiceRecord) -> Option<Place> {
        if self.text.is_empty() {
            self.read(record);
        }
        if self.names.contains(word) {
            return Some(Place::Method);
        }
        begins_a_word(&self.text, word).then_some(Place::Text)
    }

    /// Lays the record's words out, a line for each text: a word has no line break in it.
    fn read(&mut self, record: &ServiceRecord) {
        for endpoint in &record.endpoints {
            push_lower(&mut self.names, endpoint.name.as_str());
            push_lower(&mut self.text, &endpoint.doc);
        }
        record.topics.iter().for_each(|topic| push_lower(&mut self.names, topic));
        push_lower(&mut self.text, &record.doc);
        for (key, value) in &record.metadata {
            push_lower(&mut self.text, key);
            push_lower(&mut self.text, value);
        }
    }

    fn methods(&mut self, found: &Found) -> Vec<MethodName> {
        let Some(first) = found.instances.first() else { return Vec::new() };
        let mut fits = |endpoint: &&Endpoint| {
            let (mut name, mut text) = (mem::take(&mut self.names), mem::take(&mut self.text));
            name.clear();
            text.clear();
            push_lower(&mut name, endpoint.name.as_str());
            push_lower(&mut text, &endpoint.doc);
            let fits = self.query.words.iter().any(|word| name.contains(word) || begins_a_word(&text, word));
            (self.names, self.text) = (name, text);
            fits
        };
        let endpoints = &first.record.value().endpoints;
        endpoints.iter().filter(|endpoint| fits(endpoint)).map(|endpoint| endpoint.name.clone()).collect()
    }
}

/// Whether a search cannot tell the two apart.
fn says_the_same(a: &ServiceRecord, b: &ServiceRecord) -> bool {
    let methods = || a.endpoints.iter().map(|e| (&e.name, &e.doc)).eq(b.endpoints.iter().map(|e| (&e.name, &e.doc)));
    a.name == b.name && a.doc == b.doc && a.metadata == b.metadata && a.topics == b.topics && methods()
}

fn place_in_name(word: &str, name: &str) -> Option<Place> {
    if name == word {
        Some(Place::Name)
    } else if name.split('.').any(|label| label == word) {
        Some(Place::Label)
    } else {
        name.contains(word).then_some(Place::Part)
    }
}

/// Whether a word of `text` begins with `word`; both in lower case.
fn begins_a_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(char::is_alphanumeric)
    })
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

/// How many slips lead from one text to the other: a letter left out, put in, replaced, or two exchanged (optimal string
/// alignment; R. Lowrance and R. Wagner, An Extension of the String-to-String Correction Problem, 1975). In bytes: names
/// are ASCII.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, a) in from.iter().enumerate() {
        let mut here = vec![row + 1];
        let mut left = row + 1;
        for (column, b) in to.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut least = (left + 1).min(at(&above, column + 1) + 1).min(at(&above, column) + usize::from(a != b));
            let exchanged = row > 0 && column > 0 && from.get(row - 1) == Some(b) && to.get(column - 1) == Some(a);
            if exchanged {
                least = least.min(at(&before, column - 1) + 1);
            }
            here.push(least);
            left = least;
        }
        before = mem::replace(&mut above, here);
    }
    above.last().copied().unwrap_or_default()
}
