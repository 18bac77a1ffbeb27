//! What comes of calls between nodes on loopback.

mod receipts;
mod uses;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{
    Context, Node, Status,
    testing::{builder, eventually, listening, node, pair, rpc, taking_over, within},
};

/// What this node has seen of another one.
fn seen(node: &Node, peer: &Node) -> Evidence {
    rpc(node).trust.evidence(&peer.id())
}

/// A service whose method does what its request says: `"good"`, `"wrong"`, or fails.
async fn serving(node: &Node) -> crate::Serving {
    let service = node.service("moods", "1.0.0").unwrap();
    let method = async |_: Context, mood: String| match mood.as_str() {
        "good" => Ok(json!("fine")),
        "absent" => Err(Status::not_found("nobody")),
        _ => Err(Status::internal("a bad day")),
    };
    let method = move |context, mood: String| Box::pin(method(context, mood));
    service.method("ask", method).register().await.unwrap()
}

async fn ask(node: &Node, peer: &Node, mood: &str) -> Result<Value, Status> {
    let client = node.client("moods").unwrap();
    within("an answer", async { client.call("ask", mood).peer(peer.id()).await }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_become_evidence() {
    let (one, other) = pair().await;
    let _serving = serving(&other).await;
    for _ in 0..20 {
        ask(&one, &other, "good").await.unwrap();
    }
    eventually("the calls count", || seen(&one, &other).calls() == 20).await;
    let standing = rpc(&one).trust.of(&other.id());
    assert!(standing.score > 0.8 && standing.quality > 0.9, "{standing:?}");
    assert_eq!(standing.tier, Tier::Newcomer, "a good day makes no member");
    // An answer that there is nothing is no merit and no fault.
    ask(&one, &other, "absent").await.unwrap_err();
    ask(&one, &other, "good").await.unwrap();
    eventually("the last call counts", || seen(&one, &other).calls() == 21).await;
    assert_eq!(seen(&one, &other).fault(), 0.0);
    assert_eq!(seen(&other, &one).calls(), 0, "whoever is called learns nothing of the caller");
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_faults_count_and_mere_faults_do_not() {
    let (one, other) = pair().await;
    let charge = |fault| rpc(&one).net.conduct.charge(Some(other.id()), fault, "a test");
    charge(atoll_registry::peers::conduct::Fault::Replayed);
    charge(atoll_registry::peers::conduct::Fault::Forged);
    eventually("it counts", || seen(&one, &other).calls() == 1).await;
    assert!(rpc(&one).trust.of(&other.id()).score < 0.4);
    assert!(seen(&one, &other).fault() > 0.99);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_out_of_reach_is_not_worse_for_it() {
    let (one, other) = pair().await;
    let peer = other.id();
    let serving = serving(&other).await;
    ask(&one, &other, "good").await.unwrap();
    drop(serving);
    other.shutdown().await;
    ask(&one, &other, "good").await.unwrap_err();
    rpc(&one).trust.take_in(false);
    let evidence = rpc(&one).trust.evidence(&peer);
    assert_eq!((evidence.calls(), evidence.fault()), (1, 0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_outlives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let other = node(&[]).await;
    let one = listening(builder().data_dir(dir.path()).bootstrap(other.addresses())).await;
    let _serving = serving(&other).await;
    within("joining", one.joined()).await;
    for _ in 0..5 {
        ask(&one, &other, "good").await.unwrap();
    }
    eventually("the calls count", || seen(&one, &other).calls() == 5).await;
    let before = seen(&one, &other);
    // No goodbye: the last clone goes, and with it everything that is not on the disk.
    drop(one);
    let again = taking_over(dir.path()).await;
    assert_eq!(seen(&again, &other).calls(), 5);
    assert_eq!(rpc(&again).trust.of(&other.id()).merits.successes, 5, "and it counts from the beginning");
    assert!(seen(&again, &other).success() <= before.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_may_trust_whom_it_wants() {
    let other = node(&[]).await;
    let mut builder = builder();
    builder.config.standing.trusted.insert(other.id());
    let one = listening(builder).await;
    let trust = &rpc(&one).trust;
    assert_eq!(trust.of(&other.id()).tier, Tier::Trusted);
    assert!(trust.is_exempt(&other.id(), None));
    assert!(!trust.is_exempt(&one.id(), None));
}

/// A service that says which node answered, after `pause`.
async fn naming(node: &Node, pause: Duration, promise: Duration) -> crate::Serving {
    let id = node.id().to_string();
    let method = move |_: Context, _: Value| {
        let id = id.clone();
        async move {
            tokio::time::sleep(pause).await;
            Ok(id)
        }
    };
    let service = node.service("names", "1.0.0").unwrap();
    service.method("name", method).promises("name", promise).register().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_later_than_promised_is_half_as_good() {
    let (one, other) = pair().await;
    let _serving = naming(&other, Duration::from_millis(20), Duration::from_millis(1)).await;
    eventually("it is listed", || crate::testing::lists(&one, "names")).await;
    let client = one.client("names").unwrap();
    let _: String = within("an answer", async { client.call("name", &json!(1)).await }).await.unwrap();
    eventually("it counts", || seen(&one, &other).calls() == 1).await;
    assert!((0.49..0.51).contains(&seen(&one, &other).success()));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_to_those_that_do_well_and_now_and_then_to_strangers() {
    let nodes = [node(&[]).await, node(&[]).await, node(&[]).await];
    let joined: Vec<_> = nodes.iter().flat_map(Node::addresses).collect();
    let caller = node(&joined).await;
    let mut serving = Vec::new();
    for node in &nodes {
        serving.push(naming(node, Duration::ZERO, Duration::from_secs(60)).await);
        within("a connection", caller.connect(&node.addresses()[0])).await.unwrap();
    }
    eventually("all are listed", || {
        caller.services().iter().filter(|i| i.record.value().name.as_str() == "names").count() == 3
    })
    .await;
    let trust = &rpc(&caller).trust;
    trust.trust_nobody_here();
    let [good, fair, bad] = &nodes;
    let record = |node: &Node, ending, count| {
        trust.0.book.lock().record_many(node.id(), ending, count, trust.0.clock.wall());
    };
    record(good, Ending::Good, 50);
    record(fair, Ending::Good, 50);
    record(bad, Ending::Good, 50);
    record(bad, Ending::Fault, 20);
    trust.judge_all();
    let client = caller.client("names").unwrap();
    let mut tally = std::collections::BTreeMap::new();
    for _ in 0..200 {
        let name: String = within("an answer", async { client.call("name", &json!(1)).await }).await.unwrap();
        *tally.entry(name).or_insert(0) += 1;
    }
    let of = |node: &Node| tally.get(&node.id().to_string()).copied().unwrap_or(0);
    assert_eq!((of(good) + of(fair), of(bad)), (200, 0), "{tally:?}");
    assert!(of(good) > 0 && of(fair) > 0, "{tally:?}");
    // Named by its caller it is called all the same.
    let asked = within("an answer", async { client.call::<_, String>("name", &json!(1)).peer(bad.id()).await }).await;
    assert_eq!(asked.unwrap(), bad.id().to_string());
}

/// A builder of nodes that must have an identity of so many bits.
fn of_bits(bits: u32) -> crate::Builder {
    let mut builder = builder();
    builder.config.standing.puzzle_bits = Some(bits);
    builder
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_solved_no_puzzle_is_hung_up_on_and_told_why() {
    let reported: Arc<Mutex<Vec<crate::NodeEvent>>> = Arc::default();
    let events = Arc::clone(&reported);
    // Loopback needs no puzzle: the identity is any, and has next to no bits.
    let strict = listening(of_bits(30).on_event(move |event| events.lock().push(event))).await;
    rpc(&strict).trust.trust_nobody_here();
    let stranger = node(&[]).await;
    let address = &strict.addresses()[0];
    let _ = within("dialling", stranger.connect(address)).await;
    let told = |event: &crate::NodeEvent| matches!(event, crate::NodeEvent::PeerTooEasy { peer, wanted: 30, .. } if *peer == stranger.id());
    eventually("it is told", || reported.lock().iter().any(told)).await;
    eventually("it is hung up on", || rpc(&strict).net.connections.len() == 0).await;
    let refused = within("dialling", strict.connect(&stranger.addresses()[0])).await.unwrap_err().to_string();
    assert!(refused.contains("of the 30 bits") && refused.contains("standing.trusted"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_is_made_once_and_those_who_are_trusted_need_none() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = crate::config::Config { network: crate::testing::network(), ..Default::default() };
    config.standing.puzzle_bits = Some(6);
    let events = crate::event::Events::new(None);
    let make = async |bits| {
        let mut config = config.clone();
        config.standing.puzzle_bits = Some(bits);
        identity(Some(dir.path()), &config, &events).await.unwrap().node_id()
    };
    let made = make(6).await;
    assert!(puzzle_bits(&made) >= 6);
    assert_eq!(make(6).await, made);
    assert_eq!(make(30).await, made, "one that is there stays, and is said to be too easy");

    let friend = node(&[]).await;
    let mut builder = of_bits(30);
    builder.config.standing.trusted.insert(friend.id());
    let strict = listening(builder).await;
    rpc(&strict).trust.trust_nobody_here();
    within("dialling", strict.connect(&friend.addresses()[0])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_pass_on_of_those_without_a_puzzle_is_not_listed() {
    // Those who listen beyond this machine must have solved it.
    let beyond = || of_bits(8).listen(["/ip4/0.0.0.0/udp/0/quic-v1".parse().unwrap()]);
    let local = |node: &Node| node.addresses().into_iter().find(|address| address.to_string().contains("127.0.0.1"));
    let (strict, between, stranger) = (listening(beyond()).await, listening(beyond()).await, node(&[]).await);
    rpc(&strict).trust.trust_nobody_here();
    eventually("it listens here, too", || local(&between).is_some()).await;
    let address = local(&between).unwrap();
    for node in [&strict, &stranger] {
        within("a connection", node.connect(&address)).await.unwrap();
    }
    let lists = |node: &Node, other: &Node| node.services().iter().any(|instance| instance.node == other.id());
    let _serving = serving(&stranger).await;
    eventually("who is between lists both", || lists(&between, &strict) && lists(&between, &stranger)).await;
    eventually("the strict one lists who is between", || lists(&strict, &between)).await;
    // What has come after it, and could have come before.
    let _more = serving(&between).await;
    let more = |i: &crate::Instance| i.node == between.id() && i.record.value().name.as_str() == "moods";
    eventually("it hears more", || strict.services().iter().any(more)).await;
    assert!(!lists(&strict, &stranger) || puzzle_bits(&stranger.id()) >= 8);
}
