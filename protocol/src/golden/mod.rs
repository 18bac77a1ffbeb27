//! Fixed values of every wire type, and the bytes that they must have (`vectors.txt`) in every version of Atoll.
//!
//! A vector that fails means that nodes of the version before would no longer understand this one. It is the code that
//! is wrong then, unless a protocol's major number changes with it.

use std::collections::BTreeMap;

use semver::Version;

use crate::{
    adjacency::{Adjacencies, Adjacency, Neighbour, Passed, Question},
    directory::{Announcement, Head, Heads, News, RecordSet, SchemaReply, Summary, SyncReply, SyncRequest},
    identity::{NodeId, SecretKey},
    names::{InstanceId, NetworkName},
    rpc::{ContentType, Metadata, RequestHead},
    sealed::{Body, Hash, Proved, Sealable, Signed, Statement},
    service::{
        Endpoint, EndpointKind, Extensions, Lease, NodeRecord, Protocol, Schema, Seq, ServiceRecord, Suspicion,
        UnixMillis, Withdrawal, Withdrawn,
    },
};

pub(crate) mod standing;
mod tests;
pub(crate) mod topic;
pub(crate) mod tunnel;

/// The secret key of RFC 8032, section 7.1, test 1.
pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed(&[
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
        0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ])
}

/// Somebody else's key.
pub(crate) fn other_key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

pub(crate) fn network() -> NetworkName {
    NetworkName::main()
}

/// `value`, signed by [`key`] for the main network.
pub(crate) fn sealed<T: Sealable>(value: T) -> Signed<T> {
    Signed::seal(&key(), &network(), value).unwrap().signed()
}

/// `value` as it stands in a set.
pub(crate) fn body<T: Statement>(value: T) -> Body<T> {
    Proved::own(&key(), value).unwrap().body().clone()
}

const ISSUED: UnixMillis = UnixMillis(1_700_000_000_000);

fn extensions() -> Extensions {
    Extensions::from([(1, vec![0xaa, 0xbb]), (300, Vec::new())])
}

/// A record with every kind of endpoint, schema and protocol.
pub(crate) fn service_record() -> ServiceRecord {
    let endpoint = |name: &str, kind, request, response| Endpoint {
        name: name.parse().unwrap(),
        kind,
        request,
        response,
        idempotent: kind == EndpointKind::Unary,
        deadline_hint_ms: (kind == EndpointKind::Unary).then_some(5000),
        doc: String::new(),
    };
    let json = || Schema::Json(r#"{"type":"number"}"#.into());
    ServiceRecord {
        name: "math.calc".parse().unwrap(),
        version: Version::parse("1.2.3-rc.1+b5").unwrap(),
        instance: InstanceId(0x0123_4567_89ab_cdef),
        endpoints: vec![
            endpoint("add", EndpointKind::Unary, json(), json()),
            endpoint("watch", EndpointKind::ServerStream, Schema::Raw, json()),
            endpoint("sum", EndpointKind::ClientStream, Schema::Reference(Hash([0x11; 32])), Schema::Raw),
            endpoint("chat", EndpointKind::Bidirectional, Schema::Raw, Schema::Raw),
        ],
        topics: vec!["math/results".into()],
        doc: "Sums, and more. é".into(),
        metadata: BTreeMap::from([("region".into(), "eu".into()), ("tier".into(), String::new())]),
        protocols: vec![Protocol::Rpc, Protocol::Http, Protocol::Tcp],
        issued: ISSUED,
        seq: Seq(250),
        extensions: extensions(),
    }
}

pub(crate) fn node_record() -> NodeRecord {
    NodeRecord {
        addresses: vec!["/ip4/203.0.113.7/udp/4001/quic-v1".into(), "/ip6/2001:db8::7/tcp/4001".into()],
        agent: "atoll/0.1.0".into(),
        issued: ISSUED,
        seq: Seq(251),
        extensions: extensions(),
    }
}

pub(crate) fn lease() -> Lease {
    let (seq, digest) = (Seq(70_000), Hash([0x22; 32]));
    Lease { seq, digest, ttl_secs: 90, issued: ISSUED, news: Vec::new(), extensions: Extensions::new() }
}

/// A node's own record and one of a service, under a lease with further news.
pub(crate) fn news() -> News {
    let (node, service) = (body(node_record()), body(service_record()));
    let news = vec![Hash([0x44; 32]), Hash::of_set([node.hash(), service.hash()])];
    News { lease: sealed(Lease { news, ..lease() }), node: Some(node), services: vec![service] }
}

pub(crate) fn withdrawal(what: Withdrawn) -> Withdrawal {
    Withdrawal { what, issued: ISSUED, seq: Seq(u64::MAX) }
}

pub(crate) fn withdrawn_instances() -> Withdrawn {
    Withdrawn::Instances(vec![InstanceId(0x0123_4567_89ab_cdef), InstanceId(5)])
}

pub(crate) fn suspicion() -> Suspicion {
    Suspicion { node: other_key().node_id(), lease: Seq(70_000), issued: ISSUED }
}

/// A neighbour that is well known, and one that is new.
pub(crate) fn adjacency() -> Adjacency {
    let known = Neighbour { node: NodeId::from_public_key([3; 32]), rtt_us: Some(12_345), relayed: false };
    let new = Neighbour { node: other_key().node_id(), rtt_us: None, relayed: true };
    let neighbours = vec![known, new];
    Adjacency { seq: Seq(70_001), issued: ISSUED, ttl_secs: 120, neighbours, extensions: extensions() }
}

pub(crate) fn adjacent() -> Question {
    Question { hops: 2, most: 256, patience_ms: 1000, known: vec![(other_key().node_id(), Seq(70_000))] }
}

pub(crate) fn adjacencies() -> Adjacencies {
    Adjacencies { held: vec![Passed { adjacency: sealed(adjacency()), remaining_ms: 100_000 }] }
}

/// Every form of an announcement, by name.
pub(crate) fn announcements() -> [(&'static str, Announcement); 5] {
    let (lease, farewell) = (sealed(lease()), sealed(withdrawal(Withdrawn::Node)));
    let some_gone = sealed(withdrawal(withdrawn_instances()));
    [
        ("announcement: renewal", Announcement::Lease(News::none(lease.clone()))),
        ("announcement: change", Announcement::Lease(news())),
        ("announcement: withdrawal", Announcement::Withdrawal { withdrawal: some_gone, lease: Some(lease) }),
        ("announcement: farewell", Announcement::Withdrawal { withdrawal: farewell, lease: None }),
        ("announcement: suspicion", Announcement::Suspicion { suspicion: sealed(suspicion()) }),
    ]
}

/// Every form of a synchronisation request, by name.
pub(crate) fn sync_requests() -> [(&'static str, SyncRequest); 6] {
    let (one, two): (NodeId, NodeId) = (key().node_id(), other_key().node_id());
    [
        ("sync request: newer", SyncRequest::Newer { known: vec![(one, Seq(3)), (two, Seq(70_000))] }),
        ("sync request: describe", SyncRequest::Describe { nodes: vec![two, one] }),
        ("sync request: goodbye", SyncRequest::Goodbye { withdrawal: sealed(withdrawal(Withdrawn::Node)) }),
        ("sync request: compare", SyncRequest::Compare { summary: Summary { depth: 2, buckets: vec![7, u64::MAX] } }),
        ("sync request: adjacent", SyncRequest::Adjacent { question: adjacent() }),
        ("sync request: schemas", SyncRequest::Schemas { hashes: vec![Hash([0x11; 32]), Hash([0x33; 32])] }),
    ]
}

pub(crate) fn sync_heads() -> Heads {
    let head = Head { node: key().node_id(), lease: Seq(70_000), digest: Hash([0x22; 32]) };
    Heads { depth: 1, differing: vec![3, 300], heads: vec![head] }
}

pub(crate) fn schema_reply() -> SchemaReply {
    SchemaReply { schemas: vec![r#"{"type":"number"}"#.into(), "true".into()] }
}

pub(crate) fn sync_reply() -> SyncReply {
    let (node, service) = (body(node_record()), body(service_record()));
    let digest = Hash::of_set([node.hash(), service.hash()]);
    let lease = sealed(Lease { digest, ..lease() });
    SyncReply { set: RecordSet { lease, remaining_ms: 60_000, node: Some(node), services: vec![service] }, last: true }
}

pub(crate) fn request_head() -> RequestHead<'static> {
    RequestHead {
        service: "math.calc".into(),
        version: "^1.2".into(),
        method: "add".into(),
        deadline_ms: 1500,
        content: ContentType::Json,
        metadata: Metadata::from([("traceparent".into(), "00-01".into())]),
        extensions: extensions(),
    }
}

/// The least that a request can say.
pub(crate) fn request_head_least() -> RequestHead<'static> {
    RequestHead {
        service: "a".into(),
        version: "".into(),
        method: "b".into(),
        deadline_ms: 0,
        content: ContentType::Raw,
        metadata: Metadata::new(),
        extensions: Extensions::new(),
    }
}
