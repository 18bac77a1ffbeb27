//! Streams, rule by rule, two ends against each other, and with a peer that says anything.

mod hostile;
mod pair;
mod property;
mod rules;
