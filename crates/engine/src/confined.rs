//! Which values of an operation its contract confines to harmless forms, so that inspection need not search them.
//!
//! A value is confined when its schema leaves no room for an attack: numbers, booleans, listed values, and the formats
//! uuid, date, date-time, time and ipv4. A pattern confines nothing, since patterns are often wider than meant.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use stockade_model::plan::{OperationPlan, ParameterIn};

/// Deepest schema that is looked into.
const DEPTH: u8 = 12;

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
    pub(crate) fn new(plan: &OperationPlan, base_path: &str) -> Self {
        let base = if base_path == "/" { 0 } else { base_path.matches('/').count() };
        let mut parameters = HashSet::new();
        for parameter in &plan.parameters {
            let schema = resolve(&parameter.schema, &parameter.schema, DEPTH);
            let value = schema.get("items").filter(|_| is_array(schema)).unwrap_or(schema);
            if !is_confined(value, &parameter.schema, DEPTH) {
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
            [schema] => node(schema, schema, DEPTH),
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

/// Follows `$ref` within the document `root`.
pub(crate) fn resolve<'a>(schema: &'a Value, root: &'a Value, depth: u8) -> &'a Value {
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
    match (target.and_then(|pointer| root.pointer(pointer)), depth.checked_sub(1)) {
        (Some(next), Some(depth)) => resolve(next, root, depth),
        _ => schema,
    }
}

fn node(schema: &Value, root: &Value, depth: u8) -> Node {
    let schema = resolve(schema, root, DEPTH);
    let Some(deeper) = depth.checked_sub(1) else { return Node::Open };
    if is_confined(schema, root, depth) {
        return Node::Confined;
    }
    let only = |kind: &str| schema.get("type").is_some_and(|known| known == kind);
    if only("array") && schema.get("prefixItems").is_none() {
        return schema.get("items").map_or(Node::Open, |items| Node::Array(Box::new(node(items, root, deeper))));
    }
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    match schema.get("properties").and_then(Value::as_object) {
        Some(properties) if only("object") && closed && schema.get("patternProperties").is_none() => Node::Object(
            properties
                .iter()
                .filter(|(name, _)| !name.contains(['.', '[', ']']))
                .map(|(name, schema)| (name.clone(), node(schema, root, deeper)))
                .collect(),
        ),
        _ => Node::Open,
    }
}

fn is_array(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "array") && schema.get("prefixItems").is_none()
}

fn is_confined(schema: &Value, root: &Value, depth: u8) -> bool {
    let Some(deeper) = depth.checked_sub(1) else { return false };
    let schema = resolve(schema, root, DEPTH);
    if schema.get("const").is_some() || schema.get("enum").is_some() {
        return true;
    }
    let alternatives = |name: &str| schema.get(name).and_then(Value::as_array);
    if alternatives("allOf").is_some_and(|all| all.iter().any(|schema| is_confined(schema, root, deeper))) {
        return true;
    }
    let either = alternatives("anyOf").or_else(|| alternatives("oneOf"));
    if either.is_some_and(|any| !any.is_empty() && any.iter().all(|schema| is_confined(schema, root, deeper))) {
        return true;
    }
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(schema: Value) -> Confined {
        Confined { parameters: HashSet::new(), body: node(&schema, &schema, DEPTH) }
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
        let list = json!({
            "type": "array", "items": {"$ref": "#"},
        });
        assert!(!body(list).body("body[0][0][0]"));
    }
}
