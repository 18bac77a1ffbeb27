//! What stands in a record, and what is left out of it.

use atoll_protocol::{
    limits,
    sealed::Proved,
    service::{Endpoint, EndpointKind},
};

use super::*;
use crate::time::Time;

fn endpoint(name: &str, request: Schema, response: Schema) -> Endpoint {
    Endpoint {
        name: name.parse().unwrap(),
        kind: EndpointKind::Unary,
        request,
        response,
        idempotent: false,
        deadline_hint_ms: None,
        doc: String::new(),
    }
}

fn record(endpoints: Vec<Endpoint>) -> ServiceRecord {
    ServiceRecord { endpoints, ..service(1, "math.calc", "1.0.0", Seq(1)) }
}

fn json(document: &Document) -> Schema {
    Schema::Json(document.text().to_string())
}

#[test]
fn a_long_schema_leaves_its_hash_and_a_short_one_stays() {
    let (long, short) = (titled("long", INLINE + 1), titled("short", INLINE));
    let reference = Schema::Reference(Document::read("true").unwrap().hash());
    let mut record = record(vec![
        endpoint("a", json(&long), json(&short)),
        endpoint("b", Schema::Raw, json(&long)),
        endpoint("c", reference.clone(), Schema::Json(" {\n} ".to_owned())),
    ]);
    assert_eq!(refer(&mut record).unwrap(), std::slice::from_ref(&long), "each once");
    let schemas: Vec<&Schema> = record.endpoints.iter().flat_map(|e| [&e.request, &e.response]).collect();
    let named = Schema::Reference(long.hash());
    assert_eq!(schemas, [&named, &json(&short), &Schema::Raw, &named, &reference, &Schema::Json("{}".to_owned())]);
    assert!(refer(&mut record).unwrap().is_empty());
}

#[test]
fn what_is_no_schema_is_not_registered() {
    for (text, wanted) in [
        ("nonsense".to_owned(), "response of method add: the schema is not JSON"),
        ("7".to_owned(), "response of method add: a schema is an object or a boolean"),
        (format!(r#"{{"title":"{}"}}"#, "x".repeat(limits::SCHEMA)), "at most 65536 are allowed"),
    ] {
        let error = refer(&mut record(vec![endpoint("add", Schema::Raw, Schema::Json(text))])).unwrap_err();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn what_is_named_is_told_with_who_names_it() {
    let (a, b, c) = (schema(1).hash(), schema(2).hash(), schema(3).hash());
    let of = |seed: u8, hashes: [Hash; 2]| {
        let [request, response] = hashes.map(Schema::Reference);
        let record = record(vec![endpoint("x", request.clone(), response), endpoint("y", request, Schema::Raw)]);
        let key = SecretKey::from_seed(&[seed; 32]);
        let record = Proved::own(&key, record).unwrap();
        let (learnt, expires) = (Time::default(), Time::NEVER);
        Instance { node: record.author(), record, learnt, expires, suspect: false }
    };
    let instances = [of(3, [a, b]), of(1, [a, a]), of(2, [c, b])];
    let named = named([instances[0].record.value()], &instances);
    assert_eq!(named, BTreeMap::from([(a, vec![id(3), id(1)]), (b, vec![id(3), id(2)])]));
}
