//! Schemas compiled once for an API, with bounded patterns and no way out of the document.

use std::collections::HashMap;

use base64::Engine as _;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value, json};
use stockade_model::plan::ApiPlan;

use super::declared::{Declared, Gathering};
use super::instance::{Instance, Instances};
use crate::PlanError;

/// Largest compiled pattern, bytes.
const PATTERN_BYTES: usize = 1 << 20;
/// Steps that a pattern with look-around may take before the value is refused.
const BACKTRACKS: usize = 10_000;

/// The schemas of an API, being gathered; equal ones are kept once.
#[derive(Debug)]
pub(crate) struct Gathered<'a> {
    plan: &'a ApiPlan,
    known: HashMap<String, SchemaId>,
    shared: Vec<(Value, String)>,
    alone: Vec<Validator<Instances>>,
    declared: Gathering<'a>,
}

/// Which of an API's schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaId {
    /// One that may refer to the API's named schemas.
    Shared(usize),
    /// One with definitions of its own.
    Alone(usize),
}

/// The schemas of an API, compiled.
#[derive(Debug)]
pub(crate) struct Schemas {
    shared: Validator<Instances>,
    keys: Vec<String>,
    alone: Vec<Validator<Instances>>,
    /// Which fields they declare.
    pub(crate) declared: Declared,
}

impl<'a> Gathered<'a> {
    /// Nothing yet.
    pub(crate) fn new(plan: &'a ApiPlan) -> Self {
        let declared = Gathering::new(&plan.schemas);
        Self { plan, known: HashMap::new(), shared: Vec::new(), alone: Vec::new(), declared }
    }

    /// The API's named schemas.
    pub(crate) const fn named(&self) -> &'a Map<String, Value> {
        &self.plan.schemas
    }

    /// Adds a schema (JSON Schema 2020-12).
    ///
    /// # Errors
    /// What is wrong with one that stands alone; others are looked at by [`Self::compile`].
    pub(crate) fn add(&mut self, schema: &Value, setting: &str) -> Result<SchemaId, PlanError> {
        let text = schema.to_string();
        if let Some(known) = self.known.get(&text) {
            return Ok(*known);
        }
        let id = if schema.get("$id").is_some() || schema.get("$defs").is_some() {
            self.alone.push(self.build(schema).map_err(|error| PlanError::new(setting, error.to_string()))?);
            SchemaId::Alone(self.alone.len() - 1)
        } else {
            refuse_stray(schema, &self.plan.schemas).map_err(|problem| PlanError::new(setting, problem))?;
            self.shared.push((schema.clone(), setting.to_owned()));
            SchemaId::Shared(self.shared.len() - 1)
        };
        self.known.insert(text, id);
        Ok(id)
    }

    /// Gathers the fields that a schema declares; answers their place in [`Schemas::declared`].
    pub(crate) fn declare(&mut self, schema: &'a Value) -> usize {
        self.declared.add(schema)
    }

    /// Compiles what was added.
    ///
    /// # Errors
    /// What is wrong with a schema: a bad keyword, a `$ref` that leads nowhere, a pattern that does not compile.
    pub(crate) fn compile(self) -> Result<Schemas, PlanError> {
        for (name, schema) in &self.plan.schemas {
            let setting = || format!("apis.{}.schemas.{name}", self.plan.name);
            refuse_stray(schema, &self.plan.schemas).map_err(|problem| PlanError::new(setting(), problem))?;
        }
        let keys: Vec<String> = (0..self.shared.len()).map(|key| key.to_string()).collect();
        let properties: Map<String, Value> =
            keys.iter().cloned().zip(self.shared.iter().map(|(schema, _)| schema.clone())).collect();
        let whole = json!({"$defs": self.plan.schemas, "properties": properties});
        let shared = self.build(&whole).map_err(|error| self.problem(&error))?;
        Ok(Schemas { shared, keys, alone: self.alone, declared: self.declared.finish() })
    }

    fn build(&self, schema: &Value) -> Result<Validator<Instances>, ValidationError<'static>> {
        // Patterns are ECMA-262 (JSON Schema 2020-12, 6.4). Those with look-around cannot be searched in linear time,
        // so they are kept on a leash; all others are.
        let leash = PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS).size_limit(PATTERN_BYTES);
        jsonschema::options_for::<Instances>()
            .should_validate_formats(self.plan.contract.formats)
            // Of OpenAPI 3.0 (4.4): base64 as in RFC 4648 4.
            .with_format("byte", |text: &str| base64::engine::general_purpose::STANDARD.decode(text).is_ok())
            .with_pattern_options(leash)
            .offline()
            .build(schema)
    }

    /// An error at the setting of the schema that it is about.
    fn problem(&self, error: &ValidationError<'_>) -> PlanError {
        let paths = [error.instance_path().as_str(), error.schema_path().as_str()];
        let setting = paths.into_iter().find_map(|path| {
            let mut steps = path.split('/').skip(1);
            match (steps.next()?, steps.next()?) {
                ("properties", key) => self.shared.get(key.parse::<usize>().ok()?).map(|(_, setting)| setting.clone()),
                ("$defs", name) if self.plan.schemas.contains_key(name) => {
                    Some(format!("apis.{}.schemas.{name}", self.plan.name))
                }
                _ => None,
            }
        });
        PlanError::new(setting.unwrap_or_else(|| format!("apis.{}.spec", self.plan.name)), error.to_string())
    }
}

/// Finds a reference to what is neither a named schema nor one that every validator knows.
///
/// # Errors
/// The reference.
fn refuse_stray(schema: &Value, named: &Map<String, Value>) -> Result<(), String> {
    let mut todo = vec![schema];
    while let Some(next) = todo.pop() {
        match next {
            Value::Array(items) => todo.extend(items),
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let name = reference.strip_prefix("#/$defs/");
                    let standard = ["https://json-schema.org/draft/", "http://json-schema.org/draft-"];
                    if !name.is_some_and(|name| named.contains_key(name))
                        && !standard.iter().any(|known| reference.starts_with(known))
                    {
                        return Err(format!("expected a reference to a named schema, got `{reference}`"));
                    }
                }
                // Data may look like a schema without being one.
                todo.extend(
                    members.iter().filter(|(key, _)| *key != "enum" && *key != "const").map(|(_, value)| value),
                );
            }
            _ => {}
        }
    }
    Ok(())
}

impl Schemas {
    fn instance<'a>(&'a self, id: SchemaId, value: &'a Value) -> Option<(&'a Validator<Instances>, Instance<'a>)> {
        match id {
            SchemaId::Shared(place) => self.keys.get(place).map(|key| (&self.shared, Instance::Of { key, value })),
            SchemaId::Alone(place) => self.alone.get(place).map(|alone| (alone, Instance::Plain(value))),
        }
    }

    /// Whether a value is what a schema says.
    pub(crate) fn is_valid(&self, id: SchemaId, value: &Value) -> bool {
        self.instance(id, value).is_some_and(|(validator, instance)| validator.is_valid(instance))
    }

    /// What is wrong with a value: where, as a JSON pointer, and what was expected, with the value itself masked.
    /// `None` when it is what the schema says.
    pub(crate) fn fault(&self, id: SchemaId, value: &Value) -> Option<(String, String)> {
        let Some((validator, instance)) = self.instance(id, value) else {
            return Some((String::new(), "no schema was compiled for it".to_owned()));
        };
        if validator.is_valid(instance) {
            return None;
        }
        let outer = validator.iter_errors(instance).next()?;
        let error = nearest(&outer);
        let path = error.instance_path().as_str();
        let place = match id {
            SchemaId::Shared(_) => path.get(1..).and_then(|rest| rest.find('/').and_then(|end| rest.get(end..))),
            SchemaId::Alone(_) => Some(path),
        };
        let problem = match error.kind() {
            ValidationErrorKind::FalseSchema => "expected it not to be sent, got a value".to_owned(),
            _ => error.masked_with("the value").to_string(),
        };
        Some((place.unwrap_or_default().to_owned(), problem))
    }
}

/// Alternatives inside alternatives that are looked into.
const NESTED: usize = 8;

/// Of alternatives that all do not fit, what is wrong with the one that was probably meant: one whose fixed values
/// (such as the name of a kind) are right, with the fewest faults.
fn nearest<'a>(error: &'a ValidationError<'a>) -> &'a ValidationError<'a> {
    let mut nearest = error;
    for _ in 0..NESTED {
        let (ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context }) = nearest.kind()
        else {
            break;
        };
        let other_kind = |error: &&ValidationError<'_>| {
            matches!(error.kind(), ValidationErrorKind::Constant { .. } | ValidationErrorKind::Enum { .. })
        };
        let rank = |faults: &&Vec<ValidationError<'_>>| (faults.iter().filter(other_kind).count(), faults.len());
        // Alternatives of another type altogether say nothing; with two that fit equally badly, neither does.
        let meant = context.iter().filter(|faults| faults.iter().any(|fault| !is_type_of(fault, nearest)));
        let Some(best) = meant.clone().min_by_key(rank) else { break };
        if meant.filter(|faults| rank(faults) == rank(&best)).count() > 1 {
            break;
        }
        let Some(fault) = best.first() else { break };
        nearest = fault;
    }
    nearest
}

/// Whether a fault says that the value where the alternatives stand has another type.
fn is_type_of(fault: &ValidationError<'_>, alternatives: &ValidationError<'_>) -> bool {
    matches!(fault.kind(), ValidationErrorKind::Type { .. }) && fault.instance_path() == alternatives.instance_path()
}
