//! How far this node trusts others, and what follows from it.
//!
//! | module | what it does |
//! |---|---|
//! | [`account`] | counts how calls end, where they are made |
//! | [`pairs`] | the receipts of this node with each of its peers |
//! | [`witness`] | for whom this node vouches, and what others say |
//! | [`talk`], [`serve`] | asks others about that, and answers them |
//! | [`frauds`] | who is proved to be one |
//! | [`identity`], [`puzzle`] | looks for a key that is good enough for the network, on the first start |
//! | [`gate`] | lets calls of others in, as many as they may make |
//! | [`keeper`] | takes the counts into the book, has everybody judged, and keeps what is to survive a restart |
//!
//! What is thought of whom, and why, is decided by [`atoll_registry::standing`], which knows neither clocks nor sockets. A call
//! costs a count and, where there is a choice, a look at what was thought of the candidates a moment ago; everything else happens
//! once a second, and only if calls were made.
//!
//! Nobody is judged for being out of reach: what counts is how calls end that have arrived, and what a peer has provably done wrong.

mod account;
mod frauds;
mod gate;
mod identity;
mod keeper;
mod pairs;
pub(crate) mod puzzle;
mod serve;
mod talk;
#[cfg(test)]
mod tests;
mod witness;

use std::{collections::BTreeSet, sync::Arc};

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::NetworkName,
    sealed::{Hash, Verified},
    standing::{Ending, Row, puzzle::bits as puzzle_bits},
};
use atoll_registry::{
    standing::{
        Book, Evidence, Judged, Receipts, Scores, Standing, Tier, Trials,
        admission::{Capacity, Newcomers},
        place,
    },
    topics::quota::Author,
};
use parking_lot::{Mutex, RwLock};

pub(crate) use self::{
    account::Account,
    frauds::{Accusation, hear},
    gate::{Admitted, Caller},
    identity::{identity, only_here},
    keeper::keep,
    pairs::StoredPair,
    serve::serve_stream,
    talk::talk,
};
use self::{account::Accounts, frauds::Frauds, pairs::Pairs};
use crate::{
    clock::Clock,
    net::connections::{Connection, Path},
    storage::Storage,
};

/// Below this quality nothing is to depend on a peer, if so much is known of it.
const BAD: f64 = 0.4;
const CERTAIN: f64 = 0.5;

/// What it takes to begin.
pub(crate) struct Setup<'a> {
    pub(crate) key: &'a SecretKey,
    pub(crate) network: NetworkName,
    pub(crate) storage: Storage,
    pub(crate) clock: Clock,
    /// Nodes that the network is joined through, as far as their identities are known beforehand.
    pub(crate) seeds: Vec<NodeId>,
    /// Nodes that the owner trusts.
    pub(crate) friends: BTreeSet<NodeId>,
    /// Bits of the network's identity puzzle.
    pub(crate) bits: u32,
    /// Whether this node listens on this machine alone, and so needs none of them.
    pub(crate) only_here: bool,
    /// Whether strangers are limited, and what is there to be shared.
    pub(crate) limits: bool,
    pub(crate) capacity: Capacity,
}

/// Handle to what is thought of peers; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Trust(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    storage: Storage,
    friends: BTreeSet<NodeId>,
    bits: u32,
    only_here: bool,
    /// Whether strangers are limited.
    limits: bool,
    newcomers: Mutex<Newcomers>,
    /// By what peers are ordered here and nowhere else; see [`place`].
    salt: u64,
    /// Tests run on one machine, and some are about strangers.
    #[cfg(test)]
    strangers: std::sync::atomic::AtomicBool,
    accounts: Accounts,
    book: Mutex<Book>,
    opinion: RwLock<Arc<Opinion>>,
    /// Peers of which evidence is on the disk.
    stored: Mutex<BTreeSet<NodeId>>,
    key: SecretKey,
    network: NetworkName,
    pairs: Mutex<Pairs>,
    /// What was seen of receipts of others.
    receipts: Mutex<Receipts>,
    frauds: Mutex<Frauds>,
    /// This node's own row, as it was last made.
    row: Mutex<Option<Verified<Row>>>,
}

/// What was thought of everybody a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Opinion {
    pub(crate) scores: Scores,
    pub(crate) trials: Trials,
}

impl Trust {
    /// Takes up what was kept from before a restart.
    pub(crate) fn new(setup: Setup<'_>) -> Self {
        let Setup { key, network, storage, clock, seeds, friends, bits, only_here, limits, capacity } = setup;
        let mut book = Book::new(key.node_id());
        book.set_seeds(seeds);
        book.set_friends(friends.iter().copied());
        let kept = storage.take_standing();
        let stored = kept.evidence.keys().copied().collect();
        kept.evidence.into_iter().for_each(|(peer, evidence)| book.restore(peer, evidence));
        for row in &kept.rows {
            book.hear(row.author(), row.value());
        }
        let frauds = Frauds::restored(kept.frauds);
        frauds.culprits().for_each(|culprit| book.convict(culprit));
        let trust = Self(Arc::new(Inner {
            clock,
            storage,
            friends,
            bits,
            only_here,
            limits,
            newcomers: Mutex::new(Newcomers::new(capacity)),
            salt: salt(key),
            #[cfg(test)]
            strangers: Default::default(),
            accounts: Accounts::default(),
            book: Mutex::new(book),
            opinion: RwLock::default(),
            stored: Mutex::new(stored),
            pairs: Mutex::new(Pairs::new(key.clone(), network.clone(), kept.pairs)),
            key: key.clone(),
            network,
            receipts: Mutex::new(Receipts::new()),
            frauds: Mutex::new(frauds),
            row: Mutex::default(),
        }));
        trust.judge_all();
        trust
    }

    /// Where what happens between this node and a peer is counted.
    pub(crate) fn account(&self, peer: &NodeId) -> Arc<Account> {
        self.0.accounts.of(peer, || {
            let standing = self.of(peer);
            (self.judged(&standing, peer), standing.tier)
        })
    }

    /// A call to a peer has ended so.
    pub(crate) fn ended(&self, account: &Arc<Account>, ending: Ending) {
        self.0.accounts.count(account, ending);
    }

    /// A peer has provably done something wrong.
    pub(crate) fn fault(&self, peer: &NodeId) {
        self.ended(&self.account(peer), Ending::Fault);
    }

    /// What was thought of everybody a moment ago.
    pub(crate) fn opinion(&self) -> Arc<Opinion> {
        Arc::clone(&self.0.opinion.read())
    }

    /// What was thought of a peer a moment ago.
    pub(crate) fn of(&self, peer: &NodeId) -> Standing {
        self.0.opinion.read().scores.of(peer)
    }

    /// What this node has seen of a peer, as of now.
    pub(crate) fn evidence(&self, peer: &NodeId) -> Evidence {
        self.0.book.lock().evidence(peer).at(self.0.clock.wall())
    }

    /// Who somebody is that publishes. Where strangers are not limited, nobody is a newcomer.
    pub(crate) fn author(&self, id: &NodeId) -> Author {
        let newcomer = self.0.limits && !self.is_friend(id) && self.of(id).tier == Tier::Newcomer;
        Author { id: *id, newcomer }
    }

    /// Whether the owner trusts it, whatever it does.
    pub(crate) fn is_friend(&self, peer: &NodeId) -> bool {
        self.0.friends.contains(peer)
    }

    /// Whether a peer has done so badly that nothing is to depend on it where there are others.
    pub(crate) fn shuns(&self, peer: &NodeId) -> bool {
        let Standing { convicted, quality, confidence, .. } = self.of(peer);
        !self.is_friend(peer) && (convicted || (confidence >= CERTAIN && quality < BAD))
    }

    /// Whether it is proved that a peer has said two things where only one can be true: all nodes will soon agree on that.
    pub(crate) fn is_convicted(&self, peer: &NodeId) -> bool {
        self.of(peer).convicted
    }

    /// What gossip is to think of a neighbour: below −10 nothing is exchanged with it, and below −80 it is not even
    /// heard (see `net::behaviour`).
    pub(crate) fn gossip_score(&self, peer: &NodeId) -> f64 {
        match (self.is_convicted(peer), self.shuns(peer)) {
            _ if self.is_friend(peer) => 10.0,
            (true, _) => -100.0,
            (false, true) => -20.0,
            (false, false) => 10.0 * self.of(peer).score,
        }
    }

    /// Whether a peer is none of the strangers that limits and choices protect against: because its owner says so, or because what it
    /// says comes from this very machine.
    pub(crate) fn is_exempt(&self, peer: &NodeId, over: Option<&Connection>) -> bool {
        let loopback = |connection: &Connection| {
            let ip = crate::net::ip(&connection.address);
            connection.path == Path::Direct && ip.is_some_and(|ip| ip.to_canonical().is_loopback())
        };
        #[cfg(test)]
        if self.0.strangers.load(std::sync::atomic::Ordering::Relaxed) {
            return self.is_friend(peer);
        }
        self.is_friend(peer) || over.is_some_and(loopback)
    }

    /// How many bits a peer's identity has and how many it should have, if those are more and it is a stranger.
    pub(crate) fn too_easy(&self, peer: &NodeId, over: Option<&Connection>) -> Option<[u32; 2]> {
        let wanted = self.0.bits;
        if wanted == 0 || self.is_exempt(peer, over) {
            return None;
        }
        let bits = puzzle_bits(peer);
        (bits < wanted).then_some([bits, wanted])
    }

    /// Whether what a node says of itself, passed on by others, is not to be listed: its identity cost too little. `over` is the
    /// connection to it, if there is one. Among those that listen on one machine alone nobody need have paid.
    pub(crate) fn is_void(&self, author: &NodeId, over: Option<&Connection>) -> bool {
        !self.0.only_here && self.too_easy(author, over).is_some()
    }

    /// Takes even those on this machine for strangers.
    #[cfg(test)]
    pub(crate) fn trust_nobody_here(&self) {
        self.0.strangers.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    fn judged(&self, standing: &Standing, peer: &NodeId) -> Judged {
        Judged::new(standing, place(self.0.salt, peer))
    }
}

/// A number that only this node knows, the same after a restart.
fn salt(key: &SecretKey) -> u64 {
    let hash = Hash::of(&[b"atoll standing place".as_slice(), key.seed()].concat());
    hash.0.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}
