//! What is held, and what leaves.

use atoll_protocol::names::InstanceId;
use proptest::{collection, prelude::*};

use super::*;

const SMALL: CacheLimits = CacheLimits { count: 3, bytes: 1000, pinned_bytes: 500 };
const ME: InstanceId = InstanceId(1);
const OTHER: InstanceId = InstanceId(2);

fn filled(count: usize) -> Cache {
    let mut cache = Cache::new(SMALL);
    (0..count).for_each(|i| assert!(cache.keep(schema(i)).is_empty()));
    cache
}

fn holds(cache: &Cache, numbers: &[usize]) -> bool {
    cache.len() == numbers.len() && numbers.iter().all(|i| cache.peek(&schema(*i).hash()) == Some(&schema(*i)))
}

#[test]
fn the_least_recently_used_leaves_first() {
    let mut cache = filled(3);
    assert_eq!(cache.get(&schema(0).hash()), Some(schema(0)));
    assert_eq!(cache.keep(schema(3)), [schema(1).hash()]);
    assert!(holds(&cache, &[0, 2, 3]));
    assert_eq!(cache.get(&schema(1).hash()), None);
    assert_eq!(cache.keep(schema(2)), [], "it is used by that");
    assert_eq!(cache.keep(schema(4)), [schema(0).hash()]);
    assert!(cache.peek(&schema(3).hash()).is_some());
    assert_eq!(cache.keep(schema(5)), [schema(3).hash()], "looking at it for somebody else is no use");
}

#[test]
fn a_schema_is_held_once() {
    let mut cache = filled(1);
    for _ in 0..5 {
        assert!(cache.keep(schema(0)).is_empty());
    }
    assert_eq!((cache.len(), cache.bytes()), (1, schema(0).len()));
}

#[test]
fn bytes_are_bounded_too() {
    let mut cache = filled(2);
    assert_eq!(cache.keep(titled("large", 950)), [schema(0).hash(), schema(1).hash()]);
    assert_eq!((cache.len(), cache.bytes()), (1, 950));
    let mut cache = filled(2);
    let huge = titled("huge", 1001);
    let gone = cache.keep(huge.clone());
    assert!(gone.contains(&huge.hash()) && cache.is_empty() && cache.bytes() == 0, "it would take all the room");
}

#[test]
fn what_is_pinned_stays_until_the_last_owner_is_gone() {
    let mut cache = filled(3);
    cache.pin(ME, vec![schema(0), schema(9), schema(9)]).unwrap();
    cache.pin(OTHER, vec![schema(9)]).unwrap();
    assert_eq!((cache.len(), cache.bytes()), (4, 200), "one was there already");
    for i in 10..20 {
        cache.keep(schema(i));
    }
    assert!(holds(&cache, &[0, 9, 17, 18, 19]));
    assert_eq!(cache.unpin(&ME), [schema(17).hash()], "the one that is free again is the latest");
    assert!(holds(&cache, &[0, 9, 18, 19]));
    assert!(cache.unpin(&ME).is_empty(), "once");
    assert_eq!(cache.unpin(&OTHER), [schema(18).hash()]);
    assert!(cache.unpin(&OTHER).is_empty());
    assert_eq!((cache.len(), cache.bytes()), (3, 300));
    assert_eq!(cache.keep(schema(20)), [schema(19).hash()]);
}

#[test]
fn what_is_pinned_is_bounded() {
    let mut cache = filled(1);
    cache.pin(ME, (0..5).map(schema).collect()).unwrap();
    let error = cache.pin(OTHER, vec![schema(0), schema(5)]).unwrap_err();
    assert_eq!(error, NoRoom { bytes: 600, limit: 500 });
    assert_eq!(
        error.to_string(),
        "with its schemas this node would hold 600 bytes of schemas of its own, at most 500 are allowed"
    );
    assert!(holds(&cache, &[0, 1, 2, 3, 4]), "all or none");
    cache.pin(OTHER, vec![schema(0), schema(4)]).unwrap();
    assert_eq!(cache.unpin(&ME).len(), 0);
    cache.pin(ME, vec![schema(5), schema(6), schema(7)]).unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    Keep(usize),
    Get(usize),
    Pin(u64, Vec<usize>),
    Unpin(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0..12_usize;
    prop_oneof![
        number.clone().prop_map(Step::Keep),
        number.clone().prop_map(Step::Get),
        (0..3_u64, collection::vec(number, 0..4)).prop_map(|(owner, numbers)| Step::Pin(owner, numbers)),
        (0..3_u64).prop_map(Step::Unpin),
    ]
}

proptest! {
    #[test]
    fn bounds_hold_and_what_is_pinned_is_there(steps in collection::vec(step(), 0..60)) {
        let mut cache = Cache::new(SMALL);
        let mut pinned: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Keep(number) => drop(cache.keep(schema(number))),
                Step::Get(number) => drop(cache.get(&schema(number).hash())),
                Step::Pin(owner, numbers) => {
                    let documents = numbers.iter().copied().map(schema).collect();
                    if cache.pin(InstanceId(owner), documents).is_ok() {
                        pinned.entry(owner).or_default().extend(numbers);
                    }
                }
                Step::Unpin(owner) => {
                    cache.unpin(&InstanceId(owner));
                    pinned.remove(&owner);
                }
            }
            let mut held: Vec<usize> = pinned.values().flatten().copied().collect();
            held.sort_unstable();
            held.dedup();
            prop_assert!(held.iter().all(|number| cache.peek(&schema(*number).hash()).is_some()));
            prop_assert!(held.len() * 100 <= SMALL.pinned_bytes);
            prop_assert!(cache.bytes() <= SMALL.bytes && cache.len() <= SMALL.count + held.len());
            prop_assert_eq!(cache.bytes(), 100 * (cache.len() - held.len()));
        }
    }
}
