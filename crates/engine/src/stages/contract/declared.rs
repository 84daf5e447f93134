//! Which fields the schemas of an API declare, and which classes of data: what a value holds beside them was not promised.
//!
//! JSON Schema lets an object have further properties unless it says otherwise. Here a field counts as undeclared when no
//! part of the schema names it and none says that there are others; what one alternative declares, all may have.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};
use stockade_inspect::mask::{Class, classes};

use crate::confined::Scope;

/// Parts of one schema that are put together.
const MOST_PARTS: usize = 256;
/// Kinds of objects and lists of one API; what lies beyond is let be.
const MOST_NODES: usize = 200_000;
/// Differences that are told of one value.
const MOST_TOLD: usize = 16;

/// Stands for what cannot be looked into.
static ANYTHING: Value = Value::Bool(true);

/// What an API's schemas declare.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    nodes: Vec<Node>,
}

/// One kind of value.
#[derive(Debug, Default)]
struct Node {
    fields: HashMap<String, usize>,
    /// What fields that are not named hold.
    others: Option<usize>,
    items: Option<usize>,
    /// Whether it may have fields that are not named.
    is_open: bool,
    classes: Vec<Class>,
}

/// How a value differs from what was declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    /// A field that is not declared.
    Field,
    /// Data of a class that is not declared.
    Class(Class),
}

/// The parts of a schema that speak about one value, in the order of their addresses, and where their references lead.
type Parts<'a> = (Vec<&'a Value>, Scope<'a>);

/// What is declared, being gathered.
#[derive(Debug)]
pub(crate) struct Gathering<'a> {
    named: &'a Map<String, Value>,
    known: HashMap<Vec<*const Value>, usize>,
    nodes: Vec<Node>,
    todo: Vec<(usize, Parts<'a>)>,
}

impl<'a> Gathering<'a> {
    /// Nothing yet; `named` are the API's named schemas.
    pub(crate) fn new(named: &'a Map<String, Value>) -> Self {
        Self { named, known: HashMap::new(), nodes: Vec::new(), todo: Vec::new() }
    }

    /// Adds a schema; answers the place of what it declares.
    pub(crate) fn add(&mut self, schema: &'a Value) -> usize {
        let place = self.node(&[schema], Scope::of(schema, self.named));
        while let Some((place, (parts, scope))) = self.todo.pop() {
            let node = self.read(&parts, scope);
            if let Some(slot) = self.nodes.get_mut(place) {
                *slot = node;
            }
        }
        place
    }

    /// What was gathered.
    pub(crate) fn finish(self) -> Declared {
        Declared { nodes: self.nodes }
    }

    fn node(&mut self, roots: &[&'a Value], scope: Scope<'a>) -> usize {
        let parts = parts(roots, scope);
        let key: Vec<*const Value> = parts.iter().map(|part| std::ptr::from_ref(*part)).collect();
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let place = self.nodes.len();
        if place >= MOST_NODES {
            // The last node stands for all that is beyond: nothing is undeclared there.
            return MOST_NODES - 1;
        }
        self.nodes.push(Node { is_open: true, ..Node::default() });
        self.known.insert(key, place);
        if place < MOST_NODES - 1 {
            self.todo.push((place, (parts, scope)));
        }
        place
    }

    fn read(&mut self, parts: &[&'a Value], scope: Scope<'a>) -> Node {
        let mut fields: BTreeMap<&'a str, Vec<&'a Value>> = BTreeMap::new();
        let (mut others, mut items): (Vec<&'a Value>, Vec<&'a Value>) = (Vec::new(), Vec::new());
        let mut node = Node::default();
        for part in parts {
            let Value::Object(schema) = part else {
                node.is_open |= **part == Value::Bool(true);
                continue;
            };
            node.is_open |= schema.is_empty() || is_free(schema);
            for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                fields.entry(name).or_default().push(field);
            }
            for keyword in ["additionalProperties", "unevaluatedProperties"] {
                others.extend(schema.get(keyword).filter(|other| **other != Value::Bool(false)));
            }
            others.extend(schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(Map::values));
            items.extend(schema.get("items").into_iter().chain(schema.get("unevaluatedItems")));
            items.extend(schema.get("prefixItems").and_then(Value::as_array).into_iter().flatten());
            node.classes.extend(declared_classes(schema));
        }
        node.is_open |= !others.is_empty() || fields.is_empty();
        node.fields = fields.into_iter().map(|(name, list)| (name.to_owned(), self.node(&list, scope))).collect();
        node.others = (!others.is_empty()).then(|| self.node(&others, scope));
        node.items = (!items.is_empty()).then(|| self.node(&items, scope));
        node
    }
}

/// An object of which nothing is told but that it is one.
fn is_free(schema: &Map<String, Value>) -> bool {
    let says_object = match schema.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => false,
    };
    let tells = ["properties", "additionalProperties", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "$ref"];
    says_object && !tells.iter().any(|keyword| schema.contains_key(*keyword))
}

fn declared_classes(schema: &Map<String, Value>) -> Vec<Class> {
    let named = match schema.get("x-data-class") {
        Some(Value::String(name)) => Class::named(name).into_iter().collect(),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).filter_map(Class::named).collect(),
        _ => Vec::new(),
    };
    let is_email = schema.get("format").and_then(Value::as_str).is_some_and(|format| format.ends_with("email"));
    named.into_iter().chain(is_email.then_some(Class::Email)).collect()
}

/// All parts of some schemas that speak about the same value.
fn parts<'a>(roots: &[&'a Value], scope: Scope<'a>) -> Vec<&'a Value> {
    let mut found: Vec<&'a Value> = Vec::new();
    let mut seen: HashSet<*const Value> = HashSet::new();
    let mut todo: Vec<&'a Value> = roots.to_vec();
    while let Some(schema) = todo.pop() {
        if !seen.insert(std::ptr::from_ref(schema)) {
            continue;
        }
        if found.len() >= MOST_PARTS {
            found.push(&ANYTHING);
            break;
        }
        found.push(schema);
        if schema.get("$ref").is_some() {
            todo.push(scope.target(schema).unwrap_or(&ANYTHING));
        }
        if schema.get("$dynamicRef").is_some() {
            todo.push(&ANYTHING);
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            todo.extend(schema.get(keyword).and_then(Value::as_array).into_iter().flatten());
        }
        todo.extend(["if", "then", "else"].into_iter().filter_map(|keyword| schema.get(keyword)));
        todo.extend(schema.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::values));
    }
    found.sort_unstable_by_key(|part| std::ptr::from_ref(*part));
    found
}

impl Declared {
    /// How a value differs from what is declared at `node`: places such as `.items[2].note`, each kind of place once.
    ///
    /// With `wanted`, strings are searched for data of those classes.
    pub(crate) fn differences(&self, node: usize, value: &Value, wanted: &[Class]) -> Vec<(String, Difference)> {
        let mut search =
            Search { declared: self, wanted, place: String::new(), kinds: HashSet::new(), found: Vec::new() };
        search.value(Some(node), value);
        search.found
    }
}

struct Search<'a> {
    declared: &'a Declared,
    wanted: &'a [Class],
    place: String,
    kinds: HashSet<String>,
    found: Vec<(String, Difference)>,
}

impl Search<'_> {
    /// Recursion ends, since parsed JSON is only so deep.
    fn value(&mut self, node: Option<usize>, value: &Value) {
        let node = node.and_then(|place| self.declared.nodes.get(place));
        if self.found.len() >= MOST_TOLD || (node.is_none() && self.wanted.is_empty()) {
            return;
        }
        let start = self.place.len();
        match value {
            Value::Object(map) => {
                for (name, below) in map {
                    self.place.push('.');
                    self.place.push_str(name);
                    let known = node.and_then(|node| node.fields.get(name).copied().or(node.others));
                    if node.is_some_and(|node| known.is_none() && !node.is_open) {
                        self.tell(Difference::Field);
                    }
                    self.value(known, below);
                    self.place.truncate(start);
                }
            }
            Value::Array(items) => {
                let known = node.and_then(|node| node.items);
                for (index, item) in items.iter().enumerate() {
                    self.place.push_str(&format!("[{index}]"));
                    self.value(known, item);
                    self.place.truncate(start);
                }
            }
            Value::String(text) if !self.wanted.is_empty() => {
                for (_, class) in classes(text) {
                    let declared = node.is_some_and(|node| node.classes.contains(&class));
                    if self.wanted.contains(&class) && !declared {
                        self.tell(Difference::Class(class));
                    }
                }
            }
            _ => {}
        }
    }

    fn tell(&mut self, difference: Difference) {
        let kind = format!("{difference:?}{}", any_index(&self.place));
        if self.found.len() < MOST_TOLD && self.kinds.insert(kind) {
            self.found.push((self.place.clone(), difference));
        }
    }
}

/// A place with `[*]` for every index.
pub(crate) fn any_index(place: &str) -> String {
    let mut out = String::with_capacity(place.len());
    for (position, piece) in place.split('[').enumerate() {
        match piece.split_once(']') {
            Some((index, rest))
                if position > 0 && !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                out.push_str("[*]");
                out.push_str(rest);
            }
            _ if position > 0 => {
                out.push('[');
                out.push_str(piece);
            }
            _ => out.push_str(piece),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(schema: &Value, named: &Value, value: &Value) -> Vec<String> {
        let named = named.as_object().cloned().unwrap_or_default();
        let mut gathering = Gathering::new(&named);
        let node = gathering.add(schema);
        let found = gathering.finish().differences(node, value, &[Class::Card, Class::Email]);
        found
            .into_iter()
            .map(|(place, difference)| match difference {
                Difference::Field => place,
                Difference::Class(class) => format!("{place} {}", class.name()),
            })
            .collect()
    }

    #[test]
    fn fields_that_no_part_names_are_told_each_kind_once() {
        let named = json!({
            "Base": {"type": "object", "properties": {"id": {"type": "integer"}}},
            "Tree": {"allOf": [{"$ref": "#/$defs/Base"}, {"properties": {
                "kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
                "free": {"type": "object"},
                "map": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Base"}},
                "one": {"oneOf": [{"properties": {"a": true}}, {"properties": {"b": true}, "required": ["b"]}]}
            }}]}
        });
        let value = json!({
            "id": 1, "x": 1, "free": {"y": 1}, "map": {"k": {"id": 1, "z": 1}}, "one": {"a": {"deep": 1}, "c": 1},
            "kids": [{"id": 2, "x": 1, "kids": [{"y": 1}]}, {"x": 1}]
        });
        let mut found = told(&json!({"$ref": "#/$defs/Tree"}), &named, &value);
        // Whether a JSON object keeps its order is a feature that other crates may turn on.
        found.sort();
        assert_eq!(found, [".kids[0].kids[0].y", ".kids[0].x", ".map.k.z", ".one.c", ".x"]);
    }

    #[test]
    fn a_schema_that_leaves_room_declares_everything() {
        for schema in [
            json!(true),
            json!({}),
            json!({"type": "object"}),
            json!({"anyOf": [{"properties": {"a": true}}, {"type": "object"}]}),
            json!({"properties": {"a": true}, "additionalProperties": true}),
            json!({"properties": {"a": true}, "patternProperties": {"^x-": true}}),
            json!({"$id": "x:/", "$ref": "x:/a", "properties": {"a": true}}),
        ] {
            assert_eq!(told(&schema, &Value::Null, &json!({"z": {"y": 1}})), [""; 0], "{schema}");
        }
        let closed = json!({"properties": {"a": true}, "anyOf": [{"required": ["a"]}]});
        assert_eq!(told(&closed, &Value::Null, &json!({"z": 1})), [".z"]);
    }

    #[test]
    fn data_of_a_class_must_be_declared() {
        let schema = json!({"properties": {
            "pan": {"type": "string", "x-data-class": "card"}, "mail": {"format": "email"}, "note": {"type": "string"}
        }});
        let card = "4111111111111111";
        let value = json!({"pan": card, "mail": "a@shop.example", "note": format!("paid with {card} a@shop.example")});
        assert_eq!(told(&schema, &Value::Null, &value), [".note card", ".note email"]);
    }

    #[test]
    fn circles_end() {
        let named = json!({"A": {"allOf": [{"$ref": "#/$defs/B"}]}, "B": {"anyOf": [{"$ref": "#/$defs/A"}]}});
        assert_eq!(told(&json!({"$ref": "#/$defs/A"}), &named, &json!({"z": 1})), [""; 0]);
    }
}
