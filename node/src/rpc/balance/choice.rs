//! Who takes a call, where there is a choice: first by standing, then by load and latency.

use atoll_registry::{
    select::{self, Candidate, Policy},
    standing::{Judged, Listed, shortlist},
    time::Time,
};

use super::Target;
use crate::rpc::Rpc;

/// Tells the draw for the class from the one between those in it, which have one number.
const CLASS: u64 = 0x5bd1_e995_9d1b_87a3;

/// The place of the target that takes the call; `None` if there is none.
pub(in crate::rpc) fn choose(rpc: &Rpc, policy: &Policy, targets: &[&Target], now: Time, turn: u64) -> Option<usize> {
    if let [_] = targets {
        return Some(0);
    }
    let mut candidates: Vec<Candidate> = targets.iter().map(|target| target.candidate(rpc.net.me, now)).collect();
    let near = candidates.iter().any(|candidate| candidate.local && !candidate.suspect);
    if near || targets.iter().all(|target| target.exempt) {
        return select::choose(policy, &candidates, turn);
    }
    let judged: Vec<Judged> = targets.iter().map(|target| target.judged()).collect();
    for (candidate, judged) in candidates.iter_mut().zip(&judged) {
        // Only who is convicted of fraud has no score at all.
        candidate.suspect |= judged.score <= 0.0;
    }
    match policy {
        // Those say whose turn it is, and for affinity everybody must say the same.
        Policy::RoundRobin | Policy::Affinity(_) => select::choose(policy, &candidates, turn),
        Policy::PowerOfTwo | Policy::LeastInFlight | Policy::Random => {
            let (places, listed) = shortlisted(rpc, &candidates, &judged, turn);
            places.get(select::choose(policy, &listed, turn)?).copied()
        }
    }
}

/// Those that come into question by their standing, with their places. Suspects do where there are no others.
fn shortlisted(rpc: &Rpc, candidates: &[Candidate], judged: &[Judged], turn: u64) -> (Vec<usize>, Vec<Candidate>) {
    let unsuspected = candidates.iter().enumerate().filter(|(_, candidate)| !candidate.suspect);
    let mut usable: Vec<usize> = unsuspected.map(|(place, _)| place).collect();
    if usable.is_empty() {
        usable = (0..candidates.len()).collect();
    }
    let known: Vec<Judged> = usable.iter().filter_map(|place| judged.get(*place)).copied().collect();
    let entry = |listed: Listed| {
        let place = *usable.get(listed.index)?;
        Some((place, Candidate { standing: listed.factor, ..*candidates.get(place)? }))
    };
    shortlist(&known, &rpc.trust.opinion().trials, turn ^ CLASS).into_iter().filter_map(entry).unzip()
}
