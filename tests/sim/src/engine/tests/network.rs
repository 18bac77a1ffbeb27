//! Delay and loss.

use super::*;

fn rough(loss: f64) -> Network {
    let delay = Duration::from_millis(50);
    Network { distance: Distance::Uniform(delay..=delay), jitter: 1.0, loss, uplink: None, ..Network::default() }
}

/// Sends numbers, one each `pause`.
fn count(engine: &mut Engine<Probe>, delivery: Delivery, numbers: u64, pause: Duration) {
    for number in 0..numbers {
        engine.with(A, |_, ctx| ctx.send_as(delivery, B, "number", 100, number));
        engine.run_for(pause);
    }
    engine.run_for(SECOND * 20);
}

#[test]
fn reliable_messages_arrive_once_and_in_order_whatever_is_lost() {
    for seed in 0..5 {
        let mut engine = pair(seed, rough(0.2));
        count(&mut engine, Delivery::Reliable, 1_000, Duration::from_millis(3));
        assert!(probe(&engine, B).got().into_iter().eq(0..1_000), "seed {seed}");
    }
}

#[test]
fn datagrams_are_lost_and_overtake_each_other() {
    let mut engine = pair(1, rough(0.2));
    count(&mut engine, Delivery::Datagram, 10_000, Duration::from_millis(3));
    let got = probe(&engine, B).got();
    // Four standard deviations of a binomial distribution are 160.
    assert!((7_840..=8_160).contains(&got.len()), "{}", got.len());
    assert_eq!(engine.counts().lost, 10_000 - got.len() as u64);
    assert!(!got.is_sorted());
}

#[test]
fn a_lost_packet_costs_a_timeout() {
    let mut engine = pair(1, Network { jitter: 0.0, ..rough(0.1) });
    let mut delays = Vec::new();
    for number in 0..2_000 {
        let sent = engine.now();
        send(&mut engine, A, B, number);
        engine.run_for(SECOND * 30);
        delays.push(probe(&engine, B).when(Told::Got(A, number)).unwrap().since(sent).as_micros());
    }
    // 100 ms round trip, and an eighth, and the acknowledgement's delay; doubled with every further loss.
    let (once, twice) = (50_000 + 137_500, 50_000 + 3 * 137_500);
    let share = |delay| delays.iter().filter(|other| **other == delay).count() as f64 / 2_000.0;
    assert!((share(50_000) - 0.9).abs() < 0.03, "{}", share(50_000));
    assert!((share(once) - 0.09).abs() < 0.03, "{}", share(once));
    assert!((share(twice) - 0.009).abs() < 0.009, "{}", share(twice));
}

#[test]
fn a_large_message_is_delayed_by_the_loss_of_any_of_its_packets() {
    let mut engine = pair(1, Network { jitter: 0.0, ..rough(0.05) });
    let mut late = 0;
    for number in 0..500 {
        let sent = engine.now();
        engine.with(A, |_, ctx| ctx.send(B, "large", 12_000, number));
        engine.run_for(SECOND * 30);
        late += u32::from(probe(&engine, B).when(Told::Got(A, number)).unwrap().since(sent) > SECOND / 20);
    }
    // 1 - 0.95¹⁰ = 40 %.
    assert!((160..=240).contains(&late), "{late}");
}

#[test]
fn distance_is_symmetric_within_bounds_and_obeys_the_triangle() {
    let network = Network { jitter: 0.0, ..Network::default() };
    let places: Vec<_> = (0..40)
        .map(|index| {
            (PeerIndex(index), super::super::network::Place::new(&mut Random::new(3, Purpose::Place, index.into())))
        })
        .collect();
    let delay = |a: usize, b: usize| network.one_way(places[a], places[b]);
    for a in 0..40 {
        for b in 0..40 {
            assert_eq!(delay(a, b), delay(b, a));
            assert!((200..=200 + 106_100 + 30_000).contains(&delay(a, b)));
            for c in 0..40 {
                assert!(delay(a, c) <= delay(a, b) + delay(b, c) + 1, "a detour is never shorter");
            }
        }
    }
}

#[test]
fn uniform_distances_fill_their_range_and_belong_to_the_pair() {
    let range = Duration::from_millis(10)..=Duration::from_millis(110);
    let network = Network { distance: Distance::Uniform(range), ..Network::default() };
    let place = |index: u32| {
        let random = &mut Random::new(3, Purpose::Place, index.into());
        (PeerIndex(index), super::super::network::Place::new(random))
    };
    let delays: Vec<_> = (1..1_000).map(|index| network.one_way(place(0), place(index))).collect();
    assert!(delays.iter().all(|delay| (10_000..=110_000).contains(delay)));
    let mean = delays.iter().sum::<u64>() / 999;
    assert!((56_000..=64_000).contains(&mean), "{mean}");
    assert_eq!(network.one_way(place(5), place(9)), network.one_way(place(9), place(5)));
}

#[test]
fn what_is_sent_at_once_leaves_one_after_the_other() {
    let mut engine = pair(1, Network { uplink: Some(100_000), ..steady() });
    let sent = engine.now();
    engine.with(A, |_, ctx| {
        ctx.send(B, "large", 10_000, 1);
        ctx.send(B, "small", 100, 2);
    });
    engine.run_for(SECOND);
    let arrived = |number| probe(&engine, B).when(Told::Got(A, number)).unwrap().since(sent).as_millis();
    assert_eq!((arrived(1), arrived(2)), (150, 151));
}
