//! Schemas compiled once, with linear-time patterns, asserted formats and no way out of the document.

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
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
    let error = validator.iter_errors(value).next()?;
    let place = error.instance_path().as_str().to_owned();
    Some((place, error.masked_with("the value").to_string()))
}
