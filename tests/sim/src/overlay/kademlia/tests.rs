//! What is provided is found, whoever asks and whoever has gone.

use super::*;
use crate::engine::{Clock, Core, Direction, Engine, Network};

const SECOND: Duration = Duration::from_secs(1);

/// A node that does nothing else.
struct Member {
    dht: Kademlia,
    found: Vec<(Time, Outcome)>,
    contact: Option<PeerIndex>,
}

impl Core for Member {
    type Message = Message;
    type State = ();

    fn start(&mut self, ctx: &mut Context<'_, Message>) {
        self.dht.start(ctx);
        if let Some(contact) = self.contact {
            ctx.connect(contact);
        }
    }

    fn handle(&mut self, from: PeerIndex, message: Message, ctx: &mut Context<'_, Message>) {
        self.dht.handle(from, message, ctx);
        self.note(ctx);
    }

    fn link_up(&mut self, peer: PeerIndex, _: &mut Context<'_, Message>) {
        self.dht.link_up(peer);
    }

    fn link_down(&mut self, peer: PeerIndex, failed: bool, _: &mut Context<'_, Message>) {
        self.dht.link_down(peer, failed);
    }

    fn wake(&mut self, ctx: &mut Context<'_, Message>) {
        self.dht.wake(ctx);
        self.note(ctx);
    }

    fn persist(&self) {}
}

impl Member {
    fn note(&mut self, ctx: &Context<'_, Message>) {
        let now = ctx.true_time();
        self.found.extend(self.dht.take_outcomes().into_iter().map(|outcome| (now, outcome)));
    }
}

/// So many nodes, each of which knows one other, a minute after they have started.
fn grown(nodes: u32, settings: &Settings) -> Engine<Member> {
    let mut engine = Engine::new(7, Network::default());
    for index in 0..nodes {
        let contact = index.checked_sub(1).map(|last| PeerIndex(last / 2));
        let dht = |me| Kademlia::new(me, settings.clone());
        engine.spawn(Clock::default(), |me| Member { dht: dht(me), found: Vec::new(), contact });
        engine.run_for(Duration::from_millis(50));
    }
    engine.run_for(SECOND * 60);
    engine
}

fn provide(engine: &mut Engine<Member>, peer: u32, key: u64) {
    engine.with(PeerIndex(peer), |member, ctx| member.dht.provide(Key::named(key), Duration::ZERO, ctx));
    engine.run_for(SECOND);
}

/// What `asker` finds, and how long that takes.
fn look_up(engine: &mut Engine<Member>, asker: u32, key: u64) -> (Vec<PeerIndex>, Duration) {
    let began = engine.now();
    engine.with(PeerIndex(asker), |member, ctx| {
        member.dht.find_providers(Key::named(key), LookUp::Quick, ctx);
        member.note(ctx);
    });
    engine.run_for(SECOND * 12);
    let found = engine.with(PeerIndex(asker), |member, _| member.found.pop()).flatten();
    let (at, outcome) = found.expect("every look-up ends");
    (outcome.providers, at.since(began))
}

#[test]
fn what_is_provided_is_found_by_everyone() {
    let mut engine = grown(150, &Settings::default());
    for key in 0..10 {
        provide(&mut engine, 5 + key as u32, key);
    }
    for key in 0..10 {
        let (providers, took) = look_up(&mut engine, 140 - key as u32, key);
        assert_eq!(providers, [PeerIndex(5 + key as u32)], "key {key}");
        assert!(took < SECOND * 3, "{took:?}");
    }
}

#[test]
fn a_thorough_look_up_names_providers_before_it_has_given_up_on_those_that_are_gone() {
    let mut engine = grown(60, &Settings::default());
    for provider in [7, 8] {
        provide(&mut engine, provider, 1);
    }
    // Whoever looks knows them well enough to ask them.
    for index in (30..50).step_by(3) {
        engine.crash(PeerIndex(index));
    }
    let began = engine.now();
    engine.with(PeerIndex(20), |member, ctx| {
        member.dht.find_providers(Key::named(1), LookUp::Thorough, ctx);
        member.note(ctx);
    });
    engine.run_for(SECOND * 12);
    let found = engine.with(PeerIndex(20), |member, _| std::mem::take(&mut member.found)).unwrap();
    let named = |outcome: &Outcome| outcome.providers.contains(&PeerIndex(7));
    let (first, _) = found.iter().find(|(_, outcome)| named(outcome)).expect("it is named");
    let (last, end) = found.last().unwrap();
    assert!(first.since(began) < SECOND * 2, "{found:?}");
    assert!(end.over && last.since(began) > SECOND * 4, "{found:?}");
    assert_eq!(found.iter().filter(|(_, outcome)| named(outcome)).count(), 1, "once: {found:?}");
}

#[test]
fn what_nobody_provides_is_looked_for_in_vain_and_not_for_ever() {
    let mut engine = grown(60, &Settings::default());
    let (providers, took) = look_up(&mut engine, 3, 99);
    assert!(providers.is_empty());
    assert!(took <= Settings::default().limit, "{took:?}");
}

#[test]
fn records_outlive_a_third_of_those_who_keep_them() {
    let mut engine = grown(150, &Settings::default());
    provide(&mut engine, 7, 1);
    for index in (40..150).step_by(3) {
        engine.crash(PeerIndex(index));
    }
    for asker in [41, 74, 149] {
        assert_eq!(look_up(&mut engine, asker, 1).0, [PeerIndex(7)]);
    }
}

#[test]
fn three_that_are_gone_do_not_hold_up_a_look_up() {
    let mut engine = grown(150, &Settings::default());
    provide(&mut engine, 7, 1);
    let nearest = engine.core(PeerIndex(20)).unwrap().dht.table.closest(Key::named(1), 3, Some(PeerIndex(7)));
    assert!(nearest.into_iter().all(|peer| engine.crash(peer)));
    let (providers, took) = look_up(&mut engine, 20, 1);
    assert_eq!(providers, [PeerIndex(7)]);
    assert!(took < SECOND * 3, "{took:?}");
}

#[test]
fn a_record_ends_unless_it_is_renewed() {
    let settings = Settings { kept: SECOND * 300, renewal: SECOND * 200, ..Settings::default() };
    let mut engine = grown(40, &settings);
    provide(&mut engine, 7, 1);
    provide(&mut engine, 8, 1);
    engine.crash(PeerIndex(8));
    engine.run_for(SECOND * 350);
    assert_eq!(look_up(&mut engine, 20, 1).0, [PeerIndex(7)]);
}

#[test]
fn a_bucket_has_room_for_so_many_and_for_others_when_one_fails() {
    let mut table = Table::new(Key(0), 2);
    let (near, far): (Vec<PeerIndex>, Vec<PeerIndex>) =
        (0..64).map(PeerIndex).partition(|peer| Key::of(*peer).0.leading_zeros() > 0);
    for peer in &far[..3] {
        table.seen(*peer);
    }
    assert_eq!(table.len(), 2);
    table.failed(far[0]);
    table.seen(far[2]);
    let held = table.closest(Key(u64::MAX), 9, None);
    assert!(held.contains(&far[2]) && !held.contains(&far[0]), "{held:?}");
    table.seen(near[0]);
    assert_eq!(table.closest(Key(0), 1, None), [near[0]]);
    assert_eq!(table.closest(Key(0), 1, Some(near[0])).len(), 1);
    assert!(table.closest(Key(0), 0, None).is_empty());
}

#[test]
fn a_visit_pays_for_its_connection() {
    let mut engine = grown(30, &Settings::default());
    let before = engine.traffic();
    look_up(&mut engine, 29, 5);
    let spent = engine.traffic().since(&before).of_class(Direction::Sent, CLASS_QUESTION);
    assert!(spent.bytes > 1_000 * spent.messages, "{spent:?}");
}
