//! A request that fits a schema, to start from.

use serde_json::{Map, Value, json};

use super::schema::Document;

#[cfg(test)]
mod tests;

/// Levels of nesting that are filled in.
const DEPTH: usize = 6;

/// Values that are filled in at most: required fields of required fields multiply.
const VALUES: usize = 64;

/// Characters of a text that is made up.
const LONGEST: usize = 200;

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
            "object" => {
                let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
                self.all_of(schema, parts.chain(alternatives.next()), depth)
            }
            "array" => self.list(schema, depth),
            "string" => json!(text(schema)),
            "integer" => integer(schema),
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

    /// A list with one item, or as many as it must have, unless it must be empty.
    fn list(&mut self, schema: &'a Value, depth: usize) -> Value {
        if let Some(tuple) = schema.get("prefixItems").and_then(Value::as_array) {
            return tuple.iter().map(|item| self.value(item, depth + 1)).collect();
        }
        match schema.get("items") {
            Some(items) if items.is_object() => {
                let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
                let count = bound("minItems").unwrap_or(1).max(1).min(bound("maxItems").unwrap_or(u64::MAX));
                let mut list = Vec::new();
                while (list.len() as u64) < count && self.left > 0 {
                    list.push(self.value(items, depth + 1));
                }
                Value::Array(list)
            }
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

/// A text of the length and format that are asked for. Patterns are beyond this: their authors give examples.
fn text(schema: &Value) -> String {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2030-01-31T12:00:00Z",
        Some("date") => "2030-01-31",
        Some("time") => "12:00:00Z",
        Some("duration") => "PT10S",
        Some("uuid") => "123e4567-e89b-12d3-a456-426614174000",
        Some("uri" | "url") => "https://example.org/",
        Some("email") => "someone@example.org",
        Some("hostname") => "example.org",
        Some("ip" | "ipv4") => "192.0.2.7",
        Some("ipv6") => "2001:db8::7",
        _ => {
            let bound = |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
            let most = bound("maxLength").unwrap_or(LONGEST).min(LONGEST);
            let length = "text".len().max(bound("minLength").unwrap_or_default()).min(most);
            return "text".chars().cycle().take(length).collect();
        }
    };
    text.to_owned()
}

/// The whole number nearest to 1 that is within the bounds.
fn integer(schema: &Value) -> Value {
    let whole =
        |key: &str| schema.get(key).and_then(|v| v.as_i64().map(i128::from).or_else(|| v.as_u64().map(i128::from)));
    let least = whole("minimum").into_iter().chain(whole("exclusiveMinimum").map(|n| n + 1)).max();
    let most = whole("maximum").into_iter().chain(whole("exclusiveMaximum").map(|n| n - 1)).min();
    let mut number = 1.max(least.unwrap_or(i128::MIN)).min(most.unwrap_or(i128::MAX));
    if let Some(step) = whole("multipleOf").filter(|step| *step > 0) {
        // Upwards, unless that is too much.
        let above = number + (step - number.rem_euclid(step)) % step;
        number = if most.is_some_and(|most| above > most) { above - step } else { above };
    }
    i64::try_from(number)
        .map(Value::from)
        .or_else(|_| u64::try_from(number).map(Value::from))
        .unwrap_or_else(|_| json!(1))
}

fn number(schema: &Value) -> f64 {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let above = |least: f64| least + least.abs().max(1.0) / 2.0;
    let below = |most: f64| most - most.abs().max(1.0) / 2.0;
    let least = bound("minimum").unwrap_or(f64::MIN).max(bound("exclusiveMinimum").map_or(f64::MIN, above));
    let most = bound("maximum").unwrap_or(f64::MAX).min(bound("exclusiveMaximum").map_or(f64::MAX, below));
    let number = 1.5_f64.max(least).min(most);
    match bound("multipleOf") {
        Some(step) if step > 0.0 => (number / step).ceil() * step,
        _ => number,
    }
}
