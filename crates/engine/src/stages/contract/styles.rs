//! How parameters are written (OpenAPI 3.1, 4.8.12.3; RFC 6570), read back into values.

use std::borrow::Cow;

use serde_json::{Map, Value};
use stockade_model::plan::ParameterStyle;

use super::shape::Shape;
use crate::fields::{decode, decode_query};

/// The parts of a query: decoded name, raw value.
pub(crate) type Pairs<'a> = [(Cow<'a, str>, &'a str)];

/// A parameter's text taken apart, not yet typed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Raw<'a> {
    /// A single value.
    One(Cow<'a, str>),
    /// A list.
    Many(Vec<Cow<'a, str>>),
    /// An object.
    Fields(Vec<(Cow<'a, str>, Cow<'a, str>)>),
}

/// Undoes the escapes of one piece. `None` when the result is not UTF-8.
type Unescape = for<'a> fn(&'a str) -> Option<Cow<'a, str>>;

const NOT_UTF8: &str = "expected escapes of UTF-8";

impl Raw<'_> {
    /// The typed value. With `plain`, text stays text.
    pub(crate) fn value(&self, shape: &Shape, plain: bool) -> Value {
        let typed = |shape: Option<&Shape>, text: &str| match shape {
            Some(shape) if !plain => shape.coerce(text),
            _ => Value::String(text.to_owned()),
        };
        match self {
            Self::One(text) => typed(Some(shape), text),
            Self::Many(list) => list.iter().map(|text| typed(shape.element(), text)).collect(),
            Self::Fields(fields) => {
                let map: Map<String, Value> =
                    fields.iter().map(|(name, text)| (name.to_string(), typed(shape.property(name), text))).collect();
                Value::Object(map)
            }
        }
    }
}

/// Reads a path parameter from its raw segment text.
///
/// # Errors
/// How it was expected to be written.
pub(crate) fn path<'a>(
    text: &'a str,
    name: &str,
    style: ParameterStyle,
    explode: bool,
    shape: &Shape,
) -> Result<Raw<'a>, String> {
    match style {
        ParameterStyle::Json => one(text, decode),
        ParameterStyle::Label => {
            let text = text.strip_prefix('.').ok_or("expected `.` in front")?;
            // RFC 6570 3.2.5: with explode, `.` also stands between the parts.
            list(text, if explode { "." } else { "," }, explode, shape, decode)
        }
        ParameterStyle::Matrix => matrix(text, name, explode, shape),
        _ => list(text, ",", explode, shape, decode),
    }
}

/// Reads a header from its value; escapes are not undone there.
///
/// # Errors
/// How it was expected to be written.
pub(crate) fn header<'a>(
    text: &'a str,
    style: ParameterStyle,
    explode: bool,
    shape: &Shape,
) -> Result<Raw<'a>, String> {
    if style == ParameterStyle::Json {
        return Ok(Raw::One(Cow::Borrowed(text)));
    }
    list(text, ",", explode, shape, |text| Some(Cow::Borrowed(text.trim())))
}

/// Reads a cookie from its raw value.
///
/// # Errors
/// How it was expected to be written.
pub(crate) fn cookie<'a>(text: &'a str, style: ParameterStyle, shape: &Shape) -> Result<Raw<'a>, String> {
    if style == ParameterStyle::Json {
        return one(text, decode);
    }
    list(text, ",", false, shape, decode)
}

/// Reads a query parameter out of all parts of a query. `None` when it is not there.
///
/// # Errors
/// How it was expected to be written.
pub(crate) fn query<'a>(
    pairs: &'a Pairs<'a>,
    name: &str,
    style: ParameterStyle,
    explode: bool,
    shape: &Shape,
) -> Result<Option<Raw<'a>>, String> {
    if style == ParameterStyle::DeepObject {
        return deep_object(pairs, name);
    }
    if shape.is_object() && explode && style != ParameterStyle::Json {
        return fields_by_name(pairs, shape);
    }
    let mut values = pairs.iter().filter(|(part, _)| part == name).map(|(_, value)| *value);
    let Some(first) = values.next() else { return Ok(None) };
    if shape.is_array() && explode && style != ParameterStyle::Json {
        let all = std::iter::once(first).chain(values).map(decode_query).collect::<Option<Vec<_>>>();
        return all.map(|list| Some(Raw::Many(list))).ok_or_else(|| NOT_UTF8.to_owned());
    }
    if values.next().is_some() {
        return Err("expected it once, got it more than once".to_owned());
    }
    if style == ParameterStyle::Json {
        return one(first, decode_query).map(Some);
    }
    let delimiters: &[&str] = match style {
        ParameterStyle::SpaceDelimited => &["%20", "+"],
        ParameterStyle::PipeDelimited => &["|", "%7C", "%7c"],
        // RFC 6570 would have it data, but most clients escape the commas between the values as well.
        _ if !first.contains(',') && !first.is_empty() => &["%2C", "%2c"],
        _ => &[","],
    };
    if let [delimiter] = delimiters {
        return list(first, delimiter, false, shape, decode_query).map(Some);
    }
    if !shape.is_array() && !shape.is_object() {
        return one(first, decode_query).map(Some);
    }
    let pieces = delimiters
        .iter()
        .fold(vec![first], |pieces, delimiter| pieces.into_iter().flat_map(|piece| piece.split(delimiter)).collect());
    collect(pieces, false, shape, decode_query).map(Some)
}

fn one(text: &str, unescape: Unescape) -> Result<Raw<'_>, String> {
    unescape(text).map(Raw::One).ok_or_else(|| NOT_UTF8.to_owned())
}

fn list<'a>(
    text: &'a str,
    delimiter: &str,
    explode: bool,
    shape: &Shape,
    unescape: Unescape,
) -> Result<Raw<'a>, String> {
    if !shape.is_array() && !shape.is_object() {
        return one(text, unescape);
    }
    let pieces = if text.is_empty() { Vec::new() } else { text.split(delimiter).collect() };
    collect(pieces, explode, shape, unescape)
}

/// Pieces as a list, or as an object: `name=value` each with explode, name and value in turn without.
fn collect<'a>(pieces: Vec<&'a str>, explode: bool, shape: &Shape, unescape: Unescape) -> Result<Raw<'a>, String> {
    if shape.is_array() {
        let list = pieces.into_iter().map(unescape).collect::<Option<Vec<_>>>();
        return list.map(Raw::Many).ok_or_else(|| NOT_UTF8.to_owned());
    }
    let mut fields = Vec::new();
    let mut add = |name: &'a str, value: &'a str| {
        fields.push((unescape(name).ok_or(NOT_UTF8)?, unescape(value).ok_or(NOT_UTF8)?));
        Ok::<(), String>(())
    };
    if explode {
        for piece in pieces {
            let (name, value) = piece.split_once('=').ok_or("expected `name=value` parts")?;
            add(name, value)?;
        }
    } else {
        let mut rest = pieces.into_iter();
        while let Some(name) = rest.next() {
            let value = rest.next().ok_or("expected names and values in turn")?;
            add(name, value)?;
        }
    }
    distinct(fields)
}

fn matrix<'a>(text: &'a str, name: &str, explode: bool, shape: &Shape) -> Result<Raw<'a>, String> {
    let text = text.strip_prefix(';').ok_or("expected `;` in front")?;
    let named = |part: &'a str| {
        let (part_name, value) = part.split_once('=').unwrap_or((part, ""));
        (part_name == name).then_some(value).ok_or_else(|| format!("expected `;{name}=`"))
    };
    if !explode || (!shape.is_array() && !shape.is_object()) {
        return list(named(text)?, ",", false, shape, decode);
    }
    if shape.is_object() {
        return collect(text.split(';').collect(), true, shape, decode);
    }
    let pieces = text.split(';').map(named).collect::<Result<Vec<_>, _>>()?;
    collect(pieces, false, shape, decode)
}

/// `name[key]=value` for each key.
fn deep_object<'a>(pairs: &'a Pairs<'a>, name: &str) -> Result<Option<Raw<'a>>, String> {
    let mut fields = Vec::new();
    for (part, value) in pairs {
        let inner = part.strip_prefix(name).and_then(|rest| rest.strip_prefix('['));
        let Some(inner) = inner else { continue };
        let key = inner.strip_suffix(']').filter(|key| !key.contains(['[', ']']));
        let key = key.ok_or_else(|| format!("expected `{name}[key]`"))?;
        fields.push((Cow::Borrowed(key), decode_query(value).ok_or(NOT_UTF8)?));
    }
    if fields.is_empty() { Ok(None) } else { distinct(fields).map(Some) }
}

/// An object whose properties are parameters of their own.
fn fields_by_name<'a>(pairs: &'a Pairs<'a>, shape: &Shape) -> Result<Option<Raw<'a>>, String> {
    let mut fields = Vec::new();
    for (name, value) in pairs {
        if shape.property(name).is_some() {
            fields.push((Cow::Borrowed(&**name), decode_query(value).ok_or(NOT_UTF8)?));
        }
    }
    if fields.is_empty() { Ok(None) } else { distinct(fields).map(Some) }
}

fn distinct<'a>(fields: Vec<(Cow<'a, str>, Cow<'a, str>)>) -> Result<Raw<'a>, String> {
    let names: std::collections::HashSet<&str> = fields.iter().map(|(name, _)| &**name).collect();
    if names.len() != fields.len() {
        return Err("expected each key once".to_owned());
    }
    drop(names);
    Ok(Raw::Fields(fields))
}
