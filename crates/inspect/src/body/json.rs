//! JSON (RFC 8259), parsed strictly and within limits.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use stockade_model::Reason;

use super::reasons::{JSON_BOM, JSON_DEPTH, JSON_NUMBER, JSON_SYNTAX, JSON_UNICODE, JSON_VALUES};
use super::{BodyError, BodyLimits, ParsedBody};

/// Where serde_json itself stops.
const DEEPEST: u16 = 127;

pub(super) fn parse(bytes: &[u8], limits: &BodyLimits) -> Result<ParsedBody, BodyError> {
    if bytes.starts_with(b"\xef\xbb\xbf") || bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(BodyError::new(&JSON_BOM, "expected JSON, got a byte order mark"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        BodyError::new(&JSON_UNICODE, format!("expected UTF-8, got another byte at {}", error.valid_up_to()))
    })?;
    let state = State {
        depth: limits.json_depth.min(DEEPEST),
        left: Cell::new(limits.json_values),
        duplicates: Cell::new(0),
        shadowed: Cell::new(Vec::new()),
        broken: Cell::new(None),
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Node { state: &state, depth: 0 }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| explain(&error, &state, limits))?;
    Ok(ParsedBody::Json { value, duplicate_keys: state.duplicates.get(), shadowed: state.shadowed.take() })
}

struct State {
    depth: u16,
    left: Cell<u32>,
    duplicates: Cell<u32>,
    shadowed: Cell<Vec<Value>>,
    broken: Cell<Option<&'static Reason>>,
}

impl State {
    /// Keeps the earlier value of a key. All are kept: a server may read any of them, and `left` has counted each.
    fn shadow(&self, value: Value) {
        self.duplicates.set(self.duplicates.get().saturating_add(1));
        let mut shadowed = self.shadowed.take();
        shadowed.push(value);
        self.shadowed.set(shadowed);
    }
}

fn explain(error: &serde_json::Error, state: &State, limits: &BodyLimits) -> BodyError {
    let (line, column) = (error.line(), error.column());
    if let Some(reason) = state.broken.get() {
        let most = if *reason == JSON_DEPTH { u32::from(state.depth) } else { limits.json_values };
        let what = if *reason == JSON_DEPTH { "levels" } else { "values" };
        return BodyError::new(reason, format!("expected at most {most} {what}, got more at line {line}"));
    }
    // serde_json has no codes for these; the tests below pin its words.
    let words = error.to_string();
    let reason = if words.contains("number out of range") {
        &JSON_NUMBER
    } else if words.contains("surrogate") || words.contains("hex escape") {
        &JSON_UNICODE
    } else if words.contains("recursion limit") {
        &JSON_DEPTH
    } else {
        &JSON_SYNTAX
    };
    let shown = crate::mask::text(&words, 120).into_owned();
    BodyError::new(reason, format!("expected JSON, got an error at line {line}, column {column}: {shown}"))
}

struct Node<'a> {
    state: &'a State,
    depth: u16,
}

impl Node<'_> {
    fn deeper<E: serde::de::Error>(&self) -> Result<Node<'_>, E> {
        if self.depth >= self.state.depth {
            self.state.broken.set(Some(&JSON_DEPTH));
            return Err(E::custom("depth"));
        }
        Ok(Node { state: self.state, depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        let Some(left) = self.state.left.get().checked_sub(1) else {
            self.state.broken.set(Some(&JSON_VALUES));
            return Err(D::Error::custom("values"));
        };
        self.state.left.set(left);
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut out = Vec::new();
        while let Some(item) = items.next_element_seed(Node { state: inner.state, depth: inner.depth })? {
            out.push(item);
        }
        Ok(Value::Array(out))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut out = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Node { state: inner.state, depth: inner.depth })?;
            if let Some(earlier) = out.insert(key, value) {
                self.state.shadow(earlier);
            }
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BodyLimits =
        BodyLimits { json_depth: 8, json_values: 20, decompress_ratio: 100, decompressed_bytes: 1 << 20 };

    fn code(text: &[u8]) -> &'static str {
        parse(text, &LIMITS).unwrap_err().reason.code
    }

    #[test]
    fn values_are_kept_as_they_are() {
        let text = br#"{"a":[1,-2,1.5,true,null,"\ud83d\ude00"],"b":{}}"#;
        let ParsedBody::Json { value, duplicate_keys, .. } = parse(text, &LIMITS).unwrap() else { panic!("JSON") };
        assert_eq!(value, serde_json::from_slice::<Value>(text).unwrap());
        assert_eq!(duplicate_keys, 0);
    }

    #[test]
    fn duplicate_keys_are_counted_and_their_earlier_values_kept() {
        let parsed = parse(br#"{"a":"x","a":"y","b":{"c":1,"c":2}}"#, &LIMITS).unwrap();
        let ParsedBody::Json { value, duplicate_keys, shadowed } = parsed else { panic!("JSON") };
        assert_eq!(value, serde_json::json!({"a": "y", "b": {"c": 2}}));
        assert_eq!(duplicate_keys, 2);
        assert_eq!(shadowed, [serde_json::json!("x"), serde_json::json!(1)]);
    }

    #[test]
    fn what_parsers_read_differently_is_refused() {
        assert_eq!(code(b"{\"a\":1e400}"), "inspect.json_number");
        assert_eq!(code(b"{\"a\":NaN}"), "inspect.json_syntax");
        assert_eq!(code(b"{\"a\":\"\\ud800\"}"), "inspect.json_unicode");
        assert_eq!(code(b"{\"a\":\"\\udc00x\"}"), "inspect.json_unicode");
        assert_eq!(code(b"\xef\xbb\xbf{}"), "inspect.json_bom");
        assert_eq!(code(b"{\"a\":\"\xff\"}"), "inspect.json_unicode");
        assert_eq!(code(b"{\"a\":1} x"), "inspect.json_syntax");
        assert_eq!(code(b"{'a':1}"), "inspect.json_syntax");
        assert_eq!(code(b"{\"a\":1,}"), "inspect.json_syntax");
        assert_eq!(code(b"{\"a\":\"\n\"}"), "inspect.json_syntax");
    }

    #[test]
    fn depth_and_number_of_values_are_limited() {
        assert!(parse(b"[[[[[[[[]]]]]]]]", &LIMITS).is_ok());
        assert_eq!(code(b"[[[[[[[[[]]]]]]]]]"), "inspect.json_depth");
        let deep = "[".repeat(100_000);
        assert_eq!(code(deep.as_bytes()), "inspect.json_depth");
        let loose = BodyLimits { json_depth: u16::MAX, ..LIMITS };
        assert_eq!(parse(deep.as_bytes(), &loose).unwrap_err().reason.code, "inspect.json_values");
        let looser = BodyLimits { json_values: u32::MAX, ..loose };
        assert_eq!(parse(deep.as_bytes(), &looser).unwrap_err().reason.code, "inspect.json_depth");
        assert_eq!(code(format!("[{}1]", "1,".repeat(30)).as_bytes()), "inspect.json_values");
    }
}
