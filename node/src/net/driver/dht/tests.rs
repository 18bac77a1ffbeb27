//! What is announced again. Look-ups need a network: see `net/tests/dht.rs`.

use atoll_protocol::identity::SecretKey;
use atoll_registry::peers::PublicRanges;
use libp2p::StreamProtocol;

use super::*;
use crate::{net::peer_id, storage::Storage};

fn kademlia() -> Kad {
    let me = peer_id(&SecretKey::from_seed(&[1; 32]).node_id()).unwrap();
    let records = Records::new(me, Storage::open(None).unwrap(), PublicRanges::default(), Arc::default());
    kad::Behaviour::with_config(me, records, kad::Config::new(StreamProtocol::new("/test/kad/1")))
}

fn key(n: u8) -> Vec<u8> {
    vec![n; 32]
}

/// Ends whatever is being announced, each with this result.
fn end(dht: &mut Dht, kad: &mut Kad, result: impl Fn(RecordKey) -> kad::AddProviderResult) -> usize {
    let under_way: Vec<QueryId> = dht.announcing.iter().copied().collect();
    for (id, n) in under_way.iter().zip(0..) {
        dht.progress(kad, *id, kad::QueryResult::StartProviding(result(RecordKey::new(&key(n)))), true);
    }
    under_way.len()
}

fn timeout(key: RecordKey) -> kad::AddProviderResult {
    Err(kad::AddProviderError::Timeout { key })
}

#[test]
fn what_could_not_be_announced_in_time_is_announced_again() {
    let (mut dht, mut kad) = (Dht::new(Arc::default()), kademlia());
    dht.provide(&mut kad, key(0));
    dht.look_after(&mut kad, 0);
    while end(&mut dht, &mut kad, |key| Ok(kad::AddProviderOk { key })) > 0 {}
    dht.look_after(&mut kad, 1);
    assert_eq!(end(&mut dht, &mut kad, timeout), 1, "the network has grown");
    assert_eq!(dht.announcing.len(), 0, "not at once: it would fail for the same reason");
    dht.look_after(&mut kad, 1);
    assert_eq!(end(&mut dht, &mut kad, |key| Ok(kad::AddProviderOk { key })), 1);
    dht.look_after(&mut kad, 1);
    assert_eq!(dht.announcing.len(), 0, "once is enough");
}

#[test]
fn what_is_not_provided_any_more_is_not_announced_again() {
    let (mut dht, mut kad) = (Dht::new(Arc::default()), kademlia());
    for failed_before in [true, false] {
        dht.provide(&mut kad, key(0));
        if failed_before {
            end(&mut dht, &mut kad, timeout);
        }
        dht.unprovide(&mut kad, &key(0));
        end(&mut dht, &mut kad, timeout);
        dht.look_after(&mut kad, 0);
        assert_eq!(dht.announcing.len(), 0);
    }
}

fn node(n: u8) -> NodeId {
    SecretKey::from_seed(&[n; 32]).node_id()
}

/// Somebody answers the only look-up, and names these.
fn name(dht: &mut Dht, kad: &mut Kad, providers: &[NodeId]) {
    let id = *dht.searches.keys().next().expect("a look-up under way");
    let providers = providers.iter().filter_map(peer_id).collect();
    let found = kad::GetProvidersOk::FoundProviders { key: RecordKey::new(&key(0)), providers };
    dht.progress(kad, id, kad::QueryResult::GetProviders(Ok(found)), false);
}

fn take(found: &mut mpsc::Receiver<NodeId>) -> Vec<NodeId> {
    std::iter::from_fn(|| found.try_recv().ok()).collect()
}

#[test]
fn a_thorough_look_up_gives_whoever_is_named_without_waiting_for_those_that_do_not_answer() {
    let (mut dht, mut kad) = (Dht::new(Arc::default()), kademlia());
    let (reply, mut found) = mpsc::channel(PROVIDERS);
    dht.providers(&mut kad, key(0), LookUp::Thorough, reply);
    assert_eq!(take(&mut found), []);
    name(&mut dht, &mut kad, &[node(2)]);
    assert_eq!(take(&mut found), [node(2)], "others are still being asked");
    name(&mut dht, &mut kad, &[node(2), node(3)]);
    assert_eq!(take(&mut found), [node(3)]);
    let (reply, mut later) = mpsc::channel(PROVIDERS);
    dht.providers(&mut kad, key(0), LookUp::Thorough, reply);
    assert_eq!(take(&mut later), [node(2), node(3)], "who asks for the same gets the same");
    drop((found, later));
    name(&mut dht, &mut kad, &[node(4)]);
    assert!(dht.searches.is_empty(), "nobody waits any more");
}

#[tokio::test]
async fn a_quick_look_up_gives_all_at_its_end() {
    let (mut dht, mut kad) = (Dht::new(Arc::default()), kademlia());
    let (reply, mut found) = mpsc::channel(PROVIDERS);
    dht.providers(&mut kad, key(0), LookUp::Quick, reply);
    name(&mut dht, &mut kad, &[node(2)]);
    name(&mut dht, &mut kad, &[node(3)]);
    assert_eq!(take(&mut found), []);
    let settled = dht.next_settled().expect("one was named");
    dht.settle(&mut kad, settled);
    assert_eq!(take(&mut found), [node(2), node(3)]);
    assert!(found.recv().await.is_none(), "that was all");
}
