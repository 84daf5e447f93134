//! The file format of the spool: segment header, record framing, file names.
//!
//! ```text
//! header   "STKSPOOL" | format u32 = 1, or 2 when encrypted (see `cipher`) | run u32 | first sequence u64 | created u64, microseconds
//! record   length u32 | crc32c u32 over sequence and payload | sequence u64 | payload: JSON of one record
//! ```
//! Numbers are little-endian. Sequence numbers rise; a gap inside a run of the gateway means that records were
//! dropped. `run` is 1 in the first segment of a run, before which numbers are skipped on purpose.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stockade_model::Timestamp;

use super::cipher::KEY_BLOCK_BYTES;

/// First bytes of every segment.
pub const MAGIC: &[u8; 8] = b"STKSPOOL";
/// Version of the format.
pub const FORMAT: u32 = 1;
/// Version of the format with encrypted records.
pub const FORMAT_ENCRYPTED: u32 = 2;
/// Bytes of a segment's header.
pub const HEADER_BYTES: usize = 32;
/// Bytes before a record's payload.
pub const RECORD_HEADER_BYTES: usize = 16;
/// Largest payload of a record.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// The header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Whether records are encrypted, and a key block follows.
    pub encrypted: bool,
    /// Whether it is the first segment of a run of the gateway: the gap before it is no loss.
    pub run_start: bool,
    /// Sequence number of its first record.
    pub first_sequence: u64,
    /// When it was made.
    pub created: Timestamp,
}

impl SegmentHeader {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let format = if self.encrypted { FORMAT_ENCRYPTED } else { FORMAT };
        let mut out = [0; HEADER_BYTES];
        let parts: [&[u8]; 5] = [
            MAGIC,
            &format.to_le_bytes(),
            &u32::from(self.run_start).to_le_bytes(),
            &self.first_sequence.to_le_bytes(),
            &self.created.0.to_le_bytes(),
        ];
        for (place, byte) in out.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        out
    }

    /// Bytes before the first record.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        let block = if self.encrypted { KEY_BLOCK_BYTES } else { 0 };
        (HEADER_BYTES + block) as u64
    }

    /// Reads a header; `None` when it is none of this format.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (format, rest) = rest.split_first_chunk::<4>()?;
        let (run, rest) = rest.split_first_chunk::<4>()?;
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let (created, _) = rest.split_first_chunk::<8>()?;
        let format = u32::from_le_bytes(*format);
        (magic == MAGIC && matches!(format, FORMAT | FORMAT_ENCRYPTED)).then(|| Self {
            encrypted: format == FORMAT_ENCRYPTED,
            run_start: u32::from_le_bytes(*run) == 1,
            first_sequence: u64::from_le_bytes(*first),
            created: Timestamp(u64::from_le_bytes(*created)),
        })
    }
}

/// What stands before a record's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader {
    /// Bytes of the payload.
    pub length: usize,
    /// CRC-32C over sequence number and payload.
    pub crc: u32,
    /// Sequence number.
    pub sequence: u64,
}

impl RecordHeader {
    /// Reads a record's header; `None` when there are too few bytes or the length is more than any record has.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (crc, rest) = rest.split_first_chunk::<4>()?;
        let (sequence, _) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        (length <= RECORD_BYTES_MAX).then(|| Self {
            length,
            crc: u32::from_le_bytes(*crc),
            sequence: u64::from_le_bytes(*sequence),
        })
    }

    /// Bytes of the whole record.
    #[must_use]
    pub const fn record_bytes(&self) -> usize {
        RECORD_HEADER_BYTES + self.length
    }

    /// Whether `payload` is what was written.
    #[must_use]
    pub fn fits(&self, payload: &[u8]) -> bool {
        payload.len() == self.length && checksum(self.sequence, payload) == self.crc
    }
}

/// Appends one record. `payload` must not pass [`RECORD_BYTES_MAX`].
pub fn encode_record(out: &mut Vec<u8>, sequence: u64, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.reserve(RECORD_HEADER_BYTES + payload.len());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(sequence, payload).to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(payload);
}

fn checksum(sequence: u64, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&sequence.to_le_bytes()), payload)
}

/// A segment as it lies in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentFile {
    /// Where.
    pub path: PathBuf,
    /// Sequence number in its name.
    pub first_sequence: u64,
    /// Size.
    pub bytes: u64,
}

/// The path of the segment that begins with `first_sequence`.
#[must_use]
pub fn path_of(folder: &Path, first_sequence: u64) -> PathBuf {
    folder.join(format!("{first_sequence:020}.segment"))
}

/// All segments of a folder, oldest first. Other files are passed over; a folder that is not there has none.
///
/// # Errors
/// A folder that cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<SegmentFile>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let first = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".segment"))
            .filter(|name| name.len() == 20)
            .and_then(|name| name.parse().ok());
        let Some(first_sequence) = first else { continue };
        // The writer may remove a segment at any moment.
        if let Ok(facts) = fs::symlink_metadata(&path)
            && facts.is_file()
        {
            found.push(SegmentFile { path, first_sequence, bytes: facts.len() });
        }
    }
    found.sort_unstable_by_key(|segment| segment.first_sequence);
    Ok(found)
}
