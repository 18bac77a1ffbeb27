//! How much there is room for.

use atoll_protocol::topic::log::Room;

use super::*;
use crate::topics::quota::{Accounts, NoRoom, Quotas};

fn room(bytes: u64, entries: u64) -> Room {
    Room { bytes, entries }
}

fn accounts() -> Accounts {
    Accounts::new(Quotas { author: room(100, 10), topic: room(250, 25), authors: 4, strangers: 300 })
}

#[test]
fn authors_and_topics_are_bounded() {
    let mut accounts = accounts();
    accounts.set_own(&topic(0), true);
    assert_eq!(accounts.room(&topic(0), &node(1)), Ok(room(100, 10)));
    accounts.stored(&topic(0), node(1), 60, 4);
    assert_eq!(accounts.room(&topic(0), &node(1)), Ok(room(40, 6)));
    accounts.stored(&topic(0), node(2), 100, 10);
    accounts.stored(&topic(0), node(3), 70, 10);
    assert_eq!(accounts.room(&topic(0), &node(4)), Ok(room(20, 1)), "what the topic has left");
    accounts.stored(&topic(0), node(4), 20, 1);
    let error = accounts.room(&topic(0), &node(5)).unwrap_err();
    assert_eq!(error.to_string(), "t0 has entries of 4 authors, as many as are kept here");
    accounts.deleted(&topic(0), &node(4), 20, 1);
    assert!(accounts.room(&topic(0), &node(5)).is_ok(), "whose entries are all gone makes room");
    assert_eq!((accounts.bytes(&topic(0)), accounts.strangers()), (230, 0));
}

#[test]
fn strangers_topics_share_what_is_kept_for_them() {
    let mut accounts = accounts();
    for number in 0..3 {
        accounts.stored(&topic(number), node(1), 90, 1);
    }
    assert_eq!((accounts.strangers(), accounts.room(&topic(3), &node(1))), (270, Ok(room(30, 10))));
    accounts.stored(&topic(3), node(1), 30, 1);
    let refused = accounts.room(&topic(4), &node(1)).unwrap_err();
    assert_eq!(refused, NoRoom::Strangers { topic: topic(4), limit: 300 });
    // Somebody here subscribes to one of them.
    accounts.set_own(&topic(0), true);
    assert_eq!((accounts.strangers(), accounts.room(&topic(0), &node(1))), (210, Ok(room(10, 9))));
    assert!(accounts.room(&topic(4), &node(1)).is_ok());
    accounts.set_own(&topic(0), false);
    assert_eq!(accounts.strangers(), 300);
    for number in 0..4 {
        accounts.deleted(&topic(number), &node(1), 90, 1);
    }
    assert_eq!(accounts.strangers(), 0);
}
