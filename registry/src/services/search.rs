//! Search: services by their names, by words in what they say of themselves, by metadata and by version.
//!
//! Three steps, so that reading long texts holds up nobody:
//!
//! ```text
//! Directory::candidates   what the filters let through, at one moment    under the directory's lock
//! Candidates::rank        looks for the words                            without
//! Directory::found        the best, as they are now                      under the lock again
//! ```
//!
//! It is one pass over what is listed, without an index of words: what it costs is bounded by the view's own bounds (records
//! and bytes of a record) and by [`WORDS`]. What makes it quick is that texts are folded when a record is taken in, and kept
//! once for all who say the same (`Said`), and that only what is told in the end is looked up. Measured by the benchmark
//! `directory` with 10 000 records and docs of 700 bytes.

use std::{cmp::Reverse, collections::BTreeMap, ops::Range, sync::Arc};

use atoll_protocol::{
    identity::NodeId,
    limits,
    names::{InstanceId, MethodName, ServiceName},
    sealed::Proved,
    service::ServiceRecord,
};
use memchr::memmem::Finder;
use semver::{Version, VersionReq};

use super::{Directory, index::Said, known::Instance, order::ByVersion};

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

    fn admits(&self, version: &Version) -> bool {
        self.version == VersionReq::STAR || self.version.matches(version)
    }
}

impl Instance {
    /// Whether its metadata has all of `wanted`, each with exactly this value.
    #[must_use]
    pub fn is_labelled(&self, wanted: &BTreeMap<String, String>) -> bool {
        has_labels(&self.record.value().metadata, wanted)
    }
}

fn has_labels(labels: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

impl Found {
    /// Whether none of its instances could be reached lately.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.instances.iter().all(|instance| instance.suspect)
    }
}

/// What the filters of a query let through, at one moment.
#[derive(Debug, Default)]
pub struct Candidates {
    services: Vec<Candidate>,
    /// The instances of all of them, one service after the other.
    instances: Vec<Place>,
}

/// One version of a service.
#[derive(Debug)]
struct Candidate {
    name: ServiceName,
    version: Version,
    instances: Range<usize>,
}

#[derive(Debug, Clone)]
struct Place {
    node: NodeId,
    instance: InstanceId,
    suspect: bool,
    said: Arc<Said>,
}

/// What has the words of a query, best first.
#[derive(Debug)]
pub struct Ranking {
    /// As many as the query wants.
    best: Vec<(Candidate, Vec<Place>)>,
    more: usize,
}

/// Where a word was found, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
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

impl Directory {
    /// Searches the view. Does not count as use of what is found.
    #[must_use]
    pub fn search(&self, query: &SearchQuery) -> Search {
        self.found(query, self.candidates(query).rank(query))
    }

    /// What the filters of `query` let through; to be ranked without holding on to the directory.
    #[must_use]
    pub fn candidates(&self, query: &SearchQuery) -> Candidates {
        let mut candidates = Candidates::default();
        let index = self.table.index();
        for (name, records) in index.names(&query.prefix) {
            for (ByVersion(record), said) in records.iter().filter(|(record, _)| lets_through(query, &record.0)) {
                candidates.push(name, record, index.suspects(&record.author()), said);
            }
        }
        candidates
    }

    /// The services of a ranking, as they are now.
    #[must_use]
    pub fn found(&self, query: &SearchQuery, ranking: Ranking) -> Search {
        let words = finders(&query.words);
        let found = |(candidate, places): (Candidate, Vec<Place>)| {
            let Candidate { name, version, .. } = candidate;
            let instances: Vec<Instance> =
                places.iter().filter_map(|at| self.instance(&at.node, at.instance)).collect();
            let methods = instances.first().map(|first| methods(&words, first)).unwrap_or_default();
            Found { name, version, instances, methods }
        };
        let found = ranking.best.into_iter().map(found);
        Search { found: found.filter(|found| !found.instances.is_empty()).collect(), more: ranking.more }
    }
}

fn lets_through(query: &SearchQuery, record: &Proved<ServiceRecord>) -> bool {
    query.admits(&record.value().version) && has_labels(&record.value().metadata, &query.labels)
}

impl Candidates {
    fn push(&mut self, name: &ServiceName, record: &Proved<ServiceRecord>, suspect: bool, said: &Arc<Said>) {
        let (start, version) = (self.instances.len(), &record.value().version);
        let (node, instance) = (record.author(), record.value().instance);
        self.instances.push(Place { node, instance, suspect, said: Arc::clone(said) });
        match self.services.last_mut().filter(|last| last.name == *name && last.version == *version) {
            Some(last) => last.instances.end = start + 1,
            None => {
                let (name, version) = (name.clone(), version.clone());
                self.services.push(Candidate { name, version, instances: start..start + 1 });
            }
        }
    }

    /// Looks for the words of `query`, and takes the best.
    #[must_use]
    pub fn rank(self, query: &SearchQuery) -> Ranking {
        let Self { services, instances } = self;
        let mut scan = Scan { words: finders(&query.words), in_name: Vec::new(), ranks: BTreeMap::new(), last: None };
        let mut groups = Vec::new();
        let mut before: Option<&ServiceName> = None;
        for service in &services {
            if before.replace(&service.name) != Some(&service.name) {
                scan.begin(&service.name);
            }
            let members = instances.get(service.instances.clone()).unwrap_or_default();
            if let Some(best) = members.iter().filter_map(|at| scan.rank(&at.said)).min() {
                let suspect = members.iter().all(|at| at.suspect || scan.rank(&at.said).is_none());
                groups.push(((suspect, best, &service.name, Reverse(&service.version)), service));
            }
        }
        groups.sort_unstable_by_key(|(rank, _)| *rank);
        let best = groups.iter().take(query.limit).map(|(_, service)| {
            scan.begin(&service.name);
            let members = instances.get(service.instances.clone()).unwrap_or_default();
            let mut places: Vec<Place> = members.iter().filter(|at| scan.rank(&at.said).is_some()).cloned().collect();
            places.sort_by_key(|at| at.suspect);
            let Candidate { name, version, instances } = service;
            (Candidate { name: name.clone(), version: version.clone(), instances: instances.clone() }, places)
        });
        Ranking { best: best.collect(), more: groups.len().saturating_sub(query.limit) }
    }
}

/// A word to look for. The finder is quick in long texts.
type Word<'a> = (&'a str, Finder<'a>);

fn finders(words: &[String]) -> Vec<Word<'_>> {
    words.iter().map(|word| (word.as_str(), Finder::new(word.as_str()))).collect()
}

/// One pass, and what it keeps of the name at hand.
struct Scan<'a> {
    words: Vec<Word<'a>>,
    /// Where the words are in the name.
    in_name: Vec<Option<Where>>,
    /// How well what is said under this name fits. By address: equal texts are kept once.
    ranks: BTreeMap<*const Said, Option<u32>>,
    /// The last of them: instances of one version mostly say the same.
    last: Option<(*const Said, Option<u32>)>,
}

impl Scan<'_> {
    /// What follows is of a service of this name.
    fn begin(&mut self, name: &ServiceName) {
        self.in_name.clear();
        self.in_name.extend(self.words.iter().map(|(word, _)| place_in_name(word, name.as_str())));
        self.ranks.clear();
        self.last = None;
    }

    /// How well it fits, best first; `None` if it does not.
    fn rank(&mut self, said: &Arc<Said>) -> Option<u32> {
        let key = Arc::as_ptr(said);
        if let Some((last, rank)) = self.last
            && last == key
        {
            return rank;
        }
        let rank = match self.ranks.get(&key) {
            Some(rank) => *rank,
            None => self.look(said),
        };
        self.ranks.insert(key, rank);
        self.last = Some((key, rank));
        rank
    }

    fn look(&self, said: &Said) -> Option<u32> {
        let places = self.words.iter().zip(&self.in_name);
        places.map(|(word, in_name)| in_name.or_else(|| place_in_text(word, said)).map(|place| place as u32)).sum()
    }
}

fn place_in_name(word: &str, name: &str) -> Option<Where> {
    if name == word {
        Some(Where::Name)
    } else if name.split('.').any(|label| label == word) {
        Some(Where::Label)
    } else {
        name.contains(word).then_some(Where::Part)
    }
}

fn place_in_text((word, finder): &Word<'_>, said: &Said) -> Option<Where> {
    if said.names.contains(word) {
        return Some(Where::Method);
    }
    begins_a_word(&said.text, finder).then_some(Where::Text)
}

/// Whether a word of `text` begins with what `finder` finds; both in lower case.
fn begins_a_word(text: &str, finder: &Finder<'_>) -> bool {
    finder.find_iter(text.as_bytes()).any(|at| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(char::is_alphanumeric)
    })
}

/// The methods of an instance that have one of the words.
fn methods(words: &[Word<'_>], instance: &Instance) -> Vec<MethodName> {
    let endpoints = instance.record.value().endpoints.iter().filter(|endpoint| {
        let said = Said::of_method(endpoint);
        words.iter().any(|word| place_in_text(word, &said).is_some())
    });
    endpoints.map(|endpoint| endpoint.name.clone()).collect()
}
