//! Who gets what, and what becomes of it.

use std::time::Duration;

use super::*;

mod property;

const SECOND: Duration = Duration::from_secs(1);

fn entry(author: u8, seq: u64) -> EntryId {
    EntryId { author: NodeId::from_public_key([author; 32]), epoch: Epoch(1), seq: Seq(seq) }
}

fn member(number: u8) -> MemberId {
    MemberId { node: NodeId::from_public_key([number; 32]), session: 1 }
}

fn settings() -> Settings {
    Settings { ack_wait: 30 * SECOND, deliveries: 3, backoff: SECOND, window: 8, members: 2, ..Settings::default() }
}

/// A group with these members, who take so many entries at a time.
fn group(members: &[u8], room: u32) -> Group {
    let mut group = Group::new(settings(), 7);
    members.iter().for_each(|number| assert!(group.join(member(*number), room, Time(0))));
    group
}

/// What was given, to whom, and how often.
fn given(group: &mut Group) -> Vec<(u8, u64, u32, LeaseId)> {
    let effects = group.take_effects().into_iter();
    let given = effects.filter_map(|effect| match effect {
        Effect::Deliver { member, entry, lease, attempt } => {
            Some((member.node.public_key()[0], entry.seq.0, attempt, lease))
        }
        _ => None,
    });
    given.collect()
}

fn short(given: &[(u8, u64, u32, LeaseId)]) -> Vec<(u8, u64, u32)> {
    given.iter().map(|(member, seq, attempt, _)| (*member, *seq, *attempt)).collect()
}

/// How far the group has come in the log of author 9.
fn standing(group: &Group) -> Standing {
    group.standing((entry(9, 1).author, Epoch(1))).unwrap()
}

fn committed(group: &Group) -> u64 {
    standing(group).committed().0
}

fn done(group: &mut Group) -> Vec<u64> {
    let effects = group.take_effects().into_iter();
    effects.filter_map(|effect| if let Effect::Done { entry } = effect { Some(entry.seq.0) } else { None }).collect()
}

#[test]
fn work_is_shared() {
    let mut group = group(&[1, 2], 2);
    for seq in 1..=5 {
        group.offer(entry(9, seq), None, Time(0)).unwrap();
    }
    let first = given(&mut group);
    assert_eq!(short(&first), [(1, 1, 1), (2, 2, 1), (1, 3, 1), (2, 4, 1)]);
    assert_eq!((group.pending(), group.leased(), group.due()), (5, 4, Time(30_000)));
    group.ack(first[1].3, Time(5)).unwrap();
    assert_eq!(short(&given(&mut group)), [(2, 5, 1)]);
}

#[test]
fn what_is_done_is_committed_without_gaps() {
    let mut group = group(&[1], 8);
    for seq in [1, 2, 5, 6] {
        group.offer(entry(9, seq), None, Time(0)).unwrap();
    }
    let leases: Vec<_> = given(&mut group).iter().map(|given| given.3).collect();
    group.ack(leases[1], Time(0)).unwrap();
    assert_eq!((done(&mut group), committed(&group)), (vec![2], 0));
    assert_eq!(standing(&group).open, BTreeMap::from([(Seq(1), 1), (Seq(5), 1), (Seq(6), 1)]));
    group.ack(leases[0], Time(0)).unwrap();
    assert_eq!(committed(&group), 4, "what was left out counts as done");
    group.ack(leases[3], Time(0)).unwrap();
    group.ack(leases[2], Time(0)).unwrap();
    assert_eq!((done(&mut group), standing(&group)), (vec![1, 6, 5], Standing::all(Seq(6))));
    assert_eq!(group.offer(entry(9, 6), None, Time(0)), Err(NotTaken::Again));
    assert_eq!(group.offer(entry(8, 6), None, Time(0)), Ok(()));
}

#[test]
fn what_is_not_answered_is_given_again_later() {
    let mut group = group(&[1, 2], 1);
    group.offer(entry(9, 1), None, Time(0)).unwrap();
    let first = given(&mut group)[0].3;
    group.wake(Time(29_999));
    assert_eq!(given(&mut group), []);
    group.wake(Time(30_000));
    assert_eq!(given(&mut group), [], "a second later");
    assert_eq!(group.due(), Time(31_000));
    group.wake(Time(31_000));
    assert_eq!(short(&given(&mut group)), [(2, 1, 2)], "to the other");
    let stale = group.ack(first, Time(31_000)).unwrap_err();
    assert_eq!(stale.to_string(), "lease 0 of epoch 7 has ended; the group is in epoch 7");
    group.wake(Time(61_000));
    assert_eq!(group.due(), Time(63_000), "twice as long");
}

#[test]
fn whoever_is_still_at_work_gets_time() {
    let mut group = group(&[1], 1);
    group.offer(entry(9, 1), None, Time(0)).unwrap();
    let lease = given(&mut group)[0].3;
    group.extend(lease, Time(20_000)).unwrap();
    group.wake(Time(30_000));
    assert_eq!(group.due(), Time(50_000));
    group.ack(lease, Time(49_000)).unwrap();
    assert_eq!((group.pending(), group.due()), (0, Time::NEVER));
}

#[test]
fn what_nobody_manages_is_given_up_with_the_reason() {
    let mut group = group(&[1], 1);
    group.offer(entry(9, 1), None, Time(0)).unwrap();
    let mut now = Time(0);
    for _ in 0..3 {
        let lease = given(&mut group)[0].3;
        group.nack(lease, None, "no such account", now).unwrap();
        now = now + 10 * SECOND;
        if group.pending() > 0 {
            group.wake(now);
        }
    }
    let reason = Reason::TooOften { attempts: 3, said: Some("no such account".into()) };
    assert_eq!(reason.to_string(), "given 3 times and not managed: no such account");
    assert_eq!(group.take_effects(), [Effect::DeadLetter { entry: entry(9, 1), reason, attempts: 3 }]);
    assert_eq!((group.pending(), group.leased(), committed(&group)), (1, 0, 0), "its dead letter is not published");
    group.buried(&entry(9, 1), now);
    assert_eq!((done(&mut group), group.pending(), committed(&group)), (vec![1], 0, 1));
}

#[test]
fn a_member_may_reject_and_delay() {
    let mut group = group(&[1], 1);
    group.offer(entry(9, 1), None, Time(0)).unwrap();
    let lease = given(&mut group)[0].3;
    group.nack(lease, Some(90 * SECOND), "later", Time(0)).unwrap();
    assert_eq!(group.due(), Time(90_000));
    group.wake(Time(90_000));
    let lease = given(&mut group)[0].3;
    group.nack(lease, Some(Duration::MAX), "much later", Time(90_000)).unwrap();
    assert_eq!(group.due(), Time(390_000), "but no later than this");
    group.wake(Time(390_000));
    let lease = given(&mut group)[0].3;
    group.reject(lease, &"é".repeat(200), Time(390_000)).unwrap();
    let Some(Effect::DeadLetter { reason: Reason::Rejected { said }, .. }) = group.take_effects().into_iter().next()
    else {
        panic!("it is not given up")
    };
    assert_eq!(said, "é".repeat(128));
}

#[test]
fn answers_to_another_coordinator_are_stale() {
    let mut first = group(&[1], 1);
    first.offer(entry(9, 1), None, Time(0)).unwrap();
    let lease = given(&mut first)[0].3;
    assert_eq!((first.holder(lease), first.holder(LeaseId { epoch: 8, ..lease })), (Some(member(1)), None));
    let mut second = Group::new(settings(), 8);
    second.join(member(1), 1, Time(0));
    second.learn((entry(9, 1).author, Epoch(1)), &standing(&first), Time(0));
    second.offer(entry(9, 1), None, Time(0)).unwrap();
    let again = given(&mut second);
    assert_eq!(short(&again), [(1, 1, 2)], "what is known of earlier attempts counts");
    assert_eq!(second.ack(lease, Time(0)), Err(Stale { lease, now: 8 }));
    assert_eq!(second.ack(again[0].3, Time(0)), Ok(()));
}

#[test]
fn the_next_coordinator_goes_on_where_the_last_one_was() {
    let log = (entry(9, 1).author, Epoch(1));
    let before = Standing { to: Seq(6), open: BTreeMap::from([(Seq(2), 0), (Seq(3), 1), (Seq(5), 3)]) };
    let mut group = group(&[1], 8);
    group.learn(log, &before, Time(0));
    assert_eq!(standing(&group), before, "nothing is forgotten before it is offered again");
    assert_eq!(group.offer(entry(9, 1), None, Time(0)), Err(NotTaken::Done));
    // The second one is no longer retained.
    for seq in [3, 5, 7] {
        group.offer(entry(9, seq), Some(1), Time(0)).unwrap();
    }
    assert_eq!(
        standing(&group),
        Standing { to: Seq(7), open: BTreeMap::from([(Seq(3), 2), (Seq(5), 3), (Seq(7), 0)]) }
    );
    let effects = group.take_effects();
    assert!(matches!(effects[0], Effect::Deliver { attempt: 2, .. }), "{effects:?}");
    assert!(matches!(effects[1], Effect::DeadLetter { attempts: 3, .. }), "given often enough: {effects:?}");
    // One beside it has managed what is being worked on here; what has the same key goes on.
    group.learn(log, &Standing::all(Seq(3)), Time(0));
    let effects = group.take_effects();
    assert_eq!(effects[0], Effect::Done { entry: entry(9, 3) });
    assert!(matches!(effects[1], Effect::Deliver { entry: EntryId { seq: Seq(7), .. }, .. }), "{effects:?}");
    assert_eq!((group.leased(), group.pending()), (1, 2));
}

#[test]
fn one_key_is_worked_on_in_order() {
    let mut group = group(&[1, 2], 4);
    for (seq, key) in [(1, Some(5)), (2, Some(5)), (3, Some(6)), (4, None)] {
        group.offer(entry(9, seq), key, Time(0)).unwrap();
    }
    let first = given(&mut group);
    assert_eq!(first.iter().map(|given| given.1).collect::<Vec<_>>(), [1, 3, 4]);
    group.nack(first[0].3, Some(5 * SECOND), "", Time(0)).unwrap();
    group.wake(Time(4_999));
    assert_eq!(given(&mut group), [], "the second waits for the first");
    group.wake(Time(5_000));
    let again = given(&mut group);
    assert_eq!(again[0].1, 1);
    group.reject(again[0].3, "never", Time(5_000)).unwrap();
    assert_eq!(given(&mut group)[0].1, 2);
}

#[test]
fn who_leaves_gives_its_work_back() {
    let mut group = group(&[1, 2], 2);
    for seq in 1..=4 {
        group.offer(entry(9, seq), None, Time(0)).unwrap();
    }
    let first = given(&mut group);
    group.ack(first[1].3, Time(1)).unwrap();
    group.leave(&member(1), Time(1));
    assert_eq!((group.members(), group.leased()), (1, 2));
    assert_eq!(short(&given(&mut group)), [(2, 1, 2)]);
    assert!(group.ack(first[0].3, Time(1)).is_err());
}

#[test]
fn everything_is_bounded() {
    let mut group = group(&[1, 2], 1);
    assert!(!group.join(member(3), 1, Time(0)));
    assert!(group.join(member(2), 0, Time(0)), "a member may change its mind");
    for seq in 1..=8 {
        group.offer(entry(9, seq), None, Time(0)).unwrap();
    }
    assert_eq!((group.room(), group.offer(entry(9, 9), None, Time(0))), (0, Err(NotTaken::Full)));
    assert_eq!(group.leased(), 1);
    group.leave(&member(1), Time(0));
    assert_eq!((group.leased(), group.due()), (0, Time::NEVER), "nobody has room: there is nothing to wake for");
}
