//! One pair, and what came of it.

use serde::Serialize;

use crate::{
    nat::{Nat, Path},
    subject::Outcome,
};

/// One attempt: how the two reached each other, or why they did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attempt {
    /// They did.
    Outcome(Outcome),
    /// They did not.
    Error(String),
}

/// A pair of kinds and all attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Who starts.
    pub a: Nat,
    /// Who is reached.
    pub b: Nat,
    /// The path that they must find, if only one will do.
    pub expected: Option<Path>,
    /// What came of it, each time.
    pub attempts: Vec<Attempt>,
}

impl Cell {
    /// Attempts in which they reached each other.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.attempts.iter().filter_map(|attempt| match attempt {
            Attempt::Outcome(outcome) => Some(outcome),
            Attempt::Error(_) => None,
        })
    }

    /// Attempts in which they found the path that they must.
    #[must_use]
    pub fn right(&self) -> usize {
        self.outcomes().filter(|outcome| self.expected.is_none_or(|path| path == outcome.path)).count()
    }

    /// Whether every attempt came out as it must, and there was one.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.attempts.is_empty() && self.right() == self.attempts.len()
    }

    /// The first reason why they did not reach each other.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.attempts.iter().find_map(|attempt| match attempt {
            Attempt::Error(error) => Some(error.as_str()),
            Attempt::Outcome(_) => None,
        })
    }
}
