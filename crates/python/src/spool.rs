//! The spool as Python reads it: JSON lines of `{"seq": .., "record": {..}}`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use stockade_gateway::spool::reader::{self, Entry, Page};

use crate::failure::{Failure, detached};

/// Records behind the number `after`, oldest first.
#[pyfunction]
pub(crate) fn read_spool(py: Python<'_>, folder: PathBuf, after: u64, limit: usize) -> PyResult<Bound<'_, PyBytes>> {
    let page = detached(py, || reader::read_after(&folder, after, limit).map_err(unreadable))?;
    Ok(PyBytes::new(py, &lines(&page.entries)))
}

/// Records before the number `before`, newest first.
#[pyfunction]
pub(crate) fn read_spool_newest(
    py: Python<'_>,
    folder: PathBuf,
    before: Option<u64>,
    limit: usize,
) -> PyResult<Bound<'_, PyBytes>> {
    let page = detached(py, || reader::read_newest(&folder, before, limit).map_err(unreadable))?;
    Ok(PyBytes::new(py, &lines(&page.entries)))
}

/// The exchange with the id `id`, as one line; empty when there is none.
#[pyfunction]
pub(crate) fn find_in_spool<'py>(py: Python<'py>, folder: PathBuf, id: &str) -> PyResult<Bound<'py, PyBytes>> {
    let found = detached(py, || reader::find(&folder, id).map_err(unreadable))?;
    Ok(PyBytes::new(py, &lines(found.as_slice())))
}

/// A place in the spool that moves forward; reading on costs only what is new.
#[pyclass(frozen, module = "stockade.core._native")]
pub(crate) struct SpoolTail {
    tail: Mutex<reader::Tail>,
}

#[pymethods]
impl SpoolTail {
    /// Begins behind the record numbered `after`.
    #[new]
    fn new(folder: PathBuf, after: u64) -> Self {
        Self { tail: Mutex::new(reader::Tail::new(&folder, after)) }
    }

    /// The next records as lines, with how many numbers were missing and how many places damaged.
    fn read<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<(Bound<'py, PyBytes>, u64, u64)> {
        let page: Page = detached(py, || {
            let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.read(limit).map_err(unreadable)
        })?;
        Ok((PyBytes::new(py, &lines(&page.entries)), page.missing, page.damaged))
    }
}

fn lines(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.iter().map(|entry| entry.payload.len() + 48).sum());
    for entry in entries {
        out.extend_from_slice(b"{\"seq\":");
        out.extend_from_slice(entry.sequence.to_string().as_bytes());
        out.extend_from_slice(b",\"record\":");
        out.extend_from_slice(&entry.payload);
        out.extend_from_slice(b"}\n");
    }
    out
}

fn unreadable(error: std::io::Error) -> Failure {
    Failure::new("spool.unreadable", format!("cannot read the spool: {error}"))
        .hint("check that the folder belongs to the user who runs this")
}
