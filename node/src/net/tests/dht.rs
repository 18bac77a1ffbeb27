//! Kademlia between overlays that have no directory: what one knows of another can only come from the DHT.

use std::time::Duration;

use futures::AsyncWriteExt;

use crate::{
    Context, Node, NodeId, Serving,
    net::{LookUp, Net, multihash, peer_id},
    testing::{Bare, eventually, node, rpc, within},
};

/// Nodes of a network that is larger than the 20 that keep a record.
const NODES: usize = 24;

fn key(n: u8) -> Vec<u8> {
    multihash(&[n; 32])
}

/// A network of overlays, each joined through an earlier one.
async fn overlays() -> Vec<Bare> {
    let mut all = vec![Bare::joining(&[]).await];
    for n in 1..NODES {
        let earlier = all[n / 2].net.listening();
        all.push(Bare::joining(&earlier).await);
    }
    all
}

/// Looks for a key until its announcement has arrived.
async fn found(net: &Net, key: Vec<u8>, provider: NodeId) {
    within("the provider is found", async {
        while !net.providers(key.clone(), LookUp::Quick).await.contains(&provider) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_one_provides_everyone_finds() {
    let all = overlays().await;
    for bare in &all {
        eventually("it knows many of them", || bare.net.counters.dht.peers.value() >= 10).await;
    }
    for (n, bare) in all.iter().enumerate().step_by(6) {
        bare.net.provide(key(n as u8)).await;
    }
    // Four keys, each told to the twenty closest; no more than these, as overlays have no services. On a machine that is busy
    // with something else some are told too late to hear it.
    let kept = || all.iter().map(|bare| bare.net.counters.dht.providers.value()).sum::<usize>();
    eventually("most of twenty others keep each key", || kept() >= 4 * 15).await;
    for (n, provider) in all.iter().enumerate().step_by(6) {
        for bare in &all {
            found(&bare.net, key(n as u8), provider.net.me).await;
        }
    }
    assert!(all[3].net.providers(key(99), LookUp::Quick).await.is_empty(), "nobody provides this");
    let asked = (all[5].net.providers(key(0), LookUp::Quick), all[5].net.providers(key(0), LookUp::Quick));
    let (one, other) = within("both answers", futures::future::join(asked.0, asked.1)).await;
    assert_eq!((one.as_slice(), other.as_slice()), (&[all[0].net.me][..], &[all[0].net.me][..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_found_when_its_provider_does_not_answer() {
    let all = overlays().await;
    let provider = &all[0];
    provider.net.provide(key(1)).await;
    let kept = || all.iter().map(|bare| bare.net.counters.dht.providers.value()).sum::<usize>();
    eventually("most of twenty others keep it", || kept() >= 15).await;
    provider.net.shutdown().await;
    let others = || all[1..].iter().all(|bare| bare.net.connections.best(&provider.net.me).is_none());
    eventually("it is gone", others).await;
    for bare in &all[1..] {
        let found = within("the answer", bare.net.providers(key(1), LookUp::Quick)).await;
        assert_eq!(found, [provider.net.me], "others still say so");
    }
}

/// More than a quick look-up would give, one of which is enough.
#[tokio::test(flavor = "multi_thread")]
async fn a_thorough_look_up_finds_all_providers() {
    let all = overlays().await;
    for bare in &all[..12] {
        bare.net.provide(key(1)).await;
    }
    within("all twelve are found", async { while all[20].net.providers(key(1), LookUp::Thorough).await.len() < 12 {} })
        .await;
    assert!(within("the answer", all[20].net.providers(key(1), LookUp::Quick)).await.len() <= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_later_finds_what_was_provided_before() {
    let first = Bare::joining(&[]).await;
    // There is nobody to tell yet.
    first.net.provide(key(1)).await;
    let second = Bare::joining(&first.net.listening()).await;
    let third = Bare::joining(&second.net.listening()).await;
    for bare in [&second, &third] {
        found(&bare.net, key(1), first.net.me).await;
    }
    eventually("it is kept by others", || second.net.counters.dht.providers.value() == 1).await;
}

async fn offer(node: &Node, name: &str) -> Serving {
    let service = node.service(name, "1.2.3").unwrap();
    let who = |context: Context, _: ()| async move { Ok(context.node().to_string()) };
    service.method("name", who).register().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_nobody_has_announced_is_called() {
    let all = overlays().await;
    // Overlays pass on no gossip and answer no questions about services: between these two there is only the DHT.
    let server = node(&all[0].net.listening()).await;
    let _serving = offer(&server, "hidden.bird").await;
    let client = node(&all[NODES - 1].net.listening()).await;
    eventually("it is connected", || rpc(&client).net.connections.len() > 0).await;
    let answer = within("the answer", async {
        loop {
            if let Ok(answer) = client.client("hidden.bird@1").unwrap().call::<_, String>("name", &()).await {
                return answer;
            }
        }
    });
    assert_eq!(answer.await, server.id().to_string());
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
}

/// A Kademlia message: its kind, then the fields (see the DHT's specification).
fn message(kind: u8, fields: &[Vec<u8>]) -> Vec<u8> {
    let body = [&[1 << 3, kind], fields.concat().as_slice()].concat();
    [&[u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
}

async fn say(bare: &Bare, node: &Node, message: &[u8]) {
    let mut stream = bare.open(node, &bare.net.protocols.kad).await;
    stream.write_all(message).await.unwrap();
    stream.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_can_store_only_that_it_provides_a_key_itself() {
    const PUT_VALUE: u8 = 0;
    const ADD_PROVIDER: u8 = 2;
    let (node, victim) = (node(&[]).await, node(&[]).await);
    let bare = Bare::beside(&node).await;
    let dht = &rpc(&node).net.counters.dht;
    let before = dht.providers.value();
    let provider = |id: &NodeId| field(9, &field(1, &peer_id(id).unwrap().to_bytes()));
    let add = |key: &[u8], id: &NodeId| message(ADD_PROVIDER, &[field(2, key), provider(id)]);

    let value = field(3, &[field(1, &key(1)), field(2, b"a value")].concat());
    say(&bare, &node, &message(PUT_VALUE, &[field(2, &key(1)), value])).await;
    eventually("the value is refused", || dht.refused_values.count() == 1).await;
    for wrong in [&[1; 32][..], &key(1)[..33]] {
        say(&bare, &node, &add(wrong, &bare.net.me)).await;
    }
    eventually("keys of other forms are refused", || dht.refused_providers.count() == 2).await;
    say(&bare, &node, &add(&key(1), &victim.id())).await;
    say(&bare, &node, &add(&key(1), &node.id())).await;
    // Told last: what came before has been dealt with when this is kept.
    say(&bare, &node, &add(&key(2), &bare.net.me)).await;
    eventually("what is true is kept", || dht.providers.value() == before + 1).await;
    let net = &rpc(&node).net;
    assert_eq!(within("the answer", net.providers(key(2), LookUp::Quick)).await, [bare.net.me]);
    assert!(within("the answer", net.providers(key(1), LookUp::Quick)).await.is_empty(), "nobody speaks for another");
}
