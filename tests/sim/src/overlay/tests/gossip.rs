//! Messages reach everybody, and cost what they should.

use super::*;

#[test]
fn everybody_hears_every_message_once_also_when_packets_are_lost() {
    for (seed, loss) in [(1, 0.0), (2, 0.05), (3, 0.05)] {
        let mut engine = grown(seed, 150, Network { loss, ..Network::default() }, &Settings::default());
        for number in 0..20 {
            let peer = PeerIndex(engine.random().below(150) as u32);
            publish(&mut engine, peer, number, 300);
            engine.run_for(SECOND);
        }
        engine.run_for(SECOND * 5);
        for number in 0..20 {
            assert_eq!(hearers(&engine, number), 149, "all but the author; seed {seed}");
        }
        // A mesh of 4 to 12, usually about 6: all of them but one send what one has heard from another.
        let copies = copies(&engine);
        assert!((3.0..=6.5).contains(&copies), "seed {seed}: {copies}");
    }
}

#[test]
fn nothing_goes_back_to_where_it_came_from() {
    let mut engine = wired(3, &[(0, 1), (1, 2)], &Settings::default());
    publish(&mut engine, PeerIndex(0), 7, 300);
    engine.run_for(SECOND * 10);
    assert_eq!(hearers(&engine, 7), 2);
    assert_eq!(engine.traffic().of_class(Direction::Sent, "gossip.publish").messages, 2);
}

/// Nothing is sent unasked.
fn lazy_only() -> Settings {
    Settings { mesh: 0, mesh_low: 0, mesh_high: 0, flood_publish: false, ..Settings::default() }
}

#[test]
fn who_is_outside_the_mesh_is_told_and_asks() {
    let mut engine = wired(3, &[(0, 1), (1, 2)], &lazy_only());
    publish(&mut engine, PeerIndex(0), 7, 300);
    engine.run_for(Duration::from_millis(40));
    assert_eq!(hearers(&engine, 7), 0, "not before a heartbeat");
    engine.run_for(SECOND * 4);
    assert_eq!(hearers(&engine, 7), 2);
    for peer in [PeerIndex(1), PeerIndex(2)] {
        let counts = engine.core(peer).unwrap().gossip.counts();
        assert_eq!((counts.new, counts.asked_for, counts.duplicates), (1, 1, 0));
    }
    // 60 envelope, 4 in front, 20 and 2 for the name; told to one or two neighbours for three heartbeats.
    let traffic = engine.traffic();
    assert_eq!(traffic.of_class(Direction::Sent, "gossip.iwant").bytes, 2 * (60 + 4 + 22));
    assert_eq!(traffic.of_class(Direction::Sent, "gossip.publish").bytes, 2 * (60 + 6 + 26 + 300));
    let told = traffic.of_class(Direction::Sent, "gossip.ihave");
    assert_eq!((told.messages, told.bytes), (12, 12 * (60 + 4 + 26 + 22)));
}

#[test]
fn a_message_that_is_no_longer_kept_cannot_be_asked_for() {
    let settings = Settings { gossiped: 9, history: 1, ..lazy_only() };
    let mut engine = wired(2, &[(0, 1)], &settings);
    publish(&mut engine, PeerIndex(0), 7, 300);
    engine.run_for(SECOND * 10);
    assert_eq!(hearers(&engine, 7), 0, "forgotten by the time it is asked for");
}

#[test]
fn what_a_node_rejects_or_ignores_it_does_not_pass_on() {
    for verdict in [Verdict::Reject, Verdict::Ignore] {
        let mut engine = wired(3, &[(0, 1), (1, 2)], &Settings::default());
        engine.with(PeerIndex(1), |core, _| core.verdict = verdict);
        publish(&mut engine, PeerIndex(0), 7, 300);
        engine.run_for(SECOND * 10);
        let heard = |index| engine.core(PeerIndex(index)).unwrap().heard.len();
        assert_eq!((heard(1), heard(2)), (1, 0));
        let rejected = u64::from(verdict == Verdict::Reject);
        assert_eq!(engine.core(PeerIndex(1)).unwrap().gossip.counts().rejected, rejected);
    }
}

#[test]
fn large_messages_are_called_off_where_they_have_arrived() {
    let received = |unwanted_above| {
        let settings = Settings { unwanted_above, ..Settings::default() };
        let mut engine = grown(1, 100, Network::default(), &settings);
        let before = engine.traffic();
        for number in 0..20 {
            publish(&mut engine, PeerIndex(number as u32), number, 8_000);
            engine.run_for(SECOND);
            assert_eq!(hearers(&engine, number), 99);
        }
        let window = engine.traffic().since(&before);
        let bytes = |class| window.of_class(Direction::Received, class).bytes;
        (copies(&engine), bytes("gossip.publish") + bytes("gossip.idontwant"), bytes("gossip.idontwant"))
    };
    let (with, without) = (received(1_024), received(u32::MAX));
    assert!(with.2 > 0 && without.2 == 0);
    assert!(with.0 < without.0 * 0.95 && with.1 < without.1, "{with:?} {without:?}");
}

#[test]
fn a_message_is_forgotten_after_its_time() {
    let settings = Settings { seen_for: SECOND * 3, ..Settings::default() };
    let mut engine = wired(2, &[(0, 1)], &settings);
    let id = MessageId::numbered(0, 7);
    let mut again = |wait| {
        engine.run_for(wait);
        engine.with(PeerIndex(0), |core, ctx| core.gossip.publish(id, 7, 300, ctx)).unwrap()
    };
    assert!(again(SECOND));
    assert!(!again(SECOND));
    assert!(again(SECOND * 4));
}
