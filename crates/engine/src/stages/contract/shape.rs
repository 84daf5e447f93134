//! What a schema says about form, as far as it is needed to turn text into typed values.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use crate::confined::Scope;

/// Deepest schema that is looked into: a form is an object, whose properties may be lists or objects.
const DEPTH: u8 = 8;
/// References in a row that are followed.
const CHAIN: u8 = 8;
/// Schemas that are looked into in all.
const MOST: u32 = 5_000;

/// Types and inner shapes of a schema, alternatives taken together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    types: u8,
    items: Option<Box<Shape>>,
    properties: BTreeMap<String, Shape>,
    /// Whether keys beside `properties` are asked for or left open.
    pub(crate) more_properties: bool,
}

const NULL: u8 = 1;
const BOOLEAN: u8 = 1 << 1;
const INTEGER: u8 = 1 << 2;
const NUMBER: u8 = 1 << 3;
const STRING: u8 = 1 << 4;
const ARRAY: u8 = 1 << 5;
const OBJECT: u8 = 1 << 6;

impl Shape {
    /// The shape of a schema whose references are within itself.
    pub(crate) fn of<'a>(schema: &'a Value, scope: Scope<'a>) -> Self {
        let mut left = MOST;
        let mut shape = Self::read(schema, scope, DEPTH, &mut left);
        if shape.types == 0 {
            shape.types = NULL | BOOLEAN | NUMBER | STRING;
        }
        shape
    }

    fn read<'a>(schema: &'a Value, scope: Scope<'a>, depth: u8, left: &mut u32) -> Self {
        let mut shape = Self::default();
        let (Some(deeper), Some(fewer)) = (depth.checked_sub(1), left.checked_sub(1)) else { return shape };
        *left = fewer;
        let schema = scope.resolve(schema, CHAIN);
        match schema.get("type") {
            Some(Value::Array(kinds)) => shape.types = kinds.iter().map(kind_of_name).fold(0, |all, kind| all | kind),
            Some(kind) => shape.types = kind_of_name(kind),
            None => {
                let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
                shape.types = listed.chain(schema.get("const")).map(kind_of_value).fold(0, |all, kind| all | kind);
            }
        }
        shape.items = schema.get("items").map(|items| Box::new(Self::read(items, scope, deeper, left)));
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            let mut read =
                |(name, schema): (&'a String, &'a Value)| (name.clone(), Self::read(schema, scope, deeper, left));
            shape.properties = properties.iter().map(&mut read).collect();
        }
        shape.more_properties = match schema.get("additionalProperties") {
            None => shape.properties.is_empty(),
            Some(more) => *more != Value::Bool(false),
        };
        for name in ["allOf", "anyOf", "oneOf"] {
            for inner in schema.get(name).and_then(Value::as_array).into_iter().flatten() {
                shape.join(Self::read(inner, scope, deeper, left));
            }
        }
        shape
    }

    fn join(&mut self, other: Self) {
        self.types |= other.types;
        self.items = self.items.take().or(other.items);
        for (name, shape) in other.properties {
            self.properties.entry(name).or_default().join(shape);
        }
        self.more_properties &= other.more_properties;
    }

    /// Whether it is read as a list.
    pub(crate) const fn is_array(&self) -> bool {
        self.types & ARRAY != 0
    }

    /// Whether it is read as an object.
    pub(crate) const fn is_object(&self) -> bool {
        self.types & OBJECT != 0 && self.types & ARRAY == 0
    }

    /// Names of its properties.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.properties.keys().map(String::as_str)
    }

    /// The shape of a property.
    pub(crate) fn property(&self, name: &str) -> Option<&Self> {
        self.properties.get(name)
    }

    /// The shape of the elements of a list.
    pub(crate) fn element(&self) -> Option<&Self> {
        self.items.as_deref()
    }

    /// Whether the text could be meant as a string and as something else.
    pub(crate) const fn is_ambiguous(&self) -> bool {
        self.types & STRING != 0 && self.types & (NULL | BOOLEAN | INTEGER | NUMBER) != 0
    }

    /// Turns text into a value of one of the types; text that fits none stays a string, for the schema to refuse.
    pub(crate) fn coerce(&self, text: &str) -> Value {
        if self.types & (INTEGER | NUMBER) != 0
            && let Some(number) = integer(text)
        {
            return Value::Number(number);
        }
        if self.types & NUMBER != 0
            && let Ok(number) = serde_json::from_str::<Number>(text)
        {
            return Value::Number(number);
        }
        match text {
            "true" if self.types & BOOLEAN != 0 => Value::Bool(true),
            "false" if self.types & BOOLEAN != 0 => Value::Bool(false),
            "null" if self.types & NULL != 0 => Value::Null,
            _ => Value::String(text.to_owned()),
        }
    }
}

/// Digits with an optional `-`; leading zeros are common in queries and change nothing.
fn integer(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || digits.len() > 40 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match text.parse::<i64>() {
        Ok(number) => Some(Number::from(number)),
        Err(_) => text.parse::<f64>().ok().and_then(Number::from_f64),
    }
}

fn kind_of_name(kind: &Value) -> u8 {
    match kind.as_str() {
        Some("null") => NULL,
        Some("boolean") => BOOLEAN,
        Some("integer") => INTEGER,
        Some("number") => NUMBER,
        Some("string") => STRING,
        Some("array") => ARRAY,
        Some("object") => OBJECT,
        _ => 0,
    }
}

fn kind_of_value(value: &Value) -> u8 {
    match value {
        Value::Null => NULL,
        Value::Bool(_) => BOOLEAN,
        Value::Number(_) => NUMBER,
        Value::String(_) => STRING,
        Value::Array(_) => ARRAY,
        Value::Object(_) => OBJECT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_becomes_what_the_schema_names() {
        let coerce = |schema: Value, text: &str| {
            let named = serde_json::Map::new();
            Shape::of(&schema, Scope::of(&schema, &named)).coerce(text)
        };
        assert_eq!(coerce(json!({"type": "integer"}), "007"), json!(7));
        assert_eq!(coerce(json!({"type": "integer"}), "1.0"), json!("1.0"));
        assert_eq!(coerce(json!({"type": "integer"}), "+1"), json!("+1"));
        assert_eq!(coerce(json!({"type": "number"}), "1.5e3"), json!(1500.0));
        assert_eq!(coerce(json!({"type": "number"}), "NaN"), json!("NaN"));
        assert_eq!(coerce(json!({"type": "boolean"}), "true"), json!(true));
        assert_eq!(coerce(json!({"type": "boolean"}), "1"), json!("1"));
        assert_eq!(coerce(json!({"type": "string"}), "1"), json!("1"));
        assert_eq!(coerce(json!({"enum": [1, 2]}), "1"), json!(1));
        assert_eq!(coerce(json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}), "1"), json!(1));
    }
}
