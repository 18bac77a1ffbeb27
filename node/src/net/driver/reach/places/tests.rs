use atoll_protocol::identity::SecretKey;

use super::*;

fn relay(seed: u8) -> NodeId {
    SecretKey::from_seed(&[seed; 32]).node_id()
}

#[test]
fn a_place_is_given_up_once_the_relay_has_answered() {
    let (mut places, listener) = (Places::default(), ListenerId::next());
    places.asked(listener, relay(1));
    assert_eq!(places.release(&relay(1)), [], "it is still being asked");
    assert_eq!(places.given(&relay(2)), (false, vec![]));
    assert_eq!(places.given(&relay(1)), (false, vec![listener]));
    assert_eq!(places.closed(&listener), None, "nobody is sorry for it");
}

#[test]
fn a_place_that_was_given_is_given_up_at_once() {
    let (mut places, listener) = (Places::default(), ListenerId::next());
    places.asked(listener, relay(1));
    assert_eq!(places.given(&relay(1)), (true, vec![]));
    assert_eq!(places.release(&relay(2)), []);
    assert_eq!(places.release(&relay(1)), [listener]);
}

#[test]
fn a_place_that_is_lost_is_told_only_if_it_was_wanted() {
    let (mut places, [kept, unwanted]) = (Places::default(), [ListenerId::next(), ListenerId::next()]);
    places.asked(kept, relay(1));
    places.asked(unwanted, relay(2));
    assert_eq!(places.release(&relay(2)), []);
    assert_eq!((places.closed(&kept), places.closed(&unwanted)), (Some(relay(1)), None));
    assert_eq!(places.closed(&kept), None);
}
