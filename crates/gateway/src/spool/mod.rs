//! The event spool: append-only segments with CRC, grouped syncs, a hard cap and exact counters.
//!
//! Workers put records into a bounded buffer; one thread writes it out every 20 ms and syncs it every `sync_ms`, so
//! that no request waits for the disk and none wakes another thread. What was written survives `kill -9`; what was
//! synced survives a power cut.

pub mod cipher;
pub mod reader;
pub mod scan;
pub mod segment;

mod buffer;
mod writer;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use stockade_model::event::Record;
use stockade_model::plan::SpoolPlan;

use buffer::Buffer;
use cipher::Keys;
use writer::{Disk, Writer};

/// Takes records from all workers without making them wait.
#[derive(Debug)]
pub struct Spool {
    buffer: Arc<Buffer>,
    counts: Arc<Counts>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Held while the spool is open, so that two gateways never write into one folder.
    _lock: File,
}

/// What the spool has done since the start, and holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct SpoolStatus {
    /// Records taken and written.
    pub written: u64,
    /// Records that were never written: buffer full, cap reached, record too large.
    pub dropped: u64,
    /// Written records that were removed again, with the oldest segments, to keep the cap.
    pub rotated: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Sequence number of the next record.
    pub next_sequence: u64,
    /// Whether the last write or sync failed.
    pub failing: bool,
}

/// Counters that the writing thread and its observers share.
#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
    rotated: AtomicU64,
    bytes: AtomicU64,
    failing: AtomicBool,
}

impl Spool {
    /// Opens the folder, cuts off a torn tail, and starts the writing thread.
    ///
    /// # Errors
    /// A folder that cannot be made, read or locked; `WouldBlock` when another gateway has it open. Keys that are not
    /// there, when the plan says to encrypt.
    pub fn open(folder: &Path, plan: &SpoolPlan) -> io::Result<Self> {
        Self::open_on(Disk, folder, plan)
    }

    fn open_on(medium: impl writer::Medium + 'static, folder: &Path, plan: &SpoolPlan) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(folder.join("lock"))?;
        lock.try_lock()?;
        let counts = Arc::new(Counts::default());
        let keys = plan.encrypt.then(|| Keys::of(folder)).transpose()?;
        let room = keys.as_ref().map_or(0, |_| cipher::TAG_BYTES);
        let (writer, next_sequence) = Writer::open(medium, folder, plan, keys, Arc::clone(&counts))?;
        let buffer = Arc::new(Buffer::new(next_sequence, room));
        let thread = std::thread::Builder::new().name("spool".to_owned()).spawn({
            let buffer = Arc::clone(&buffer);
            move || writer.run(&buffer)
        })?;
        Ok(Self { buffer, counts, thread: Mutex::new(Some(thread)), _lock: lock })
    }

    /// Takes a record. Never waits for the disk; counts it as dropped when the buffer is full.
    pub fn append(&self, record: &Record) {
        if !self.buffer.append(record) {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counters.
    #[must_use]
    pub fn status(&self) -> SpoolStatus {
        SpoolStatus {
            written: self.counts.written.load(Ordering::Relaxed),
            dropped: self.counts.dropped.load(Ordering::Relaxed),
            rotated: self.counts.rotated.load(Ordering::Relaxed),
            bytes: self.counts.bytes.load(Ordering::Relaxed),
            next_sequence: self.buffer.next_sequence(),
            failing: self.counts.failing.load(Ordering::Relaxed),
        }
    }

    /// Writes and syncs what is buffered, and ends the thread. What cannot be written is counted as dropped.
    pub fn close(&self) {
        self.buffer.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests;
