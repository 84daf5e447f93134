//! The writing thread: segments, syncs, the cap, and a disk that fails.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use stockade_model::plan::{SpoolFull, SpoolPlan};

use super::Counts;
use super::buffer::Buffer;
use super::cipher::{Keys, SegmentCipher};
use super::scan::Scanner;
use super::segment::{self, HEADER_BYTES, RecordHeader, SegmentHeader};
use crate::clock::Clock;

/// How often the buffer is written out.
const TICK: Duration = Duration::from_millis(20);
/// Numbers left out when a run begins. A power cut may take records that a reader has seen; their numbers must not be
/// used again.
const RUN_LEAP: u64 = 1 << 16;
/// Smallest segment, whatever the plan says.
const SEGMENT_BYTES_MIN: u64 = 4096;

/// Where bytes go, so that tests can make the disk fail.
pub(super) trait Medium: Send {
    /// Writes some of `bytes` at the end of `file`.
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<usize>;
    /// Brings `file` to the disk.
    fn sync(&mut self, file: &File) -> io::Result<()>;
}

/// The real thing.
#[derive(Debug)]
pub(super) struct Disk;

impl Medium for Disk {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// Writes records into segments. Owned by the writing thread.
#[derive(Debug)]
pub(super) struct Writer<M> {
    medium: M,
    folder: PathBuf,
    max_bytes: u64,
    segment_bytes: u64,
    sync_interval: Duration,
    full: SpoolFull,
    /// With keys, records are encrypted.
    keys: Option<Keys>,
    /// A batch, encrypted.
    sealed_batch: Vec<u8>,
    counts: Arc<Counts>,
    /// Oldest first.
    sealed: VecDeque<Sealed>,
    current: Option<Current>,
    run_start: bool,
    seal_failed: bool,
    /// Bytes of all segments.
    total: u64,
    /// Whole records; those before `written` are on their way to the disk.
    pending: Vec<u8>,
    written: usize,
    last_sync: Instant,
}

#[derive(Debug)]
struct Sealed {
    path: PathBuf,
    bytes: u64,
    first_sequence: u64,
    /// Unknown for segments of earlier runs until they are removed.
    records: Option<u64>,
}

#[derive(Debug)]
struct Current {
    file: File,
    path: PathBuf,
    first_sequence: u64,
    cipher: Option<SegmentCipher>,
    /// Bytes of header and whole records.
    good: u64,
    records: u64,
    dirty: bool,
}

impl<M: Medium> Writer<M> {
    /// Takes stock of the folder and cuts off a torn tail. Answers the first sequence number of this run, too.
    pub(super) fn open(
        medium: M,
        folder: &Path,
        plan: &SpoolPlan,
        keys: Option<Keys>,
        counts: Arc<Counts>,
    ) -> io::Result<(Self, u64)> {
        let mut sealed: VecDeque<Sealed> = VecDeque::new();
        let mut next_sequence = 1;
        let segments = segment::list(folder)?;
        let newest = segments.last().map(|segment| segment.first_sequence);
        for found in segments {
            let mut bytes = found.bytes;
            let mut records = None;
            if Some(found.first_sequence) == newest {
                let facts = mend(&found.path, found.first_sequence)?;
                (bytes, records) = (facts.bytes, Some(facts.records));
                next_sequence = facts.next_sequence.saturating_add(RUN_LEAP);
            }
            if records == Some(0) || bytes <= HEADER_BYTES as u64 {
                fs::remove_file(&found.path)?;
            } else {
                sealed.push_back(Sealed { path: found.path, bytes, first_sequence: found.first_sequence, records });
            }
        }
        let total = sealed.iter().map(|segment| segment.bytes).sum();
        counts.bytes.store(total, Ordering::Relaxed);
        let segment_bytes = plan.segment_bytes.min(plan.max_bytes / 2).max(SEGMENT_BYTES_MIN);
        let writer = Self {
            medium,
            folder: folder.to_owned(),
            max_bytes: plan.max_bytes,
            segment_bytes,
            // The last tick before the deadline must do it.
            sync_interval: Duration::from_millis(u64::from(plan.sync_ms)).saturating_sub(TICK),
            full: plan.full,
            keys,
            sealed_batch: Vec::new(),
            counts,
            sealed,
            current: None,
            run_start: true,
            seal_failed: false,
            total,
            pending: Vec::new(),
            written: 0,
            last_sync: Instant::now(),
        };
        Ok((writer, next_sequence))
    }

    /// Writes until `buffer` is closed.
    pub(super) fn run(mut self, buffer: &Buffer) {
        loop {
            let closing = buffer.wait(TICK);
            let mut outcome = self.turn(buffer);
            if closing {
                // What was taken while the last batch was written.
                outcome = outcome.and_then(|()| self.turn(buffer));
            }
            if self.sync_due(closing) {
                outcome = outcome.and(self.sync());
            }
            let failing = outcome.is_err() | std::mem::take(&mut self.seal_failed);
            self.counts.failing.store(failing, Ordering::Relaxed);
            if closing {
                self.abandon(buffer);
                return;
            }
        }
    }

    /// Writes what waits; after a failure what is left is tried again at the next turn.
    fn turn(&mut self, buffer: &Buffer) -> io::Result<()> {
        if self.written == self.pending.len() {
            self.written = 0;
            buffer.take(&mut self.pending);
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        while let Some(batch) = self.next_batch() {
            if batch.bytes == 0 {
                continue;
            }
            self.open_segment(batch.first_sequence)?;
            self.write_batch(batch.bytes)?;
        }
        Ok(())
    }

    /// Chooses the records that fit into the current segment and below the cap, making room as the plan says.
    ///
    /// `None` when nothing is pending; a batch of 0 bytes when a record was dropped instead.
    fn next_batch(&mut self) -> Option<Batch> {
        let first = self.record_at(self.written)?;
        let header = self.header(first.sequence).bytes();
        let opened = self.current.as_ref().map_or(header, |current| current.good);
        if opened > header && opened + first.record_bytes() as u64 > self.segment_bytes {
            self.seal();
            return Some(Batch { first_sequence: first.sequence, bytes: 0 });
        }
        let new_header = if self.current.is_none() { header } else { 0 };
        if !self.make_room(new_header + first.record_bytes() as u64) {
            self.written += first.record_bytes();
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return Some(Batch { first_sequence: first.sequence, bytes: 0 });
        }
        // make_room may have removed the current segment.
        let (opened, new_header) = match &self.current {
            Some(current) => (current.good, 0),
            None => (header, header),
        };
        let room =
            self.segment_bytes.saturating_sub(opened).min(self.max_bytes.saturating_sub(self.total + new_header));
        let mut bytes = first.record_bytes();
        while let Some(record) = self.record_at(self.written + bytes) {
            if (bytes + record.record_bytes()) as u64 > room {
                break;
            }
            bytes += record.record_bytes();
        }
        Some(Batch { first_sequence: first.sequence, bytes })
    }

    fn record_at(&self, offset: usize) -> Option<RecordHeader> {
        RecordHeader::decode(self.pending.get(offset..)?)
    }

    /// Whether `bytes` more fit below the cap, after old segments gave way if the plan says so.
    fn make_room(&mut self, bytes: u64) -> bool {
        if self.total + bytes > self.max_bytes {
            self.let_go();
        }
        while self.total + bytes > self.max_bytes {
            if self.full == SpoolFull::DropNewest {
                return false;
            }
            if self.sealed.is_empty() {
                self.seal();
            }
            let Some(oldest) = self.sealed.pop_front() else { return false };
            // Counted before it is gone; a segment of an earlier run must be read for that.
            let records = oldest
                .records
                .or_else(|| mend(&oldest.path, oldest.first_sequence).ok().map(|facts| facts.records))
                .unwrap_or_default();
            // It leaves the account even if it cannot be removed, or this would never end.
            let _ = fs::remove_file(&oldest.path);
            self.counts.rotated.fetch_add(records, Ordering::Relaxed);
            self.account(self.total.saturating_sub(oldest.bytes));
        }
        true
    }

    /// Takes segments out of the account that control has removed because it keeps their records elsewhere.
    fn let_go(&mut self) {
        // Control removes the oldest first.
        while let Some(oldest) = self.sealed.front() {
            if oldest.path.exists() {
                return;
            }
            self.account(self.total.saturating_sub(oldest.bytes));
            self.sealed.pop_front();
        }
    }

    fn account(&mut self, total: u64) {
        self.total = total;
        self.counts.bytes.store(total, Ordering::Relaxed);
    }

    fn open_segment(&mut self, first_sequence: u64) -> io::Result<()> {
        if self.current.is_some() {
            return Ok(());
        }
        let path = segment::path_of(&self.folder, first_sequence);
        // No segment of an earlier run has this number; one of this run can only be what a failure below left.
        let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        file.set_len(0)?;
        let header = self.header(first_sequence);
        let mut head = header.encode().to_vec();
        let cipher = match self.keys.as_ref().map(|keys| keys.fresh(header.encode())).transpose()? {
            None => None,
            Some((cipher, block)) => {
                head.extend_from_slice(&block);
                Some(cipher)
            }
        };
        let done = write_all(&mut self.medium, &mut file, &head).map_err(|(error, _)| error);
        let done = done.and_then(|()| self.medium.sync(&file)).and_then(|()| sync_folder(&self.folder));
        if let Err(error) = done {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let good = header.bytes();
        self.run_start = false;
        self.account(self.total + good);
        self.current = Some(Current { file, path, first_sequence, cipher, good, records: 0, dirty: false });
        Ok(())
    }

    /// The header of a segment that would begin now.
    fn header(&self, first_sequence: u64) -> SegmentHeader {
        SegmentHeader {
            encrypted: self.keys.is_some(),
            run_start: self.run_start,
            first_sequence,
            created: Clock::start().now().wall,
        }
    }

    fn write_batch(&mut self, bytes: usize) -> io::Result<()> {
        let Self { medium, pending, written, current: Some(current), sealed_batch, .. } = self else { return Ok(()) };
        let mut batch = pending.get(*written..*written + bytes).unwrap_or_default();
        if let Some(cipher) = &current.cipher {
            // Beside what is pending, which after a failure may go to another segment, under another key.
            sealed_batch.clear();
            cipher.seal(batch, sealed_batch)?;
            batch = sealed_batch;
        }
        let (outcome, reached) = match write_all(medium, &mut current.file, batch) {
            Ok(()) => (Ok(()), batch.len()),
            Err((error, reached)) => (Err(error), reached),
        };
        let (whole, records) = whole_records(batch, reached);
        *written += whole;
        current.good += whole as u64;
        current.records += records;
        current.dirty |= whole > 0;
        // Half a record must not stay: whatever is written next would follow it. If it cannot be cut off, this
        // segment is given up; readers pass over its torn end.
        let broken = reached > whole && current.file.set_len(current.good).is_err();
        self.counts.written.fetch_add(records, Ordering::Relaxed);
        self.account(self.total + whole as u64);
        if broken {
            self.seal();
        }
        outcome
    }

    /// Ends the current segment; the next record opens another.
    fn seal(&mut self) {
        let Some(current) = self.current.take() else { return };
        self.seal_failed |= current.dirty && self.medium.sync(&current.file).is_err();
        let Current { path, good: bytes, first_sequence, records, .. } = current;
        self.sealed.push_back(Sealed { path, bytes, first_sequence, records: Some(records) });
    }

    fn sync_due(&self, closing: bool) -> bool {
        self.current.as_ref().is_some_and(|current| current.dirty)
            && (closing || self.last_sync.elapsed() >= self.sync_interval)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.last_sync = Instant::now();
        self.let_go();
        let Some(current) = &mut self.current else { return Ok(()) };
        current.dirty = false;
        let outcome = self.medium.sync(&current.file);
        let unlinked = current.file.metadata().is_ok_and(|facts| facts.nlink() == 0);
        if unlinked {
            // Someone removed it under us: what it held is gone, what comes must not follow it.
            self.counts.rotated.fetch_add(current.records, Ordering::Relaxed);
            let gone = current.good;
            self.current = None;
            self.account(self.total.saturating_sub(gone));
        } else if outcome.is_err() {
            // After a failed sync the kernel may have let go of pages that never reached the disk, and a further sync
            // would not say so (fsync(2)); a new segment keeps later records apart from them.
            self.seal();
        }
        outcome
    }

    /// Counts what could not be written when the spool closes.
    fn abandon(&mut self, buffer: &Buffer) {
        let mut rest = Vec::new();
        buffer.take(&mut rest);
        let pending = self.pending.get(self.written..).unwrap_or_default();
        let lost = whole_records(pending, pending.len()).1 + whole_records(&rest, rest.len()).1;
        self.counts.dropped.fetch_add(lost, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy)]
struct Batch {
    first_sequence: u64,
    bytes: usize,
}

/// What a segment holds.
struct Facts {
    bytes: u64,
    records: u64,
    next_sequence: u64,
}

/// Counts the records of a segment and cuts off a torn tail. Damage with whole records behind it stays.
fn mend(path: &Path, first_sequence: u64) -> io::Result<Facts> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut head = Vec::with_capacity(HEADER_BYTES);
    (&file).take(HEADER_BYTES as u64).read_to_end(&mut head)?;
    // Behind a damaged header, records are looked for as in the plain format.
    let header = SegmentHeader::decode(&head).map_or(HEADER_BYTES as u64, |header| header.bytes());
    if length < header {
        return Ok(Facts { bytes: 0, records: 0, next_sequence: first_sequence });
    }
    file.seek(SeekFrom::Start(header))?;
    let mut facts = Facts { bytes: header, records: 0, next_sequence: first_sequence };
    let mut scanner = Scanner::new(&file, first_sequence);
    while let Some(record) = scanner.next_record()? {
        facts.records += 1;
        facts.next_sequence = record.sequence.saturating_add(1);
    }
    facts.bytes = header + scanner.good_end();
    if facts.bytes < length {
        file.set_len(facts.bytes)?;
        file.sync_all()?;
    }
    Ok(facts)
}

/// How many of the first `reached` bytes are whole records, and how many records that is.
fn whole_records(batch: &[u8], reached: usize) -> (usize, u64) {
    let mut whole = 0;
    let mut records = 0;
    while let Some(record) = batch.get(whole..).and_then(RecordHeader::decode) {
        if whole + record.record_bytes() > reached {
            break;
        }
        whole += record.record_bytes();
        records += 1;
    }
    (whole, records)
}

/// Writes all of `bytes`; an error comes with how many were written before it.
fn write_all(medium: &mut impl Medium, file: &mut File, bytes: &[u8]) -> Result<(), (io::Error, usize)> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match medium.write(file, rest) {
            Ok(0) => return Err((io::ErrorKind::WriteZero.into(), done)),
            Ok(more) => done += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((error, done)),
        }
    }
    Ok(())
}

/// A new name is on the disk only once its folder is (fsync(2)).
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
