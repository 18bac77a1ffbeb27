use serde_json::json;

use super::*;

fn rows(schema: &Value) -> Vec<String> {
    let row = |f: Field| {
        format!("{}{} : {} {} {}", "  ".repeat(f.depth), f.name, f.kind, f.need, f.doc).trim_end().to_owned()
    };
    fields(schema).into_iter().map(row).collect()
}

#[test]
fn types_are_named_as_people_say_them() {
    let cases = [
        (json!(true), "anything"),
        (json!({}), "anything"),
        (json!(false), "nothing"),
        (json!({ "type": "string" }), "string"),
        (json!({ "type": "string", "format": "date-time" }), "string (date-time)"),
        (json!({ "type": ["integer", "null"] }), "integer or null"),
        (json!({ "type": "integer", "format": "uint8", "minimum": 0, "maximum": 255 }), "integer 0 to 255"),
        (json!({ "type": "integer", "format": "uint64", "minimum": 0 }), "integer ≥ 0"),
        (json!({ "type": "array", "items": { "type": "string" } }), "list of string"),
        (json!({ "type": "array" }), "list"),
        (json!({ "type": "object", "additionalProperties": { "type": "number" } }), "map of number"),
        (json!({ "enum": ["a", "b", 3] }), "\"a\" | \"b\" | 3"),
        (json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] }), "\"a\" | \"b\""),
        (json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }), "string or null"),
        (json!({ "$ref": "#/$defs/P", "$defs": { "P": { "type": "boolean" } } }), "boolean"),
        (json!({ "$ref": "https://example.org/elsewhere" }), "anything"),
        (json!({ "$ref": "#/no/such" }), "anything"),
        (json!({ "properties": {} }), "object"),
        (json!({ "allOf": [{ "type": "object" }] }), "object"),
    ];
    for (schema, expected) in cases {
        assert_eq!(kind(&schema), expected, "{schema}");
    }
}

#[test]
fn nested_objects_and_references_are_unfolded() {
    let schema = json!({
        "type": "object",
        "properties": {
            "at": { "$ref": "#/$defs/Point", "description": "Where it\nis." },
            "more": { "type": "array", "items": { "$ref": "#/$defs/Point" } },
            "note": { "type": ["string", "null"], "default": null },
            "size": { "type": "integer", "default": 5 },
        },
        "required": ["at", "more"],
        "$defs": { "Point": {
            "description": "A point.",
            "type": "object",
            "properties": { "x": { "type": "number", "description": "East." } },
            "required": ["x"],
        } },
    });
    let expected = [
        "at : object required Where it is.",
        "  x : number required East.",
        "more : list of object required",
        "  x : number required East.",
        "note : string or null optional",
        "size : integer optional [default: 5]",
    ];
    assert_eq!(rows(&schema), expected);
}

#[test]
fn alternatives_are_told_apart() {
    let schema = json!({
        "oneOf": [
            { "description": "A circle.", "type": "object", "properties": { "radius": { "type": "number" } } },
            { "const": "point", "description": "Nothing but a place." },
        ],
    });
    let expected = ["either : object  A circle.", "  radius : number optional", "or : \"point\"  Nothing but a place."];
    assert_eq!(rows(&schema), expected);
    assert_eq!(rows(&json!({ "oneOf": [{ "const": "a" }, { "const": "b" }] })), [""; 0], "the type says it all");
}

#[test]
fn an_optional_object_is_unfolded() {
    let schema = json!({
        "properties": { "to": { "anyOf": [{ "$ref": "#/$defs/To" }, { "type": "null" }] } },
        "$defs": { "To": { "type": "object", "properties": { "name": { "type": "string" } } } },
    });
    assert_eq!(rows(&schema), ["to : object or null optional", "  name : string optional"]);
}

#[test]
fn circles_end() {
    let tree = json!({
        "type": "object",
        "properties": {
            "children": { "type": "array", "items": { "$ref": "#" } },
            "left": { "$ref": "#/$defs/A" },
        },
        "$defs": { "A": { "$ref": "#/$defs/B" }, "B": { "$ref": "#/$defs/A" } },
    });
    assert_eq!(rows(&tree), ["children : list of object optional", "left : anything optional"]);
    let list = json!({ "type": "array", "items": { "$ref": "#" } });
    assert!(kind(&list).starts_with("list of list of"));
    assert!(rows(&list).is_empty());
}

#[test]
fn there_is_an_end_to_huge_schemas() {
    let many: Map<String, Value> = (0..5000).map(|i| (format!("f{i}"), json!({ "type": "string" }))).collect();
    let rows = fields(&json!({ "properties": many }));
    assert_eq!(rows.len(), ROWS + 1);
    assert!(rows.last().unwrap().doc.contains("more fields"));
    // Each level refers to the next one twenty times: 20^20 rows if nobody counted.
    let mut defs = Map::new();
    for level in 0..20 {
        let next = json!({ "$ref": format!("#/$defs/L{}", level + 1) });
        let fields: Map<String, Value> = (0..20).map(|i| (format!("f{i}"), next.clone())).collect();
        defs.insert(format!("L{level}"), json!({ "properties": fields }));
    }
    assert_eq!(fields(&json!({ "$ref": "#/$defs/L0", "$defs": defs })).len(), ROWS + 1);
}

#[test]
fn nonsense_has_no_fields() {
    for schema in [json!(null), json!(3), json!([1]), json!({ "properties": 3, "required": "x", "oneOf": {} })] {
        assert!(fields(&schema).is_empty(), "{schema}");
        kind(&schema);
    }
}
