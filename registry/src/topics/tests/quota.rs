//! How much there is room for.

use atoll_protocol::topic::log::Room;

use super::*;
use crate::topics::quota::{Accounts, Author, NoRoom, Quotas};

fn room(bytes: u64, entries: u64) -> Room {
    Room { bytes, entries }
}

fn accounts() -> Accounts {
    Accounts::new(Quotas { author: room(100, 10), topic: room(250, 25), authors: 4, strangers: 300, newcomers: 120 })
}

fn known(number: u8) -> Author {
    Author { id: node(number), newcomer: false }
}

fn newcomer(number: u8) -> Author {
    Author { newcomer: true, ..known(number) }
}

#[test]
fn authors_and_topics_are_bounded() {
    let mut accounts = accounts();
    accounts.set_own(&topic(0), true, |_| false);
    assert_eq!(accounts.room(&topic(0), known(1)), Ok(room(100, 10)));
    accounts.stored(&topic(0), known(1), 60, 4);
    assert_eq!(accounts.room(&topic(0), known(1)), Ok(room(40, 6)));
    accounts.stored(&topic(0), known(2), 100, 10);
    accounts.stored(&topic(0), known(3), 70, 10);
    assert_eq!(accounts.room(&topic(0), known(4)), Ok(room(20, 1)), "what the topic has left");
    accounts.stored(&topic(0), known(4), 20, 1);
    let error = accounts.room(&topic(0), known(5)).unwrap_err();
    assert_eq!(error.to_string(), "t0 has entries of 4 authors, as many as are kept here");
    accounts.deleted(&topic(0), &node(4), 20, 1);
    assert!(accounts.room(&topic(0), known(5)).is_ok(), "whose entries are all gone makes room");
    assert_eq!((accounts.bytes(&topic(0)), accounts.strangers()), (230, 0));
}

#[test]
fn strangers_topics_share_what_is_kept_for_them() {
    let mut accounts = accounts();
    for number in 0..3 {
        accounts.stored(&topic(number), known(1), 90, 1);
    }
    assert_eq!((accounts.strangers(), accounts.room(&topic(3), known(1))), (270, Ok(room(30, 10))));
    accounts.stored(&topic(3), known(1), 30, 1);
    let refused = accounts.room(&topic(4), known(1)).unwrap_err();
    assert_eq!(refused, NoRoom::Strangers { topic: topic(4), limit: 300 });
    // Somebody here subscribes to one of them.
    accounts.set_own(&topic(0), true, |_| false);
    assert_eq!((accounts.strangers(), accounts.room(&topic(0), known(1))), (210, Ok(room(10, 9))));
    assert!(accounts.room(&topic(4), known(1)).is_ok());
    accounts.set_own(&topic(0), false, |_| false);
    assert_eq!(accounts.strangers(), 300);
    for number in 0..4 {
        accounts.deleted(&topic(number), &node(1), 90, 1);
    }
    assert_eq!(accounts.strangers(), 0);
}

#[test]
fn newcomers_share_a_part_of_that_however_many_they_are() {
    let mut accounts = accounts();
    for number in 0..3 {
        assert!(accounts.room(&topic(number), newcomer(number as u8)).is_ok());
        accounts.stored(&topic(number), newcomer(number as u8), 40, 1);
    }
    let refused = accounts.room(&topic(3), newcomer(3)).unwrap_err();
    assert_eq!(refused, NoRoom::Newcomers { topic: topic(3), limit: 120 });
    assert_eq!(accounts.room(&topic(3), known(3)), Ok(room(100, 10)), "who is known has what is left of all");
    accounts.set_own(&topic(3), true, |_| true);
    assert_eq!(accounts.room(&topic(3), newcomer(3)), Ok(room(100, 10)), "what somebody here wants is no favour");
    // One of them has become known.
    accounts.stored(&topic(0), known(0), 10, 1);
    assert_eq!(accounts.room(&topic(4), newcomer(4)), Ok(room(40, 10)));
    accounts.deleted(&topic(1), &node(1), 40, 1);
    assert_eq!(accounts.room(&topic(4), newcomer(4)), Ok(room(80, 10)));
    accounts.set_own(&topic(2), true, |_| true);
    assert_eq!(accounts.room(&topic(4), newcomer(4)), Ok(room(100, 10)));
    accounts.set_own(&topic(2), false, |_| true);
    assert_eq!((accounts.room(&topic(4), newcomer(4)), accounts.strangers()), (Ok(room(80, 10)), 90));
}
