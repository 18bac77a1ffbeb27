//! What strangers get, and that friends do not notice it.

use std::net::IpAddr;

use atoll_protocol::{identity::SecretKey, rpc::Code, standing::Ending};
use serde_json::json;

use super::*;
use crate::{
    Node,
    config::StandingConfig,
    standing::Setup,
    testing::{builder, listening, node, rpc, standing_setup, within},
};

fn trust() -> Trust {
    let config = StandingConfig { capacity: 1_000, ..StandingConfig::default() };
    let key = SecretKey::from_seed(&[1; 32]);
    Trust::new(Setup { limits: true, capacity: config.capacity(), ..standing_setup(&key) })
}

/// A caller by number, at an address of a subnet by number.
fn caller(trust: &Trust, number: u32, subnet: u8) -> Caller {
    let mut key = [9; 32];
    key[..4].copy_from_slice(&number.to_le_bytes());
    let account = trust.account(&NodeId::from_public_key(key));
    let subnet = Some(Subnet::of(IpAddr::from([100, 1, subnet, 1])));
    Caller(Arc::new(Inner { trust: trust.clone(), account, subnet, limited: true }))
}

#[tokio::test]
async fn a_thousand_identities_of_one_subnet_get_a_fortieth() {
    let trust = trust();
    let crowd: Vec<Caller> = (0..1_000).map(|number| caller(&trust, number, 1)).collect();
    // Within a second each of them calls ten times, which its own allowance covers.
    let calls = (0..10).flat_map(|_| &crowd).filter(|caller| caller.admit(Time(1_000)).is_ok()).count();
    assert_eq!(calls, 25, "of a thousand that the node can take");
    let refused = crowd[999].admit(Time(1_000)).unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("newcomers of this subnet") && refused.wait().is_some(), "{refused:?}");
    // Elsewhere there is room, and a member is not among them.
    assert!(caller(&trust, 2_000, 2).admit(Time(1_000)).is_ok());
    let member = caller(&trust, 3_000, 1);
    member.0.account.judge(member.0.account.judged(), Tier::Member);
    let calls = (0..300).filter(|_| member.admit(Time(1_000)).is_ok()).count();
    assert_eq!(calls, 200);
    assert!(member.admit(Time(1_000)).unwrap_err().message().contains("a member makes 20 calls a second"));
}

#[tokio::test]
async fn places_are_free_again_when_calls_have_ended() {
    let trust = trust();
    let crowd: Vec<Caller> = (0..100).map(|number| caller(&trust, number, 1)).collect();
    let held: Vec<Admitted> = crowd.iter().filter_map(|caller| caller.admit(Time(1_000)).ok()).collect();
    assert_eq!(held.len(), 25, "a quarter of a tenth of 1 024 places");
    assert!(crowd[99].admit(Time(5_000)).is_err(), "however long it takes");
    drop(held);
    assert_eq!(trust.0.newcomers.lock().at_once(), 0);
    assert!(crowd[99].admit(Time(5_000)).is_ok());
}

async fn ping(from: &Node, to: &Node) -> Result<serde_json::Value, crate::Status> {
    let client = from.client("system").unwrap();
    within("an answer", async { client.call("ping", &json!({})).peer(to.id()).await }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_told_when_to_come_back_and_a_friend_is_not_counted() {
    let (stranger, friend) = (node(&[]).await, node(&[]).await);
    let mut builder = builder();
    builder.config.standing.limits = Some(true);
    builder.config.standing.trusted.insert(friend.id());
    let server = listening(builder).await;
    rpc(&server).trust.trust_nobody_here();
    for node in [&stranger, &friend] {
        within("a connection", node.connect(&server.addresses()[0])).await.unwrap();
    }
    let mut refusals = Vec::new();
    for _ in 0..100 {
        refusals.extend(ping(&stranger, &server).await.err());
        assert!(ping(&friend, &server).await.is_ok());
    }
    assert!(!refusals.is_empty() && refusals.len() <= 80, "{}", refusals.len());
    for refusal in refusals {
        assert_eq!(refusal.code(), Code::ResourceExhausted);
        assert!(refusal.message().contains("a newcomer makes 2 calls a second"), "{refusal:?}");
        assert!(refusal.wait().is_some());
    }
    // To be refused is no evidence of anything.
    rpc(&stranger).trust.take_in(false);
    assert_eq!(rpc(&stranger).trust.evidence(&server.id()).fault(), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_on_this_machine_is_not_limited() {
    let stranger = node(&[]).await;
    let mut builder = builder();
    builder.config.standing.limits = Some(true);
    let server = listening(builder).await;
    within("a connection", stranger.connect(&server.addresses()[0])).await.unwrap();
    for _ in 0..50 {
        ping(&stranger, &server).await.unwrap();
    }
    rpc(&server).trust.ended(&rpc(&server).trust.account(&stranger.id()), Ending::Fault);
    rpc(&server).trust.take_in(false);
    assert!(ping(&stranger, &server).await.is_ok(), "whatever is thought of it");
}
