//! What publishers are told.

use atoll_protocol::{
    sealed::{Hash, Signed, Verified},
    service::Extensions,
    topic::{ChainId, Receipt, Seq, log::Stretch},
};

use super::*;
use crate::{
    time::Time,
    topics::outbox::{AckLevel, NoReceipt, Outbox, Reached, Ticket},
};

/// An outbox with these batches of one entry each written.
fn written(count: usize) -> (Outbox, Vec<Batch>) {
    let mut author = Author::new(1);
    let batches: Vec<_> = (0..count).map(|nth| author.at(nth as u64, &[None])).collect();
    let mut outbox = Outbox::new(key(1).node_id());
    batches.iter().for_each(|batch| outbox.written(batch.head()));
    (outbox, batches)
}

fn chain(batches: &[Batch]) -> ChainId {
    batches[0].head().value().chain(key(1).node_id())
}

fn receipt(keeper: u8, chain: ChainId, first: u64, last: u64, hash: Hash) -> Verified<Receipt> {
    let extensions = Extensions::new();
    let receipt = Receipt { chain, first: Seq(first), last: Seq(last), hash, issued: NOW, extensions };
    Signed::seal(&key(keeper), &NetworkName::main(), receipt).unwrap()
}

/// A receipt of this keeper for these, taken in.
fn kept(outbox: &mut Outbox, batches: &[Batch], keeper: u8, first: u64, last: usize) -> Vec<Reached> {
    let receipt = receipt(keeper, chain(batches), first, last as u64, batches[last - 1].head().hash());
    outbox.receipt(&receipt, true, |_, seq| Some(batches[seq.0 as usize - 1].head().hash())).unwrap()
}

fn reached(ticket: u64, level: AckLevel) -> Reached {
    Reached { ticket: Ticket(ticket), level, enough: true }
}

#[test]
fn each_is_told_of_the_level_that_it_asked_for() {
    let (mut outbox, batches) = written(2);
    let head = batches[0].head();
    let mut wait = |ticket, level| outbox.wait(Ticket(ticket), head, level, Time(9_000)).unwrap();
    assert_eq!(wait(1, AckLevel::Gossip), Some(reached(1, AckLevel::Gossip)), "at once");
    assert_eq!([wait(2, AckLevel::Local), wait(3, AckLevel::Kept(1)), wait(4, AckLevel::Kept(2))], [None; 3]);
    let epoch = head.value().epoch;
    assert_eq!(outbox.synced(&topic(0), epoch, Seq(1)), [reached(2, AckLevel::Local)]);
    assert_eq!(kept(&mut outbox, &batches, 5, 1, 1), [reached(3, AckLevel::Kept(1))]);
    assert_eq!(kept(&mut outbox, &batches, 5, 1, 2), [], "the same keeper again");
    assert_eq!(kept(&mut outbox, &batches, 6, 2, 2), [], "it does not have the first one");
    assert_eq!(kept(&mut outbox, &batches, 7, 1, 2), [reached(4, AckLevel::Kept(2))]);
    let wait = outbox.wait(Ticket(5), batches[1].head(), AckLevel::Kept(3), Time(0)).unwrap();
    assert_eq!((wait, outbox.due()), (Some(reached(5, AckLevel::Kept(3))), Time::NEVER));
}

#[test]
fn in_the_end_it_is_said_what_was_reached() {
    let (mut outbox, batches) = written(3);
    for (ticket, level) in [(1, AckLevel::Local), (2, AckLevel::Kept(3)), (3, AckLevel::Kept(3))] {
        outbox.wait(Ticket(ticket), batches[ticket as usize - 1].head(), level, Time(1_000 * ticket)).unwrap();
    }
    outbox.forget(Ticket(3));
    kept(&mut outbox, &batches, 5, 2, 2);
    assert_eq!((outbox.due(), outbox.wake(Time(999))), (Time(1_000), vec![]));
    let instead = |ticket, level| Reached { ticket: Ticket(ticket), level, enough: false };
    assert_eq!(outbox.wake(Time(5_000)), [instead(1, AckLevel::Gossip), instead(2, AckLevel::Kept(1))]);
    assert_eq!(outbox.due(), Time::NEVER);
}

#[test]
fn only_what_fits_to_the_log_counts() {
    let (mut outbox, batches) = written(2);
    outbox.wait(Ticket(1), batches[0].head(), AckLevel::Kept(1), Time(9)).unwrap();
    let right = batches[0].head().hash();
    let mut said = |receipt, keeps| outbox.receipt(&receipt, keeps, |_, _| Some(right)).unwrap_err();
    let others = ChainId { author: key(2).node_id(), ..chain(&batches) };
    assert!(matches!(said(receipt(5, others, 1, 1, right), true), NoReceipt::Unknown(_)));
    let stranger = said(receipt(5, chain(&batches), 1, 1, right), false).to_string();
    assert!(
        stranger.starts_with("a receipt of 12D3Koo") && stranger.ends_with("which is no keeper of t0"),
        "{stranger}"
    );
    for (last, hash) in [(1, Hash([9; 32])), (3, right)] {
        let lie = said(receipt(5, chain(&batches), 1, last, hash), true);
        assert!(matches!(lie, NoReceipt::Contradicts { seq, .. } if seq == Seq(last)), "{lie}");
    }
    assert_eq!(kept(&mut outbox, &batches, 5, 1, 1), [reached(1, AckLevel::Kept(1))]);
}

#[test]
fn what_is_not_kept_elsewhere_is_pending() {
    let (mut outbox, batches) = written(4);
    let pending =
        |outbox: &Outbox, keepers| outbox.pending(keepers).map(|(_, _, rest)| (rest.from.0, rest.to.0)).next();
    assert_eq!((pending(&outbox, 1), pending(&outbox, 0)), (Some((1, 4)), None));
    kept(&mut outbox, &batches, 5, 1, 4);
    kept(&mut outbox, &batches, 6, 1, 3);
    assert_eq!([1, 2, 3].map(|keepers| pending(&outbox, keepers)), [None, Some((4, 4)), Some((1, 4))]);
    outbox.left(&topic(0), &key(5).node_id());
    assert_eq!(pending(&outbox, 1), Some((4, 4)));
}

#[test]
fn who_waits_is_bounded() {
    let (mut outbox, batches) = written(1);
    let mut wait = |ticket| outbox.wait(Ticket(ticket), batches[0].head(), AckLevel::Local, Time::NEVER);
    assert!((0..Outbox::WAITING as u64).all(|ticket| wait(ticket).is_ok()));
    assert_eq!(wait(u64::MAX).unwrap_err().to_string(), "65536 publishers wait already, as many as may");
}

#[test]
fn a_level_reads_as_it_is_written() {
    for (text, level) in [
        ("gossip", AckLevel::Gossip),
        ("local", AckLevel::Local),
        ("kept:1", AckLevel::Kept(1)),
        ("kept:255", AckLevel::Kept(255)),
    ] {
        assert_eq!((text.parse(), level.to_string()), (Ok(level), text.to_owned()));
    }
    for text in ["", "all", "kept", "kept:", "kept:0", "kept:256", "kept:-1", "Local"] {
        let said = text.parse::<AckLevel>().unwrap_err().to_string();
        assert!(said.contains(&format!("{text:?}")) && said.contains("kept:2"), "{said}");
    }
}

#[test]
fn what_is_kept_and_waited_for_can_be_seen() {
    let (mut outbox, batches) = written(3);
    assert!(!outbox.is_empty() && Outbox::new(key(1).node_id()).is_empty());
    let epoch = chain(&batches).epoch;
    for (ticket, level) in [(1, AckLevel::Kept(1)), (2, AckLevel::Kept(2))] {
        outbox.wait(Ticket(ticket), batches[2].head(), level, Time(9_000)).unwrap();
    }
    assert_eq!((outbox.kept(&topic(0), epoch).count(), outbox.waiting(&topic(0), epoch)), (0, 1));
    kept(&mut outbox, &batches, 2, 1, 3);
    let all: Vec<_> = outbox.kept(&topic(0), epoch).collect();
    assert_eq!(all, [(key(2).node_id(), Stretch { from: Seq(1), to: Seq(3) })]);
    assert_eq!(outbox.waiting(&topic(0), epoch), 1, "for a second keeper");
    assert_eq!(outbox.waiting(&topic(1), epoch), 0);
}
