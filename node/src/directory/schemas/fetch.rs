//! Fetching schemas that others have.
//!
//! [`Hunt`] decides whom to ask and what to believe; here its questions are asked. What several descriptions want at the
//! same time is fetched once: whoever comes later waits for the hunt that is under way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use atoll_protocol::{
    directory::{SchemaReply, SyncRequest},
    identity::NodeId,
    schema::Document,
    sealed::Hash,
};
use atoll_registry::{
    peers::conduct::Fault,
    schemas::{Hunt, Question, why_missing},
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{Directory, Schemas};
use crate::directory::exchange::{self, SyncError};

/// How long the schemas of a description are waited for. Finding the service through the DHT may have taken five seconds
/// before, and the command line waits ten for both.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long an answer is waited for before somebody else is asked beside.
const STAGGER: Duration = Duration::from_secs(1);
/// Neighbours that are asked when no provider has given what is missing: they may have looked at the service too.
const NEIGHBOURS: usize = 3;
/// Schemas that may be looked for at a time, over all descriptions.
const UNDER_WAY: usize = 4096;
/// Hunts that a description waits for: the second where the first was somebody else's, who knew other providers.
const ROUNDS: usize = 2;

/// The schemas of a description.
#[derive(Debug, Default)]
pub(crate) struct Described {
    /// Those that are there.
    pub(crate) found: BTreeMap<Hash, Document>,
    /// Why each of the others is not.
    pub(crate) missing: BTreeMap<Hash, String>,
}

/// Where it will be told how a hunt has ended.
pub(super) type Landing = watch::Receiver<Option<Arc<Bag>>>;

/// What a hunt has brought, and who did not give what is missing.
#[derive(Debug, Default)]
pub(super) struct Bag {
    found: BTreeMap<Hash, Document>,
    missing: BTreeMap<Hash, BTreeSet<NodeId>>,
}

impl Directory {
    /// Comes by schemas, each with the nodes that offer a service which has it.
    pub(crate) async fn describe_schemas(&self, wanted: BTreeMap<Hash, Vec<NodeId>>) -> Described {
        let until = Instant::now() + PATIENCE;
        let mut bag = Bag::default();
        let mut left = wanted.clone();
        for _ in 0..ROUNDS {
            let Claim { found, own, mut landings, flight } = self.schemas.claim(&left);
            bag.found.extend(found);
            left.retain(|hash, _| !own.contains_key(hash));
            if let Some(flight) = flight {
                // In a task of its own: others wait for it even if this caller goes away.
                tokio::spawn(hunt(self.clone(), own, flight, until));
            }
            for landing in &mut landings {
                // Every hunt that is under way ends before this one would; an error is one that was cut off.
                if let Ok(Ok(landed)) = timeout_at(until + STAGGER, landing.wait_for(Option::is_some)).await {
                    bag.add(landed.as_deref(), &wanted);
                }
            }
            left.retain(|hash, providers| {
                providers.retain(|node| !bag.tried(hash).contains(node));
                !bag.found.contains_key(hash) && !providers.is_empty()
            });
            if left.is_empty() {
                break;
            }
        }
        bag.explained(&wanted)
    }

    /// Looks for schemas until all are found, nobody is left to ask, or the time is up.
    async fn pursue(&self, hunt: &mut Hunt, until: Instant) {
        let mut asked = JoinSet::new();
        let mut waiting: BTreeMap<NodeId, Question> = BTreeMap::new();
        while !hunt.is_done() {
            if let Some(question) = hunt.question() {
                waiting.insert(question.node, question.clone());
                let directory = self.clone();
                asked.spawn(async move { (question.node, directory.ask_for_schemas(&question).await) });
            }
            match timeout_at(until.min(Instant::now() + STAGGER), asked.join_next()).await {
                Ok(Some(Ok((node, answer)))) => {
                    if let Some(question) = waiting.remove(&node) {
                        self.schemas_came(hunt, &question, answer);
                    }
                }
                Ok(Some(Err(_))) => {}
                Ok(None) => break,
                Err(_) if Instant::now() >= until => break,
                // Slow, or gone: somebody else is asked beside.
                Err(_) => {}
            }
        }
        waiting.values().for_each(|question| hunt.failed(question));
    }

    async fn ask_for_schemas(&self, question: &Question) -> Result<SchemaReply, SyncError> {
        self.net.counters.schemas.requests.add(1);
        let request = SyncRequest::Schemas { hashes: question.hashes.clone() };
        let mut stream = exchange::ask(&self.net, question.node, self.addresses_of(&question.node), &request).await?;
        let reply = exchange::receive(&mut stream, SchemaReply::decode).await?;
        reply.map(|(reply, _)| reply).ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into())
    }

    /// Takes in an answer, or counts what is wrong with it.
    fn schemas_came(&self, hunt: &mut Hunt, question: &Question, answer: Result<SchemaReply, SyncError>) {
        let (peer, counters) = (question.node, &self.net.counters.schemas);
        let fault = match answer {
            Ok(reply) => {
                let came = reply.schemas.len() as u64;
                let answered = hunt.answered(question, reply);
                if answered.is_ok() {
                    counters.fetched.add(came);
                }
                answered.err().map(|refusal| (Fault::from(&refusal), refusal.to_string()))
            }
            Err(error) => {
                hunt.failed(question);
                tracing::debug!(%peer, "schemas could not be asked for: {error}");
                error.fault().map(|fault| (fault, error.to_string()))
            }
        };
        if let Some((fault, reason)) = fault {
            counters.refused.add(1);
            self.net.conduct.charge(Some(peer), fault, reason);
        }
    }
}

async fn hunt(directory: Directory, mut wanted: BTreeMap<Hash, Vec<NodeId>>, flight: Flight, until: Instant) {
    let me = directory.net.me;
    wanted.values_mut().for_each(|providers| providers.retain(|node| *node != me));
    let mut neighbours = directory.net.connections.peers();
    neighbours.truncate(NEIGHBOURS);
    let mut hunt = Hunt::new(wanted, &neighbours);
    directory.pursue(&mut hunt, until).await;
    flight.land(hunt);
}

impl Bag {
    /// Adds what another hunt has come to, as far as it is wanted here.
    fn add(&mut self, landed: Option<&Self>, wanted: &BTreeMap<Hash, Vec<NodeId>>) {
        let Some(landed) = landed else { return };
        for hash in wanted.keys() {
            if let Some(document) = landed.found.get(hash) {
                self.found.insert(*hash, document.clone());
            }
            if let Some(tried) = landed.missing.get(hash) {
                self.missing.entry(*hash).or_default().extend(tried);
            }
        }
    }

    fn tried(&self, hash: &Hash) -> &BTreeSet<NodeId> {
        static NOBODY: BTreeSet<NodeId> = BTreeSet::new();
        self.missing.get(hash).unwrap_or(&NOBODY)
    }

    fn explained(self, wanted: &BTreeMap<Hash, Vec<NodeId>>) -> Described {
        let why = |(hash, providers): (&Hash, &Vec<NodeId>)| {
            (*hash, why_missing(hash, &providers.iter().copied().collect(), self.tried(hash)))
        };
        let missing = wanted.iter().filter(|(hash, _)| !self.found.contains_key(*hash)).map(why).collect();
        Described { found: self.found, missing }
    }
}

/// What of some schemas is at hand, what is being looked for, and what the caller has to look for.
#[derive(Default)]
struct Claim {
    found: BTreeMap<Hash, Document>,
    /// The ends of all hunts that are to be waited for.
    landings: Vec<Landing>,
    own: BTreeMap<Hash, Vec<NodeId>>,
    /// For `own`, if there is any.
    flight: Option<Flight>,
}

impl Schemas {
    fn claim(&self, wanted: &BTreeMap<Hash, Vec<NodeId>>) -> Claim {
        let mut claim = Claim::default();
        let (told, landing) = watch::channel(None);
        let mut shelf = self.shelf.lock();
        for (hash, providers) in wanted {
            if let Some(document) = shelf.cache.get(hash) {
                claim.found.insert(*hash, document);
            } else if let Some(landing) = shelf.hunted.get(hash) {
                if !claim.landings.iter().any(|other| other.same_channel(landing)) {
                    claim.landings.push(landing.clone());
                }
            } else if shelf.hunted.len() < UNDER_WAY {
                shelf.hunted.insert(*hash, landing.clone());
                claim.own.insert(*hash, providers.clone());
                // Once, with the first.
                if claim.own.len() == 1 {
                    claim.landings.push(landing.clone());
                }
            }
        }
        drop(shelf);
        if !claim.own.is_empty() {
            claim.flight = Some(Flight { schemas: self.clone(), hashes: claim.own.keys().copied().collect(), told });
        }
        claim
    }
}

/// A hunt that is under way. Others wait for it until this is dropped, however that comes about.
struct Flight {
    schemas: Schemas,
    hashes: Vec<Hash>,
    told: watch::Sender<Option<Arc<Bag>>>,
}

impl Flight {
    /// Keeps what was found, and tells everybody who waits.
    fn land(self, hunt: Hunt) {
        let (found, missing) = hunt.end();
        let mut shelf = self.schemas.shelf.lock();
        found.iter().for_each(|document| self.schemas.keep(&mut shelf, document));
        // Under the same lock: nobody may find a schema neither at hand nor under way, and fetch it again.
        self.hashes.iter().for_each(|hash| drop(shelf.hunted.remove(hash)));
        drop(shelf);
        let found = found.into_iter().map(|document| (document.hash(), document)).collect();
        self.told.send_replace(Some(Arc::new(Bag { found, missing })));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mine = self.told.subscribe();
        let mut shelf = self.schemas.shelf.lock();
        // What has landed may be under way again.
        self.hashes.iter().for_each(|hash| {
            if shelf.hunted.get(hash).is_some_and(|landing| landing.same_channel(&mine)) {
                shelf.hunted.remove(hash);
            }
        });
    }
}
