//! Cost points: what a request asks for, read from its query or body.

use serde_json::Value;
use stockade_inspect::ParsedBody;
use stockade_inspect::body::parse_pairs;
use stockade_model::Request;
use stockade_model::plan::{CostPlace, CostPlan};

use crate::stage::Received;

/// Where the size of a request stands, and what it costs.
#[derive(Debug)]
pub(crate) struct Cost {
    base: u64,
    points: Vec<CostPlan>,
}

impl Cost {
    /// Compiles the places.
    ///
    /// # Errors
    /// A place without a name, or one in the body that is no JSON pointer.
    pub(crate) fn new(base: u32, points: &[CostPlan]) -> Result<Self, String> {
        for point in points {
            let needs_name = point.place != CostPlace::Graphql;
            if (needs_name && point.name.is_empty()) || (point.place == CostPlace::Body && !point.name.starts_with('/'))
            {
                let expected = "expected the name of a query parameter, or a JSON pointer such as `/page/size`";
                return Err(format!("{expected}, got `{}`", point.name));
            }
        }
        Ok(Self { base: u64::from(base), points: points.to_vec() })
    }

    /// Whether the body has to be read for it.
    pub(crate) fn needs_body(&self) -> bool {
        self.points.iter().any(|point| matches!(point.place, CostPlace::Body | CostPlace::Graphql))
    }

    /// The points of a request; `body` is not read when no place is in it. `graphql` is what the contract found.
    pub(crate) fn points(&self, request: &Request, body: Option<&Received<'_>>, graphql: Option<u64>) -> u64 {
        self.points.iter().fold(self.base, |sum, point| {
            let value = match point.place {
                CostPlace::Query => request.query.as_deref().and_then(|query| in_query(query, &point.name)),
                CostPlace::Graphql => graphql,
                CostPlace::Body => body.and_then(|body| in_body(body, &point.name)),
            };
            let value = value.unwrap_or(u64::from(point.default)).min(u64::from(point.most));
            sum.saturating_add(value.saturating_mul(u64::from(point.factor_millis)).div_ceil(1000))
        })
    }
}

/// The largest of all values of a parameter: which one a back end reads, only it knows.
fn in_query(query: &str, name: &str) -> Option<u64> {
    parse_pairs(query.as_bytes())
        .filter(|(known, _)| known.as_ref() == name.as_bytes())
        .filter_map(|(_, value)| std::str::from_utf8(&value).ok().and_then(number))
        .max()
}

/// `u64::MAX` where the body was not read to its end: what cannot be seen must not be cheaper than what can.
fn in_body(body: &Received<'_>, pointer: &str) -> Option<u64> {
    match body.parsed {
        Some(Ok(ParsedBody::Empty)) => None,
        Some(Ok(ParsedBody::Json { value, shadowed, .. })) if body.complete => {
            // A back end may read a value that a later duplicate key replaced.
            let replaced = shadowed.iter().filter_map(size).max();
            value.pointer(pointer).and_then(size).max(replaced)
        }
        Some(Ok(ParsedBody::Form(pairs))) if body.complete => {
            let name = pointer.strip_prefix('/').unwrap_or(pointer);
            pairs.iter().filter(|(known, _)| known == name).filter_map(|(_, value)| number(value)).max()
        }
        None if body.bytes.is_empty() && body.complete => None,
        _ => Some(u64::MAX),
    }
}

fn size(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(whole) => Some(whole),
            None => number.as_f64().and_then(rounded_up),
        },
        Value::String(text) => number(text),
        Value::Array(items) => Some(items.len() as u64),
        _ => None,
    }
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.parse::<u64>() {
        Ok(whole) => Some(whole),
        // Longer than any number: the largest there is.
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => Some(u64::MAX),
        Err(_) => text.parse::<f64>().ok().and_then(rounded_up),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float turns into the nearest u64")]
fn rounded_up(number: f64) -> Option<u64> {
    (number >= 0.0).then(|| number.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearest_of_several_values_counts() {
        assert_eq!(in_query("limit=5&limit=500&limit=x", "limit"), Some(500));
        assert_eq!(in_query("lim%69t=%37", "limit"), Some(7));
        assert_eq!(in_query("limits=5", "limit"), None);
    }

    #[test]
    fn numbers_are_read_as_back_ends_read_them() {
        for (text, value) in [("10", 10), ("1e3", 1000), ("2.5", 3), ("007", 7), (&"9".repeat(30), u64::MAX)] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in ["", "-1", "ten", "nan", "0x10"] {
            assert_eq!(number(text), None, "{text}");
        }
        assert_eq!(size(&serde_json::json!([1, 2, 3])), Some(3));
        assert_eq!(size(&serde_json::json!(1.2)), Some(2));
        assert_eq!(size(&serde_json::json!({"a": 1})), None);
    }

    #[test]
    fn a_body_that_cannot_be_read_costs_most() {
        let bytes = bytes::Bytes::from_static(b"{}");
        let state = crate::State::new();
        let received = |parsed, complete| Received { bytes: &bytes, complete, too_long: false, parsed, state: &state };
        let value = serde_json::json!({"page": {"size": 50}});
        let json = Ok(ParsedBody::Json { value, duplicate_keys: 0, shadowed: vec![] });
        assert_eq!(in_body(&received(Some(&json), true), "/page/size"), Some(50));
        assert_eq!(in_body(&received(Some(&json), true), "/size"), None);
        assert_eq!(in_body(&received(Some(&json), false), "/page/size"), Some(u64::MAX));
        assert_eq!(in_body(&received(None, false), "/page/size"), Some(u64::MAX));
        let shadowed = Ok(ParsedBody::Json {
            value: serde_json::json!({"size": 1}),
            duplicate_keys: 1,
            shadowed: vec![serde_json::json!(900)],
        });
        assert_eq!(in_body(&received(Some(&shadowed), true), "/size"), Some(900));
    }
}
