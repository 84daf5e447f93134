//! The body of one operation or response: its media types, and its value against their schemas.

use serde_json::{Map, Value};
use stockade_inspect::mask::Class;
use stockade_inspect::{ParsedBody, Part};
use stockade_model::plan::{MediaPlan, PartPlan};

use super::declared::Difference;
use super::schema::{Gathered, SchemaId, Schemas};
use super::shape::Shape;
use crate::PlanError;
use crate::confined::Scope;

/// What stands for a file's content where a schema wants a string.
const FILE: &str = "(file)";

/// The body of one operation or of one response, compiled.
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
    schema: Option<Promise>,
    parts: Vec<PartPlan>,
}

/// What is promised about a value.
#[derive(Debug)]
struct Promise {
    schema: SchemaId,
    /// Place of the fields it declares.
    declared: usize,
    shape: Shape,
}

impl Content {
    /// Compiles the media types of a body.
    ///
    /// # Errors
    /// A media type that is none, a schema that does not compile.
    pub(crate) fn new<'a>(
        plan: &'a [MediaPlan],
        required: bool,
        schemas: &mut Gathered<'a>,
        setting: &str,
    ) -> Result<Self, PlanError> {
        let media = plan.iter().map(|media| {
            let at = format!("{setting}.{}", media.media_type);
            let good = media.media_type.split_once('/').is_some_and(|(kind, sub)| !kind.is_empty() && !sub.is_empty());
            if !good || media.media_type != media.media_type.to_ascii_lowercase() {
                return Err(PlanError::new(at, "expected a media type in lower case, such as `application/json`"));
            }
            let schema = media.schema.as_ref().map(|schema| {
                // Only forms are text that has to be read by its schema.
                let shape = if is_json(&media.media_type) {
                    Shape::default()
                } else {
                    Shape::of(schema, Scope::of(schema, schemas.named()))
                };
                Ok(Promise { schema: schemas.add(schema, &at)?, declared: schemas.declare(schema), shape })
            });
            Ok(Media { range: media.media_type.clone(), schema: schema.transpose()?, parts: media.parts.clone() })
        });
        Ok(Self { required, media: media.collect::<Result<_, _>>()? })
    }

    /// Whether it has no media type at all.
    pub(crate) const fn is_empty(&self) -> bool {
        self.media.is_empty()
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

/// Whether a media type is JSON.
pub(crate) fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type == "text/json" || media_type.ends_with("+json")
}

impl Media {
    /// Whether a schema is promised.
    pub(crate) const fn has_schema(&self) -> bool {
        self.schema.is_some()
    }

    /// Checks a whole body of a request. `Ok(true)` when every value in it was checked.
    ///
    /// # Errors
    /// Where it is wrong, and what was expected.
    pub(crate) fn check(&self, body: &ParsedBody, media_type: &str, schemas: &Schemas) -> Result<bool, String> {
        let Some(promise) = &self.schema else { return Ok(false) };
        let built;
        let (value, whole) = match body {
            ParsedBody::Json { value, .. } => (value, true),
            ParsedBody::Form(pairs) => {
                built = form(pairs.iter().map(|(name, text)| (name.as_str(), Entry::Text(text))), &promise.shape)?;
                (&built, true)
            }
            ParsedBody::Multipart(parts) => {
                parts.iter().try_for_each(|part| self.check_part(part))?;
                built = form(parts.iter().map(|part| (part.name.as_str(), entry(part))), &promise.shape)?;
                (&built, false)
            }
            // Other texts have a form of their own, such as XML, of which JSON Schema says nothing.
            ParsedBody::Text(text) if matches!(media_type, "text/plain" | "text/csv") => {
                built = Value::String(text.clone());
                (&built, true)
            }
            ParsedBody::Empty | ParsedBody::Binary | ParsedBody::Text(_) => return Ok(false),
        };
        self.fault(value, schemas).map_or(Ok(whole), |(place, problem)| Err(format!("body{place}: {problem}")))
    }

    /// What is wrong with a value: where, such as `.items[2].note`, and what was expected.
    pub(crate) fn fault(&self, value: &Value, schemas: &Schemas) -> Option<(String, String)> {
        let (pointer, problem) = schemas.fault(self.schema.as_ref()?.schema, value)?;
        Some((dotted(&pointer), problem))
    }

    /// How a value differs from what is declared, beyond what the schema refuses.
    pub(crate) fn differences(&self, value: &Value, wanted: &[Class], schemas: &Schemas) -> Vec<(String, Difference)> {
        let differences = |promise: &Promise| schemas.declared.differences(promise.declared, value, wanted);
        self.schema.as_ref().map(differences).unwrap_or_default()
    }

    /// A field of a request that is not declared.
    pub(crate) fn undeclared(&self, body: &ParsedBody, schemas: &Schemas) -> Option<String> {
        let named = |names: &mut dyn Iterator<Item = &str>| {
            let form: Map<String, Value> = names.map(|name| (name.to_owned(), Value::Null)).collect();
            self.differences(&Value::Object(form), &[], schemas)
        };
        let found = match body {
            ParsedBody::Json { value, .. } => self.differences(value, &[], schemas),
            ParsedBody::Form(pairs) => named(&mut pairs.iter().map(|(name, _)| name.as_str())),
            ParsedBody::Multipart(parts) => named(&mut parts.iter().map(|part| part.name.as_str())),
            _ => Vec::new(),
        };
        found.into_iter().next().map(|(place, _)| format!("body{}", stockade_inspect::mask::text(&place, 200)))
    }

    /// Type and size of a file or another part of a form.
    fn check_part(&self, part: &Part) -> Result<(), String> {
        let Some(plan) = self.parts.iter().find(|plan| plan.name == part.name) else { return Ok(()) };
        let length = part.content.len() as u64;
        if length < plan.min_bytes || plan.max_bytes.is_some_and(|most| length > most) {
            let most = plan.max_bytes.map_or_else(|| "more".to_owned(), |most| most.to_string());
            return Err(format!("body.{}: expected {} to {most} bytes, got {length}", plan.name, plan.min_bytes));
        }
        let got = part.media_type.as_deref().unwrap_or("text/plain");
        let fits = |range: &String| {
            range == got || range == "*/*" || range.strip_suffix('*').is_some_and(|kind| got.starts_with(kind))
        };
        if plan.media_types.is_empty() || plan.media_types.iter().any(fits) {
            return Ok(());
        }
        let got = stockade_inspect::mask::text(got, 80);
        Err(format!("body.{}: expected {}, got `{got}`", plan.name, plan.media_types.join(" or ")))
    }
}

enum Entry<'a> {
    Text(&'a str),
    Json(Value),
    File,
}

fn entry(part: &Part) -> Entry<'_> {
    match std::str::from_utf8(&part.content) {
        _ if part.file_name.is_some() => Entry::File,
        Ok(text) if part.media_type.as_deref().is_some_and(is_json) => {
            serde_json::from_str(text).map_or(Entry::Text(text), Entry::Json)
        }
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
