//! Tests of greetings. What they look like is pinned among the golden vectors.

use proptest::prelude::*;

use super::*;
use crate::golden::tunnel::{hello, hello_full};

#[test]
fn greetings_are_read_as_they_were_written() {
    for said in [hello(), hello_full()] {
        assert_eq!(Hello::decode(&said.encode().unwrap()), Ok(said));
    }
    let welcome = Welcome::default();
    assert_eq!(Welcome::decode(&welcome.encode().unwrap()), Ok(welcome));
}

#[test]
fn what_is_no_greeting_is_refused() {
    assert_eq!(Hello::decode(&[]), Err(GreetingError::Empty));
    assert_eq!(Hello::decode(&[2, 0, 0, 0]), Err(GreetingError::Form(2)));
    let message = hello_full().encode().unwrap();
    for end in 1..message.len() {
        assert!(matches!(Hello::decode(&message[..end]), Err(GreetingError::Unreadable(_))), "cut at {end}");
    }
    let long = vec![FORM; limits::TUNNEL_GREETING + 2];
    let refused = Hello::decode(&long);
    assert!(matches!(refused, Err(GreetingError::Unreadable(DecodeError::TooLong { .. }))), "{refused:?}");
    let longer = [message, vec![0]].concat();
    assert_eq!(Hello::decode(&longer), Err(GreetingError::Unreadable(DecodeError::Trailing(1))));
}

proptest! {
    #[test]
    fn strangers_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Hello::decode(&bytes);
        let _ = Welcome::decode(&bytes);
    }
}
