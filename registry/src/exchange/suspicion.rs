//! Telling of neighbours that were lost, and believing those who tell.
//!
//! A node that dies says nothing any more; its neighbours notice within seconds, everyone else only when its lease ends,
//! which in a large network takes long. So each neighbour that loses a node waits a moment, and tells the network if not
//! enough others have done so by then. Who has heard it from [`REPORTS`] nodes accuses the lost one
//! ([`Directory::accuse`]). A node that hears that it is suspected renews its lease at once, which ends the matter: a lease
//! with a higher number than the one it was lost under. (After SWIM, A. Das, I. Gupta, A. Motivala, 2002, where the number
//! is called the incarnation.)
//!
//! No single node can make another one suspect, and no crowd can keep a living node out: it costs it one renewal for each
//! accusation, at most one every [`REFUTATION`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::{
    directory::Announcement,
    identity::NodeId,
    sealed::Verified,
    service::{Seq, Suspicion},
};

use super::{Effect, Exchange, Moment, Verdict};
use crate::{services::Directory, time::Time};

/// So many different nodes must say that they lost it.
pub const REPORTS: usize = 3;
/// How long a neighbour waits at most, for others to say it first.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many nodes, and a few per cent of a large network, may be absent from a neighbour's view by chance.
const MANY: usize = 3;
/// A suspected node speaks up at most so often.
const REFUTATION: Duration = Duration::from_secs(5);
/// Nodes of which something has been said.
const CASES: usize = 4096;
/// How long what was said is remembered: long enough to compare with a few neighbours.
const MEMORY: Duration = Duration::from_secs(180);

/// What has been said of one node.
#[derive(Debug)]
struct Case {
    lease: Seq,
    reporters: BTreeSet<NodeId>,
    /// When this node itself will say so.
    mine: Option<Time>,
    since: Time,
}

/// What has been said, by whom it was said of.
#[derive(Debug, Default)]
pub(super) struct Suspicions {
    cases: BTreeMap<NodeId, Case>,
    /// No report of this node's own is due before: spares looking at all cases.
    first_due: Option<Time>,
}

impl Suspicions {
    pub(super) fn due(&self) -> Time {
        self.first_due.unwrap_or(Time::NEVER)
    }

    /// This node is to say so itself then, if nobody has until then.
    fn report_at(&mut self, node: NodeId, lease: Seq, when: Time, now: Time) {
        if let Some(case) = self.case(node, lease, now) {
            case.mine = Some(when);
            self.first_due = Some(self.due().min(when));
        }
    }

    /// The nodes of which a report is due.
    fn take_due(&mut self, now: Time) -> Vec<NodeId> {
        if self.due() > now {
            return Vec::new();
        }
        let mut due = Vec::new();
        for (node, case) in &mut self.cases {
            if case.mine.is_some_and(|mine| mine <= now) {
                case.mine = None;
                due.push(*node);
            }
        }
        self.first_due = self.cases.values().filter_map(|case| case.mine).min();
        due
    }

    /// The node has spoken under this lease.
    pub(super) fn spoke(&mut self, node: &NodeId, lease: Seq) {
        if self.cases.get(node).is_some_and(|case| case.lease < lease) {
            self.cases.remove(node);
        }
    }

    /// What has been said of the node since this lease; none if there is no room for more.
    fn case(&mut self, node: NodeId, lease: Seq, now: Time) -> Option<&mut Case> {
        if self.cases.len() >= CASES {
            self.cases.retain(|_, case| now.since(case.since) < MEMORY);
        }
        if self.cases.len() >= CASES && !self.cases.contains_key(&node) {
            return None;
        }
        let new = || Case { lease, reporters: BTreeSet::new(), mine: None, since: now };
        let case = self.cases.entry(node).or_insert_with(new);
        if case.lease != lease || now.since(case.since) >= MEMORY {
            *case = new();
        }
        Some(case)
    }
}

impl Exchange {
    /// The last connection to a neighbour is gone. `failed` says that it broke, and was not closed in good order.
    pub fn lost(&mut self, view: &mut Directory, peer: NodeId, failed: bool, at: Moment) {
        self.peers.remove(&peer);
        self.rounds.lost(&peer);
        if !failed {
            return;
        }
        view.contact_failed(peer, at.now);
        let Some(lease) = view.lease_of(&peer).filter(|_| view.is_told_of(&peer)) else { return };
        let wait = at.jitter("suspicion", PATIENCE);
        self.suspicions.report_at(peer, lease, at.now + wait, at.now);
        // Others may have lost it first: while it was connected here, they were not believed.
        self.judge(view, peer, lease, at);
    }

    pub(super) fn heard_suspicion(
        &mut self,
        view: &mut Directory,
        suspicion: &Verified<Suspicion>,
        at: Moment,
    ) -> Verdict {
        let (author, &Suspicion { node, lease, .. }) = (suspicion.author(), suspicion.value());
        if !view.has_place_for(&node) && author != self.me {
            // Others can judge it.
            return Verdict::Accept;
        }
        let unknown = view.has_place_for(&author) && view.lease_of(&author).is_none();
        // It has spoken since, or is not known, or nobody knows who says so.
        if author == self.me || view.lease_of(&node) != Some(lease) || unknown {
            return Verdict::Ignore;
        }
        if node == self.me {
            self.speak_up(at);
            return Verdict::Accept;
        }
        let Some(case) = self.suspicions.case(node, lease, at.now) else { return Verdict::Ignore };
        if case.reporters.len() >= REPORTS || !case.reporters.insert(author) {
            return Verdict::Ignore;
        }
        self.judge(view, node, lease, at);
        Verdict::Accept
    }

    /// Others think that this node is gone.
    fn speak_up(&mut self, at: Moment) {
        if self.announcer.silent_for(REFUTATION, at) {
            self.announcer.soon(at);
        }
    }

    /// A neighbour does not list these nodes, though everyone should know them by now: as good as its report of having lost
    /// them, and the only one that still reaches a newcomer, who took over a view in which they were listed while the
    /// reports went round. Many at once are no evidence: then the neighbour is new itself, or a partition has healed.
    pub(super) fn heard_of_absence(
        &mut self,
        view: &mut Directory,
        peer: NodeId,
        absent: &[(NodeId, Seq)],
        at: Moment,
    ) {
        if absent.len() > MANY + view.node_count() / 32 {
            return;
        }
        for (node, lease) in absent {
            if *node == self.me {
                self.speak_up(at);
            } else if let Some(case) = self.suspicions.case(*node, *lease, at.now) {
                case.reporters.insert(peer);
                self.judge(view, *node, *lease, at);
            }
        }
    }

    /// Tells of those that were lost a moment ago, unless that has been told often enough.
    pub(super) fn report_the_lost(&mut self, view: &mut Directory, at: Moment) {
        for node in self.suspicions.take_due(at.now) {
            let Some(case) = self.suspicions.cases.get_mut(&node) else { continue };
            let (lease, told) = (case.lease, case.reporters.len() >= REPORTS);
            // Who has lost everyone has lost its own link.
            let believable = !self.peers.is_empty() && !self.peers.contains(&node);
            if told || !believable || view.lease_of(&node) != Some(lease) {
                continue;
            }
            case.reporters.insert(self.me);
            if let Ok(suspicion) = self.publisher.suspect(node, lease, at.wall) {
                let suspicion = suspicion.signed();
                self.effects.push(Effect::Publish(Announcement::Suspicion { suspicion }));
            }
            self.judge(view, node, lease, at);
        }
    }

    /// Believes the reports, if they are enough and this node does not know better.
    fn judge(&mut self, view: &mut Directory, node: NodeId, lease: Seq, at: Moment) {
        let enough = self.suspicions.cases.get(&node).is_some_and(|case| case.reporters.len() >= REPORTS);
        if enough && !self.peers.contains(&node) {
            view.accuse(&node, lease, at.now);
        }
    }
}
