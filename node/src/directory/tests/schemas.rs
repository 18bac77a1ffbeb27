//! Schemas on their way: named in records, fetched once, believed only if their hash says so.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use atoll_protocol::{
    codec,
    directory::{Heads, SchemaReply, SyncRequest},
    limits,
    schema::Document,
    sealed::Hash,
    service::{Endpoint, EndpointKind, Schema, ServiceRecord},
};
use atoll_registry::peers::conduct::Fault;
use futures::{AsyncReadExt, AsyncWriteExt};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinSet;

use super::forging::{Author, announcement, encode, framed, now};
use crate::{
    Context, Node, Serving,
    control::api::{EndpointDescription, ServiceDescription},
    net::{SchemaCounters, streams::Substream},
    testing::{Bare, builder, eventually, listening, lists, network, node, pair, record, rpc, within},
};

/// What somebody wants to have.
#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema is looked at")]
struct Order {
    /// How many of them.
    count: u32,
    /// What it is called on the shelf.
    item: String,
}

/// A service with one long schema and one short one.
async fn offer(node: &Node, name: &str) -> Serving {
    let service = node.service(name, "1.0.0").unwrap();
    service.method("order", |_: Context, _: Order| async move { Ok(true) }).register().await.unwrap()
}

/// How [`Order`] is described in full.
fn order() -> Document {
    Document::canonical(&schemars::schema_for!(Order).as_value().to_string()).unwrap()
}

fn counted(node: &Node) -> &SchemaCounters {
    &rpc(node).net.counters.schemas
}

async fn describe(node: &Node, name: &str) -> ServiceDescription {
    within("the description", node.describe(name)).await.unwrap()
}

/// The first method of the newest version.
fn method(service: &ServiceDescription) -> &EndpointDescription {
    &service.versions[0].endpoints[0]
}

fn is_whole(service: &ServiceDescription) -> bool {
    method(service).request == Some(serde_json::from_str::<Value>(order().text()).unwrap())
}

fn why_missing(service: &ServiceDescription) -> &str {
    assert_eq!(method(service).request, None);
    method(service).request_missing.as_deref().unwrap()
}

/// A record whose method takes what these name.
fn naming(name: &str, instance: u64, request: Schema) -> ServiceRecord {
    let endpoint = Endpoint {
        name: "order".parse().unwrap(),
        kind: EndpointKind::Unary,
        request,
        response: Schema::Raw,
        idempotent: false,
        deadline_hint_ms: None,
        doc: String::new(),
    };
    ServiceRecord { endpoints: vec![endpoint], ..record(name, "1.0.0", instance) }
}

/// A bare peer beside `node` that says it offers a service whose method takes an [`Order`], and has told nobody what
/// that is.
async fn claimant(node: &Node, name: &str) -> Bare {
    let mut bare = Bare::beside(node).await;
    bare.heard().await;
    let mut author = Author::of(bare.key.clone(), &network(), "an.author", now());
    author.publisher.add(naming(name, rand::random(), Schema::Reference(order().hash())), now()).unwrap();
    bare.net.publish(encode(&announcement(&author.set()))).await;
    let id = bare.net.me;
    let offers = || node.services().iter().any(|i| i.node == id && i.record.value().name.as_str() == name);
    eventually("it is listed", offers).await;
    bare
}

/// The next request for schemas that the node sends; other questions are answered with nothing.
async fn question(bare: &mut Bare) -> (Vec<Hash>, Substream) {
    let describe = bare.net.protocols.describe.clone();
    loop {
        let mut stream = bare.accept(&describe).await;
        let mut bytes = Vec::new();
        within("the question", stream.read_to_end(&mut bytes)).await.unwrap();
        match SyncRequest::decode(&bytes[4..]).unwrap() {
            SyncRequest::Schemas { hashes } => return (hashes, stream),
            SyncRequest::Compare { .. } => say(stream, &framed(&codec::encode(&Heads::default()).unwrap())).await,
            _ => say(stream, &[]).await,
        }
    }
}

async fn say(mut stream: Substream, bytes: &[u8]) {
    // The node may have had enough before the end.
    let _ = stream.write_all(bytes).await;
    let _ = stream.close().await;
}

fn answer(schemas: &[&str]) -> Vec<u8> {
    let schemas = schemas.iter().map(|text| (*text).to_owned()).collect();
    framed(&codec::encode(&SchemaReply { schemas }).unwrap()).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_travels_by_its_hash_and_is_described_in_full() {
    let (server, client) = pair().await;
    let _serving = offer(&server, "shop").await;
    eventually("it is listed", || lists(&client, "shop")).await;
    for node in [&server, &client] {
        let instance = node.services().into_iter().find(|i| i.record.value().name.as_str() == "shop").unwrap();
        let endpoint = &instance.record.value().endpoints[0];
        assert_eq!(endpoint.request, Schema::Reference(order().hash()));
        assert!(matches!(&endpoint.response, Schema::Json(text) if text.contains("boolean")), "a short one stays");
        let described = describe(node, "shop").await;
        assert!(is_whole(&described), "{described:?}");
        let method = method(&described);
        assert_eq!(method.request.as_ref().unwrap()["properties"]["count"]["description"], "How many of them.");
        assert_eq!(method.response.as_ref().unwrap()["type"], "boolean");
        assert_eq!((&method.request_missing, &method.response_missing), (&None, &None));
    }
    assert_eq!(counted(&server).requests.count(), 0, "its own are at hand");
    let error = client.describe("no.such.shop").await.unwrap_err();
    assert!(error.to_string().contains("no node offers no.such.shop"), "{error}");
    client.describe("No Shop").await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_fetched_once_however_many_want_it() {
    let (server, client) = pair().await;
    let _serving = [offer(&server, "shop.one").await, offer(&server, "shop.two").await];
    eventually("both are listed", || lists(&client, "shop.one") && lists(&client, "shop.two")).await;
    let before = rpc(&client).directory.schemas().len();
    let mut descriptions = JoinSet::new();
    for i in 0..40 {
        let (client, name) = (client.clone(), ["shop.one", "shop.two"][i % 2]);
        descriptions.spawn(async move { describe(&client, name).await });
    }
    let descriptions = within("all of them", descriptions.join_all()).await;
    assert!(descriptions.iter().all(is_whole));
    assert!(is_whole(&describe(&client, "shop.one").await));
    let count = counted(&client);
    assert_eq!((count.requests.count(), count.fetched.count(), counted(&server).served.count()), (1, 1, 1));
    assert_eq!(rpc(&client).directory.schemas().len(), before + 1, "and held once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_looked_at_is_there_when_its_provider_is_gone() {
    let node = node(&[]).await;
    let mut bare = claimant(&node, "shop").await;
    let asking = tokio::spawn({
        let node = node.clone();
        async move { describe(&node, "shop").await }
    });
    let (hashes, stream) = question(&mut bare).await;
    assert_eq!(hashes, [order().hash()]);
    say(stream, &answer(&[order().text()])).await;
    assert!(is_whole(&asking.await.unwrap()));
    let gone = bare.net.me;
    bare.net.shutdown().await;
    eventually("it is gone", || rpc(&node).net.connections.best(&gone).is_none()).await;
    assert!(is_whole(&describe(&node, "shop").await));
    assert_eq!(counted(&node).requests.count(), 1);

    // Nor is it needed by somebody who comes only now.
    let late = crate::testing::node(&node.addresses()).await;
    eventually("it is still listed", || lists(&late, "shop")).await;
    let described = describe(&late, "shop").await;
    assert!(is_whole(&described), "a neighbour has it: {described:?}");
    assert_eq!(counted(&node).served.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_what_was_asked_for_is_refused_and_counted() {
    let node = node(&[]).await;
    let mut bare = claimant(&node, "shop").await;
    let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(limits::SCHEMA));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let many = vec!["{}"; limits::SCHEMAS_ASKED + 1];
    let order = order();
    let mut endless = u32::MAX.to_le_bytes().to_vec();
    endless.extend([0; 64]);
    let answers = [
        answer(&[r#"{"title":"another"}"#]),
        answer(&[order.text(), "{}"]),
        answer(&[order.text(), order.text()]),
        answer(&["nonsense"]),
        answer(&[&deep]),
        answer(&[&long]),
        answer(&many),
        framed(&[0xff; 100]).to_vec(),
        endless,
    ];
    let expected = "could not be fetched from its only provider";
    for (i, bytes) in (1..).zip(answers) {
        let (described, ()) = tokio::join!(describe(&node, "shop"), async {
            let (_, stream) = question(&mut bare).await;
            say(stream, &bytes).await;
        });
        assert!(why_missing(&described).contains(expected), "{i}: {described:?}");
        assert_eq!((counted(&node).refused.count(), counted(&node).fetched.count()), (i, 0), "{i}");
    }
    // Nothing to say, or breaking off, is no offence.
    for bytes in [answer(&[]), Vec::new(), answer(&[order.text()])[..50].to_vec()] {
        let (described, ()) = tokio::join!(describe(&node, "shop"), async {
            let (_, stream) = question(&mut bare).await;
            say(stream, &bytes).await;
        });
        assert!(why_missing(&described).contains(expected), "{described:?}");
    }
    assert_eq!(counted(&node).refused.count(), 9);
    let faults = rpc(&node).net.conduct.faults(&bare.net.me);
    let kinds = [Fault::Inconsistent, Fault::Malformed, Fault::Oversize].map(|kind| faults.count(kind));
    assert_eq!((kinds, faults.total()), ([3, 3, 3], 9), "{faults}");
    let (described, ()) = tokio::join!(describe(&node, "shop"), async {
        let (_, stream) = question(&mut bare).await;
        say(stream, &answer(&[order.text()])).await;
    });
    assert!(is_whole(&described), "the truth is believed, whoever has lied before");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_provider_is_asked_if_one_lies_or_says_nothing() {
    let node = node(&[]).await;
    let mut bares = [claimant(&node, "shop").await, claimant(&node, "shop").await, claimant(&node, "shop").await];
    // Whoever is asked first says nothing, the second lies, the third one tells.
    let asked = AtomicUsize::new(0);
    let behave = async |bare: &mut Bare| {
        let (_, stream) = question(bare).await;
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => return std::future::pending::<()>().await,
            1 => say(stream, &answer(&["{}"])).await,
            _ => say(stream, &answer(&[order().text()])).await,
        }
        std::future::pending::<()>().await;
    };
    let [one, two, three] = &mut bares;
    let all = async { tokio::join!(behave(one), behave(two), behave(three)) };
    let described = tokio::select! {
        described = describe(&node, "shop") => described,
        _ = all => panic!("nobody ends"),
    };
    assert!(is_whole(&described), "{described:?}");
    assert_eq!((asked.into_inner(), counted(&node).refused.count()), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_nobody_gives_is_said_to_be_missing() {
    let node = node(&[]).await;
    let mut bares = [claimant(&node, "shop").await, claimant(&node, "shop").await];
    let [one, two] = &mut bares;
    let deny = async |bare: &mut Bare| {
        let (_, stream) = question(bare).await;
        say(stream, &answer(&[])).await;
    };
    let (described, (), ()) = tokio::join!(describe(&node, "shop"), deny(one), deny(two));
    let why = why_missing(&described);
    assert!(why.starts_with("schema ") && why.ends_with("could not be fetched from any of its 2 providers"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_says_nothing_is_given_up() {
    let node = node(&[]).await;
    let mut bare = claimant(&node, "shop").await;
    let (described, _held) = tokio::join!(describe(&node, "shop"), question(&mut bare));
    let why = why_missing(&described);
    assert!(why.ends_with("could not be fetched from its only provider"), "{why}");
    assert_eq!((counted(&node).requests.count(), counted(&node).refused.count()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_can_be_looked_for_is_said_to_be_missing() {
    let node = node(&[]).await;
    let directory = &rpc(&node).directory;
    let nobody = vec![super::forging::key().node_id()];
    let wanted = (0..5_000_u32).map(|i| (Hash::of(&i.to_le_bytes()), nobody.clone())).collect();
    let described = within("it ends", directory.describe_schemas(wanted)).await;
    assert_eq!((described.found.len(), described.missing.len()), (0, 5_000));
    let asked = described.missing.values().filter(|why| why.ends_with("from its only provider")).count();
    let not_asked = described.missing.values().filter(|why| why.contains("was not asked for")).count();
    assert!(asked >= 1024 && asked + not_asked == 5_000, "{asked} and {not_asked}");
    assert_eq!(directory.schemas().under_way(), 0, "nobody waits for what nobody looks for");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_goes_away_while_it_waits_takes_nothing_from_the_others() {
    let node = node(&[]).await;
    let mut bare = claimant(&node, "shop").await;
    let first = tokio::spawn({
        let node = node.clone();
        async move { describe(&node, "shop").await }
    });
    let (_, stream) = question(&mut bare).await;
    let second = tokio::spawn({
        let node = node.clone();
        async move { describe(&node, "shop").await }
    });
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    say(stream, &answer(&[order().text()])).await;
    assert!(is_whole(&second.await.unwrap()));
    assert_eq!(counted(&node).requests.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_fetch_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = node(&[]).await;
    let _serving = offer(&server, "shop").await;
    for run in 0..3 {
        let client = listening(builder().data_dir(dir.path()).bootstrap(server.addresses())).await;
        eventually("it is listed", || lists(&client, "shop")).await;
        assert!(is_whole(&describe(&client, "shop").await), "{run}");
        assert_eq!(counted(&client).requests.count(), u64::from(run == 0), "{run}");
        client.shutdown().await;
    }
    assert_eq!(counted(&server).served.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_is_given_what_is_at_hand_each_once() {
    let node = node(&[]).await;
    let serving = offer(&node, "shop").await;
    let bare = Bare::beside(&node).await;
    let ask = async |hashes: Vec<Hash>| -> Option<BTreeSet<String>> {
        let mut stream = bare.open(&node, &bare.net.protocols.describe).await;
        let request = framed(&codec::encode(&SyncRequest::Schemas { hashes }).unwrap());
        let mut bytes = Vec::new();
        within("the answer", async {
            stream.write_all(&request).await.unwrap();
            stream.close().await.unwrap();
            let _ = stream.read_to_end(&mut bytes).await;
        })
        .await;
        let SchemaReply { schemas } = SchemaReply::decode(bytes.get(4..)?).unwrap();
        let count = schemas.len();
        let different = BTreeSet::from_iter(schemas);
        assert_eq!(different.len(), count);
        Some(different)
    };
    let (known, unknown) = (order().hash(), Hash([9; 32]));
    let expected = Some(BTreeSet::from([order().text().to_string()]));
    assert_eq!(ask(vec![known, unknown, known]).await, expected);
    assert_eq!(ask(vec![unknown]).await, Some(BTreeSet::new()));
    assert_eq!(ask(Vec::new()).await, Some(BTreeSet::new()));
    let refused = || rpc(&node).net.conduct.faults(&bare.net.me).count(Fault::Oversize);
    assert_eq!((ask(vec![known; limits::SCHEMAS_ASKED + 1]).await, counted(&node).served.count()), (None, 1));
    eventually("it is counted", || refused() == 1).await;
    drop(serving);
    assert_eq!(ask(vec![known]).await, expected, "somebody may have heard of the service a moment ago");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_breaks_a_rule_is_not_registered() {
    let node = node(&[]).await;
    let directory = &rpc(&node).directory;
    let held = directory.schemas().len();
    let with = |text: String| naming("shop", 1, Schema::Json(text));
    let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(limits::SCHEMA));
    for (text, rule) in [
        (long, "service shop@1.0.0: request of method order: the schema has 65548 bytes, at most 65536 are allowed"),
        ("nonsense".to_owned(), "the schema is not JSON"),
        (format!("{}{}", "[".repeat(65), "]".repeat(65)), "the schema is nested more than 64 deep"),
    ] {
        let error = directory.register(with(text)).await.unwrap_err().to_string();
        assert!(error.contains(rule), "{error}");
    }
    assert!(!lists(&node, "shop"));
    assert_eq!(directory.schemas().len(), held);
    directory.register(with(order().text().to_string())).await.unwrap();
    assert_eq!(directory.schemas().len(), held + 1);
    assert!(is_whole(&describe(&node, "shop").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_offered_makes_room() {
    let node = node(&[]).await;
    let directory = &rpc(&node).directory;
    // More than a node may hold of its own, one after the other.
    for i in 0..300_u64 {
        let text = format!(r#"{{"title":"{i}{}"}}"#, "x".repeat(limits::SCHEMA - 50));
        let record = naming("shop", i, Schema::Json(text));
        let instance = record.instance;
        directory.register(record).await.unwrap();
        directory.withdraw(instance);
    }
    assert!(directory.schemas().len() < 100, "{} are held", directory.schemas().len());
}
