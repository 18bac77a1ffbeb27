//! Random histories: what must hold whatever is said, in whatever order, however often.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{bounds::replay, *};
use crate::{
    peers::Subnet,
    services::{Standing, shares::Class},
};

/// One step of an author's life, as it would tell it.
#[derive(Debug, Clone)]
enum Step {
    /// Offers an instance, new or anew.
    Offer(u64),
    /// Withdraws instances.
    TakeBack(u64, u64),
    /// Says where it is.
    Introduce,
    /// Announces what is new, or everything.
    Announce { whole: bool },
    /// Leaves; what it says afterwards is a new beginning.
    Leave,
    /// Crashes and starts again: what it had said no longer holds, and nobody is told.
    Crash,
}

/// What the network carries.
#[derive(Debug, Clone)]
enum Message {
    Batch(Batch),
    Withdrawal(Verified<Withdrawal>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..6_u64).prop_map(Step::Offer),
        2 => (0..6_u64, 0..6_u64).prop_map(|(a, b)| Step::TakeBack(a, b)),
        1 => Just(Step::Introduce),
        5 => any::<bool>().prop_map(|whole| Step::Announce { whole }),
        1 => Just(Step::Leave),
        1 => Just(Step::Crash),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..14)
}

/// All that an author with this life says, each statement at least once, and what is true at its end.
fn life(seed: u8, steps: &[Step]) -> (Vec<Message>, BTreeSet<(NodeId, Hash)>) {
    let (mut author, mut said) = (Author::new(seed), Vec::new());
    let (mut fresh, mut introduced) = (BTreeSet::new(), false);
    for step in steps.iter().chain([&Step::Announce { whole: false }]) {
        match *step {
            Step::Offer(instance) => {
                author.offer(instance, ["a", "b", "c"][instance as usize % 3], "1.0.0");
                fresh.insert(InstanceId(instance));
            }
            Step::TakeBack(a, b) => said.push(Message::Withdrawal(author.take_back(&[a, b]))),
            Step::Introduce => {
                author.introduce("/ip4/10.0.0.1/tcp/1");
                introduced = true;
            }
            Step::Announce { whole: true } => said.push(Message::Batch(author.whole())),
            Step::Announce { whole: false } => {
                let new = fresh.iter().filter_map(|instance| author.services.get(instance).cloned());
                let services: Vec<_> = new.collect();
                let node = author.node.clone().filter(|_| introduced);
                said.push(Message::Batch(Batch { node, ..part(author.lease(), services) }));
                (fresh, introduced) = (BTreeSet::new(), false);
            }
            Step::Leave => said.push(Message::Withdrawal(author.leave())),
            Step::Crash => (author.services, author.node) = (BTreeMap::new(), None),
        }
    }
    let truth = author.services.values().map(|record| (record.author(), record.hash())).collect();
    (said, truth)
}

fn take_in(directory: &mut Directory, message: &Message, now: Time) -> Result<(), Refused> {
    match message {
        Message::Batch(batch) => directory.apply(batch.clone(), now, WALL).map(drop),
        Message::Withdrawal(withdrawal) => {
            directory.withdraw(withdrawal, now);
            Ok(())
        }
    }
}

/// What the directory says, without the times at which it heard.
#[derive(Debug, PartialEq)]
struct View {
    instances: Vec<Fact>,
    nodes: Vec<(NodeId, Option<Hash>)>,
    known: Vec<(NodeId, Seq)>,
}

fn view(directory: &Directory) -> View {
    let mut instances: Vec<_> = directory.instances().map(|instance| fact(&instance)).collect();
    instances.sort_unstable();
    let nodes = directory.nodes().map(|node| (node.node, node.record.map(|record| record.hash()))).collect();
    View { instances, nodes, known: directory.known() }
}

fn consistent(directory: &Directory, limits: &DirectoryLimits) {
    let all: Vec<Instance> = directory.instances().collect();
    assert_eq!(all.len(), directory.len(), "the index by name and the count agree");
    assert_eq!(directory.nodes().map(|node| node.services).sum::<usize>(), all.len(), "so do the nodes");
    assert!(all.len() <= limits.records && directory.nodes().count() <= limits.nodes);
    assert!(directory.floors.len() <= limits.floors);
    for instance in &all {
        let mine = instance.node == directory.me;
        let class = if mine { Class::Known } else { directory.places.member(&instance.node).class };
        let (listed_in, listed) = directory.table.names().listed(&instance.record).expect("listed once");
        assert_eq!((listed_in, listed.record.hash()), (class, instance.record.hash()), "listed where it belongs");
        let held = directory.instance(&instance.node, instance.record.value().instance).expect("its node has it");
        assert_eq!(format!("{held:?}"), format!("{instance:?}"), "both ways tell the same");
    }
    for node in directory.nodes() {
        assert!(node.services <= limits.records_per_node);
        let mine = node.node == directory.me;
        assert_eq!(mine, node.expires == Time::NEVER);
        assert!(!(mine && node.suspect));
    }
    let next = directory.nodes().map(|node| node.expires).filter(|expires| *expires != Time::NEVER).min();
    assert_eq!(directory.next_expiry(), next);
    assert!(next.is_none_or(|next| next > directory.now), "nothing that has ended is listed");
    for (node, seq) in directory.known() {
        // What is offered to others has the digest that was signed.
        let Some(holding) = directory.holding(&node, directory.now) else { continue };
        assert_eq!(holding.lease.value().seq, seq);
        let hashes = holding.services.iter().map(|s| s.hash()).chain(holding.node.iter().map(|n| n.hash()));
        assert_eq!(Hash::of_set(hashes), holding.lease.value().digest);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// However messages are reordered and repeated, the view at the end is the same, and it is the truth.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        lives in prop::collection::vec(steps(), 1..4),
        order in prop::collection::vec(any::<u32>(), 64),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let lives: Vec<_> = lives.iter().zip(1..).map(|(steps, seed)| life(seed, steps)).collect();
        let told: Vec<Message> = lives.iter().flat_map(|(said, _)| said).cloned().collect();
        let truth: BTreeSet<_> = lives.into_iter().flat_map(|(_, truth)| truth).collect();
        let mut shuffled = told.clone();
        shuffled.extend(again.iter().map(|index| index.get(&told).clone()));
        let mut keyed: Vec<(u32, Message)> = order.iter().copied().cycle().zip(shuffled).collect();
        keyed.sort_by_key(|(key, _)| *key);

        let (mut one, mut other) = (directory(), directory());
        for message in &told {
            prop_assert_eq!(take_in(&mut one, message, at(0)), Ok(()));
        }
        for (_, message) in &keyed {
            prop_assert_eq!(take_in(&mut other, message, at(0)), Ok(()));
        }
        prop_assert_eq!(view(&one), view(&other));
        let listed: BTreeSet<_> = one.instances().map(|i| (i.node, i.record.hash())).collect();
        prop_assert_eq!(listed, truth);
        consistent(&one, &DirectoryLimits::default());
        consistent(&other, &DirectoryLimits::default());
    }

    /// Whatever happens, limits hold, indices agree, watchers can follow, and nothing withdrawn returns.
    #[test]
    fn invariants_hold(
        lives in prop::collection::vec(steps(), 1..6),
        events in prop::collection::vec((0..14_u8, any::<prop::sample::Index>(), 0..20_000_u64), 1..120),
    ) {
        let limits = DirectoryLimits { records: 9, records_per_node: 5, nodes: 4, floors: 1000 };
        // The first author is this node itself.
        let mut directory = Directory::new(Author::new(0).id(), limits);
        let told: Vec<Message> = lives.iter().zip(0..).flat_map(|(steps, seed)| life(seed, steps).0).collect();
        let (mut now, mut watched) = (at(0), BTreeMap::new());
        let mut withdrawn: BTreeMap<(NodeId, Option<InstanceId>), Seq> = BTreeMap::new();
        for (kind, which, millis) in events {
            let message = which.get(&told);
            let author = match message {
                Message::Batch(batch) => batch.lease.author(),
                Message::Withdrawal(withdrawal) => withdrawal.author(),
            };
            match kind {
                0 => {
                    now = now + Duration::from_millis(millis);
                    directory.expire(now);
                }
                1 => directory.contact_failed(author, now),
                2 => directory.contact_made(author, now),
                3 => replay(&mut watched, directory.take_changes()),
                4 => drop(directory.find(&"a".parse().unwrap())),
                6 => directory.connected(author, (millis % 2 == 0).then_some(Subnet::V4([1, 2, 3])), now),
                7 => directory.disconnected(author),
                8 => directory.set_standing(author, if millis % 2 == 0 { Standing::New } else { Standing::Trusted }),
                5 => if let Message::Batch(batch) = message {
                    let _ = directory.apply(relayed(batch.clone(), Duration::from_millis(millis)), now, WALL);
                },
                _ => {
                    let _ = take_in(&mut directory, message, now);
                    if let Message::Withdrawal(withdrawal) = message {
                        let keys = match &withdrawal.value().what {
                            Withdrawn::Node => vec![None],
                            Withdrawn::Instances(gone) => gone.iter().copied().map(Some).collect(),
                        };
                        for key in keys {
                            let floor = withdrawn.entry((author, key)).or_default();
                            *floor = withdrawal.value().seq.max(*floor);
                        }
                    }
                }
            }
            consistent(&directory, &limits);
            for instance in directory.instances() {
                let ServiceRecord { seq, instance: id, .. } = *instance.record.value();
                for key in [None, Some(id)] {
                    let floor = withdrawn.get(&(instance.node, key));
                    prop_assert!(floor.is_none_or(|floor| seq > *floor), "withdrawn, and listed again");
                }
            }
        }
        replay(&mut watched, directory.take_changes());
        let mut held: Vec<_> = directory.instances().map(|instance| fact(&instance)).collect();
        held.sort_unstable();
        prop_assert_eq!(watched.into_values().collect::<Vec<_>>(), held);
    }
}
