//! The shape of a body: which fields it has and what they hold, never a value.
//!
//! Names may be data too (a map from addresses to people), so only names that look like names are told.

use serde_json::{Map, Value};
use stockade_model::event::FieldRecord;

use crate::data::{beginning, classes_in};
use crate::{ParsedBody, mask};

/// Fields told of one body.
pub const FIELDS: usize = 64;
/// Values of one body that are looked at.
const VALUES: usize = 512;
/// Levels that are looked at.
const DEPTH: usize = 8;
/// Elements of one list that are looked at: the others are like them.
const ITEMS: usize = 4;
/// Members from which an object is taken for a map with names that are data.
const MAP_MEMBERS: usize = 48;
/// Longest name that is told, bytes.
const NAME_BYTES: usize = 64;
/// Bytes of a text that are looked at.
const TEXT_BYTES: usize = 512;
/// Stands for names that are data.
const ANY: &str = "{}";

/// The fields of a body in the order in which they stand; none when it has no structure.
#[must_use]
pub fn fields(body: &ParsedBody) -> Vec<FieldRecord> {
    let mut walk = Walk { found: Vec::new(), left: VALUES };
    let mut place = String::new();
    match body {
        ParsedBody::Json { value, .. } => walk.value(value, &mut place, 0),
        ParsedBody::Form(pairs) => {
            for (name, text) in pairs {
                walk.member(name, false, &mut place, |walk, place| walk.text(text, place));
            }
        }
        ParsedBody::Multipart(parts) => {
            for part in parts {
                walk.member(&part.name, false, &mut place, |walk, place| match std::str::from_utf8(&part.content) {
                    Ok(text) if part.file_name.is_none() => walk.text(text, place),
                    _ => walk.note(place, "file", None, None),
                });
            }
        }
        ParsedBody::Empty | ParsedBody::Text(_) | ParsedBody::Binary => {}
    }
    walk.found
}

struct Walk {
    found: Vec<FieldRecord>,
    left: usize,
}

impl Walk {
    fn value(&mut self, value: &Value, place: &mut String, depth: usize) {
        let Some(left) = self.left.checked_sub(1) else { return };
        self.left = left;
        match value {
            Value::Null => self.note(place, "null", None, None),
            Value::Bool(_) => self.note(place, "boolean", None, None),
            Value::Number(number) => {
                let kind = if number.is_f64() { "number" } else { "integer" };
                // A card number may be written as a number.
                let text = number.to_string();
                let data = if text.len() >= 12 { classes_in(&text).first().copied() } else { None };
                self.note(place, kind, None, data);
            }
            Value::String(text) => self.text(text, place),
            Value::Array(items) if items.is_empty() || depth >= DEPTH => self.note(place, "array", None, None),
            Value::Array(items) => {
                let length = place.len();
                place.push_str("[]");
                for item in items.iter().take(ITEMS) {
                    self.value(item, place, depth + 1);
                }
                place.truncate(length);
            }
            Value::Object(members) if members.is_empty() || depth >= DEPTH => self.note(place, "object", None, None),
            Value::Object(members) => self.members(members, place, depth),
        }
    }

    fn members(&mut self, members: &Map<String, Value>, place: &mut String, depth: usize) {
        let is_map = members.len() > MAP_MEMBERS;
        for (name, value) in members {
            if self.left == 0 || self.found.len() >= FIELDS {
                return;
            }
            self.member(name, is_map, place, |walk, place| walk.value(value, place, depth + 1));
        }
    }

    fn member(&mut self, name: &str, is_map: bool, place: &mut String, look: impl FnOnce(&mut Self, &mut String)) {
        let length = place.len();
        if length > 0 {
            place.push('.');
        }
        place.push_str(if is_map || !is_name(name) { ANY } else { name });
        look(self, place);
        place.truncate(length);
    }

    fn text(&mut self, text: &str, place: &str) {
        let text = beginning(text, TEXT_BYTES);
        let data = classes_in(text).first().copied();
        let format = if data == Some("email") && !text.contains(' ') { Some("email") } else { format_of(text) };
        self.note(place, "string", format, data);
    }

    /// Notes a field once for each type; what is recognised in one element counts for all of them.
    fn note(&mut self, place: &str, kind: &'static str, format: Option<&'static str>, data: Option<&'static str>) {
        let field = if place.is_empty() { "$" } else { place };
        let known = self.found.iter_mut().find(|known| known.kind == kind && known.field == field);
        if let Some(known) = known {
            known.data = known.data.or(data);
            if known.format != format {
                known.format = None;
            }
        } else if self.found.len() < FIELDS {
            self.found.push(FieldRecord { field: field.to_owned(), kind, format, data });
        }
    }
}

/// Whether a name is one that a programmer gave: no number, no id, nothing secret.
fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|letter| letter.is_alphabetic() || matches!(letter, '_' | '$' | '@'));
    let goes_on = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '@' | '-');
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let is_hex = name.len() >= 8 && digits > 0 && name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    begins
        && letters.all(goes_on)
        && name.len() <= NAME_BYTES
        && digits <= 4
        && !is_hex
        && mask::classes(name).is_empty()
}

/// The form of a text, as OpenAPI and JSON Schema call it.
fn format_of(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    match bytes {
        [] => None,
        b"true" | b"false" => Some("boolean"),
        [b'0'..=b'9' | b'-', ..] if is_number(text, false) => Some("integer"),
        [b'0'..=b'9' | b'-', ..] if is_number(text, true) => Some("number"),
        _ if is_uuid(bytes) => Some("uuid"),
        _ if is_date(bytes) => Some("date"),
        [date @ .., b'Z' | b'0'..=b'9'] if bytes.len() <= 40 && is_moment(date) => Some("date-time"),
        _ if (text.starts_with("https://") || text.starts_with("http://")) && !text.contains(char::is_whitespace) => {
            Some("uri")
        }
        _ => None,
    }
}

fn is_number(text: &str, point: bool) -> bool {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = plain.split_once('.').unwrap_or((plain, "0"));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.len() <= 20 && (point || !plain.contains('.')) && all(whole) && all(part)
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_date(bytes: &[u8]) -> bool {
    bytes.len() == 10
        && bytes.iter().enumerate().all(|(place, byte)| match place {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// RFC 3339 5.6, without its last letter.
fn is_moment(bytes: &[u8]) -> bool {
    let Some((date, [b'T' | b't' | b' ', time @ ..])) = bytes.split_at_checked(10) else { return false };
    is_date(date)
        && time.len() >= 5
        && time.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'+' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BodyLimits;
    use proptest::prelude::*;

    const LIMITS: BodyLimits =
        BodyLimits { json_depth: 64, json_values: 20_000, decompress_ratio: 100, decompressed_bytes: 1 << 20 };

    fn told(media_type: &str, body: &str) -> Vec<String> {
        let parsed = ParsedBody::parse(Some(media_type), Some(media_type), None, body.as_bytes(), true, &LIMITS);
        fields(&parsed.unwrap())
            .into_iter()
            .map(|one| {
                let marks: String =
                    [one.format, one.data].into_iter().flatten().map(|mark| format!(" {mark}")).collect();
                format!("{} {}{marks}", one.field, one.kind)
            })
            .collect()
    }

    #[test]
    fn names_and_types_are_told_and_no_value() {
        let body = r#"{"id":"0190b7a4-5c3f-7d55-9c1e-0f6a5b1c2d3e","total":12.5,"paid":true,"note":null,
            "customer":{"email":"alice@example.com","name":"Alice Smith"},
            "items":[{"sku":"A1","count":2},{"sku":"B2","count":null,"card":4111111111111111}],
            "at":"2026-11-30T10:00:00.5Z","day":"2026-11-30","tags":[]}"#;
        let mut found = told("application/json", body);
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "at string date-time",
                "customer.email string email email",
                "customer.name string",
                "day string date",
                "id string uuid",
                "items[].card integer card",
                "items[].count integer",
                "items[].count null",
                "items[].sku string",
                "note null",
                "paid boolean",
                "tags array",
                "total number",
            ]
        );
        assert_eq!(told("application/json", "[[1],[2]]"), ["[][] integer"]);
        assert_eq!(told("application/json", "\"x\""), ["$ string"]);
        let form = told("application/x-www-form-urlencoded", "user=a%40example.com&count=3&ok=true");
        assert_eq!(form, ["user string email email", "count string integer", "ok string boolean"]);
    }

    #[test]
    fn names_that_are_data_are_not_told() {
        for name in
            ["alice@example.com", "4111111111111111", "0190b7a4-5c3f-7d55", "Zk8sP2mQ9xR4tV7wY1aB3cD5", "a b", "", "12"]
        {
            let body = serde_json::json!({ name: 1 }).to_string();
            assert_eq!(told("application/json", &body), ["{} integer"], "{name}");
        }
        let many: Map<String, Value> = (0..60).map(|place| (format!("k{place}"), Value::Bool(true))).collect();
        assert_eq!(told("application/json", &Value::Object(many).to_string()), ["{} boolean"]);
    }

    #[test]
    fn what_is_told_is_bounded() {
        let wide: Map<String, Value> = (0..40_u32)
            .map(|one| {
                let inner: Map<String, Value> =
                    (0..40_u32).map(|two| (format!("f{}", letters(two)), Value::Null)).collect();
                (format!("n{}", letters(one)), Value::Object(inner))
            })
            .collect();
        assert_eq!(told("application/json", &Value::Object(wide).to_string()).len(), FIELDS);
        let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
        assert_eq!(told("application/json", &deep), ["[][][][][][][][] array"]);
    }

    fn letters(number: u32) -> String {
        char::from_u32(u32::from('a') + number % 26)
            .into_iter()
            .chain(char::from_u32(u32::from('A') + number / 26))
            .collect()
    }

    proptest! {
        #[test]
        fn no_value_is_ever_told(secret in "[G-Z]{12}[g-z]{3}[0-9]{6}", name in "[a-z]{1,8}") {
            let body = serde_json::json!({ &name: secret, "list": [secret, {secret.clone(): 1}], "n": {"x": secret} });
            let all = told("application/json", &body.to_string()).join("\n");
            prop_assert!(!all.contains(&secret), "{all}");
        }
    }
}
