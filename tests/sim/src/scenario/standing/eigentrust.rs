//! EigenTrust as in the paper (S. Kamvar, M. Schlosser, H. Garcia-Molina, 2003), to compare with.

use crate::engine::Random;

/// Weight of the trusted seeds (the paper's a).
const SEEDS: f64 = 0.15;
/// Calls that go to somebody without any trust, if there is somebody (§7.1).
const STRANGERS: f64 = 0.1;
/// Rounds of the iteration: it converges in fewer than ten (§7.2).
const ITERATIONS: usize = 20;

/// The global trust of each peer: t = (1 − a)·Cᵀt + a·p, where p is even over the seeds, and whoever trusts nobody trusts those.
pub(super) fn trust(rows: &[Vec<(usize, f64)>], seeds: usize) -> Vec<f64> {
    let base = |peer: usize| if peer < seeds { 1.0 / seeds as f64 } else { 0.0 };
    let mut trust: Vec<f64> = (0..rows.len()).map(base).collect();
    for _ in 0..ITERATIONS {
        let mut next: Vec<f64> = (0..rows.len()).map(|peer| SEEDS * base(peer)).collect();
        let mut add = |peer: usize, share: f64| {
            if let Some(sum) = next.get_mut(peer) {
                *sum += share;
            }
        };
        for (row, held) in rows.iter().zip(&trust) {
            let sum: f64 = row.iter().map(|(_, weight)| weight).sum();
            let give = (1.0 - SEEDS) * held;
            if sum > 0.0 {
                row.iter().for_each(|(peer, weight)| add(*peer, give * weight / sum));
            } else {
                (0..seeds).for_each(|peer| add(peer, give * base(peer)));
            }
        }
        trust = next;
    }
    trust
}

/// One of the candidates, with a probability in proportion to trust, and now and then one without any (§7.1).
pub(super) fn pick(candidates: &[usize], trust: &[f64], random: &mut Random) -> Option<usize> {
    let of = |peer: &usize| trust.get(*peer).copied().unwrap_or(0.0);
    let strangers: Vec<usize> = candidates.iter().copied().filter(|peer| of(peer) <= 0.0).collect();
    let sum: f64 = candidates.iter().map(of).sum();
    if sum <= 0.0 || (!strangers.is_empty() && random.chance(STRANGERS)) {
        return random.pick(if strangers.is_empty() { candidates } else { &strangers }).copied();
    }
    let mut left = random.unit() * sum;
    let known = candidates.iter().find(|peer| {
        left -= of(peer);
        left < 0.0
    });
    known.or(candidates.last()).copied()
}
