//! What bodies hold, for those who learn an API from recorded messages: fields without values, and classes of data.

use pyo3::prelude::*;
use stockade_inspect::{BodyLimits, ParsedBody, data, shape};

use crate::failure::{Failure, detached};

const LIMITS: BodyLimits =
    BodyLimits { json_depth: 64, json_values: 20_000, decompress_ratio: 100, decompressed_bytes: 1 << 20 };

/// The classes of personal or secret data in a text, each once.
#[pyfunction]
pub(crate) fn data_classes(py: Python<'_>, text: &str) -> PyResult<Vec<&'static str>> {
    detached(py, || Ok(data::classes_in(text)))
}

/// The fields of a whole body as a JSON list, as in `request.fields` of an event; none when it has no structure.
#[pyfunction]
pub(crate) fn body_fields(
    py: Python<'_>,
    content_type: Option<&str>,
    content_encoding: Option<&str>,
    body: &[u8],
) -> PyResult<Vec<u8>> {
    detached(py, || {
        let media_type = content_type.map(|value| value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase());
        let parsed = ParsedBody::parse(media_type.as_deref(), content_type, content_encoding, body, true, &LIMITS);
        let fields = parsed.map_or_else(|_| Vec::new(), |parsed| shape::fields(&parsed));
        serde_json::to_vec(&fields).map_err(|error| Failure::new("core.fields", error.to_string()))
    })
}
