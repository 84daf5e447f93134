//! The event spool: append-only segments with CRC, grouped syncs, a hard cap and an exact drop counter.

use std::path::Path;

use stockade_model::event::Record;
use stockade_model::plan::SpoolPlan;

/// Takes records from all workers without making them wait.
#[derive(Debug)]
pub struct Spool {}

/// What the spool has done since the start, and holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct SpoolStatus {
    /// Records taken and written.
    pub written: u64,
    /// Records dropped, for whatever cause: buffer full, cap reached, disk full.
    pub dropped: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Sequence number of the next record.
    pub next_sequence: u64,
    /// Whether the last write failed.
    pub failing: bool,
}

impl Spool {
    /// Opens the folder, mends a torn tail, and starts the writing thread.
    ///
    /// # Errors
    /// A folder that cannot be made or read.
    pub fn open(folder: &Path, plan: &SpoolPlan) -> std::io::Result<Self> {
        let _ = (folder, plan);
        Ok(Self {})
    }

    /// Takes a record. Never waits for the disk; counts it as dropped when the buffer is full.
    pub fn append(&self, record: &Record) {
        let _ = record;
    }

    /// Counters.
    #[must_use]
    pub fn status(&self) -> SpoolStatus {
        SpoolStatus::default()
    }

    /// Writes and syncs what is buffered, and ends the thread.
    pub fn close(&self) {}
}
