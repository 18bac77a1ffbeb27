//! Who stays active.

use super::*;
use crate::{
    time::Time,
    topics::sessions::{Connected, Inactive, SessionId, SessionLimits, Sessions},
};

fn sessions() -> Sessions {
    Sessions::new(SessionLimits { active: 2, buffer: 100, away: seconds(60) })
}

const ACTIVE: Connected = Connected { active: true, instead_of: None };

#[test]
fn who_is_away_makes_room() {
    let mut sessions = sessions();
    let [one, two, three] = [1, 2, 3].map(SessionId);
    assert_eq!([one, two].map(|session| sessions.connect(session)), [ACTIVE; 2]);
    assert_eq!(sessions.connect(three), Connected { active: false, instead_of: None }, "all are connected");
    sessions.disconnect(two, Time(5));
    sessions.disconnect(one, Time(9));
    assert_eq!(sessions.connect(three), Connected { active: true, instead_of: Some(two) }, "who is longest away");
    assert_eq!(sessions.connect(one), ACTIVE, "it returns in time");
    assert_eq!((sessions.active(), sessions.is_active(two)), (2, false));
}

#[test]
fn who_is_away_for_too_long_is_inactive() {
    let mut sessions = sessions();
    sessions.connect(SessionId(1));
    sessions.connect(SessionId(2));
    assert_eq!(sessions.due(), Time::NEVER);
    sessions.disconnect(SessionId(1), Time(1_000));
    sessions.disconnect(SessionId(1), Time(9_000));
    assert_eq!((sessions.due(), sessions.wake(Time(60_999))), (Time(61_000), vec![]));
    assert_eq!(sessions.wake(Time(61_000)), [SessionId(1)]);
    sessions.disconnect(SessionId(1), Time(70_000));
    assert_eq!((sessions.active(), sessions.due()), (1, Time::NEVER));
}

#[test]
fn who_is_slow_is_inactive() {
    let mut sessions = sessions();
    let one = SessionId(1);
    sessions.connect(one);
    assert_eq!(sessions.buffer(one, 60), Ok(()));
    sessions.took(one, 30);
    assert_eq!(sessions.buffer(one, 70), Ok(()));
    assert_eq!(sessions.buffer(one, 1), Err(Inactive::Slow));
    assert!(!sessions.is_active(one));
    assert_eq!(sessions.buffer(one, 1), Err(Inactive::Slow), "nothing is buffered for it");
    assert_eq!(sessions.connect(one), ACTIVE);
    sessions.disconnect(one, Time(0));
    sessions.end(one);
    assert_eq!((sessions.active(), sessions.due()), (0, Time::NEVER));
}
