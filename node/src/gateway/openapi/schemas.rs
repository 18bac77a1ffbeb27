//! JSON Schemas as parts of an OpenAPI document.
//!
//! A schema that stands by itself refers to its parts from its own root (`#/$defs/Point`); in a document the root is another one. So
//! its definitions become components of their own, and references follow them. What is no schema, or leads elsewhere, is left out:
//! it would make the whole document useless, or have tools fetch what a stranger names.

use serde_json::{Map, Value, json};

/// Keywords whose value is a schema.
const ONE: [&str; 10] = [
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords whose values are data, in which nothing is a reference.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];
/// Keywords whose values are schemas by name.
const BY_NAME: [&str; 3] = ["properties", "patternProperties", "dependentSchemas"];
/// Keywords that say what a schema is called, which here its place does.
const NAMING: [&str; 8] =
    ["$schema", "$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$vocabulary", "$recursiveRef", "$recursiveAnchor"];
/// Types that there are.
const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
/// Where definitions stand.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

/// The document's components in the making.
#[derive(Debug, Default)]
pub(super) struct Components(Map<String, Value>);

impl Components {
    /// Adds a schema under a name, and gives what refers to it.
    pub(super) fn add(&mut self, name: &str, schema: &Value) -> Value {
        let place = Place { name, root: schema };
        for key in DEFINITIONS {
            for (part, schema) in schema.get(key).and_then(Value::as_object).into_iter().flatten() {
                self.0.insert(place.part(part), place.cleaned(schema));
            }
        }
        let mut whole = place.cleaned(schema);
        if let Some(whole) = whole.as_object_mut() {
            DEFINITIONS.iter().for_each(|key| drop(whole.remove(*key)));
        }
        self.0.insert(name.to_owned(), whole);
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    pub(super) fn into_inner(self) -> Map<String, Value> {
        self.0
    }
}

/// One schema, and what it is called here.
struct Place<'a> {
    name: &'a str,
    root: &'a Value,
}

impl Place<'_> {
    /// What a definition is called here. Names of components have few characters.
    fn part(&self, part: &str) -> String {
        let fits = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
        format!("{}.{}", self.name, part.chars().map(fits).collect::<String>())
    }

    /// A copy in which everything is what it has to be. No deeper than schemas may be.
    fn cleaned(&self, schema: &Value) -> Value {
        let Value::Object(schema) = schema else {
            return if schema.is_boolean() { schema.clone() } else { json!({}) };
        };
        let mut cleaned = Map::new();
        for (key, value) in schema {
            if NAMING.contains(&key.as_str()) || DEFINITIONS.contains(&key.as_str()) || !is_well_formed(key, value) {
                continue;
            }
            let value = match (key.as_str(), value) {
                ("$ref", Value::String(target)) => match self.moved(target) {
                    Some(target) => target.into(),
                    None => continue,
                },
                (key, value) if DATA.contains(&key) => value.clone(),
                (key, Value::Object(named)) if BY_NAME.contains(&key) => {
                    named.iter().map(|(name, schema)| (name.clone(), self.cleaned(schema))).collect()
                }
                ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(all)) => {
                    all.iter().map(|schema| self.cleaned(schema)).collect()
                }
                (key, schema) if ONE.contains(&key) => self.cleaned(schema),
                (_, value) => value.clone(),
            };
            cleaned.insert(key.clone(), value);
        }
        Value::Object(cleaned)
    }

    /// Where a reference leads now; none if it leads nowhere.
    fn moved(&self, target: &str) -> Option<String> {
        let pointer = target.strip_prefix('#')?;
        self.root.pointer(pointer)?;
        let here = |rest: &str| Some(format!("#/components/schemas/{rest}"));
        if pointer.is_empty() {
            return here(self.name);
        }
        for key in DEFINITIONS {
            if let Some(rest) = pointer.strip_prefix('/').and_then(|rest| rest.strip_prefix(key)?.strip_prefix('/')) {
                let (part, deeper) = rest.split_once('/').map_or((rest, None), |(part, deeper)| (part, Some(deeper)));
                // RFC 6901, section 4, for a pointer that stands in a URI.
                let part = self.part(&part.replace("~1", "/").replace("~0", "~"));
                // What lies deeper may have been cleaned away.
                return if deeper.is_none() { here(&part) } else { None };
            }
        }
        None
    }
}

/// Whether a keyword's value is of the kind that the keyword takes, for those that tools trip over.
fn is_well_formed(key: &str, value: &Value) -> bool {
    let schema = |value: &Value| value.is_object() || value.is_boolean();
    let text = Value::is_string;
    match key {
        "type" => match value {
            Value::String(one) => TYPES.contains(&one.as_str()),
            Value::Array(all) => {
                let known = |one: &Value| one.as_str().is_some_and(|one| TYPES.contains(&one));
                let twice = all.iter().enumerate().any(|(n, one)| all.iter().skip(n + 1).any(|other| one == other));
                !all.is_empty() && all.iter().all(known) && !twice
            }
            _ => false,
        },
        "properties" | "patternProperties" | "dependentSchemas" | "dependentRequired" => value.is_object(),
        "required" => value.as_array().is_some_and(|all| all.iter().all(text)),
        "enum" | "examples" => value.is_array(),
        "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
            value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(schema))
        }
        key if ONE.contains(&key) => schema(value),
        "$ref" | "title" | "description" | "format" | "pattern" | "$comment" | "contentEncoding"
        | "contentMediaType" => text(value),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
        "multipleOf" => value.as_f64().is_some_and(|number| number > 0.0),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minContains"
        | "maxContains" => value.is_u64(),
        "uniqueItems" | "deprecated" | "readOnly" | "writeOnly" => value.is_boolean(),
        // What OpenAPI has beside JSON Schema is not theirs to say.
        "discriminator" | "xml" | "externalDocs" => false,
        _ => true,
    }
}
