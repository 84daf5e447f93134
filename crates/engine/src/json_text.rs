//! Changes JSON text where it stands: members and elements are taken out or get another value, and all else stays byte
//! for byte. Values are not read into numbers and back, so nothing that a stage does not name is changed.

#![allow(dead_code, reason = "stages that change bodies use it")]

use std::borrow::Cow;
use std::ops::Range;

use serde::de::IgnoredAny;

/// Deepest nesting that is walked; serde_json, which checks the text first, stops there too.
const DEPTH: usize = 128;

/// One step of a place: into an object or into an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// The member of this name, escapes undone.
    Key(Cow<'a, str>),
    /// The element of this number, from 0.
    Index(usize),
}

/// What becomes of a member or element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// It stays; what is inside it is asked about.
    Keep,
    /// It goes.
    Remove,
    /// [`Editor::rewrite`] gives its value.
    Rewrite,
}

/// What decides about members and elements.
pub(crate) trait Editor {
    /// What becomes of the value at `place`. Asked of the outer before the inner, in the order of the text.
    fn choose(&mut self, place: &[Step<'_>]) -> Choice;

    /// The JSON text that stands for `value`, which is JSON text too; `None` leaves it as it is.
    fn rewrite(&mut self, place: &[Step<'_>], value: &str) -> Option<String> {
        let _ = (place, value);
        None
    }

    /// The JSON text that stands for `value`, a text, number or word that stays; `None` leaves it as it is.
    fn scalar(&mut self, place: &[Step<'_>], value: &str) -> Option<String> {
        let _ = (place, value);
        None
    }
}

/// Walks `text` and asks `editor` about every member and element. A name that comes twice is asked about twice.
///
/// Answers the changed text, or `None` when nothing changes.
///
/// # Errors
/// `text` is not JSON, or is nested deeper than 128 levels.
pub(crate) fn edit(text: &str, editor: &mut dyn Editor) -> Result<Option<String>, NotJson> {
    // The walk below only looks for where values begin and end, so the text must be known to be JSON.
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| NotJson)?;
    let mut walk = Walk { text, at: 0, place: Vec::new(), edits: Vec::new(), editor };
    walk.value(true).ok_or(NotJson)?;
    let edits = walk.edits;
    if edits.is_empty() {
        return Ok(None);
    }
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (range, new) in edits {
        out.push_str(text.get(copied..range.start).ok_or(NotJson)?);
        out.push_str(&new);
        copied = range.end;
    }
    out.push_str(text.get(copied..).ok_or(NotJson)?);
    Ok(Some(out))
}

/// The text is not JSON (RFC 8259).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotJson;

struct Walk<'a, 'e> {
    text: &'a str,
    at: usize,
    place: Vec<Step<'a>>,
    /// What stands in a range, and what comes there instead; in order, never overlapping.
    edits: Vec<(Range<usize>, String)>,
    editor: &'e mut dyn Editor,
}

impl<'a> Walk<'a, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes one value; `ask` about what is inside it.
    fn value(&mut self, ask: bool) -> Option<()> {
        self.skip_space();
        match self.peek()? {
            b'{' => self.container(b'}', ask),
            b'[' => self.container(b']', ask),
            b'"' => self.string().map(|_| ()),
            _ => {
                while !matches!(self.peek(), None | Some(b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r')) {
                    self.at += 1;
                }
                Some(())
            }
        }
    }

    /// Passes a string; its text with the quotes.
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return self.text.get(start..self.at);
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    fn key(&mut self) -> Option<Cow<'a, str>> {
        let quoted = self.string()?;
        let plain = quoted.get(1..quoted.len().checked_sub(1)?)?;
        let key = if plain.contains('\\') {
            Cow::Owned(serde_json::from_str::<String>(quoted).ok()?)
        } else {
            Cow::Borrowed(plain)
        };
        self.skip_space();
        self.at += 1; // the colon
        Some(key)
    }

    fn container(&mut self, end: u8, ask: bool) -> Option<()> {
        if self.place.len() >= DEPTH {
            return None;
        }
        self.at += 1;
        let mut comma: Option<usize> = None;
        let (mut count, mut kept) = (0, false);
        loop {
            self.skip_space();
            if self.peek()? == end {
                self.at += 1;
                return Some(());
            }
            if self.peek()? == b',' {
                comma = Some(self.at);
                self.at += 1;
                continue;
            }
            let start = self.at;
            let step = if end == b'}' { Step::Key(self.key()?) } else { Step::Index(count) };
            count += 1;
            self.place.push(step);
            let keeps = self.member(start, comma.take(), kept, ask);
            self.place.pop();
            kept |= keeps?;
        }
    }

    /// Passes one member whose text begins at `start`, behind `comma`; `kept` tells whether one before it stays.
    /// Answers whether it stays.
    fn member(&mut self, start: usize, comma: Option<usize>, kept: bool, ask: bool) -> Option<bool> {
        self.skip_space();
        let value = self.at;
        let choice = if ask { self.editor.choose(&self.place) } else { Choice::Keep };
        // A comma stays only between two members that stay.
        if let Some(comma) = comma.filter(|_| ask && (choice == Choice::Remove || !kept)) {
            self.edits.push((comma..comma + 1, String::new()));
        }
        self.value(ask && choice == Choice::Keep)?;
        match choice {
            Choice::Keep => {
                let text = self.text.get(value..self.at)?;
                if ask && !text.starts_with(['{', '[']) {
                    let new = self.editor.scalar(&self.place, text);
                    self.edits.extend(new.map(|new| (value..self.at, new)));
                }
            }
            Choice::Remove => self.edits.push((start..self.at, String::new())),
            Choice::Rewrite => {
                let new = self.editor.rewrite(&self.place, self.text.get(value..self.at)?);
                self.edits.extend(new.map(|new| (value..self.at, new)));
            }
        }
        Some(choice != Choice::Remove)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Removes members called `gone`, puts `"***"` for those called `secret`.
    struct Test;

    impl Editor for Test {
        fn choose(&mut self, place: &[Step<'_>]) -> Choice {
            match place.last() {
                Some(Step::Key(name)) if name == "gone" => Choice::Remove,
                Some(Step::Key(name)) if name == "secret" => Choice::Rewrite,
                Some(Step::Index(13)) => Choice::Remove,
                _ => Choice::Keep,
            }
        }

        fn rewrite(&mut self, _place: &[Step<'_>], value: &str) -> Option<String> {
            value.starts_with('"').then(|| "\"***\"".to_owned())
        }
    }

    fn edited(text: &str) -> String {
        edit(text, &mut Test).unwrap().unwrap_or_else(|| text.to_owned())
    }

    #[test]
    fn members_go_with_their_comma_and_all_else_stays() {
        assert_eq!(edited(r#"{"gone":1}"#), "{}");
        assert_eq!(edited(r#"{"gone":1, "a":1.50}"#), r#"{ "a":1.50}"#);
        assert_eq!(edited(r#"{"a":1e5,"gone":{"x":[1]},"b":2}"#), r#"{"a":1e5,"b":2}"#);
        assert_eq!(edited(r#"{"a":1 , "gone":"}" }"#), r#"{"a":1   }"#);
        assert_eq!(edited(r#"{"gone":1,"gone":2,"a":[{"gone":3},{"b":"\\","gone":4}]}"#), r#"{"a":[{},{"b":"\\"}]}"#);
        assert_eq!(edited(r#"{"g\u006fne":1,"a":12345678901234567890123}"#), r#"{"a":12345678901234567890123}"#);
        assert_eq!(edited(r#"{"secret" : "x\"y", "a":{"secret":5}}"#), r#"{"secret" : "***", "a":{"secret":5}}"#);
        assert_eq!(edit(r#"[1,{"a":"gone"}]"#, &mut Test), Ok(None));
    }

    #[test]
    fn what_is_not_json_is_not_edited() {
        for text in ["", "{", "{\"gone\":}", "[1,]", "{\"a\" 1}", "nul", "{} x"] {
            assert_eq!(edit(text, &mut Test), Err(NotJson), "{text}");
        }
        assert_eq!(edit(&"[".repeat(100_000), &mut Test), Err(NotJson));
    }

    fn without(value: &Value) -> Value {
        match value {
            Value::Object(map) => map
                .iter()
                .filter(|(name, _)| *name != "gone")
                .map(|(name, value)| match value {
                    Value::String(_) if name == "secret" => (name.clone(), json!("***")),
                    other if name == "secret" => (name.clone(), other.clone()),
                    other => (name.clone(), without(other)),
                })
                .collect(),
            Value::Array(items) => {
                items.iter().enumerate().filter(|(place, _)| *place != 13).map(|(_, item)| without(item)).collect()
            }
            other => other.clone(),
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        let name = prop_oneof![Just("gone".to_owned()), Just("secret".to_owned()), ".{0,6}"];
        leaf.prop_recursive(4, 64, 16, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..16).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn editing_text_is_editing_the_value(value in values(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let got: Value = serde_json::from_str(&edited(&text)).unwrap();
            // Through text once, as what is read of a number may differ from what was written.
            let want: Value = serde_json::from_str(&without(&value).to_string()).unwrap();
            prop_assert_eq!(got, want);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}\",:a1 \\\\]{0,40}") {
            let _ = edit(&text, &mut Test);
        }
    }
}
