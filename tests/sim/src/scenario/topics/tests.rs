//! Small oceans, in every run of the tests; larger ones are run by `make sim`.

use super::*;
use crate::scenario::check;

#[test]
fn islands_merge() {
    check(&ISLANDS, 8, 1..=2);
}

#[test]
fn islands_merge_though_nodes_crash() {
    check(&CHURN, 8, 1..=2);
}
