//! Patterns of service names.

use std::{fmt, str::FromStr};

use atoll_protocol::names::{NameError, ServiceName};

/// Which services are meant: `math.calc` itself, `math.*` for one label in place of the star, `math.>` for all that begins
/// with `math.`. Subscriptions to topics use the same two signs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamePattern(Box<str>);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It is not made of labels.
    #[error("{pattern:?} is not a name or pattern ({reason}); a pattern looks like math.* or 'math.>'")]
    Label {
        /// The text.
        pattern: String,
        /// What is wrong.
        reason: NameError,
    },
    /// `>` stands somewhere else than at the end.
    #[error("{pattern:?} is not a pattern: `>` stands for all the rest, so nothing may follow it; try 'math.>'")]
    RestInside {
        /// The text.
        pattern: String,
    },
}

impl NamePattern {
    /// Every name.
    #[must_use]
    pub fn all() -> Self {
        Self(">".into())
    }

    /// Whether `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &ServiceName) -> bool {
        let mut labels = name.as_str().split('.');
        for wanted in self.0.split('.') {
            match (wanted, labels.next()) {
                (">", Some(_)) => return true,
                ("*", Some(_)) => {}
                (wanted, Some(label)) if wanted == label => {}
                _ => return false,
            }
        }
        labels.next().is_none()
    }
}

impl FromStr for NamePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let shown = || text.chars().take(160).collect();
        let labels: Vec<&str> = text.split('.').collect();
        let rest = labels.iter().position(|label| *label == ">");
        if rest.is_some_and(|at| at + 1 < labels.len()) {
            return Err(PatternError::RestInside { pattern: shown() });
        }
        // With a plain label in place of each sign it must be a name: the same rules and the same bounds.
        let plain: Vec<&str> = labels.into_iter().map(|l| if matches!(l, "*" | ">") { "x" } else { l }).collect();
        match plain.join(".").parse::<ServiceName>() {
            Ok(_) => Ok(Self(text.into())),
            Err(reason) => Err(PatternError::Label { pattern: shown(), reason }),
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
