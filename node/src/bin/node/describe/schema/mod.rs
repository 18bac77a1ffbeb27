//! JSON Schema (2020-12) as rows for people: field, type, whether it is needed, what it means.
//!
//! Schemas are strangers' words: references may run in circles and trees may be huge, so depth and rows are bounded.

use std::ptr;

use serde_json::{Map, Value};

#[cfg(test)]
mod tests;

/// Levels of nesting that are shown.
const DEPTH: usize = 6;

/// Rows that are shown of one schema.
const ROWS: usize = 200;

/// Alternatives that a type's name spells out.
const ALTERNATIVES: usize = 12;

/// References that are followed from one place.
const HOPS: usize = 8;

/// One row of the description of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// How deep it is nested; 0 for the fields of the value itself.
    pub(crate) depth: usize,
    /// The field's name.
    pub(crate) name: String,
    /// Its type.
    pub(crate) kind: String,
    /// `required`, `optional`, or blank where that is no question.
    pub(crate) need: &'static str,
    /// What it means, on one line.
    pub(crate) doc: String,
}

/// The fields of a value, those of nested objects below their own.
pub(crate) fn fields(schema: &Value) -> Vec<Field> {
    let mut walk = Walk { document: Document(schema), above: Vec::new(), rows: Vec::new() };
    walk.inside(schema, 0);
    walk.rows
}

/// The name of a value's type.
pub(crate) fn kind(schema: &Value) -> String {
    Document(schema).kind(schema, 0)
}

/// A schema, as the place that its references lead to.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a>(pub(crate) &'a Value);

impl<'a> Document<'a> {
    /// The schema itself, or the one it refers to.
    pub(crate) fn resolve(self, schema: &'a Value) -> &'a Value {
        let mut at = schema;
        for _ in 0..HOPS {
            let Some(pointer) = at.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#')) else { break };
            let Some(target) = self.0.pointer(pointer) else { break };
            at = target;
        }
        at
    }

    /// The alternatives of a schema that are not `null`, if it has any.
    pub(crate) fn alternatives(self, schema: &'a Value) -> Vec<&'a Value> {
        let lists = ["oneOf", "anyOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
        lists.flatten().filter(|s| self.resolve(s).get("type").and_then(Value::as_str) != Some("null")).collect()
    }

    fn kind(self, schema: &'a Value, depth: usize) -> String {
        if depth > DEPTH {
            return "…".to_owned();
        }
        let schema = self.resolve(schema);
        let Some(object) = schema.as_object() else {
            return if schema.as_bool() == Some(false) { "nothing" } else { "anything" }.to_owned();
        };
        if let Some(value) = object.get("const") {
            return value.to_string();
        }
        if let Some(values) = object.get("enum").and_then(Value::as_array) {
            return joined(values.iter().map(Value::to_string), " | ");
        }
        match object.get("type") {
            Some(Value::String(name)) => self.simple(name, object, depth),
            Some(Value::Array(names)) => {
                joined(names.iter().filter_map(Value::as_str).map(|name| self.simple(name, object, depth)), " or ")
            }
            _ => self.composed(object, depth),
        }
    }

    /// A type by its name, as closely as one word or two say it.
    fn simple(self, name: &str, schema: &'a Map<String, Value>, depth: usize) -> String {
        match name {
            "array" => match schema.get("items") {
                Some(items) => format!("list of {}", self.kind(items, depth + 1)),
                None => "list".to_owned(),
            },
            "object" => match schema.get("additionalProperties") {
                Some(values) if values.is_object() && !schema.contains_key("properties") => {
                    format!("map of {}", self.kind(values, depth + 1))
                }
                _ => "object".to_owned(),
            },
            "integer" | "number" => match (schema.get("minimum"), schema.get("maximum")) {
                (Some(min), Some(max)) => format!("{name} {min} to {max}"),
                (Some(min), None) => format!("{name} ≥ {min}"),
                (None, Some(max)) => format!("{name} ≤ {max}"),
                (None, None) => name.to_owned(),
            },
            "string" => match schema.get("format").and_then(Value::as_str) {
                Some(format) => format!("string ({format})"),
                None => name.to_owned(),
            },
            other => other.to_owned(),
        }
    }

    fn composed(self, schema: &'a Map<String, Value>, depth: usize) -> String {
        let all = |key: &str| schema.get(key).and_then(Value::as_array);
        if let Some(list) = all("oneOf").or_else(|| all("anyOf")) {
            let constants = list.iter().all(|s| self.resolve(s).get("const").is_some());
            return joined(list.iter().map(|s| self.kind(s, depth + 1)), if constants { " | " } else { " or " });
        }
        match all("allOf").and_then(|list| list.first()) {
            Some(first) => self.kind(first, depth + 1),
            None if schema.contains_key("properties") => "object".to_owned(),
            None => "anything".to_owned(),
        }
    }
}

/// Different words in their order, not too many.
fn joined(words: impl Iterator<Item = String>, separator: &str) -> String {
    let mut different: Vec<String> = Vec::new();
    for word in words {
        if different.len() == ALTERNATIVES {
            different.push("…".to_owned());
            break;
        }
        if !different.contains(&word) {
            different.push(word);
        }
    }
    different.join(separator)
}

/// Collects rows, deepest last.
struct Walk<'a> {
    document: Document<'a>,
    /// The objects that are being described, to notice one inside itself.
    above: Vec<&'a Value>,
    rows: Vec<Field>,
}

impl<'a> Walk<'a> {
    /// Describes what is inside of a value: the fields of an object, of a list's or map's items, of alternatives.
    fn inside(&mut self, schema: &'a Value, depth: usize) {
        let schema = self.document.resolve(schema);
        if self.above.iter().any(|above| ptr::eq(*above, schema)) {
            return;
        }
        if depth > DEPTH || self.above.len() > 2 * DEPTH {
            return;
        }
        self.above.push(schema);
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            self.properties(schema, properties, depth);
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.inside(part, depth);
        }
        let of_items = ["items", "additionalProperties"].into_iter().filter_map(|key| schema.get(key));
        of_items.for_each(|items| self.inside(items, depth));
        self.alternatives(schema, depth);
        self.above.pop();
    }

    fn properties(&mut self, schema: &Value, properties: &'a Map<String, Value>, depth: usize) {
        let required = schema.get("required").and_then(Value::as_array);
        for (name, property) in properties {
            let is_required = required.is_some_and(|list| list.iter().any(|r| r.as_str() == Some(name)));
            let need = if is_required { "required" } else { "optional" };
            if !self.push(depth, name, property, need) {
                return;
            }
            self.inside(property, depth + 1);
        }
    }

    /// Alternatives get rows where there is something to say of each: fields, or a description.
    fn alternatives(&mut self, schema: &'a Value, depth: usize) {
        let alternatives = self.document.alternatives(schema);
        if let [only] = alternatives.as_slice() {
            return self.inside(only, depth);
        }
        let worth = |s: &&Value| {
            let s = self.document.resolve(s);
            s.get("properties").is_some() || s.get("description").is_some()
        };
        if !alternatives.iter().any(worth) {
            return;
        }
        for (index, alternative) in alternatives.into_iter().enumerate() {
            if !self.push(depth, if index == 0 { "either" } else { "or" }, alternative, "") {
                return;
            }
            self.inside(alternative, depth + 1);
        }
    }

    /// Adds a row; `false` when there are enough.
    fn push(&mut self, depth: usize, name: &str, schema: &'a Value, need: &'static str) -> bool {
        let full = self.rows.len() >= ROWS;
        if !full {
            let (kind, doc) = (self.document.kind(schema, 0), self.doc(schema));
            self.rows.push(Field { depth, name: name.to_owned(), kind, need, doc });
        } else if self.rows.len() == ROWS {
            let doc = "more fields than are shown here; see --output json".to_owned();
            self.rows.push(Field { depth: 0, name: "…".to_owned(), kind: String::new(), need: "", doc });
        }
        !full
    }

    /// What is said of a field where it stands, or where its type is defined; and its default.
    fn doc(&self, schema: &'a Value) -> String {
        let described = |s: &'a Value| s.get("description").and_then(Value::as_str);
        let doc = described(schema).or_else(|| described(self.document.resolve(schema))).unwrap_or_default();
        let mut doc = doc.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
            doc.push_str(&format!("{}[default: {default}]", if doc.is_empty() { "" } else { " " }));
        }
        doc
    }
}
