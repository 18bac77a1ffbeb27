use schemars::{JsonSchema, schema_for};

use super::*;

#[test]
fn required_fields_are_filled_in() {
    let schema = json!({
        "type": "object",
        "properties": {
            "a": { "type": "integer" },
            "b": { "type": "integer", "minimum": 10 },
            "c": { "type": "integer", "maximum": -3 },
            "d": { "type": "string" },
            "e": { "type": "string", "format": "uuid" },
            "f": { "type": "array", "items": { "type": "boolean" } },
            "g": { "type": ["null", "number"] },
            "left_out": { "type": "string" },
        },
        "required": ["a", "b", "c", "d", "e", "f", "g"],
    });
    let expected = json!({
        "a": 1, "b": 10, "c": -3, "d": "text", "e": "123e4567-e89b-12d3-a456-426614174000", "f": [true], "g": 1.5,
    });
    assert_eq!(of(&schema), expected);
}

#[test]
fn the_authors_values_come_first() {
    let cases = [
        (json!({ "type": "string", "examples": ["x", "y"], "default": "z" }), json!("x")),
        (json!({ "type": "string", "default": "z" }), json!("z")),
        (json!({ "const": 3 }), json!(3)),
        (json!({ "enum": ["a", "b"] }), json!("a")),
        (json!({ "anyOf": [{ "type": "null" }, { "type": "integer" }] }), json!(1)),
        (json!({ "$ref": "#/$defs/X", "$defs": { "X": { "examples": [7] } } }), json!(7)),
    ];
    for (schema, expected) in cases {
        assert_eq!(of(&schema), expected, "{schema}");
    }
}

#[test]
fn bounds_are_kept() {
    let cases = [
        (json!({ "type": "integer", "exclusiveMinimum": 5 }), json!(6)),
        (json!({ "type": "integer", "exclusiveMaximum": 0 }), json!(-1)),
        (json!({ "type": "integer", "multipleOf": 5 }), json!(5)),
        (json!({ "type": "integer", "minimum": 11, "multipleOf": 5 }), json!(15)),
        (json!({ "type": "integer", "minimum": 11, "maximum": 14, "multipleOf": 7 }), json!(14)),
        (json!({ "type": "integer", "minimum": u64::MAX }), json!(u64::MAX)),
        (json!({ "type": "integer", "multipleOf": 0 }), json!(1)),
        (json!({ "type": "number", "exclusiveMinimum": 2 }), json!(3.0)),
        (json!({ "type": "number", "exclusiveMaximum": 1 }), json!(0.5)),
        (json!({ "type": "number", "multipleOf": 0.25 }), json!(1.5)),
        (json!({ "type": "string", "minLength": 6 }), json!("textte")),
        (json!({ "type": "string", "maxLength": 2 }), json!("te")),
        (json!({ "type": "string", "minLength": u64::MAX }), json!("text".repeat(50))),
        (json!({ "type": "array", "items": { "type": "integer" }, "minItems": 3 }), json!([1, 1, 1])),
        (json!({ "type": "array", "items": { "type": "integer" }, "maxItems": 0 }), json!([])),
        (
            json!({ "type": "object", "allOf": [{ "properties": { "a": { "type": "integer" } }, "required": ["a"] }] }),
            json!({ "a": 1 }),
        ),
    ];
    for (schema, expected) in cases {
        assert_eq!(of(&schema), expected, "{schema}");
    }
    let endless = of(&json!({ "type": "array", "items": { "type": "integer" }, "minItems": u64::MAX }));
    assert!(endless.as_array().unwrap().len() <= VALUES);
}

#[test]
fn circles_and_nonsense_end() {
    let circle = json!({ "properties": { "next": { "$ref": "#" } }, "required": ["next"], "type": "object" });
    assert!(of(&circle).to_string().contains("null"));
    let mut wide = json!({ "type": "object", "properties": {}, "required": [] });
    for i in 0..500 {
        wide["properties"][format!("f{i}")] = json!({ "$ref": "#" });
        wide["required"].as_array_mut().unwrap().push(json!(format!("f{i}")));
    }
    assert!(of(&wide).to_string().len() < 100_000);
    for schema in [json!(true), json!(null), json!({ "type": 3 }), json!({ "required": ["x"] })] {
        of(&schema);
    }
}

/// What a Rust service's schema looks like.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is looked at")]
struct Order {
    /// What is ordered.
    item: String,
    count: u8,
    colour: Colour,
    to: Option<Address>,
    how: How,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is looked at")]
#[serde(rename_all = "snake_case")]
enum Colour {
    Red,
    Green,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is looked at")]
struct Address {
    street: String,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is looked at")]
#[serde(tag = "kind", rename_all = "snake_case")]
enum How {
    /// By ship.
    Ship { name: String },
    /// On foot.
    Foot,
}

#[test]
fn schemas_made_from_rust_types_work() {
    let schema = serde_json::to_value(schema_for!(Order)).unwrap();
    let expected = json!({ "item": "text", "count": 1, "colour": "red", "how": { "kind": "ship", "name": "text" } });
    assert_eq!(of(&schema), expected);
}
