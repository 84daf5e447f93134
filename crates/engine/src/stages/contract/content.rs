//! The body of one operation: its media types, and its value against their schemas.

use std::sync::Arc;

use jsonschema::Validator;
use serde_json::{Map, Value};
use stockade_inspect::{ParsedBody, Part};
use stockade_model::plan::BodyPlan;

use super::schema::{Schemas, fault};
use super::shape::Shape;
use crate::PlanError;

/// What stands for a file's content where a schema wants a string.
const FILE: &str = "(file)";

/// The body of one operation, compiled.
#[derive(Debug)]
pub(crate) struct Content {
    /// Whether it must be there.
    pub(crate) required: bool,
    media: Vec<Media>,
}

/// One media type, compiled.
#[derive(Debug)]
pub(crate) struct Media {
    /// `type/subtype`, `type/*` or `*/*`.
    range: String,
    schema: Option<(Arc<Validator>, Shape)>,
}

impl Content {
    /// Compiles a body.
    ///
    /// # Errors
    /// A media type that is none, a schema that does not compile.
    pub(crate) fn new(plan: &BodyPlan, schemas: &mut Schemas, setting: &str) -> Result<Self, PlanError> {
        let media = plan.content.iter().map(|media| {
            let at = format!("{setting}.body.{}", media.media_type);
            let good = media.media_type.split_once('/').is_some_and(|(kind, sub)| !kind.is_empty() && !sub.is_empty());
            if !good || media.media_type != media.media_type.to_ascii_lowercase() {
                return Err(PlanError::new(at, "expected a media type in lower case, such as `application/json`"));
            }
            let schema = media.schema.as_ref().map(|schema| {
                let validator = schemas.compile(schema).map_err(|problem| PlanError::new(&at, problem))?;
                Ok((validator, Shape::of(schema)))
            });
            Ok(Media { range: media.media_type.clone(), schema: schema.transpose()? })
        });
        Ok(Self { required: plan.required, media: media.collect::<Result<_, _>>()? })
    }

    /// The entry for a media type: exact before `type/*` before `*/*`.
    pub(crate) fn media(&self, media_type: &str) -> Option<&Media> {
        let kind = media_type.split('/').next().unwrap_or_default();
        let exact = self.media.iter().find(|media| media.range == media_type);
        let range = || self.media.iter().find(|media| media.range.strip_suffix("/*") == Some(kind));
        exact.or_else(range).or_else(|| self.media.iter().find(|media| media.range == "*/*"))
    }

    /// Its media types, for people.
    pub(crate) fn wish(&self) -> String {
        self.media.iter().map(|media| format!("`{}`", media.range)).collect::<Vec<_>>().join(" or ")
    }
}

impl Media {
    /// Whether a schema is promised.
    pub(crate) const fn has_schema(&self) -> bool {
        self.schema.is_some()
    }

    /// Checks a whole body. `Ok(true)` when every value in it was checked.
    ///
    /// # Errors
    /// Where it is wrong, and what was expected.
    pub(crate) fn check(&self, body: &ParsedBody) -> Result<bool, String> {
        let Some((validator, shape)) = &self.schema else { return Ok(false) };
        let built;
        let (value, whole) = match body {
            ParsedBody::Json { value, .. } => (value, true),
            ParsedBody::Form(pairs) => {
                built = form(pairs.iter().map(|(name, text)| (name.as_str(), Entry::Text(text))), shape)?;
                (&built, true)
            }
            ParsedBody::Multipart(parts) => {
                built = form(parts.iter().map(|part| (part.name.as_str(), entry(part))), shape)?;
                (&built, false)
            }
            ParsedBody::Text(text) => {
                built = Value::String(text.clone());
                (&built, true)
            }
            ParsedBody::Empty | ParsedBody::Binary => return Ok(false),
        };
        match fault(validator, value) {
            None => Ok(whole),
            Some((place, problem)) => Err(format!("body{}: {problem}", dotted(&place))),
        }
    }
}

enum Entry<'a> {
    Text(&'a str),
    Json(Value),
    File,
}

fn entry(part: &Part) -> Entry<'_> {
    let is_json = part.media_type.as_deref().is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
    match std::str::from_utf8(&part.content) {
        _ if part.file_name.is_some() => Entry::File,
        Ok(text) if is_json => serde_json::from_str(text).map_or(Entry::Text(text), Entry::Json),
        Ok(text) => Entry::Text(text),
        Err(_) => Entry::File,
    }
}

/// A form as the object that its schema describes; a name that comes twice must be a list.
fn form<'a>(entries: impl Iterator<Item = (&'a str, Entry<'a>)>, shape: &Shape) -> Result<Value, String> {
    let mut map: Map<String, Value> = Map::new();
    for (name, entry) in entries {
        let property = shape.property(name);
        let list = property.filter(|property| property.is_array());
        let inner = list.map_or(property, Shape::element);
        let value = match entry {
            // What has no other way to be text is JSON (OpenAPI 3.1, 4.8.15.1.1), whether the part says so or not.
            Entry::Text(text) if inner.is_some_and(Shape::is_object) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
            }
            Entry::Text(text) => match inner {
                Some(inner) if !inner.is_ambiguous() => inner.coerce(text),
                _ => Value::String(text.to_owned()),
            },
            Entry::Json(value) => value,
            Entry::File => Value::String(FILE.to_owned()),
        };
        match (map.get_mut(name), list) {
            (Some(Value::Array(known)), Some(_)) => known.push(value),
            (Some(_), _) => {
                let shown = stockade_inspect::mask::text(name, 80);
                return Err(format!("body.{shown}: expected it once, got it more than once"));
            }
            (None, Some(_)) if !value.is_array() => {
                map.insert(name.to_owned(), Value::Array(vec![value]));
            }
            (None, _) => {
                map.insert(name.to_owned(), value);
            }
        }
    }
    Ok(Value::Object(map))
}

/// A JSON pointer (RFC 6901) as inspection and exceptions write places: `.items[2].note`.
fn dotted(pointer: &str) -> String {
    let mut out = String::new();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()) {
            out.push_str(&format!("[{token}]"));
        } else {
            out.push('.');
            out.push_str(&token);
        }
    }
    out
}
