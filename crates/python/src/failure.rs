//! Errors on their way to Python, and the one way to leave the interpreter.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;

/// An error as Python gets it: `stockade.core.errors.StockadeError(code, message, hint)`.
#[derive(Debug)]
pub(crate) struct Failure {
    code: &'static str,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// An error without a hint.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// Adds what the reader can do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn into_python(self, py: Python<'_>) -> PyErr {
        let raised = py
            .import("stockade.core.errors")
            .and_then(|module| module.getattr("StockadeError"))
            .and_then(|class| class.call1((self.code, self.message, self.hint)));
        match raised {
            Ok(value) => PyErr::from_value(value),
            Err(error) => error,
        }
    }
}

/// Runs `work` without the interpreter lock; a panic inside becomes `core.panic`.
pub(crate) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Failure> + Send) -> PyResult<T> {
    let done = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
    match done {
        Ok(result) => result.map_err(|failure| failure.into_python(py)),
        Err(cause) => {
            let text = cause
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| cause.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            Err(Failure::new("core.panic", format!("the core panicked: {text}"))
                .hint("this is a defect of Stockade: please report it with what you passed")
                .into_python(py))
        }
    }
}
