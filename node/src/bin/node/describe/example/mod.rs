//! A request that fits a schema, to start from.

use serde_json::{Map, Value, json};

use super::schema::Document;

#[cfg(test)]
mod tests;

/// Levels of nesting that are filled in.
const DEPTH: usize = 6;

/// Values that are filled in at most: required fields of required fields multiply.
const VALUES: usize = 64;

/// The smallest value that fits `schema`: required fields only, the author's own examples where there are some.
pub(crate) fn of(schema: &Value) -> Value {
    Maker { document: Document(schema), left: VALUES }.value(schema, 0)
}

struct Maker<'a> {
    document: Document<'a>,
    left: usize,
}

impl<'a> Maker<'a> {
    fn value(&mut self, schema: &'a Value, depth: usize) -> Value {
        if self.left == 0 {
            return Value::Null;
        }
        self.left -= 1;
        if depth > DEPTH {
            return Value::Null;
        }
        if let Some(given) = given(schema) {
            return given.clone();
        }
        let schema = self.document.resolve(schema);
        if let Some(given) = given(schema) {
            return given.clone();
        }
        let mut alternatives = self.document.alternatives(schema).into_iter();
        let Some(kind) = kind(schema) else {
            let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
            return match alternatives.next() {
                Some(first) => self.value(first, depth + 1),
                None => self.all_of(schema, parts, depth),
            };
        };
        match kind {
            "object" => self.all_of(schema, alternatives.next().into_iter(), depth),
            "array" => self.list(schema, depth),
            "string" => json!(text(schema)),
            "integer" => json!(integer(schema)),
            "number" => json!(number(schema)),
            "boolean" => json!(true),
            _ => Value::Null,
        }
    }

    /// An object with the required fields of `schema` and of `parts`.
    fn all_of(&mut self, schema: &'a Value, parts: impl Iterator<Item = &'a Value>, depth: usize) -> Value {
        let mut fields = Map::new();
        let properties = schema.get("properties");
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for name in required {
            if self.left == 0 {
                break;
            }
            let value = properties.and_then(|p| p.get(name)).map(|property| self.value(property, depth + 1));
            fields.insert(name.to_owned(), value.unwrap_or_default());
        }
        for part in parts {
            if let Value::Object(more) = self.value(part, depth + 1) {
                fields.extend(more);
            }
        }
        Value::Object(fields)
    }

    /// A list with one item, unless it must be empty.
    fn list(&mut self, schema: &'a Value, depth: usize) -> Value {
        if let Some(tuple) = schema.get("prefixItems").and_then(Value::as_array) {
            return tuple.iter().map(|item| self.value(item, depth + 1)).collect();
        }
        match schema.get("items") {
            Some(items) if items.is_object() => json!([self.value(items, depth + 1)]),
            _ => json!([]),
        }
    }
}

/// A value that the author of the schema gives.
fn given(schema: &Value) -> Option<&Value> {
    let first = |key: &str| schema.get(key)?.as_array()?.first();
    first("examples").or_else(|| schema.get("const")).or_else(|| first("enum")).or_else(|| {
        // `null` as a default says only that the field may be left out.
        schema.get("default").filter(|default| !default.is_null())
    })
}

/// The type, the first that is not `null`.
fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

fn text(schema: &Value) -> &'static str {
    match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2030-01-31T12:00:00Z",
        Some("date") => "2030-01-31",
        Some("time") => "12:00:00Z",
        Some("uuid") => "123e4567-e89b-12d3-a456-426614174000",
        Some("uri" | "url") => "https://example.org/",
        Some("email") => "someone@example.org",
        Some("ip" | "ipv4") => "192.0.2.7",
        Some("ipv6") => "2001:db8::7",
        _ => "text",
    }
}

fn integer(schema: &Value) -> i64 {
    let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
    1.max(bound("minimum").unwrap_or(i64::MIN)).min(bound("maximum").unwrap_or(i64::MAX))
}

fn number(schema: &Value) -> f64 {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    1.5_f64.max(bound("minimum").unwrap_or(f64::MIN)).min(bound("maximum").unwrap_or(f64::MAX))
}
