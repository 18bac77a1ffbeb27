//! Coming by schemas that others have.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use atoll_protocol::{
    directory::SchemaReply,
    identity::NodeId,
    limits,
    schema::{Document, SchemaError},
    sealed::Hash,
};

use crate::peers::conduct::Fault;

/// Providers of one schema that are asked for it.
const PROVIDERS: usize = 8;
/// Schemas that are looked for together; a service with more versions than that is described in part.
const WANTED: usize = 1024;
/// Bytes that they may have together: a stranger's service must not fill this node's memory because somebody looks at it.
const BYTES: usize = 4 * 1024 * 1024;

/// Looks for schemas: knows who should have which, whom to ask next, and what has come. The driver asks, and may ask several
/// at a time.
#[derive(Debug)]
pub struct Hunt {
    missing: BTreeMap<Hash, Want>,
    /// Whom to ask, the next one first.
    candidates: VecDeque<NodeId>,
    found: Vec<Document>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Want {
    /// Who offers a service that has it.
    providers: BTreeSet<NodeId>,
    /// Who may be asked: some of the providers, and whoever else may have it.
    askable: BTreeSet<NodeId>,
    /// Who did not give it.
    tried: BTreeSet<NodeId>,
}

/// What to ask of whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Whom.
    pub node: NodeId,
    /// For which schemas; at most [`limits::SCHEMAS_ASKED`].
    pub hashes: Vec<Hash>,
}

/// Why an answer was refused, all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It has a text that is no schema.
    #[error(transparent)]
    NotSchema(#[from] SchemaError),
    /// It has a schema that was not asked for, or one twice: the text is not what its hash says.
    #[error("the schema {0:?} was not asked for")]
    NotAsked(Hash),
}

impl From<&Refusal> for Fault {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NotSchema(SchemaError::TooLong { .. }) => Self::Oversize,
            Refusal::NotSchema(_) => Self::Malformed,
            Refusal::NotAsked(_) => Self::Inconsistent,
        }
    }
}

impl Hunt {
    /// Begins to look for schemas. Of each it is said who offers a service with it, the best one first; `others` may have
    /// any of them, and are asked last.
    #[must_use]
    pub fn new(wanted: impl IntoIterator<Item = (Hash, Vec<NodeId>)>, others: &[NodeId]) -> Self {
        let mut hunt = Self { missing: BTreeMap::new(), candidates: VecDeque::new(), found: Vec::new(), bytes: 0 };
        let mut queued = BTreeSet::new();
        for (hash, providers) in wanted.into_iter().take(WANTED) {
            let want = hunt.missing.entry(hash).or_default();
            for provider in providers {
                if want.providers.insert(provider) && want.askable.len() < PROVIDERS {
                    want.askable.insert(provider);
                    if queued.insert(provider) {
                        hunt.candidates.push_back(provider);
                    }
                }
            }
        }
        for want in hunt.missing.values_mut() {
            want.askable.extend(others);
        }
        hunt.candidates.extend(others.iter().filter(|other| !queued.contains(*other)));
        hunt
    }

    /// Whom to ask next, of those who have not been asked yet; `None` if there is nobody, or nothing more to be had.
    pub fn question(&mut self) -> Option<Question> {
        if self.bytes >= BYTES {
            return None;
        }
        while let Some(node) = self.candidates.pop_front() {
            let has = |want: &Want| want.askable.contains(&node) && !want.tried.contains(&node);
            let hashes = self.missing.iter().filter(|(_, want)| has(want)).map(|(hash, _)| *hash);
            let hashes: Vec<Hash> = hashes.take(limits::SCHEMAS_ASKED).collect();
            if !hashes.is_empty() {
                return Some(Question { node, hashes });
            }
        }
        None
    }

    /// Takes in an answer. Its schemas are kept if all of them are what was asked for; who has given some is asked for the
    /// rest.
    ///
    /// # Errors
    /// [`Refusal`] if one of them is not; then it is as if there had been no answer.
    pub fn answered(&mut self, question: &Question, reply: SchemaReply) -> Result<(), Refusal> {
        let mut given = BTreeSet::new();
        let mut documents = Vec::new();
        let checked = reply.schemas.into_iter().try_for_each(|text| {
            let document = Document::read(text)?;
            if !question.hashes.contains(&document.hash()) || !given.insert(document.hash()) {
                return Err(Refusal::NotAsked(document.hash()));
            }
            documents.push(document);
            Ok(())
        });
        if checked.is_err() {
            self.failed(question);
            return checked;
        }
        if documents.is_empty() {
            self.give_up(question.node, |hash| question.hashes.contains(hash));
        }
        for document in documents {
            // It may have come from somebody else meanwhile.
            if self.missing.remove(&document.hash()).is_some() {
                self.bytes = self.bytes.saturating_add(document.len());
                self.found.push(document);
            }
        }
        self.candidates.push_front(question.node);
        Ok(())
    }

    /// There is no answer, so none is to be expected to another question either.
    pub fn failed(&mut self, question: &Question) {
        self.give_up(question.node, |_| true);
    }

    fn give_up(&mut self, node: NodeId, which: impl Fn(&Hash) -> bool) {
        for (_, want) in self.missing.iter_mut().filter(|(hash, _)| which(hash)) {
            want.tried.insert(node);
        }
    }

    /// Whether everything has been found.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.missing.is_empty()
    }

    /// What has been found, and who did not give what is missing.
    #[must_use]
    pub fn end(self) -> (Vec<Document>, BTreeMap<Hash, BTreeSet<NodeId>>) {
        let tried = |(hash, want): (Hash, Want)| (hash, want.tried);
        (self.found, self.missing.into_iter().map(tried).collect())
    }
}

/// Why a schema is not there, for people: `providers` offer a service that has it, those who were `tried` did not give it.
#[must_use]
pub fn why_missing(hash: &Hash, providers: &BTreeSet<NodeId>, tried: &BTreeSet<NodeId>) -> String {
    let asked = providers.intersection(tried).count();
    match (providers.len(), asked) {
        (1, 1) => format!("schema {hash:?} could not be fetched from its only provider"),
        (all, asked) if all == asked => format!("schema {hash:?} could not be fetched from any of its {all} providers"),
        (_, 0) => {
            format!("schema {hash:?} was not asked for, since one description takes only so much time and memory")
        }
        (all, asked) => format!("schema {hash:?} could not be fetched from {asked} of its {all} providers"),
    }
}
