//! What standing is made of, and what nobody can do about it.

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::NetworkName,
    sealed::{Countersigned, Signed},
    service::{Extensions, Seq, UnixMillis},
    standing::{Ending, PairReceipt, Row, Vouch, Work, receipt::Numbered},
};

use super::*;

mod admission;
mod bounds;
mod choosing;
mod evidence;
mod property;
mod receipts;
mod scores;
mod tiers;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn later(ms: u64) -> UnixMillis {
    UnixMillis(NOW.0 + ms)
}

fn days(count: u64) -> UnixMillis {
    later(count * DAY)
}

/// A node by number; its id sorts by it.
fn node(number: u16) -> NodeId {
    let mut bytes = [0x55; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    NodeId::from_public_key(bytes)
}

const ME: u16 = 0;

fn book() -> Book {
    Book::new(node(ME))
}

/// Evidence of these endings, all at once.
fn evidence_of(endings: &[(Ending, u32)]) -> Evidence {
    let mut evidence = Evidence::default();
    for (ending, count) in endings {
        (0..*count).for_each(|_| evidence.record(*ending, NOW));
    }
    evidence
}

/// So many calls that end like this, ten a day up to now.
fn calls(book: &mut Book, peer: u16, ending: Ending, count: u64) {
    for call in 0..count {
        let ago = (count - 1 - call) / 10 * DAY;
        book.record(node(peer), ending, UnixMillis(NOW.0 - ago));
        book.settle(later(0));
    }
}

fn vouch(peer: u16, weight: u16) -> Vouch {
    Vouch { peer: node(peer), weight, days: 30, successes: 100, epoch: NOW, receipt: Seq(1) }
}

fn row(seq: u64, vouches: impl IntoIterator<Item = Vouch>) -> Row {
    Row { seq: Seq(seq), issued: NOW, vouches: vouches.into_iter().collect(), extensions: Extensions::new() }
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-9
}
