//! A body as evidence: what it holds with secrets and personal data masked, cut to a length.
//!
//! What cannot be read whole is not shown at all: a secret in half a body cannot be told from the rest of it.

use serde_json::Value;

use crate::{ParsedBody, mask};

/// Bytes of one text that are shown.
const TEXT_BYTES: usize = 256;
/// Bytes of a name that are shown.
const NAME_BYTES: usize = 80;
const CUT: &str = "…";

/// Header fields shown of one request.
const HEADERS: usize = 64;
/// Bytes of one header field's value that are shown.
const HEADER_BYTES: usize = 128;

/// Header fields whose values are shown, masked. Of others the name and the length are: any of them may carry a key.
const SHOWN: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "dnt",
    "expect",
    "host",
    "if-modified-since",
    "if-unmodified-since",
    "origin",
    "pragma",
    "range",
    "te",
    "traceparent",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-requested-with",
];

/// Header fields as `name: value`, in their order.
#[must_use]
pub fn headers<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<String> {
    let shown = |name: &str| SHOWN.contains(&name) || name.starts_with("sec-");
    fields
        .take(HEADERS)
        .map(|(name, value)| {
            let told = mask::text(name, NAME_BYTES);
            if shown(name) {
                format!("{told}: {}", mask::text(&String::from_utf8_lossy(value), HEADER_BYTES))
            } else {
                format!("{told}: ({} bytes)", value.len())
            }
        })
        .collect()
}

/// Whether the field with these names, outermost first, and this value is to be hidden. Asked with an empty value about
/// whole objects and lists.
pub type Hides<'a> = &'a dyn Fn(&[&str], &str) -> bool;

/// The body as text of at most `most` bytes; `None` when there is nothing that may be shown.
#[must_use]
pub fn excerpt(body: &ParsedBody, most: usize, hides: Hides<'_>) -> Option<String> {
    let mut writer = Writer { out: String::new(), most, hides };
    match body {
        ParsedBody::Json { value, .. } => writer.value(value, &mut Vec::new()),
        ParsedBody::Form(pairs) => {
            for (place, (name, text)) in pairs.iter().enumerate() {
                if place > 0 {
                    writer.out.push('&');
                }
                writer.field(name, text);
            }
        }
        ParsedBody::Multipart(parts) => {
            for (place, part) in parts.iter().enumerate() {
                if place > 0 {
                    writer.out.push('&');
                }
                match std::str::from_utf8(&part.content) {
                    Ok(text) if part.file_name.is_none() => writer.field(&part.name, text),
                    _ => {
                        writer.out.push_str(&mask::text(&part.name, NAME_BYTES));
                        writer.out.push_str(&format!("=({} bytes)", part.content.len()));
                    }
                }
            }
        }
        // In markup a secret stands between tags, where its name does not tell.
        ParsedBody::Text(text) if !text.contains('<') => writer.out.push_str(&mask::text(text, most)),
        ParsedBody::Empty | ParsedBody::Text(_) | ParsedBody::Binary => return None,
    }
    (most > 0).then(|| writer.finish())
}

struct Writer<'a> {
    out: String,
    most: usize,
    hides: Hides<'a>,
}

impl Writer<'_> {
    fn finish(mut self) -> String {
        if self.out.len() > self.most {
            let kept = crate::data::beginning(&self.out, self.most.saturating_sub(CUT.len())).len();
            self.out.truncate(kept);
            self.out.push_str(CUT);
        }
        self.out
    }

    fn field(&mut self, name: &str, text: &str) {
        self.out.push_str(&mask::text(name, NAME_BYTES));
        self.out.push('=');
        if mask::is_sensitive(name) || (self.hides)(&[name], text) {
            self.out.push_str(mask::MASKED);
        } else {
            self.out.push_str(&mask::text(text, TEXT_BYTES));
        }
    }

    fn value<'v>(&mut self, value: &'v Value, names: &mut Vec<&'v str>) {
        if self.out.len() > self.most {
            return;
        }
        match value {
            Value::Null | Value::Bool(_) => self.out.push_str(&value.to_string()),
            Value::Number(number) => self.scalar(&number.to_string(), names, false),
            Value::String(text) => self.scalar(text, names, true),
            Value::Array(items) => {
                self.out.push('[');
                for (place, item) in items.iter().enumerate() {
                    if self.out.len() > self.most {
                        return;
                    }
                    if place > 0 {
                        self.out.push(',');
                    }
                    self.value(item, names);
                }
                self.out.push(']');
            }
            Value::Object(members) => {
                self.out.push('{');
                for (place, (name, value)) in members.iter().enumerate() {
                    if self.out.len() > self.most {
                        return;
                    }
                    if place > 0 {
                        self.out.push(',');
                    }
                    self.quoted(&mask::text(name, NAME_BYTES));
                    self.out.push(':');
                    names.push(name);
                    let whole = matches!(value, Value::Array(_) | Value::Object(_));
                    if mask::is_sensitive(name) || (whole && (self.hides)(names, "")) {
                        self.quoted(mask::MASKED);
                    } else {
                        self.value(value, names);
                    }
                    names.pop();
                }
                self.out.push('}');
            }
        }
    }

    fn scalar(&mut self, text: &str, names: &[&str], quote: bool) {
        if (self.hides)(names, text) {
            return self.quoted(mask::MASKED);
        }
        let masked = mask::text(text, TEXT_BYTES);
        if quote || masked != text {
            self.quoted(&masked);
        } else {
            self.out.push_str(text);
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push_str(&Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BodyLimits;
    use proptest::prelude::*;

    const LIMITS: BodyLimits =
        BodyLimits { json_depth: 64, json_values: 20_000, decompress_ratio: 100, decompressed_bytes: 1 << 20 };

    fn shown(media_type: &str, body: &str, most: usize) -> Option<String> {
        let parsed = ParsedBody::parse(Some(media_type), Some(media_type), None, body.as_bytes(), true, &LIMITS);
        excerpt(&parsed.unwrap(), most, &|names, _| names.last() == Some(&"diagnosis"))
    }

    #[test]
    fn secrets_are_masked_and_the_rest_is_shown() {
        let body =
            r#"{"q":"1' OR 1=1--","password":"hunter2","card":{"number":"x"},"to":["a@example.com",4111111111111111]}"#;
        let text = shown("application/json", body, 500).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"q": "1' OR 1=1--", "password": "[masked]", "card": "[masked]", "to": ["[email]", "[card]"]})
        );
        assert_eq!(
            shown("application/json", r#"{"diagnosis":"flu","n":{"diagnosis":["x"]}}"#, 500)
                .unwrap()
                .matches("[masked]")
                .count(),
            2
        );
        let form = shown("application/x-www-form-urlencoded", "user=bob&pin=1234&note=a%26b", 500);
        assert_eq!(form.as_deref(), Some("user=bob&pin=[masked]&note=a&b"));
    }

    #[test]
    fn header_fields_are_shown_without_what_may_be_a_key() {
        let fields: [(&str, &[u8]); 5] = [
            ("accept", b"*/*"),
            ("authorization", b"Bearer hunter2"),
            ("x-shop-client", b"hunter2"),
            ("user-agent", b"me a@example.com\x1b"),
            ("sec-fetch-mode", b"cors"),
        ];
        assert_eq!(
            headers(fields.into_iter()),
            [
                "accept: */*",
                "authorization: (14 bytes)",
                "x-shop-client: (7 bytes)",
                "user-agent: me [email]\\x1b",
                "sec-fetch-mode: cors",
            ]
        );
        assert_eq!(headers((0..200).map(|_| ("accept", b"x".as_slice()))).len(), HEADERS);
    }

    #[test]
    fn what_may_hide_a_secret_is_not_shown() {
        assert_eq!(shown("application/xml", "<password>hunter2</password>", 500), None);
        assert_eq!(shown("image/png", "\u{1}", 500), None);
        assert_eq!(shown("application/json", "{}", 0), None);
        assert_eq!(shown("text/plain", "password=hunter2", 500).as_deref(), Some("password=[masked]"));
    }

    proptest! {
        #[test]
        fn it_stays_in_bounds_and_no_password_is_in_it(
            secret in "[A-Za-z]{3}Q[0-9]{3}", before in "\\PC{0,40}", most in 1_usize..200,
        ) {
            let body = serde_json::json!({"a": before, "user": {"password": secret}, "list": [{"api_key": secret}]});
            let text = shown("application/json", &body.to_string(), most).unwrap();
            prop_assert!(text.len() <= most.max(CUT.len()));
            prop_assert!(!text.contains(&secret));
        }
    }
}
