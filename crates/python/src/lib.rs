//! The seam to Python: the extension `stockade.core._native`, and nothing else.
//!
//! Bytes in, bytes out. The interpreter lock is released around every call, and a panic becomes a `StockadeError`.

mod bodies;
mod catalogue;
mod engine;
mod failure;
mod rules;
mod spool;
mod tokens;

use pyo3::prelude::*;

/// Short-lived allocations of a request are this allocator's strength; Python's own objects do not pass through it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The extension module.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::bodies::{body_fields, data_classes};
    #[pymodule_export]
    use super::catalogue::catalogue;
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::rules::Rules;
    #[pymodule_export]
    use super::spool::{SpoolTail, find_in_spool, read_spool, read_spool_newest};
    #[pymodule_export]
    use super::tokens::{make_token, reveal_token};
    #[pymodule_export]
    use super::{run_gateway, version};
}

/// The version of the core.
#[pyfunction]
const fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Runs the gateway process until it is told to stop, and answers its exit code.
#[pyfunction]
fn run_gateway(py: Python<'_>, options: &[u8]) -> PyResult<i32> {
    failure::detached(py, || {
        let options = serde_json::from_slice(options).map_err(|error| {
            failure::Failure::new("core.options", format!("expected options of the gateway as JSON: {error}"))
        })?;
        Ok(stockade_gateway::process::run(&options))
    })
}
