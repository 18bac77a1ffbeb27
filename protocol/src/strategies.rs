//! Any value of a wire type, for property tests.

use proptest::{collection, option, prelude::*};
use semver::Version;

use crate::{
    adjacency::{Adjacencies, Adjacency, Neighbour, Passed, Question},
    directory::{Announcement, Head, Heads, News, RecordSet, SchemaReply, Summary, SyncReply, SyncRequest},
    golden::{body, sealed},
    identity::NodeId,
    limits,
    names::{InstanceId, MethodName, ServiceName},
    rpc::{ContentType, RequestHead},
    sealed::{Body, Hash},
    service::{
        Endpoint, EndpointKind, Extensions, Lease, NodeRecord, Protocol, Schema, Seq, ServiceRecord, Suspicion,
        UnixMillis, Withdrawal, Withdrawn,
    },
    topic::Draft,
};

const LABEL: &str = "[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?";

pub(crate) fn service_name() -> impl Strategy<Value = ServiceName> {
    collection::vec(LABEL, 1..5).prop_map(|labels| labels.join(".").parse().unwrap())
}

pub(crate) fn method_name() -> impl Strategy<Value = MethodName> {
    "[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,63}".prop_map(|name| name.parse().unwrap())
}

pub(crate) fn version() -> impl Strategy<Value = Version> {
    "[0-9]{1,9}(\\.[0-9]{1,9}){2}(-[a-z][a-z0-9.]{0,5}[a-z])?(\\+[a-z0-9]{1,6})?"
        .prop_filter_map("leading zeros and empty parts are no version", |text| Version::parse(&text).ok())
}

pub(crate) fn extensions() -> impl Strategy<Value = Extensions> {
    collection::btree_map(any::<u16>(), collection::vec(any::<u8>(), 0..6), 0..3)
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}

pub(crate) fn node_id() -> impl Strategy<Value = NodeId> {
    any::<[u8; 32]>().prop_map(NodeId::from_public_key)
}

fn statement() -> impl Strategy<Value = (UnixMillis, Seq)> {
    any::<(u64, u64)>().prop_map(|(issued, seq)| (UnixMillis(issued), Seq(seq)))
}

fn schema() -> impl Strategy<Value = Schema> {
    prop_oneof![Just(Schema::Raw), ".{0,40}".prop_map(Schema::Json), hash().prop_map(Schema::Reference),]
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let kind = prop_oneof![
        Just(EndpointKind::Unary),
        Just(EndpointKind::ServerStream),
        Just(EndpointKind::ClientStream),
        Just(EndpointKind::Bidirectional),
    ];
    (method_name(), kind, schema(), schema(), any::<bool>(), option::of(any::<u32>()), ".{0,20}").prop_map(
        |(name, kind, request, response, idempotent, deadline_hint_ms, doc)| Endpoint {
            name,
            kind,
            request,
            response,
            idempotent,
            deadline_hint_ms,
            doc,
        },
    )
}

/// A record that keeps the rules: endpoints have different names.
pub(crate) fn service_record() -> impl Strategy<Value = ServiceRecord> {
    let endpoints = collection::vec(endpoint(), 0..4).prop_map(|mut list| {
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list.dedup_by(|a, b| a.name == b.name);
        list
    });
    let protocols = collection::vec(prop_oneof![Just(Protocol::Rpc), Just(Protocol::Http), Just(Protocol::Tcp)], 0..4);
    let words = (collection::vec(".{0,12}", 0..3), ".{0,40}", collection::btree_map(".{0,8}", ".{0,8}", 0..4));
    ((service_name(), version(), any::<u64>(), endpoints), words, (protocols, statement(), extensions())).prop_map(
        |((name, version, instance, endpoints), (topics, doc, metadata), (protocols, (issued, seq), extensions))| {
            let instance = InstanceId(instance);
            ServiceRecord {
                name,
                version,
                instance,
                endpoints,
                topics,
                doc,
                metadata,
                protocols,
                issued,
                seq,
                extensions,
            }
        },
    )
}

pub(crate) fn node_record() -> impl Strategy<Value = NodeRecord> {
    (collection::vec(".{0,20}", 0..8), ".{0,16}", statement(), extensions()).prop_map(
        |(addresses, agent, (issued, seq), extensions)| NodeRecord { addresses, agent, issued, seq, extensions },
    )
}

pub(crate) fn lease() -> impl Strategy<Value = Lease> {
    let news = collection::vec(hash(), 0..=limits::NEWS);
    (statement(), hash(), 10..=3600_u32, news, extensions()).prop_map(
        |((issued, seq), digest, ttl_secs, news, extensions)| Lease { seq, digest, ttl_secs, issued, news, extensions },
    )
}

pub(crate) fn withdrawal() -> impl Strategy<Value = Withdrawal> {
    let what = prop_oneof![
        Just(Withdrawn::Node),
        collection::vec(any::<u64>().prop_map(InstanceId), 0..9).prop_map(Withdrawn::Instances),
    ];
    (what, statement()).prop_map(|(what, (issued, seq))| Withdrawal { what, issued, seq })
}

/// A node's own record and some of services.
fn records() -> impl Strategy<Value = (Option<Body<NodeRecord>>, Vec<Body<ServiceRecord>>)> {
    (option::of(node_record().prop_map(body)), collection::vec(service_record().prop_map(body), 0..3))
}

pub(crate) fn announcement() -> impl Strategy<Value = Announcement> {
    let lease = || lease().prop_map(sealed);
    prop_oneof![
        (lease(), records()).prop_map(|(lease, (node, services))| Announcement::Lease(News { lease, node, services })),
        (withdrawal().prop_map(sealed), option::of(lease()))
            .prop_map(|(withdrawal, lease)| Announcement::Withdrawal { withdrawal, lease }),
        suspicion().prop_map(|it| Announcement::Suspicion { suspicion: sealed(it) }),
    ]
}

fn suspicion() -> impl Strategy<Value = Suspicion> {
    (node_id(), statement()).prop_map(|(node, (issued, lease))| Suspicion { node, lease, issued })
}

pub(crate) fn sync_request() -> impl Strategy<Value = SyncRequest> {
    prop_oneof![
        collection::vec((node_id(), any::<u64>().prop_map(Seq)), 0..5).prop_map(|known| SyncRequest::Newer { known }),
        collection::vec(node_id(), 0..5).prop_map(|nodes| SyncRequest::Describe { nodes }),
        withdrawal().prop_map(|gone| SyncRequest::Goodbye { withdrawal: sealed(gone) }),
        summary().prop_map(|summary| SyncRequest::Compare { summary }),
        adjacent().prop_map(|question| SyncRequest::Adjacent { question }),
        collection::vec(hash(), 0..5).prop_map(|hashes| SyncRequest::Schemas { hashes }),
    ]
}

fn adjacent() -> impl Strategy<Value = Question> {
    let known = collection::vec((node_id(), any::<u64>().prop_map(Seq)), 0..5);
    (any::<(u8, u16, u16)>(), known).prop_map(|((hops, most, patience_ms), known)| Question {
        hops,
        most,
        patience_ms,
        known,
    })
}

/// An adjacency that keeps the rules: neighbours in order, each once.
pub(crate) fn adjacency() -> impl Strategy<Value = Adjacency> {
    let said = (option::of(1..=60_000_000_u32), any::<bool>());
    (statement(), 10..=600_u32, collection::btree_map(node_id(), said, 0..9), extensions()).prop_map(
        |((issued, seq), ttl_secs, neighbours, extensions)| {
            let said = |(node, (rtt_us, relayed))| Neighbour { node, rtt_us, relayed };
            Adjacency { seq, issued, ttl_secs, neighbours: neighbours.into_iter().map(said).collect(), extensions }
        },
    )
}

pub(crate) fn adjacencies() -> impl Strategy<Value = Adjacencies> {
    let passed = (adjacency(), any::<u32>())
        .prop_map(|(adjacency, remaining_ms)| Passed { adjacency: sealed(adjacency), remaining_ms });
    collection::vec(passed, 0..4).prop_map(|held| Adjacencies { held })
}

fn summary() -> impl Strategy<Value = Summary> {
    (any::<u8>(), collection::vec(any::<u64>(), 0..9)).prop_map(|(depth, buckets)| Summary { depth, buckets })
}

pub(crate) fn sync_heads() -> impl Strategy<Value = Heads> {
    let head = (node_id(), any::<u64>(), hash());
    let head = head.prop_map(|(node, lease, digest)| Head { node, lease: Seq(lease), digest });
    (any::<u8>(), collection::vec(any::<u16>(), 0..5), collection::vec(head, 0..5))
        .prop_map(|(depth, differing, heads)| Heads { depth, differing, heads })
}

pub(crate) fn schema_reply() -> impl Strategy<Value = SchemaReply> {
    collection::vec(".{0,40}", 0..4).prop_map(|schemas| SchemaReply { schemas })
}

pub(crate) fn sync_reply() -> impl Strategy<Value = SyncReply> {
    (lease().prop_map(sealed), any::<u32>(), records(), any::<bool>()).prop_map(
        |(lease, remaining_ms, (node, services), last)| SyncReply {
            set: RecordSet { lease, remaining_ms, node, services },
            last,
        },
    )
}

pub(crate) fn request_head() -> impl Strategy<Value = RequestHead<'static>> {
    let content = prop_oneof![Just(ContentType::Json), Just(ContentType::Raw)];
    let names = (".{0,20}", ".{0,8}", ".{0,12}");
    (names, any::<u32>(), content, collection::btree_map(".{0,8}", ".{0,8}", 0..4), extensions()).prop_map(
        |((service, version, method), deadline_ms, content, metadata, extensions)| RequestHead {
            service: service.into(),
            version: version.into(),
            method: method.into(),
            deadline_ms,
            content,
            metadata,
            extensions,
        },
    )
}

pub(crate) fn draft() -> impl Strategy<Value = Draft> {
    let bytes = || collection::vec(any::<u8>(), 0..20).prop_map(bytes::Bytes::from);
    let headers = collection::btree_map(".{0,8}", ".{0,8}", 0..3);
    (option::of(bytes()), option::of(bytes()), headers, bytes()).prop_map(|(key, id, headers, payload)| Draft {
        key,
        id,
        headers,
        payload,
    })
}
