//! Small networks, in every run of the tests; the large ones are run by `make sim`.

use super::*;
use crate::scenario::check;

#[test]
fn everybody_lists_everything() {
    check(&CALM, 40, 1..=2);
}

#[test]
fn look_ups_reach_somebody_while_nodes_come_and_go() {
    check(&CHURN, 60, 1..=2);
}

#[test]
fn routes_are_estimated_and_end() {
    check(&ROUTES, 60, 1..=2);
}

#[test]
fn islands_merge() {
    check(&PARTITION, 40, 1..=2);
}
