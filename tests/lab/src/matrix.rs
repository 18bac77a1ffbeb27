//! Pairs of NAT kinds, each tried some times.

mod cell;
mod run;
mod table;
#[cfg(test)]
mod tests;

pub use self::{
    cell::{Attempt, Cell},
    run::{Arena, Plan, run},
    table::{table, times},
};
