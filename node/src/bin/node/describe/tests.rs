use std::collections::BTreeMap;

use atoll_protocol::{identity::NodeId, names::InstanceId};
use serde_json::json;

use super::*;

fn add() -> EndpointDescription {
    EndpointDescription {
        name: "add".parse().unwrap(),
        kind: EndpointKind::Unary,
        doc: "Adds two numbers.\nThey may be negative.".to_owned(),
        idempotent: true,
        deadline_hint_ms: Some(200),
        request: Some(json!({
            "type": "object",
            "properties": {
                "a": { "type": "integer", "description": "The first." },
                "b": { "type": "integer", "description": "The second." },
                "rounding": { "$ref": "#/$defs/Rounding" },
            },
            "required": ["a", "b"],
            "$defs": { "Rounding": {
                "description": "How to round.",
                "type": "object",
                "properties": { "digits": { "type": "integer", "minimum": 0, "maximum": 9 } },
                "required": ["digits"],
            } },
        })),
        response: Some(
            json!({ "type": "object", "properties": { "sum": { "type": "integer" } }, "required": ["sum"] }),
        ),
        request_missing: None,
        response_missing: None,
    }
}

fn endpoint(name: &str, kind: EndpointKind, request: Option<Value>, response: Option<Value>) -> EndpointDescription {
    let name = name.parse().unwrap();
    EndpointDescription {
        name,
        kind,
        doc: String::new(),
        idempotent: false,
        deadline_hint_ms: None,
        request,
        response,
        ..add()
    }
}

fn service() -> ServiceDescription {
    let node = NodeId::from_public_key([7; 32]);
    let instance = |id, path: Option<&str>, rtt_ms, suspect| InstanceRow {
        instance: InstanceId(id),
        node,
        path: path.map(str::to_owned),
        hops: path.map(|_| 1),
        rtt_ms,
        lease_ms: Some(71_000),
        age_ms: 130_000,
        suspect,
    };
    let newest = VersionDescription {
        version: "1.2.0".to_owned(),
        doc: "Calculates.".to_owned(),
        endpoints: vec![
            add(),
            endpoint("reset", EndpointKind::Unary, Some(json!({ "type": "object" })), Some(json!({ "type": "null" }))),
            endpoint("watch", EndpointKind::ServerStream, Some(json!(true)), None),
        ],
        topics: vec!["math.events".to_owned()],
        metadata: BTreeMap::from([("region".to_owned(), "eu".to_owned())]),
        protocols: vec![Protocol::Rpc],
        instances: vec![instance(1, Some("direct"), Some(1.25), false), instance(2, None, None, true)],
    };
    let oldest = VersionDescription {
        version: "0.9.0".to_owned(),
        doc: String::new(),
        endpoints: vec![endpoint("say", EndpointKind::Unary, Some(json!({ "type": "string", "const": "it's" })), None)],
        topics: vec![],
        metadata: BTreeMap::new(),
        protocols: vec![],
        instances: vec![],
    };
    ServiceDescription { name: "math.calc".parse().unwrap(), versions: vec![newest, oldest] }
}

fn caller() -> Caller {
    Caller { program: "node".to_owned(), options: String::new(), exact: false }
}

#[test]
fn examples_can_be_pasted_where_the_page_was_asked_for() {
    let mut service = service();
    service.versions.truncate(1);
    let there = Caller { program: "./node".to_owned(), options: " --data-dir '/my data'".to_owned(), ..caller() };
    let text = page(&service, &there, None);
    let example = "        ./node call math.calc add '{\"a\":1,\"b\":1}' --data-dir '/my data'\n";
    assert!(text.contains(example), "one version is not named: {text}");
    assert!(text.contains("watch --stream --data-dir"), "{text}");
    let text = page(&service, &Caller { exact: true, ..there }, None);
    assert!(text.contains("call math.calc@=1.2.0 add"), "there may be other versions: {text}");
}

#[test]
fn docs_are_broken_at_the_terminals_edge() {
    let mut service = service();
    let long = "This goes on and on, and says a lot more than would fit on a line of a terminal. ".repeat(3);
    for version in &mut service.versions {
        version.doc.clone_from(&long);
        for endpoint in &mut version.endpoints {
            endpoint.doc.clone_from(&long);
        }
        version.endpoints[0].request = Some(json!({ "properties": { "a": { "description": long } } }));
    }
    let page = page(&service, &caller(), Some(80));
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
}

#[test]
fn the_page_reads_well() {
    let expected = "\
math.calc 1.2.0
  Calculates.

  protocols  rpc
  topics     math.events
  labels     region=eu

  METHODS
    add  (may be repeated, takes up to 200 ms)
      Adds two numbers.
      They may be negative.
      request
        a         integer         required  The first.
        b         integer         required  The second.
        rounding  object          optional  How to round.
          digits  integer 0 to 9  required
      response
        sum  integer  required
      example
        node call math.calc@=1.2.0 add '{\"a\":1,\"b\":1}'

    reset
      request: nothing
      response: null
      example
        node call math.calc@=1.2.0 reset

    watch  (answers with a stream)
      request: anything
      response: raw bytes
      example
        node call math.calc@=1.2.0 watch --stream

  INSTANCES
    INSTANCE          NODE       STATE    PATH     HOPS  RTT_MS  LEASE  AGE
    0000000000000001  …NODE7777  ok       direct   1     1.25    1m     2m
    0000000000000002  …NODE7777  suspect  unknown  -     -       1m     2m

math.calc 0.9.0

  METHODS
    say
      request: \"it's\"
      response: raw bytes
      example
        node call math.calc@=0.9.0 say '\"it'\\''s\"'

  INSTANCES
    none known now
";
    let short = NodeId::from_public_key([7; 32]).short();
    assert_eq!(page(&service(), &caller(), Some(80)), expected.replace("…NODE7777", &short));
}

#[test]
fn strangers_words_cannot_command_the_terminal() {
    let mut service = service();
    for version in &mut service.versions {
        version.doc = "doc\u{1b}[2J\u{9b}1m\nnext".to_owned();
        version.topics = vec!["t\u{1b}]0;x\u{7}".to_owned()];
        version.endpoints[0].doc = "\u{1b}c".to_owned();
        version.endpoints[0].request =
            Some(json!({ "properties": { "\u{1b}[2J": { "enum": ["\u{9b}1m"], "description": "\u{1b}c" } },
                         "required": ["\u{1b}[2J"], "type": "object" }));
    }
    let page = page(&service, &caller(), Some(80));
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "{page:?}");
}

#[test]
fn a_schema_that_could_not_be_had_is_no_raw_bytes() {
    let mut service = service();
    let why = "schema 0123456789abcdef… could not be fetched from any of its 3 providers";
    for endpoint in service.versions.iter_mut().flat_map(|version| &mut version.endpoints) {
        (endpoint.request, endpoint.request_missing) = (None, Some(why.to_owned()));
    }
    let page = page(&service, &caller(), None);
    assert!(page.contains(&format!("      request: not known: {why}\n")), "{page}");
    assert!(!page.contains("request: raw bytes") && !page.contains("example"), "{page}");
    assert!(page.contains("      response: raw bytes\n"), "{page}");
}

#[test]
fn a_service_without_versions_is_said_to_have_none() {
    let service = ServiceDescription { name: "math.calc".parse().unwrap(), versions: vec![] };
    assert_eq!(page(&service, &caller(), None), "math.calc: no version known yet");
}
