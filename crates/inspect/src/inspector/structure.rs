//! Walks a body: JSON, forms, multipart, text.

use std::borrow::Cow;

use serde_json::Value;

use super::head::{push_index, shown};
use super::repeated::Repeated;
use super::run::Run;
use crate::detect::{Kind, graphql_abuse, mass_assignment, nosql_injection, upload};
use crate::{ParsedBody, Part};

/// Nesting at which walking stops; the parser allows no more.
const DEPTH: usize = 130;
/// Bytes of a file that are looked at.
const FILE: usize = 256 * 1024;

pub(super) fn walk(body: &ParsedBody, run: &mut Run<'_>) {
    run.place.clear();
    run.place.push_str("body");
    let mut repeated = Repeated::default();
    match body {
        ParsedBody::Empty | ParsedBody::Binary => {}
        ParsedBody::Json { value, shadowed, .. } => {
            batch(value, run);
            json(value, run, 0);
            for value in shadowed {
                json(value, run, 0);
            }
        }
        ParsedBody::Form(pairs) => {
            for (name, value) in pairs {
                if run.is_over() {
                    return;
                }
                field(run, name);
                run.value(name.as_bytes(), Kind::Name);
                run.value(value.as_bytes(), Kind::Parameter);
                repeated.add(Cow::Borrowed(name.as_bytes()), Cow::Borrowed(value.as_bytes()));
            }
            repeated.look("body.", run);
        }
        ParsedBody::Multipart(parts) => {
            for part in parts {
                if run.is_over() {
                    return;
                }
                multipart(part, run);
                if part.file_name.is_none() {
                    repeated.add(Cow::Borrowed(part.name.as_bytes()), Cow::Borrowed(&part.content));
                }
            }
            repeated.look("body.", run);
        }
        ParsedBody::Text(text) => self::text(text, run),
    }
}

/// A list of GraphQL operations in one request.
fn batch(value: &Value, run: &mut Run<'_>) {
    let Value::Array(items) = value else { return };
    let operation = |item: &&Value| item.get("query").and_then(Value::as_str).is_some_and(is_graphql);
    if let Some(hit) = graphql_abuse::batch(items.len())
        && items.iter().take(3).filter(operation).count() == 3
    {
        run.report(graphql_abuse::INFO.name, b"", hit);
    }
}

fn field(run: &mut Run<'_>, name: &str) {
    run.place.clear();
    run.place.push_str("body.");
    run.place.push_str(&shown(name.as_bytes()));
}

fn json(value: &Value, run: &mut Run<'_>, depth: usize) {
    if depth > DEPTH || run.is_over() {
        return;
    }
    match value {
        Value::String(text) => string(text, run),
        Value::Array(items) => {
            let before = run.place.len();
            for (index, item) in items.iter().enumerate() {
                run.place.push('[');
                push_index(&mut run.place, index);
                run.place.push(']');
                json(item, run, depth + 1);
                run.place.truncate(before);
            }
        }
        Value::Object(entries) => {
            let before = run.place.len();
            if let Some((key, hit)) = mass_assignment::look(entries, run.path()) {
                run.place.push('.');
                run.place.push_str(&shown(key.as_bytes()));
                run.report(mass_assignment::INFO.name, key.as_bytes(), hit);
                run.place.truncate(before);
            }
            for (key, item) in entries {
                run.place.push('.');
                run.place.push_str(&shown(key.as_bytes()));
                run.value(key.as_bytes(), Kind::Name);
                if let Some(hit) = nosql_injection::fits_all(key, item) {
                    run.report(nosql_injection::NAME, key.as_bytes(), hit);
                }
                json(item, run, depth + 1);
                run.place.truncate(before);
            }
        }
        Value::Number(_) => run.number(),
        Value::Null | Value::Bool(_) => run.skip(),
    }
}

fn string(text: &str, run: &mut Run<'_>) {
    if run.place.ends_with(".query") && is_graphql(text) {
        if let Some(hit) = graphql_abuse::look(text) {
            run.report(graphql_abuse::INFO.name, text.as_bytes(), hit);
        }
        run.value(text.as_bytes(), Kind::File);
        literals(text, run);
    } else {
        run.value(text.as_bytes(), Kind::Json);
    }
}

fn multipart(part: &Part, run: &mut Run<'_>) {
    field(run, &part.name);
    run.value(part.name.as_bytes(), Kind::Name);
    let Some(file_name) = &part.file_name else {
        run.value(&part.content, Kind::Parameter);
        return;
    };
    let content = part.content.get(..part.content.len().min(FILE)).unwrap_or_default();
    if let Some(hit) = upload::look(part, file_name) {
        let shown = if hit.range.is_empty() { file_name.as_bytes() } else { content };
        run.report(upload::INFO.name, shown, hit);
    }
    run.value(content, Kind::File);
    run.place.push_str(".filename");
    run.value(file_name.as_bytes(), Kind::FileName);
}

/// A text body: of XML and of the first part of JSON each string by itself, so that a value's start is its start.
fn text(text: &str, run: &mut Run<'_>) {
    let start = text.trim_start().as_bytes().first();
    match start {
        Some(b'<') => {
            run.value(text.as_bytes(), Kind::File);
            nodes(text, run);
        }
        Some(b'{' | b'[') => {
            run.value(text.as_bytes(), Kind::File);
            literals(text, run);
        }
        _ => run.value(text.as_bytes(), Kind::Text),
    }
}

/// Each quoted string in a text, escapes undone.
fn literals(text: &str, run: &mut Run<'_>) {
    let mut rest = text;
    while let Some((_, tail)) = rest.split_once('"') {
        if run.is_over() {
            return;
        }
        let end = closing(tail);
        let (literal, after) = (tail.get(..end).unwrap_or(tail), tail.get(end + 1..).unwrap_or_default());
        let decoded = if literal.contains('\\') {
            serde_json::from_str::<String>(&format!("\"{literal}\"")).map_or(Cow::Borrowed(literal), Cow::Owned)
        } else {
            Cow::Borrowed(literal)
        };
        run.value(decoded.as_bytes(), Kind::Json);
        rest = after;
    }
}

/// Where the string that `tail` begins with ends.
fn closing(tail: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in tail.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return index,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    tail.len()
}

/// The text nodes and attribute values of XML or HTML, read loosely.
fn nodes(text: &str, run: &mut Run<'_>) {
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('<') {
        if run.is_over() {
            return;
        }
        let node = before.trim();
        if !node.is_empty() {
            run.value(node.as_bytes(), Kind::Json);
        }
        if let Some(data) = tail.strip_prefix("![CDATA[") {
            let (data, after) = data.split_once("]]>").unwrap_or((data, ""));
            run.value(data.as_bytes(), Kind::Json);
            rest = after;
            continue;
        }
        let (tag, after) = tail.split_once('>').unwrap_or((tail, ""));
        for quote in ['"', '\''] {
            for value in tag.split(quote).skip(1).step_by(2) {
                run.value(value.as_bytes(), Kind::Json);
            }
        }
        rest = after;
    }
    let node = rest.trim();
    if !node.is_empty() {
        run.value(node.as_bytes(), Kind::Json);
    }
}

/// Whether a text is a GraphQL document: begins like one, and outside its strings holds only what GraphQL allows.
fn is_graphql(text: &str) -> bool {
    let start = text.trim_start();
    let begins = ["query", "mutation", "subscription", "fragment", "{"].iter().any(|word| start.starts_with(word));
    if !begins || !text.trim_end().ends_with('}') {
        return false;
    }
    let mut rest = text;
    loop {
        let (outside, tail) = rest.split_once('"').unwrap_or((rest, ""));
        let allowed = |byte: u8| {
            byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"_{}()[]:,!$@|&=#.-+".contains(&byte)
        };
        if !outside.bytes().all(allowed) {
            return false;
        }
        if tail.is_empty() {
            return true;
        }
        rest = tail.get(closing(tail) + 1..).unwrap_or_default();
    }
}
