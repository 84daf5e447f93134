//! Schemas compiled once, with linear-time patterns, asserted formats and no way out of the document.

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// Largest compiled pattern, bytes.
const PATTERN_BYTES: usize = 1 << 20;
/// Steps that a pattern with look-around may take before the value is refused.
const BACKTRACKS: usize = 10_000;

/// Compiles schemas; equal ones share a validator.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    known: HashMap<String, Arc<Validator>>,
}

impl Schemas {
    /// Compiles a schema (JSON Schema 2020-12).
    ///
    /// # Errors
    /// What is wrong with it: a bad keyword, a `$ref` that leaves the document, a pattern that does not compile.
    pub(crate) fn compile(&mut self, schema: &Value) -> Result<Arc<Validator>, String> {
        let text = schema.to_string();
        if let Some(known) = self.known.get(&text) {
            return Ok(Arc::clone(known));
        }
        let options = || jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true).offline();
        let linear = options().with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES)).build(schema);
        // Patterns are ECMA-262 (JSON Schema 2020-12, 6.4); those with look-around need the other engine, on a leash.
        let built = linear.or_else(|_| {
            let leash = PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS).size_limit(PATTERN_BYTES);
            options().with_pattern_options(leash).build(schema)
        });
        let validator = Arc::new(built.map_err(|error| error.to_string())?);
        self.known.insert(text, Arc::clone(&validator));
        Ok(validator)
    }
}

/// What is wrong with `value`: where, and what was expected, with the value itself masked. `None` when it is valid.
pub(crate) fn fault(validator: &Validator, value: &Value) -> Option<(String, String)> {
    if validator.is_valid(value) {
        return None;
    }
    let outer = validator.iter_errors(value).next()?;
    let error = nearest(&outer);
    let place = error.instance_path().as_str().to_owned();
    Some((place, error.masked_with("the value").to_string()))
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
