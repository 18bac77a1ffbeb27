//! Lanes, rule by rule, against a model, and with a peer that says anything.

mod hostile;
mod model;
mod property;
mod rules;
