//! Walks over the records of one segment, past damage, with bounded memory.

use std::io::{self, Read};
use std::ops::Range;

use super::segment::{RECORD_HEADER_BYTES, RecordHeader};

const CHUNK_BYTES: usize = 256 << 10;
/// A sequence number further on than this is taken for damage.
const SEQUENCE_LEAP_MAX: u64 = 1 << 40;
/// Bytes that may be checked in vain while looking for the next whole record behind damage in one segment. Text never
/// looks like a record's header, so that only a file made to be slow comes near it.
const SEARCH_BYTES_MAX: usize = 256 << 20;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned<'a> {
    /// Sequence number.
    pub sequence: u64,
    /// Where its header begins, in bytes from where the scan began.
    pub offset: u64,
    /// JSON of the record.
    pub payload: &'a [u8],
}

/// Reads records one after the other from `source`, which must stand at a record's header.
#[derive(Debug)]
pub struct Scanner<R> {
    source: R,
    /// INVARIANT: `start <= window.len()`.
    window: Vec<u8>,
    start: usize,
    /// Offset of `window[start]`.
    offset: u64,
    ended: bool,
    floor: u64,
    good_end: u64,
    damaged: u64,
    search_left: usize,
}

impl<R: Read> Scanner<R> {
    /// A scan whose records must have numbers of at least `floor`.
    pub const fn new(source: R, floor: u64) -> Self {
        Self {
            source,
            window: Vec::new(),
            start: 0,
            offset: 0,
            ended: false,
            floor,
            good_end: 0,
            damaged: 0,
            search_left: SEARCH_BYTES_MAX,
        }
    }

    /// Offset behind the last whole record.
    #[must_use]
    pub const fn good_end(&self) -> u64 {
        self.good_end
    }

    /// How many damaged places were passed so far.
    #[must_use]
    pub const fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Whether bytes follow the last whole record: a torn tail, or one that is just being written.
    #[must_use]
    pub const fn torn(&self) -> bool {
        self.offset > self.good_end || self.start < self.window.len()
    }

    /// The next whole record, or `None` when no whole one follows.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn next_record(&mut self) -> io::Result<Option<Scanned<'_>>> {
        let mut searching = false;
        loop {
            self.fill(RECORD_HEADER_BYTES)?;
            if self.window.len() - self.start < RECORD_HEADER_BYTES {
                return Ok(None);
            }
            let header = RecordHeader::decode(self.window.get(self.start..).unwrap_or_default())
                .filter(|header| header.sequence.checked_sub(self.floor).is_some_and(|leap| leap < SEQUENCE_LEAP_MAX));
            if let Some(header) = header
                && let Some(payload) = self.payload(&header, searching)?
            {
                return Ok(Some(self.accept(&header, payload, searching)));
            }
            // Damaged, torn, or just being written: a whole record may still follow, when it is the length that is
            // damaged. The good end stays before it.
            searching = true;
            if self.search_left == 0 {
                return Ok(None);
            }
            self.search_left -= 1;
            self.skip(1);
        }
    }

    /// The range of the payload in the window, when the record is whole.
    fn payload(&mut self, header: &RecordHeader, searching: bool) -> io::Result<Option<Range<usize>>> {
        self.fill(header.record_bytes())?;
        let begin = self.start + RECORD_HEADER_BYTES;
        let range = begin..begin + header.length;
        let Some(payload) = self.window.get(range.clone()) else { return Ok(None) };
        if searching {
            self.search_left = self.search_left.saturating_sub(payload.len());
        }
        Ok(header.fits(payload).then_some(range))
    }

    fn accept(&mut self, header: &RecordHeader, payload: Range<usize>, searching: bool) -> Scanned<'_> {
        let offset = self.offset;
        self.damaged += u64::from(searching);
        self.skip(header.record_bytes());
        self.good_end = self.offset;
        self.floor = header.sequence.saturating_add(1);
        Scanned { sequence: header.sequence, offset, payload: self.window.get(payload).unwrap_or_default() }
    }

    fn skip(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Makes at least `bytes` available behind `start`, as far as the source has them.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        if self.window.len() - self.start >= bytes || self.ended {
            return Ok(());
        }
        self.window.drain(..self.start);
        self.start = 0;
        while self.window.len() < bytes && !self.ended {
            let before = self.window.len();
            let read = self.source.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut self.window)?;
            debug_assert_eq!(self.window.len(), before + read);
            self.ended = read == 0;
        }
        Ok(())
    }
}
