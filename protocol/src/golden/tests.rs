//! Encoding gives the vector; the vector decodes to the value.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use bytes::BytesMut;
use serde::{Serialize, de::DeserializeOwned};

use super::*;
use crate::{
    codec,
    limits::SYNC_MESSAGE,
    rpc::{Code, Frame, FrameKind, ResponseHead, Status, frame},
    standing::{PairReceipt, Row, puzzle},
    ticket::Ticket,
    topic::{Head, Policy, Receipt},
};

/// The vectors by name. A name stands alone on its line; the lines of its hex are indented; `#` begins a comment.
fn vectors() -> BTreeMap<&'static str, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut name = "";
    for line in include_str!("vectors.txt").lines() {
        let text = line.split('#').next().unwrap().trim_end();
        if text.starts_with(' ') {
            let digits: String = text.split_whitespace().collect();
            let vector: &mut Vec<u8> = all.get_mut(name).expect("a vector begins with its name");
            vector.extend(
                digits.as_bytes().chunks(2).map(|b| u8::from_str_radix(str::from_utf8(b).unwrap(), 16).unwrap()),
            );
        } else if !text.is_empty() {
            name = text;
            assert!(all.insert(name, Vec::new()).is_none(), "{name} is there twice");
        }
    }
    all
}

/// Compares with the vectors, and gives all differences at once, in the form of the file.
struct Book {
    vectors: BTreeMap<&'static str, Vec<u8>>,
    differences: String,
}

impl Book {
    fn open() -> Self {
        Self { vectors: vectors(), differences: String::new() }
    }

    fn bytes(&mut self, name: &str, got: &[u8]) {
        let wanted = self.vectors.remove(name);
        if wanted.as_deref() != Some(got) {
            let hex: Vec<String> = got.iter().map(|b| format!("{b:02x}")).collect();
            let lines: Vec<String> = hex.chunks(48).map(|line| format!("    {}", line.concat())).collect();
            self.differences.push_str(&format!("{name}\n{}\n", lines.join("\n")));
        }
    }

    fn value<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, name: &str, value: &T) {
        if let Some(bytes) = self.vectors.get(name) {
            assert_eq!(codec::decode::<T>(bytes, SYNC_MESSAGE).as_ref(), Ok(value), "decoding {name}");
        }
        self.bytes(name, &codec::encode(value).unwrap());
    }

    fn close(self) {
        assert!(self.differences.is_empty(), "not as in vectors.txt, but:\n{}", self.differences);
        let unused: Vec<_> = self.vectors.keys().collect();
        assert!(unused.is_empty(), "vectors without a value: {unused:?}");
    }
}

fn signed<T: Sealable + PartialEq + Debug>(book: &mut Book, name: &str, value: T) {
    book.value(&format!("{name}: body"), &value);
    let sealed = sealed(value);
    book.value(name, &sealed);
    sealed.open(&network()).expect(name);
}

fn frames(book: &mut Book) {
    let head = codec::encode(&request_head_least()).unwrap();
    for (name, kind, head, body) in [
        ("frame: request", FrameKind::Request, head.as_slice(), b"{}".as_slice()),
        ("frame: response", FrameKind::Response, &[], b"42"),
        ("frame: cancel", FrameKind::Cancel, &[], &[]),
        ("frame: parked", FrameKind::Parked, &[], &9u64.to_le_bytes()),
        ("frame: fetch", FrameKind::Fetch, &[], &[]),
        ("frame: open", FrameKind::Open, head.as_slice(), &[]),
        ("frame: data", FrameKind::Data, &[], b"42"),
        ("frame: credit", FrameKind::Credit, &[], &[]),
        ("frame: end", FrameKind::End, &[], &[]),
        ("frame: ping", FrameKind::Ping, &[], &[]),
        ("frame: pong", FrameKind::Pong, &[], &[]),
    ] {
        let (call, mut out) = (0x0807_0605_0403_0201, BytesMut::new());
        assert!(frame::encode(&mut out, kind, call, head, body));
        book.bytes(name, &out);
        let (head, body) = (head.to_vec().into(), body.to_vec().into());
        let frame = frame::Decoded::Frame(Frame { kind, call, head, body });
        assert_eq!(frame::decode(&mut out, SYNC_MESSAGE), Ok(frame), "decoding {name}");
    }
}

fn heads(book: &mut Book) {
    for (name, head) in [("request head", request_head()), ("request head: least", request_head_least())] {
        let bytes = codec::encode(&head).unwrap();
        assert_eq!(RequestHead::decode(&bytes), Ok(head), "decoding {name}");
        book.bytes(name, &bytes);
    }
    let wait = Duration::from_millis(1500);
    let mut answer = ResponseHead::ok(ContentType::Raw);
    answer.metadata.insert("etag".into(), "7".into());
    for (name, head) in [
        ("response head: ok", ResponseHead::ok(ContentType::Json)),
        ("response head: raw", answer),
        ("response head: failed", ResponseHead::failed(&Status::unavailable("gone"))),
        ("response head: full", ResponseHead::failed(&Status::resource_exhausted("full").retry_after(wait))),
    ] {
        let bytes = head.encode().unwrap();
        assert_eq!(ResponseHead::decode(&bytes), Ok(head), "decoding {name}");
        book.bytes(name, &bytes);
    }
}

fn topics(book: &mut Book) {
    let [batch, next] = topic::batches();
    book.value("topic batch", &batch.signed());
    book.bytes("topic batch: entries", &batch.signed().entries);
    book.value("topic batch: the next one", &next.signed());
    signed(book, "topic batch head", topic::head());
    signed(book, "topic receipt", topic::receipt());
    signed(book, "topic policy", topic::policy());
    for (name, access) in topic::accesses() {
        book.value(name, &access);
    }
    for (name, proof) in topic::proofs() {
        book.value(name, &proof);
        proof.verify(&network()).expect(name);
    }
    for (name, announcement) in topic::announcements() {
        book.value(name, &announcement);
    }
    for (name, request) in topic::requests() {
        book.value(name, &request);
    }
    for (name, reply) in topic::replies() {
        book.value(name, &reply);
    }
    for (name, up) in topic::ups() {
        book.value(name, &up);
    }
    for (name, down) in topic::downs() {
        book.value(name, &down);
    }
    for (name, note) in topic::notes() {
        book.value(name, &note);
    }
}

fn standing(book: &mut Book) {
    use super::standing;
    signed(book, "pair receipt, a's half", standing::receipt());
    for (name, receipt) in
        [("pair receipt", standing::receipt()), ("pair receipt: with everything", standing::receipt_full())]
    {
        let receipt = standing::both(receipt);
        book.value(name, &receipt);
        receipt.verify(&network()).expect(name);
    }
    signed(book, "standing row", standing::row());
    book.value("fraud proof", &standing::proof());
    standing::proof().verify(&network()).expect("fraud proof");
    for (name, request) in standing::requests() {
        book.value(name, &request);
    }
    for (name, reply) in standing::replies() {
        book.value(name, &reply);
    }
    let seed = [7; 32];
    for (name, wanted, number) in standing::PUZZLES {
        let (found, key) = puzzle::search(&seed, 0..number + 1, wanted).expect(name);
        assert_eq!(found, number, "{name}");
        book.value(name, &key.node_id());
    }
}

fn tunnels(book: &mut Book) {
    use super::tunnel;
    use crate::ticket::TicketWord;
    signed(book, "ticket", tunnel::ticket());
    for (name, hello) in [("tunnel hello", tunnel::hello()), ("tunnel hello: with everything", tunnel::hello_full())] {
        book.bytes(name, &hello.encode().unwrap());
    }
    book.bytes("tunnel welcome", &tunnel::welcome().encode().unwrap());
    let word = TicketWord::new(network(), sealed(tunnel::ticket())).to_string();
    book.bytes("ticket as a word", word.as_bytes());
}

#[test]
fn every_wire_type_has_the_bytes_it_always_had() {
    let mut book = Book::open();
    book.bytes("node id: peer id", &key().node_id().to_peer_id_bytes());
    book.value("node id", &key().node_id());
    book.value("instance id", &InstanceId(0x0123_4567_89ab_cdef));
    book.value("service record", &service_record());
    book.value("node record", &node_record());
    signed(&mut book, "lease", lease());
    signed(&mut book, "withdrawal of instances", withdrawal(withdrawn_instances()));
    signed(&mut book, "withdrawal of the node", withdrawal(Withdrawn::Node));
    signed(&mut book, "suspicion", suspicion());
    signed(&mut book, "adjacency", adjacency());
    for (name, announcement) in announcements() {
        book.value(name, &announcement);
    }
    for (name, request) in sync_requests() {
        book.value(name, &request);
    }
    book.value("sync reply", &sync_reply());
    book.value("sync heads", &sync_heads());
    book.value("adjacencies", &adjacencies());
    book.value("schema reply", &schema_reply());
    heads(&mut book);
    frames(&mut book);
    topics(&mut book);
    standing(&mut book);
    tunnels(&mut book);
    book.close();
}

#[test]
fn ids_have_the_texts_they_always_had() {
    let node = "12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV";
    assert_eq!((key().node_id().to_string().as_str(), node.parse()), (node, Ok(key().node_id())));
    let instance = "0123456789abcdef";
    assert_eq!(InstanceId(0x0123_4567_89ab_cdef).to_string(), instance);
    assert_eq!(instance.parse(), Ok(InstanceId(0x0123_4567_89ab_cdef)));
}

#[test]
fn status_codes_have_grpcs_numbers_and_names() {
    let names = "ok cancelled unknown invalid_argument deadline_exceeded not_found already_exists permission_denied \
                 resource_exhausted failed_precondition aborted out_of_range unimplemented internal unavailable \
                 data_loss unauthenticated";
    let expected: Vec<_> = names.split_whitespace().enumerate().collect();
    let found: Vec<_> = Code::ALL.iter().map(|code| (*code as usize, code.name())).collect();
    assert_eq!(found, expected);
}

#[test]
fn domain_tags_never_change() {
    assert_eq!(
        [Lease::DOMAIN, Withdrawal::DOMAIN, Suspicion::DOMAIN, Adjacency::DOMAIN],
        ["atoll lease 1", "atoll withdrawal 1", "atoll suspicion 1", "atoll adjacency 1"],
    );
    assert_eq!([PairReceipt::DOMAIN, Row::DOMAIN], ["atoll pair receipt 1", "atoll standing row 1"]);
    assert_eq!(Ticket::DOMAIN, "atoll ticket 1");
    assert_eq!(
        [Head::DOMAIN, Receipt::DOMAIN, Policy::DOMAIN],
        ["atoll topic batch 1", "atoll topic receipt 1", "atoll topic policy 1"],
    );
}
