//! Values behind the tokens that field protection makes.

use pyo3::prelude::*;
use stockade_inspect::tokenise::Tokeniser;

use crate::failure::{Failure, detached};

/// The value of a token under a key of 32 bytes; `None` when no token has that shape.
#[pyfunction]
pub(crate) fn reveal_token(py: Python<'_>, key: &[u8], token: &str) -> PyResult<Option<String>> {
    detached(py, || Ok(tokeniser(key)?.value(token)))
}

/// The token of a value under a key of 32 bytes; `None` when it cannot be one.
#[pyfunction]
pub(crate) fn make_token(py: Python<'_>, key: &[u8], value: &str) -> PyResult<Option<String>> {
    detached(py, || Ok(tokeniser(key)?.token(value)))
}

fn tokeniser(key: &[u8]) -> Result<Tokeniser, Failure> {
    let wrong = || Failure::new("tokens.key", format!("expected a key of 32 bytes, got {}", key.len()));
    Tokeniser::new(key.try_into().map_err(|_| wrong())?).ok_or_else(wrong)
}
