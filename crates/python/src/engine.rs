//! The engine as Python sees it.

use std::sync::Arc;

use pyo3::prelude::*;
use stockade_model::Plan;

use crate::failure::{Failure, detached};

/// A compiled plan, and what it remembers between calls.
#[pyclass(frozen, module = "stockade.core._native")]
pub(crate) struct Engine {
    engine: Arc<stockade_engine::Engine>,
}

#[pymethods]
impl Engine {
    /// Compiles a plan given as JSON.
    #[new]
    fn new(py: Python<'_>, plan: &[u8]) -> PyResult<Self> {
        detached(py, || {
            let plan: Plan = serde_json::from_slice(plan)
                .map_err(|error| Failure::new("plan.json", format!("expected a plan as JSON: {error}")))?;
            let engine =
                stockade_engine::Engine::new(plan).map_err(|error| Failure::new("plan.setting", error.to_string()))?;
            Ok(Self { engine: Arc::new(engine) })
        })
    }

    /// The version of the plan.
    #[getter]
    fn version(&self) -> u64 {
        self.engine.plan().version
    }
}
