//! What the core can say, for the generated reference and for tests that compare it with the Python side.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};
use stockade_model::event::{EVENT_FORMAT, Record};
use stockade_model::plan::PLAN_FORMAT;
use stockade_model::{Decision, Plan, Reason, Stage};

use crate::failure::{Failure, detached};

/// Everything as one JSON object.
#[pyfunction]
pub(crate) fn catalogue(py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
    let bytes = detached(py, || {
        serde_json::to_vec(&everything()).map_err(|error| Failure::new("core.catalogue", error.to_string()))
    })?;
    Ok(PyBytes::new(py, &bytes))
}

fn everything() -> Value {
    let mut reasons: Vec<&Reason> = stockade_gateway::reasons();
    reasons.extend(stockade_engine::reasons());
    reasons.extend(stockade_inspect::reasons());
    let detectors = stockade_inspect::detectors();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "formats": {
            "bundle": stockade_gateway::bundle::FORMAT,
            "plan": PLAN_FORMAT,
            "event": EVENT_FORMAT,
            "spool": stockade_gateway::spool::segment::FORMAT,
        },
        "stages": Stage::ALL.map(Stage::name),
        "reasons": reasons.iter().map(|reason| json!({
            "code": reason.code,
            "status": reason.status,
            "meaning": reason.meaning,
            "remedy": reason.remedy,
            "source": reason.source,
        })).collect::<Vec<_>>(),
        "detectors": detectors.iter().map(|detector| json!({
            "name": detector.name,
            "what": detector.what,
            "why": detector.why,
            "example": detector.example,
        })).collect::<Vec<_>>(),
        "notices": codes(stockade_gateway::NOTICES),
        "bundle_errors": codes(stockade_gateway::bundle::CODES),
        "schemas": {
            "record": written::<Record>(),
            "plan": read::<Plan>(),
            "decision": read::<Decision>(),
        },
    })
}

fn codes(codes: &[(&str, &str)]) -> Value {
    codes.iter().map(|(code, meaning)| json!({"code": code, "meaning": meaning})).collect()
}

/// The schema of something that the core writes.
fn written<T: JsonSchema>() -> Value {
    schema::<T>(SchemaSettings::draft2020_12().for_serialize())
}

/// The schema of something that the core reads.
fn read<T: JsonSchema>() -> Value {
    schema::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

fn schema<T: JsonSchema>(settings: SchemaSettings) -> Value {
    SchemaGenerator::from(settings).into_root_schema_for::<T>().to_value()
}
