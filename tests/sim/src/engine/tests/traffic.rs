//! Who has sent and received how much.

use super::*;

#[test]
fn traffic_is_booked_by_node_direction_and_class() {
    let mut engine = pair(1, steady());
    engine.with(A, |_, ctx| {
        ctx.send(B, "small", 100, 1);
        ctx.send(B, "small", 100, 2);
        ctx.send(B, "large", 5_000, 3);
    });
    let under_way = engine.traffic();
    assert_eq!(under_way.of_peer(Direction::Sent, A), Volume { bytes: 5_200, messages: 3 });
    assert_eq!(under_way.of_peer(Direction::Received, B), Volume::default());
    engine.run_for(SECOND);
    let traffic = engine.traffic();
    assert_eq!(traffic.of_peer(Direction::Received, B), Volume { bytes: 5_200, messages: 3 });
    assert_eq!(traffic.of_peer(Direction::Received, A), Volume::default());
    assert_eq!(traffic.of(Direction::Received, B, "small"), Volume { bytes: 200, messages: 2 });
    assert_eq!(traffic.of_class(Direction::Sent, "large"), Volume { bytes: 5_000, messages: 1 });
    assert_eq!(traffic.of_class(Direction::Sent, "unheard of"), Volume::default());
    assert!(traffic.classes().eq(["small", "large"]));
}

#[test]
fn rates_count_a_window_and_only_the_time_that_a_node_lived() {
    let mut engine = pair(1, steady());
    send(&mut engine, A, B, 0);
    engine.run_for(SECOND);
    let before = engine.traffic();
    for number in 0..10 {
        send(&mut engine, A, B, number);
        engine.run_for(SECOND);
        if number == 4 {
            // A learns of it too late not to send once more.
            engine.leave(B);
        }
    }
    let window = engine.traffic().since(&before);
    assert_eq!((window.lived(A), window.lived(B)), (SECOND * 10, SECOND * 5));
    assert_eq!(window.rates(Direction::Sent, SECOND), [0.0, 60.0]);
    assert_eq!(window.rates(Direction::Received, SECOND), [0.0, 100.0]);
    assert_eq!(window.rates(Direction::Received, SECOND * 6), [0.0], "B did not live long enough");
    let mean = 600.0 / 15.0;
    assert!((window.mean_rate(Direction::Sent) - mean).abs() < 1e-9);
}

#[test]
fn what_is_lost_was_sent_and_not_received() {
    let mut engine = pair(1, Network { loss: 1.0, ..steady() });
    engine.with(A, |_, ctx| ctx.send_as(Delivery::Datagram, B, "datagram", 100, 1));
    engine.run_for(SECOND);
    let traffic = engine.traffic();
    assert_eq!(traffic.of_class(Direction::Sent, "datagram").messages, 1);
    assert_eq!(traffic.of_class(Direction::Received, "datagram").messages, 0);
    assert_eq!(engine.counts().lost, 1);
}
