//! What is kept, what is refused, what goes first; over restarts; and the indices against each other.

use std::time::Duration;

use atoll_protocol::identity::{NodeId, SecretKey};
use libp2p::kad;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    table::{Key, PER_KEY, PER_NEIGHBOUR, PER_PROVIDER, PER_SUBNET},
    *,
};

fn node(n: u16) -> NodeId {
    let mut seed = [0; 32];
    seed[..2].copy_from_slice(&n.to_be_bytes());
    SecretKey::from_seed(&seed).node_id()
}

fn peer(n: u16) -> PeerId {
    peer_id(&node(n)).unwrap()
}

fn key(n: u32) -> Key {
    let mut key = [7; 32];
    key[..4].copy_from_slice(&n.to_be_bytes());
    key
}

/// The key as it is said.
fn said_key(n: u32) -> RecordKey {
    RecordKey::from(multihash(&key(n)))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn held(provider: u16, from: &str, expires: Instant) -> Held {
    Held { provider: node(provider), subnet: PublicRanges::default().subnet(ip(from)), addresses: Vec::new(), expires }
}

fn later() -> Instant {
    Instant::now() + TTL
}

fn providers(table: &Table, key: &Key) -> Vec<NodeId> {
    table.providers(key, Instant::now()).map(|held| held.provider).collect()
}

#[test]
fn a_renewal_takes_the_place_of_what_it_renews() {
    let (mut table, now) = (Table::new(peer(0)), Instant::now());
    assert_eq!(table.keep(key(1), held(1, "8.8.8.8", now + Duration::from_secs(1))), Ok(None));
    assert_eq!(table.keep(key(1), held(1, "9.9.9.9", now + TTL)), Ok(None));
    assert_eq!((table.len(), providers(&table, &key(1))), (1, vec![node(1)]));
    assert!(table.expire(now + Duration::from_secs(2)).is_empty(), "by its new time");
    assert!(table.is_sound());
}

#[test]
fn what_has_expired_goes_without_being_asked_for() {
    let (mut table, now) = (Table::new(peer(0)), Instant::now());
    table.keep(key(1), held(1, "8.8.8.8", now)).unwrap();
    table.keep(key(1), held(2, "8.8.8.8", now + TTL)).unwrap();
    assert_eq!(providers(&table, &key(1)), [node(2)], "it is not given even before that");
    assert_eq!(table.expire(now), [(key(1), node(1))]);
    assert_eq!(table.len(), 1);
    assert_eq!(table.expire(now + TTL), [(key(1), node(2))]);
    assert!(table.len() == 0 && table.is_sound());
}

#[test]
fn providers_and_their_subnets_have_quotas_and_neighbours_wide_ones() {
    let mut table = Table::new(peer(0));
    for n in 0..PER_PROVIDER as u32 {
        table.keep(key(n), held(1, "8.8.8.1", later())).unwrap();
    }
    assert_eq!(table.keep(key(9_999), held(1, "8.8.8.1", later())), Err(Refused::ProviderFull));
    assert_eq!(table.keep(key(0), held(1, "8.8.8.1", later())), Ok(None), "what it has it may renew");
    for n in PER_PROVIDER as u32..PER_SUBNET as u32 {
        table.keep(key(n), held(2 + (n / 200) as u16, "8.8.8.2", later())).unwrap();
    }
    assert_eq!(table.keep(key(9_999), held(99, "8.8.8.99", later())), Err(Refused::SubnetFull));
    assert_eq!(table.keep(key(9_999), held(99, "8.8.9.99", later())), Ok(None), "another subnet");
    assert!(table.remove(&key(0), &node(1)));
    assert_eq!(table.keep(key(9_998), held(98, "8.8.8.98", later())), Ok(None), "there is room again");
    assert!(table.is_sound());

    let mut table = Table::new(peer(0));
    for n in 0..PER_NEIGHBOUR as u32 {
        table.keep(key(n), held(1, "192.168.1.1", later())).unwrap();
    }
    assert_eq!(table.keep(key(99_999), held(1, "192.168.1.1", later())), Err(Refused::ProviderFull));
    assert_eq!(table.keep(key(99_999), held(2, "192.168.1.2", later())), Ok(None));
}

#[test]
fn a_key_has_as_many_providers_as_an_answer_holds_and_the_first_keep_their_place() {
    let mut table = Table::new(peer(0));
    for n in 0..PER_KEY as u16 {
        table.keep(key(1), held(n, "127.0.0.1", later())).unwrap();
    }
    assert_eq!(table.keep(key(1), held(999, "127.0.0.1", later())), Err(Refused::KeyFull));
    assert_eq!(table.keep(key(1), held(0, "127.0.0.1", later())), Ok(None));
    assert!(table.remove(&key(1), &node(3)) && !table.remove(&key(1), &node(3)));
    assert_eq!(table.keep(key(1), held(999, "127.0.0.1", later())), Ok(None));
}

#[test]
fn a_flood_displaces_only_itself() {
    let mut table = Table::with_capacity(peer(0), 100);
    for n in 0..40 {
        table.keep(key(n), held(1 + (n / 10) as u16, "127.0.0.1", later())).unwrap();
    }
    let distance = |n: u32| kad::KBucketKey::new(multihash(&key(n))).distance(&kad::KBucketKey::from(peer(0)));
    let mut evicted = Vec::new();
    for n in 1_000..3_000 {
        match table.keep(key(n), held(66, "127.0.0.1", later())) {
            Ok(None) => assert!(n < 1_060),
            Ok(Some((gone, of))) => {
                assert_eq!(of, node(66));
                evicted.push(gone);
            }
            Err(refused) => {
                assert_eq!(refused, Refused::Full);
                evicted.push(key(n));
            }
        }
    }
    assert_eq!((table.len(), evicted.len()), (100, 1_940));
    assert!((0..40).all(|n| providers(&table, &key(n)).len() == 1), "what others have announced is there");
    // What is left of the flood are the keys nearest to this node.
    let mut flood: Vec<u32> = (1_000..3_000).collect();
    flood.sort_by_key(|n| distance(*n));
    assert!(flood[..60].iter().all(|n| providers(&table, &key(*n)) == [node(66)]));
    assert!(table.is_sound());
}

#[test]
fn the_indices_agree_whatever_happens() {
    for seed in 0..20 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut table, start) = (Table::with_capacity(peer(0), 60), Instant::now());
        for step in 0..600 {
            let (which, who) = (key(rng.random_range(0..30)), rng.random_range(1..12_u16));
            match rng.random_range(0..10) {
                0 => drop(table.remove(&which, &node(who))),
                1 => {
                    let now = start + Duration::from_secs(rng.random_range(0..100));
                    table.expire(now);
                    assert!(table.providers(&which, now).all(|held| held.expires > now), "seed {seed}, step {step}");
                }
                _ => {
                    let from = ["8.8.8.8", "8.8.9.8", "2606:4700::1", "10.0.0.1"][rng.random_range(0..4_usize)];
                    let expires = start + Duration::from_secs(rng.random_range(0..100));
                    let kept = table.keep(which, held(who, from, expires));
                    let there =
                        table.providers(&which, start - Duration::from_secs(1)).any(|h| h.provider == node(who));
                    assert_eq!(kept.is_ok(), there, "seed {seed}, step {step}: {kept:?}");
                }
            }
            assert!(table.len() <= 60 && table.is_sound(), "seed {seed}, step {step}");
        }
    }
}

fn records(storage: &Storage) -> Records {
    Records::new(peer(0), storage.clone(), PublicRanges::default(), Arc::default())
}

fn said(key: RecordKey, provider: PeerId, addresses: &[&str]) -> ProviderRecord {
    let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
    ProviderRecord { expires: Some(later()), ..ProviderRecord::new(key, provider, addresses) }
}

#[tokio::test]
async fn only_what_has_the_form_of_ours_is_kept() {
    let mut records = records(&Storage::open(None).unwrap());
    let (home, now) = (Some(ip("127.0.0.1")), Instant::now());
    let [mut short, mut other] = [0, 1].map(|n| multihash(&key(n)));
    short.pop();
    other[0] = 0x16;
    for wrong in [&[][..], &[1; 31], &key(1), &[1; 34], &short, &other, &[1; 1000]] {
        assert_eq!(records.keep(said(RecordKey::new(&wrong), peer(1), &[]), home, now), Err(Refused::Key));
        assert!(records.providers(&RecordKey::new(&wrong)).is_empty());
    }
    assert_eq!(records.keep(said(said_key(1), peer(1), &[]), None, now), Err(Refused::Provider), "it is gone");
    assert_eq!(records.keep(said(said_key(1), peer(0), &[]), home, now), Err(Refused::Provider), "this node itself");
    assert_eq!(
        records.keep(said(said_key(1), PeerId::random(), &[]), home, now),
        Err(Refused::Provider),
        "no node at all"
    );
    let value = kad::Record::new(said_key(1), vec![1]);
    assert!(records.put(value).is_err() && records.get(&said_key(1)).is_none());
    assert_eq!(records.records().count(), 0);
    assert!(records.add_provider(said(said_key(2), peer(5), &[])).is_err(), "only by way of the filter");
}

#[tokio::test]
async fn few_and_short_addresses_that_others_can_dial_are_kept() {
    let mut records = records(&Storage::open(None).unwrap());
    let many: Vec<String> = (1..50).map(|n| format!("/ip4/9.9.9.{n}/udp/1/quic-v1")).collect();
    let mut all = vec!["/ip4/127.0.0.1/tcp/1", "/ip4/192.168.0.1/tcp/1", "/dns4/example.org/tcp/1"];
    let long = format!("/ip4/9.9.9.9/tcp/1/http/http-path/{}", "x".repeat(ADDRESS));
    all.push(&long);
    all.extend(many.iter().map(String::as_str));
    records.keep(said(said_key(1), peer(1), &all), Some(ip("9.9.9.1")), Instant::now()).unwrap();
    let kept = records.providers(&said_key(1)).remove(0).addresses;
    assert_eq!(kept.len(), ADDRESSES);
    assert!(kept.iter().all(|a| many.contains(&a.to_string())), "{kept:?}");
}

#[tokio::test]
async fn a_provider_without_addresses_is_where_it_has_said_it_is() {
    let mut records = records(&Storage::open(None).unwrap());
    let address: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
    let of = |records: &Records, n| records.providers(&said_key(n)).remove(0).addresses;
    records.keep(said(said_key(1), peer(1), &[]), Some(ip("127.0.0.1")), Instant::now()).unwrap();
    assert!(of(&records, 1).is_empty(), "it has not said so yet");
    records.heard(node(1), vec![address.clone(); 9]);
    records.keep(said(said_key(2), peer(1), &[]), Some(ip("127.0.0.1")), Instant::now()).unwrap();
    let own = "/ip4/127.0.0.1/tcp/2";
    records.keep(said(said_key(3), peer(1), &[own]), Some(ip("127.0.0.1")), Instant::now()).unwrap();
    records.gone(&node(1));
    records.keep(said(said_key(4), peer(1), &[]), Some(ip("127.0.0.1")), Instant::now()).unwrap();
    for n in [1, 2] {
        assert_eq!(of(&records, n), vec![address.clone(); ADDRESSES]);
    }
    assert_eq!(of(&records, 3), [own.parse::<Multiaddr>().unwrap()], "what a record says goes first");
    assert!(of(&records, 4).is_empty());
}

#[tokio::test]
async fn nobody_is_kept_for_longer_than_a_record_lives() {
    let mut records = records(&Storage::open(None).unwrap());
    let now = Instant::now();
    let mut eternal = said(said_key(1), peer(1), &[]);
    eternal.expires = None;
    records.keep(eternal, Some(ip("127.0.0.1")), now).unwrap();
    let mut long = said(said_key(2), peer(1), &[]);
    long.expires = Some(now + TTL * 100);
    records.keep(long, Some(ip("127.0.0.1")), now).unwrap();
    assert_eq!(records.counters.dht.providers.value(), 2);
    records.expire(now + TTL);
    assert_eq!(records.counters.dht.providers.value(), 0);
}

#[tokio::test]
async fn what_this_node_provides_is_apart_from_what_others_do() {
    let mut records = records(&Storage::open(None).unwrap());
    let mine = said_key(1);
    records.add_provider(ProviderRecord::new(mine.clone(), peer(0), Vec::new())).unwrap();
    records.keep(said(said_key(1), peer(1), &[]), Some(ip("127.0.0.1")), Instant::now()).unwrap();
    let of = |records: &Records| records.providers(&mine).iter().map(|p| p.provider).collect::<Vec<_>>();
    assert_eq!(of(&records), [peer(0), peer(1)]);
    assert_eq!(records.provided().map(|p| p.key.to_vec()).collect::<Vec<_>>(), [multihash(&key(1))]);
    records.remove_provider(&mine, &peer(0));
    assert_eq!((of(&records), records.provided().count()), (vec![peer(1)], 0));
    records.remove_provider(&mine, &peer(1));
    assert!(of(&records).is_empty() && records.counters.dht.providers.value() == 0);
}

#[tokio::test]
async fn a_node_provides_no_more_than_its_services_need() {
    let mut records = records(&Storage::open(None).unwrap());
    let mine = |n: u32| ProviderRecord::new(said_key(n), peer(0), Vec::new());
    assert!((0..PROVIDED as u32).all(|n| records.add_provider(mine(n)).is_ok()));
    assert!(records.add_provider(mine(u32::MAX)).is_err());
    assert!(records.add_provider(mine(0)).is_ok(), "once more");
}

#[tokio::test]
async fn the_records_of_others_are_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (home, now) = (Some(ip("127.0.0.1")), Instant::now());
    let storage = Storage::open(Some(dir.path())).unwrap();
    let mut former = records(&storage);
    let address = "/ip4/127.0.0.1/udp/4077/quic-v1";
    for n in 1..=5 {
        former.keep(said(said_key(n), peer(1), &[address]), home, now).unwrap();
    }
    let mut short = said(said_key(6), peer(1), &[]);
    short.expires = Some(now);
    former.keep(short, home, now).unwrap();
    former.remove_provider(&said_key(5), &peer(1));
    former.add_provider(ProviderRecord::new(said_key(7), peer(0), Vec::new())).unwrap();
    storage.close().await;

    let storage = Storage::open(Some(dir.path())).unwrap();
    let again = records(&storage);
    assert_eq!((again.counters.dht.providers.value(), again.counters.dht.damaged_records.count()), (4, 0));
    for n in 1..=4 {
        let found = again.providers(&said_key(n));
        assert_eq!(found.iter().map(|p| p.provider).collect::<Vec<_>>(), [peer(1)], "{n}");
        assert_eq!(found[0].addresses, [address.parse::<Multiaddr>().unwrap()]);
        let left = found[0].expires.unwrap() - Instant::now();
        assert!(left <= TTL && left > TTL - Duration::from_secs(60), "{left:?}");
    }
    for gone in 5..=7 {
        assert!(again.providers(&said_key(gone)).is_empty(), "{gone}");
    }
    assert_eq!(again.provided().count(), 0, "its services say themselves that they are back");
    storage.close().await;
}
