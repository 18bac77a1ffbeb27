//! Announcements and synchronisation messages come back as they were, within their limits.

use proptest::prelude::*;

use super::*;
use crate::{
    codec::encode,
    golden::{self, network},
    strategies,
};

const NOBODY: NodeId = NodeId::from_public_key([9; 32]);

fn newer(count: usize) -> Vec<u8> {
    encode(&SyncRequest::Newer { known: vec![(NOBODY, Seq(u64::MAX)); count] }).unwrap()
}

fn describe(count: usize) -> Vec<u8> {
    encode(&SyncRequest::Describe { nodes: vec![NOBODY; count] }).unwrap()
}

#[test]
fn a_request_lists_so_many_nodes() {
    assert!(newer(limits::SYNC_KNOWN).len() <= limits::SYNC_MESSAGE, "the longest list fits into a message");
    assert!(SyncRequest::decode(&newer(limits::SYNC_KNOWN)).is_ok());
    assert!(SyncRequest::decode(&describe(limits::SYNC_KNOWN)).is_ok());
    let wanted = "16385 nodes in a synchronisation request, at most 16384 are allowed";
    for bytes in [newer(limits::SYNC_KNOWN + 1), describe(limits::SYNC_KNOWN + 1)] {
        assert_eq!(SyncRequest::decode(&bytes).unwrap_err().to_string(), wanted);
    }
}

#[test]
fn a_comparison_is_bounded_both_ways() {
    let compare = |count| {
        encode(&SyncRequest::Compare { summary: Summary { depth: 0, buckets: vec![u64::MAX; count] } }).unwrap()
    };
    assert!(SyncRequest::decode(&compare(limits::SUMMARY_BUCKETS)).is_ok());
    let error = SyncRequest::decode(&compare(limits::SUMMARY_BUCKETS + 1)).unwrap_err();
    assert_eq!(error.to_string(), "1025 buckets in a summary, at most 1024 are allowed");
    let head = Head { node: NOBODY, lease: Seq(u64::MAX), digest: Hash([9; 32]) };
    let longest =
        Heads { depth: 64, differing: vec![u16::MAX; limits::SUMMARY_BUCKETS], heads: vec![head; limits::HEADS] };
    let bytes = encode(&longest).unwrap();
    assert!(bytes.len() <= limits::SYNC_MESSAGE, "{} bytes: the longest answer fits into a message", bytes.len());
    assert_eq!(Heads::decode(&bytes).as_ref(), Ok(&longest));
    let refused = |answer: Heads| Heads::decode(&encode(&answer).unwrap()).unwrap_err().to_string();
    let too_many =
        |what, count, limit| format!("{count} {what} in an answer to a comparison, at most {limit} are allowed");
    let heads = Heads { heads: vec![head; limits::HEADS + 1], ..Heads::default() };
    assert_eq!(refused(heads), too_many("nodes", 8193, 8192));
    let differing = Heads { differing: vec![1; limits::SUMMARY_BUCKETS + 1], ..Heads::default() };
    assert_eq!(refused(differing), too_many("buckets", 1025, 1024));
}

#[test]
fn a_request_for_schemas_is_bounded_both_ways() {
    let asked = |count| encode(&SyncRequest::Schemas { hashes: vec![Hash([9; 32]); count] }).unwrap();
    assert!(SyncRequest::decode(&asked(limits::SCHEMAS_ASKED)).is_ok());
    let error = SyncRequest::decode(&asked(limits::SCHEMAS_ASKED + 1)).unwrap_err();
    assert_eq!(error.to_string(), "257 schemas in a request, at most 256 are allowed");
    let answer = |schemas: Vec<String>| SchemaReply::decode(&encode(&SchemaReply { schemas }).unwrap());
    assert!(answer(vec!["{}".to_owned(); limits::SCHEMAS_ASKED]).is_ok());
    let error = answer(vec!["{}".to_owned(); limits::SCHEMAS_ASKED + 1]).unwrap_err();
    assert_eq!(error.to_string(), "257 schemas in an answer, at most 256 are allowed");
    assert!(answer(vec!["x".repeat(limits::SCHEMA); 15]).is_ok());
    let error = answer(vec!["x".repeat(limits::SCHEMA + 1)]).unwrap_err();
    assert_eq!(error.to_string(), "65537 bytes exceed the limit of 65536");
    let error = answer(vec!["x".repeat(limits::SCHEMA); 16]).unwrap_err();
    assert!(error.to_string().ends_with("exceed the limit of 1048576"), "{error}");
    // Bytes that claim to be text.
    assert!(SchemaReply::decode(&[1, 2, 0xff, 0xfe]).unwrap_err().to_string().contains("UTF-8"));
}

#[test]
fn an_answer_has_room_for_some_and_always_for_one() {
    let long = || "x".repeat(limits::SCHEMA);
    let some = SchemaReply::filled(std::iter::repeat_with(long));
    assert_eq!(some.schemas.len(), 15);
    assert_eq!(SchemaReply::decode(&encode(&some).unwrap()), Ok(some));
    let many = SchemaReply::filled(std::iter::repeat("{}"));
    assert_eq!(many.schemas.len(), limits::SCHEMAS_ASKED);
    assert_eq!(SchemaReply::decode(&encode(&many).unwrap()), Ok(many));
    assert_eq!(SchemaReply::filled(["a", "b"]).schemas, ["a", "b"]);
}

#[test]
fn nobody_suspects_itself() {
    let suspicion = Suspicion { node: golden::key().node_id(), ..golden::suspicion() };
    let error = Signed::seal(&golden::key(), &network(), suspicion).unwrap_err();
    assert!(error.to_string().contains("should withdraw"), "{error}");
}

#[test]
fn messages_above_their_limit_are_refused() {
    let error = Announcement::decode(&vec![0; limits::ANNOUNCEMENT + 1]).unwrap_err();
    assert_eq!(error.to_string(), "32769 bytes exceed the limit of 32768");
    let error = SyncReply::decode(&vec![0; limits::SYNC_MESSAGE + 1]).unwrap_err();
    assert_eq!(error.to_string(), "1048577 bytes exceed the limit of 1048576");
    let error = SyncRequest::decode(&vec![0; limits::SYNC_MESSAGE + 1]).unwrap_err();
    assert_eq!(error.to_string(), "1048577 bytes exceed the limit of 1048576");
}

#[test]
fn unknown_kinds_are_refused_in_words() {
    assert_eq!(
        SyncRequest::decode(&[6, 0]).unwrap_err().to_string(),
        "malformed: invalid value: integer `6`, expected variant index 0 <= i < 6"
    );
    assert!(Announcement::decode(&[3, 0]).unwrap_err().to_string().contains("integer `3`"));
}

#[test]
fn a_full_record_fits_into_a_reply() {
    let mut service = golden::service_record();
    service.extensions.insert(1000, vec![7; limits::SERVICE_RECORD - 400]);
    let SyncReply { set, last } = golden::sync_reply();
    let reply = SyncReply { set: RecordSet { services: vec![golden::body(service); 10], ..set }, last };
    assert_eq!(SyncReply::decode(&encode(&reply).unwrap()), Ok(reply));
}

#[test]
fn what_was_announced_opens() {
    for (name, announcement) in golden::announcements() {
        match Announcement::decode(&encode(&announcement).unwrap()).unwrap() {
            Announcement::Lease(news) => drop(news.open(&network()).expect(name)),
            Announcement::Withdrawal { withdrawal, lease } => {
                withdrawal.open(&network()).expect(name);
                lease.map(|it| it.open(&network()).expect(name));
            }
            Announcement::Suspicion { suspicion } => drop(suspicion.open(&network()).expect(name)),
        }
    }
}

proptest! {
    #[test]
    fn announcements_come_back(value in strategies::announcement()) {
        prop_assert_eq!(Announcement::decode(&encode(&value).unwrap()), Ok(value));
    }

    #[test]
    fn requests_come_back(value in strategies::sync_request()) {
        prop_assert_eq!(SyncRequest::decode(&encode(&value).unwrap()), Ok(value));
    }

    #[test]
    fn heads_come_back(value in strategies::sync_heads()) {
        prop_assert_eq!(Heads::decode(&encode(&value).unwrap()), Ok(value));
    }

    #[test]
    fn schemas_come_back(value in strategies::schema_reply()) {
        prop_assert_eq!(SchemaReply::decode(&encode(&value).unwrap()), Ok(value));
    }

    #[test]
    fn replies_come_back(value in strategies::sync_reply()) {
        prop_assert_eq!(SyncReply::decode(&encode(&value).unwrap()), Ok(value));
    }
}
