//! Which values of an operation its contract confines to harmless forms, so that inspection need not search them.
//!
//! A value is confined when its schema leaves no room for an attack: numbers, booleans, listed values, and the formats
//! uuid, date, date-time, time and ipv4. A pattern confines nothing, since patterns are often wider than meant.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use stockade_model::plan::{ApiPlan, OperationPlan, ParameterIn, ParameterStyle};

/// Deepest schema that is looked into, and the most references in a row.
const DEPTH: u8 = 12;
/// Schemas of one operation that are looked into.
const MOST: u32 = 20_000;

/// The confined places of one operation, named as inspection names places.
#[derive(Debug, Default)]
pub(crate) struct Confined {
    parameters: HashSet<String>,
    body: Node,
}

#[derive(Debug, Default)]
enum Node {
    /// Anything may stand here.
    #[default]
    Open,
    Confined,
    /// An object that allows no other keys: with others, a key such as `a.b` could pass for `b` inside `a`.
    Object(HashMap<String, Node>),
    Array(Box<Node>),
}

impl Confined {
    /// Works them out for one operation below `base_path`.
    pub(crate) fn new(plan: &OperationPlan, api: &ApiPlan) -> Self {
        let base_path = &api.base_path;
        let formats = api.contract.formats;
        let base = if base_path == "/" { 0 } else { base_path.matches('/').count() };
        let mut parameters = HashSet::new();
        for parameter in &plan.parameters {
            let mut reading = Reading { scope: Scope::of(&parameter.schema, &api.schemas), formats, left: MOST };
            let schema = reading.scope.resolve(&parameter.schema, DEPTH);
            let value = schema.get("items").filter(|_| is_array(schema)).unwrap_or(schema);
            if parameter.style == ParameterStyle::Json || !reading.is_confined(value, DEPTH) {
                continue;
            }
            let name = &parameter.name;
            match parameter.place {
                ParameterIn::Query => parameters.insert(format!("query.{name}")),
                ParameterIn::Cookie => parameters.insert(format!("cookie.{name}")),
                ParameterIn::Header if !is_ignored_header(name) => parameters.insert(format!("header.{name}")),
                ParameterIn::Header => continue,
                ParameterIn::Path => {
                    let whole = format!("{{{name}}}");
                    match plan.path.split('/').skip(1).position(|segment| segment == whole) {
                        Some(place) => parameters.insert(format!("path.{}", base + place)),
                        None => continue,
                    }
                }
            };
        }
        let schemas = plan.body.iter().flat_map(|body| &body.content).filter_map(|media| media.schema.as_ref());
        let body = match schemas.collect::<Vec<_>>().as_slice() {
            [schema] => Reading { scope: Scope::of(schema, &api.schemas), formats, left: MOST }.node(schema, DEPTH),
            _ => Node::Open,
        };
        Self { parameters, body }
    }

    /// Whether the parameter at `place`, such as `query.page` or `path.1`, is confined.
    pub(crate) fn parameter(&self, place: &str) -> bool {
        self.parameters.contains(place)
    }

    /// Whether the value at `place`, such as `body.items[2].id`, is confined.
    pub(crate) fn body(&self, place: &str) -> bool {
        let Some(mut rest) = place.strip_prefix("body") else { return false };
        let mut node = &self.body;
        loop {
            match node {
                Node::Open => return false,
                Node::Confined => return rest.is_empty(),
                Node::Object(properties) => {
                    let Some(tail) = rest.strip_prefix('.') else { return false };
                    let end = tail.find(['.', '[']).unwrap_or(tail.len());
                    let (name, after) = tail.split_at(end);
                    let Some(next) = properties.get(name) else { return false };
                    (node, rest) = (next, after);
                }
                Node::Array(items) => {
                    let Some((index, after)) = rest.strip_prefix('[').and_then(|tail| tail.split_once(']')) else {
                        return false;
                    };
                    if index.is_empty() || !index.bytes().all(|byte| byte.is_ascii_digit()) {
                        return false;
                    }
                    (node, rest) = (items, after);
                }
            }
        }
    }
}

/// Header parameters that OpenAPI says to ignore (OpenAPI 3.1, 4.8.12.2).
pub(crate) fn is_ignored_header(name: &str) -> bool {
    matches!(name, "accept" | "content-type" | "authorization")
}

/// Where the references of a schema lead: into its own definitions, or to the named schemas of its API.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// Its own `$defs`.
    Own(&'a Value),
    /// Named schemas.
    Named(&'a Map<String, Value>),
    /// It has names that only its validator understands.
    Opaque,
}

impl<'a> Scope<'a> {
    /// The scope of a schema.
    pub(crate) fn of(schema: &'a Value, named: &'a Map<String, Value>) -> Self {
        if schema.get("$id").is_some() {
            return Self::Opaque;
        }
        if schema.get("$defs").is_some() { Self::Own(schema) } else { Self::Named(named) }
    }

    /// Follows `$ref`, `chain` of them at most.
    pub(crate) fn resolve(self, schema: &'a Value, chain: u8) -> &'a Value {
        match (self.target(schema), chain.checked_sub(1)) {
            (Some(next), Some(chain)) => self.resolve(next, chain),
            _ => schema,
        }
    }

    /// What a schema's `$ref` names; `None` when it has none or nobody here knows.
    pub(crate) fn target(self, schema: &Value) -> Option<&'a Value> {
        let reference = schema.get("$ref")?.as_str()?;
        match self {
            Self::Own(root) => root.pointer(reference.strip_prefix('#')?),
            Self::Named(named) => named.get(reference.strip_prefix("#/$defs/")?),
            Self::Opaque => None,
        }
    }
}

/// One schema being read.
struct Reading<'a> {
    scope: Scope<'a>,
    /// Whether `format` is asserted.
    formats: bool,
    /// Schemas that may still be looked into.
    left: u32,
}

impl<'a> Reading<'a> {
    fn node(&mut self, schema: &'a Value, depth: u8) -> Node {
        let schema = self.scope.resolve(schema, DEPTH);
        let Some(deeper) = depth.checked_sub(1) else { return Node::Open };
        if self.is_confined(schema, depth) {
            return Node::Confined;
        }
        let only = |kind: &str| schema.get("type").is_some_and(|known| known == kind);
        if only("array") && schema.get("prefixItems").is_none() {
            return schema.get("items").map_or(Node::Open, |items| Node::Array(Box::new(self.node(items, deeper))));
        }
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        match schema.get("properties").and_then(Value::as_object) {
            Some(properties) if only("object") && closed && schema.get("patternProperties").is_none() => Node::Object(
                properties
                    .iter()
                    .filter(|(name, _)| !name.contains(['.', '[', ']']))
                    .map(|(name, schema)| (name.clone(), self.node(schema, deeper)))
                    .collect(),
            ),
            _ => Node::Open,
        }
    }

    fn is_confined(&mut self, schema: &'a Value, depth: u8) -> bool {
        let (Some(deeper), Some(left)) = (depth.checked_sub(1), self.left.checked_sub(1)) else { return false };
        self.left = left;
        let schema = self.scope.resolve(schema, DEPTH);
        if schema.get("const").is_some() || schema.get("enum").is_some() {
            return true;
        }
        let alternatives = |name: &str| schema.get(name).and_then(Value::as_array);
        if alternatives("allOf").is_some_and(|all| all.iter().any(|schema| self.is_confined(schema, deeper))) {
            return true;
        }
        let either = alternatives("anyOf").or_else(|| alternatives("oneOf"));
        if either.is_some_and(|any| !any.is_empty() && any.iter().all(|schema| self.is_confined(schema, deeper))) {
            return true;
        }
        let format = schema.get("format").and_then(Value::as_str).filter(|_| self.formats).unwrap_or_default();
        let harmless = |kind: &Value| match kind.as_str() {
            Some("integer" | "number" | "boolean" | "null") => true,
            Some("string") => matches!(format, "uuid" | "date" | "date-time" | "time" | "ipv4"),
            _ => false,
        };
        match schema.get("type") {
            Some(Value::Array(kinds)) => !kinds.is_empty() && kinds.iter().all(harmless),
            Some(kind) => harmless(kind),
            None => false,
        }
    }
}

fn is_array(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "array") && schema.get("prefixItems").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(schema: Value) -> Confined {
        let named = Map::new();
        let mut reading = Reading { scope: Scope::of(&schema, &named), formats: true, left: MOST };
        Confined { parameters: HashSet::new(), body: reading.node(&schema, DEPTH) }
    }

    #[test]
    fn only_values_without_room_are_confined() {
        let closed =
            |properties: Value| json!({"type": "object", "additionalProperties": false, "properties": properties});
        let confined = body(closed(json!({
            "id": {"type": "string", "format": "uuid"},
            "kind": {"enum": ["a", "b"]},
            "note": {"type": "string", "pattern": "^[a-z]+$"},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "items": {"type": "array", "items": closed(json!({"when": {"type": ["string", "null"], "format": "date"}}))}
        })));
        for place in ["body.id", "body.kind", "body.items[3].when"] {
            assert!(confined.body(place), "{place}");
        }
        for place in ["body", "body.note", "body.either", "body.other", "body.id.x", "body.items[x].when", "bodyid"] {
            assert!(!confined.body(place), "{place}");
        }
    }

    #[test]
    fn an_object_that_allows_other_keys_confines_nothing() {
        let open = json!({"type": "object", "properties": {"id": {"type": "integer"}}});
        assert!(!body(open).body("body.id"));
    }

    #[test]
    fn references_that_go_in_circles_end() {
        let schema = json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}});
        assert!(!body(schema).body("body"));
        let list = json!({"type": "array", "items": {"$ref": "#"}, "$defs": {}});
        assert!(!body(list).body("body[0][0][0]"));
    }
}
