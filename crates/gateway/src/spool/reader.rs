//! Reads the spool while the gateway writes it: forward from a sequence number, newest first, or one event by its id.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::scan::Scanner;
use super::segment::{self, HEADER_BYTES, RECORD_BYTES_MAX, RECORD_HEADER_BYTES, SegmentFile, SegmentHeader};

/// Most records in one page.
pub const PAGE_RECORDS_MAX: usize = 10_000;
/// A page ends early when its records are larger than this together.
pub const PAGE_BYTES_MAX: usize = 8 << 20;

/// One record as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Sequence number.
    pub sequence: u64,
    /// JSON of the record.
    pub payload: Vec<u8>,
}

/// Some records, and what was not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order that was asked for.
    pub entries: Vec<Entry>,
    /// Damaged places passed on the way.
    pub damaged: u64,
    /// Sequence numbers that are missing between the records: dropped, removed or damaged.
    pub missing: u64,
}

/// A place in the spool that moves forward.
#[derive(Debug)]
pub struct Tail {
    folder: PathBuf,
    last: u64,
    place: Option<Place>,
}

/// How far one segment was read.
#[derive(Debug, Clone, Copy)]
struct Place {
    first_sequence: u64,
    offset: u64,
    /// Whether the numbers before its first record were left out on purpose.
    run_start: bool,
}

impl Tail {
    /// Begins behind the record numbered `after`; 0 begins with the oldest.
    #[must_use]
    pub fn new(folder: &Path, after: u64) -> Self {
        Self { folder: folder.to_owned(), last: after, place: None }
    }

    /// Sequence number of the last record that was read.
    #[must_use]
    pub const fn last_sequence(&self) -> u64 {
        self.last
    }

    /// The next records, at most `limit`; none when nothing new was written. Never waits.
    ///
    /// # Errors
    /// The folder or a segment cannot be read.
    pub fn read(&mut self, limit: usize) -> io::Result<Page> {
        let mut page = Page::default();
        let mut room = Room::new(limit);
        // INVARIANT: a segment that has a successor in this list gets no more records.
        let segments = segment::list(&self.folder)?;
        let mut place = self.place.take();
        for (index, segment) in segments.iter().enumerate() {
            let next = segments.get(index + 1);
            let behind = match &place {
                Some(place) => segment.first_sequence < place.first_sequence,
                None => next.is_some_and(|next| next.first_sequence <= self.last.saturating_add(1)),
            };
            if behind {
                continue;
            }
            let Some(mut file) = open(&segment.path)? else { continue };
            let mut at = match place {
                Some(place) if place.first_sequence == segment.first_sequence => place,
                _ => Place {
                    first_sequence: segment.first_sequence,
                    offset: HEADER_BYTES as u64,
                    run_start: read_header(&mut file)?.is_none_or(|header| header.run_start),
                },
            };
            let ended = self.read_segment(file, &mut at, next.is_some(), &mut room, &mut page)?;
            place = Some(at);
            if !ended {
                break;
            }
        }
        self.place = place;
        Ok(page)
    }

    /// Reads on in one segment; answers whether all of it was read.
    fn read_segment(
        &mut self,
        mut file: File,
        at: &mut Place,
        sealed: bool,
        room: &mut Room,
        page: &mut Page,
    ) -> io::Result<bool> {
        file.seek(SeekFrom::Start(at.offset))?;
        let at_start = at.offset == HEADER_BYTES as u64;
        let mut first = at_start && at.run_start;
        let floor = if at_start { at.first_sequence } else { self.last.saturating_add(1) };
        let mut scanner = Scanner::new(file, floor);
        let start = at.offset;
        let ended = loop {
            if room.is_full() {
                break false;
            }
            let Some(record) = scanner.next_record()? else {
                page.damaged += u64::from(sealed && scanner.torn());
                break true;
            };
            if record.sequence > self.last {
                if !first {
                    page.missing += record.sequence - self.last - 1;
                }
                room.take(record.payload.len());
                page.entries.push(Entry { sequence: record.sequence, payload: record.payload.to_vec() });
                self.last = record.sequence;
            }
            first = false;
        };
        page.damaged += scanner.damaged();
        at.offset = start + scanner.good_end();
        Ok(ended)
    }
}

/// Records with numbers above `after`, oldest first. To follow the spool, keep a [`Tail`] instead.
///
/// # Errors
/// The folder or a segment cannot be read.
pub fn read_after(folder: &Path, after: u64, limit: usize) -> io::Result<Page> {
    Tail::new(folder, after).read(limit)
}

/// Records with numbers below `before` (all when `None`), newest first.
///
/// # Errors
/// The folder or a segment cannot be read.
pub fn read_newest(folder: &Path, before: Option<u64>, limit: usize) -> io::Result<Page> {
    let mut page = Page::default();
    let mut room = Room::new(limit);
    let before = before.unwrap_or(u64::MAX);
    for segment in segment::list(folder)?.iter().rev() {
        if room.is_full() {
            break;
        }
        if segment.first_sequence < before {
            newest_of_segment(segment, before, &mut room, &mut page)?;
        }
    }
    Ok(page)
}

fn newest_of_segment(segment: &SegmentFile, before: u64, room: &mut Room, page: &mut Page) -> io::Result<()> {
    let Some((mut file, mut scanner)) = scan(segment)? else { return Ok(()) };
    let mut newest: VecDeque<(u64, u64, usize)> = VecDeque::new();
    while let Some(record) = scanner.next_record()? {
        if record.sequence >= before {
            break;
        }
        if newest.len() == room.records {
            newest.pop_front();
        }
        newest.push_back((record.sequence, record.offset, record.payload.len()));
    }
    page.damaged += scanner.damaged();
    while let Some((sequence, offset, length)) = newest.pop_back() {
        if room.is_full() {
            break;
        }
        let mut payload = vec![0; length];
        file.seek(SeekFrom::Start(HEADER_BYTES as u64 + offset + RECORD_HEADER_BYTES as u64))?;
        file.read_exact(&mut payload)?;
        if let Some(last) = page.entries.last() {
            page.missing += last.sequence.saturating_sub(sequence + 1);
        }
        room.take(length);
        page.entries.push(Entry { sequence, payload });
    }
    Ok(())
}

/// The exchange with the id `id`, newest segment first.
///
/// # Errors
/// The folder or a segment cannot be read.
pub fn find(folder: &Path, id: &str) -> io::Result<Option<Entry>> {
    // Only what an id can be is searched for, so that it cannot match across fields.
    if id.is_empty() || id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    let wanted = format!("\"id\":\"{id}\"");
    let finder = memchr::memmem::Finder::new(wanted.as_bytes());
    for segment in segment::list(folder)?.iter().rev() {
        let Some((_, mut scanner)) = scan(segment)? else { continue };
        while let Some(record) = scanner.next_record()? {
            // The event's own id is among its first fields; a quote inside a value would be escaped.
            if finder.find(record.payload).is_some() {
                return Ok(Some(Entry { sequence: record.sequence, payload: record.payload.to_vec() }));
            }
        }
    }
    Ok(None)
}

/// Opens a segment twice at its first record: once to scan, once to read what the scan chose.
fn scan(segment: &SegmentFile) -> io::Result<Option<(File, Scanner<File>)>> {
    let (Some(file), Some(mut again)) = (open(&segment.path)?, open(&segment.path)?) else { return Ok(None) };
    again.seek(SeekFrom::Start(HEADER_BYTES as u64))?;
    Ok(Some((file, Scanner::new(again, segment.first_sequence))))
}

/// `None` when the writer removed it meanwhile.
fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

fn read_header(file: &mut File) -> io::Result<Option<SegmentHeader>> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    file.take(HEADER_BYTES as u64).read_to_end(&mut header)?;
    Ok(SegmentHeader::decode(&header))
}

/// What still fits into a page.
#[derive(Debug)]
struct Room {
    records: usize,
    bytes: usize,
}

impl Room {
    fn new(limit: usize) -> Self {
        Self { records: limit.min(PAGE_RECORDS_MAX), bytes: PAGE_BYTES_MAX + RECORD_BYTES_MAX }
    }

    const fn is_full(&self) -> bool {
        self.records == 0 || self.bytes < RECORD_BYTES_MAX
    }

    const fn take(&mut self, bytes: usize) {
        self.records -= 1;
        self.bytes -= bytes;
    }
}
