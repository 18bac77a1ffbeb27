//! Names that someone may have meant.

use std::mem;

use atoll_protocol::names::ServiceName;

use super::{Directory, search::NEAR};

impl Directory {
    /// Listed names that someone may have meant who typed `name`, the nearest first, [`NEAR`] at most: with a slip of
    /// the fingers in it, or with `name` as a part.
    #[must_use]
    pub fn names_near(&self, name: &ServiceName) -> Vec<ServiceName> {
        let name = name.as_str();
        let slips = (name.len() / 4).clamp(1, 3);
        let mut near: Vec<(usize, &ServiceName)> = Vec::new();
        for listed in self.table.names().all() {
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
