use serde_json::json;

use super::*;
use crate::gateway::tests::{get, node_with_gateway, offer};

fn added(schema: Value) -> Map<String, Value> {
    let mut components = Components::default();
    assert_eq!(components.add("s.m.request", &schema), json!({ "$ref": "#/components/schemas/s.m.request" }));
    components.into_inner()
}

/// Every reference in it, which all have to lead somewhere.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| references(value, found));
        }
        Value::Array(all) => all.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn definitions_become_components_and_references_follow() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": { "at": { "$ref": "#/$defs/Point<f64>" }, "$ref": { "$ref": "#" }, "gone": { "$ref": "#/$defs/None" } },
        "$defs": { "Point<f64>": { "type": "array", "items": { "$ref": "https://evil.example/x.json" } } },
    });
    let components = added(schema);
    assert_eq!(components["s.m.request.Point_f64_"], json!({ "type": "array", "items": {} }));
    let properties = json!({
        "at": { "$ref": "#/components/schemas/s.m.request.Point_f64_" },
        "$ref": { "$ref": "#/components/schemas/s.m.request" },
        "gone": {},
    });
    assert_eq!(components["s.m.request"], json!({ "type": "object", "properties": properties }));
}

#[test]
fn what_is_no_schema_does_not_spoil_the_document() {
    assert_eq!(added(json!("not a schema"))["s.m.request"], json!({}));
    let strange = json!({ "type": "thing", "properties": [], "required": [1], "items": 3, "enum": 1, "minLength": -1, "title": "ok" });
    assert_eq!(added(strange)["s.m.request"], json!({ "title": "ok" }));
    let data = json!({ "const": { "$ref": "#/nowhere" }, "default": { "$id": "x" }, "enum": [{ "type": 3 }] });
    assert_eq!(added(data.clone())["s.m.request"], data);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_listed_method_has_a_path_with_its_schemas() {
    let node = node_with_gateway(&[]).await;
    let _serving = offer(&node).await;
    let document = get(&node, "/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let add = &document["paths"]["/v1/call/demo/add"]["post"];
    assert_eq!(
        add["requestBody"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/demo.add.request"
    );
    assert_eq!(document["components"]["schemas"]["demo.add.request"]["type"], "array");
    assert!(
        document["paths"]["/v1/call/demo/bytes"]["post"]["requestBody"]["content"]["application/octet-stream"]
            .is_object()
    );
    assert!(
        document["paths"]["/v1/call/demo/count"]["post"]["responses"]["200"]["content"]["text/event-stream"]
            .is_object()
    );
    assert!(document["paths"]["/v1/call/demo/shout"]["get"]["responses"]["101"].is_object());
    assert!(document["paths"]["/v1/call/system/ping"]["post"].is_object());
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let one = get(&node, "/openapi.json?service=system").await.json();
    assert!(one["paths"]["/v1/call/demo/add"].is_null() && one["paths"]["/v1/call/system/ping"].is_object());
    get(&node, "/openapi.json?service=No!").await.problem(400);
}
