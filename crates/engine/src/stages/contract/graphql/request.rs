//! What a request asks of GraphQL: documents with variables, in the query or in the body (GraphQL over HTTP, 5; the
//! multipart form of the GraphQL multipart request specification; hashes of Apollo's persisted queries).

use serde_json::Value;
use stockade_inspect::{BodyLimits, ParsedBody};

use super::Variables;
use crate::fields::{decode_query, query_parts};
use crate::stage::Received;

/// Bounds of JSON that stands in a query or in a part of a form; its length is bounded by what holds it.
const LIMITS: BodyLimits =
    BodyLimits { json_depth: 64, json_values: 20_000, decompress_ratio: 1, decompressed_bytes: u64::MAX };

/// One document that is to be run.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The document; may be missing when its hash is given.
    pub(super) query: Option<String>,
    /// Which of its operations.
    pub(super) name: Option<String>,
    pub(super) variables: Option<Variables>,
    /// SHA-256 of a document that the service knows.
    pub(super) hash: Option<String>,
}

/// All that one body asks for.
#[derive(Debug)]
pub(super) struct Posted {
    pub(super) asked: Vec<Asked>,
}

impl Asked {
    /// Reads the query of a GET.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn from_query(query: &str) -> Result<Self, String> {
        let mut asked = Self::default();
        for (name, value) in query_parts(query) {
            let (Some(name), Some(value)) = (decode_query(name), decode_query(value)) else {
                return Err("expected a query in UTF-8".to_owned());
            };
            let twice = match &*name {
                "query" => asked.query.replace(value.into_owned()).is_some(),
                "operationName" if value.is_empty() => false,
                "operationName" => asked.name.replace(value.into_owned()).is_some(),
                "variables" | "extensions" => {
                    let read = json(&name, value.as_bytes())?;
                    if name == "variables" { asked.set_variables(read)? } else { asked.set_extensions(&read) }
                }
                _ => false,
            };
            if twice {
                return Err(format!("expected `{name}` once"));
            }
        }
        Ok(asked)
    }

    fn from_json(value: &Value) -> Result<Self, String> {
        let Value::Object(members) = value else { return Err("expected an object with `query`".to_owned()) };
        let mut asked = Self::default();
        for (name, value) in members {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("query", Value::String(text)) => asked.query = Some(text.clone()),
                ("operationName", Value::String(text)) if !text.is_empty() => asked.name = Some(text.clone()),
                ("operationName", Value::String(_)) => {}
                ("variables", value) => {
                    asked.set_variables(value.clone())?;
                }
                ("extensions", value) => {
                    asked.set_extensions(value);
                }
                ("query" | "operationName", _) => return Err(format!("expected `{name}` to be a string")),
                // A service that reads a document from elsewhere would run what was not seen.
                ("id" | "documentId" | "queryId" | "hash", Value::String(hash)) => asked.hash = Some(hash.clone()),
                _ => {}
            }
        }
        Ok(asked)
    }

    fn set_variables(&mut self, value: Value) -> Result<bool, String> {
        match value {
            Value::Null => Ok(false),
            Value::Object(variables) => Ok(self.variables.replace(variables).is_some()),
            _ => Err("expected `variables` to be an object".to_owned()),
        }
    }

    fn set_extensions(&mut self, value: &Value) -> bool {
        match value.pointer("/persistedQuery/sha256Hash").and_then(Value::as_str) {
            Some(hash) => self.hash.replace(hash.to_owned()).is_some(),
            None => false,
        }
    }
}

impl Posted {
    /// Reads the body of a POST.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn new(media_type: Option<&str>, received: &Received<'_>) -> Result<Self, String> {
        if !received.complete {
            return Err("expected a shorter body: longer ones cannot be looked into".to_owned());
        }
        let one = |value: &Value| -> Result<Self, String> {
            let asked = match value {
                Value::Array(list) => list.iter().map(Asked::from_json).collect::<Result<_, _>>()?,
                value => vec![Asked::from_json(value)?],
            };
            Ok(Self { asked })
        };
        match received.parsed {
            Some(Ok(ParsedBody::Json { duplicate_keys: 0, value, .. })) => one(value),
            Some(Ok(ParsedBody::Json { .. })) => Err("expected each key once".to_owned()),
            Some(Ok(ParsedBody::Text(text))) if media_type == Some("application/graphql") => {
                Ok(Self { asked: vec![Asked { query: Some(text.clone()), ..Asked::default() }] })
            }
            Some(Ok(ParsedBody::Multipart(parts))) => {
                let mut operations = parts.iter().filter(|part| part.name == "operations");
                match (operations.next(), operations.next()) {
                    (Some(part), None) => one(&json("operations", &part.content)?),
                    _ => Err("expected one part called `operations`".to_owned()),
                }
            }
            Some(Err(error)) => Err(error.detail.clone()),
            _ => Err("expected a body of `application/json`".to_owned()),
        }
    }
}

fn json(name: &str, text: &[u8]) -> Result<Value, String> {
    match ParsedBody::parse(Some("application/json"), None, None, text, true, &LIMITS) {
        Ok(ParsedBody::Json { value, duplicate_keys: 0, .. }) => Ok(value),
        _ => Err(format!("expected `{name}` to be JSON with each key once")),
    }
}
