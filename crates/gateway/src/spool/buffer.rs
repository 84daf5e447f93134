//! What was taken and not yet written.

use std::cell::RefCell;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use stockade_model::event::Record;

use super::segment::{RECORD_BYTES_MAX, RECORD_HEADER_BYTES, encode_record};

/// Bytes that may wait; as many again may be on their way to a disk that does not take them.
pub(super) const BUFFER_BYTES: usize = 8 << 20;
/// Room kept for notices, which tell that records are being dropped.
const NOTICE_BYTES: usize = 64 << 10;
/// A buffer that grew beyond this is given back to the allocator.
const KEEP_BYTES: usize = 1 << 20;

thread_local! {
    /// Where a record becomes JSON, outside of the lock.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Encoded records in the order of their sequence numbers.
#[derive(Debug)]
pub(super) struct Buffer {
    inner: Mutex<Inner>,
    closing: Condvar,
    /// Bytes left free behind each payload, for the writer.
    room: usize,
}

#[derive(Debug)]
struct Inner {
    bytes: Vec<u8>,
    next_sequence: u64,
    closed: bool,
}

impl Buffer {
    pub(super) fn new(next_sequence: u64, room: usize) -> Self {
        let inner = Mutex::new(Inner { bytes: Vec::new(), next_sequence, closed: false });
        Self { inner, closing: Condvar::new(), room }
    }

    /// Takes a record; `false` when it is dropped. Its number is used up all the same, so that readers see a gap.
    pub(super) fn append(&self, record: &Record) -> bool {
        SCRATCH.with_borrow_mut(|payload| {
            payload.clear();
            let written = serde_json::to_writer(&mut *payload, record).is_ok();
            payload.resize(payload.len() + self.room, 0);
            let whole = written && payload.len() <= RECORD_BYTES_MAX;
            let limit = match record {
                Record::Exchange(_) => BUFFER_BYTES,
                Record::Notice(_) => BUFFER_BYTES + NOTICE_BYTES,
            };
            let mut inner = self.lock();
            let sequence = inner.next_sequence;
            inner.next_sequence = sequence.saturating_add(1);
            let fits = inner.bytes.len() + RECORD_HEADER_BYTES + payload.len() <= limit;
            if !whole || !fits || inner.closed {
                return false;
            }
            encode_record(&mut inner.bytes, sequence, payload);
            true
        })
    }

    pub(super) fn next_sequence(&self) -> u64 {
        self.lock().next_sequence
    }

    /// Exchanges what waits for `empty`, whose memory is used again.
    pub(super) fn take(&self, empty: &mut Vec<u8>) {
        empty.clear();
        if empty.capacity() > KEEP_BYTES {
            *empty = Vec::new();
        }
        std::mem::swap(&mut self.lock().bytes, empty);
    }

    /// Takes nothing more, and wakes the writer.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.closing.notify_all();
    }

    /// Waits for `tick` or until closed; answers whether it is closed.
    ///
    /// Appending does not wake the writer: a wake-up for each request would cost more than the record.
    pub(super) fn wait(&self, tick: Duration) -> bool {
        let inner = self.lock();
        if inner.closed {
            return true;
        }
        let (inner, _) = self.closing.wait_timeout(inner, tick).unwrap_or_else(PoisonError::into_inner);
        inner.closed
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Nothing inside panics while it is held; a poisoned buffer is still whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
