//! Reads the spool while the gateway writes it: forward from a sequence number, newest first, or one event by its id.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::cipher::{KEY_BLOCK_BYTES, Keys, SegmentCipher};
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
            let Some(opened) = open(&self.folder, &segment.path)? else { continue };
            let mut at = match place {
                Some(place) if place.first_sequence == segment.first_sequence => place,
                _ => Place {
                    first_sequence: segment.first_sequence,
                    offset: opened.begin,
                    run_start: opened.header.is_none_or(|header| header.run_start),
                },
            };
            let ended = self.read_segment(opened, &mut at, next.is_some(), &mut room, &mut page)?;
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
        opened: Opened,
        at: &mut Place,
        sealed: bool,
        room: &mut Room,
        page: &mut Page,
    ) -> io::Result<bool> {
        let Opened { mut file, begin, cipher, .. } = opened;
        file.seek(SeekFrom::Start(at.offset))?;
        let at_start = at.offset <= begin;
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
                self.last = record.sequence;
                match plain(cipher.as_ref(), record.sequence, record.payload.to_vec()) {
                    None => page.damaged += 1,
                    Some(payload) => {
                        room.take(payload.len());
                        page.entries.push(Entry { sequence: record.sequence, payload });
                    }
                }
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
            newest_of_segment(folder, segment, before, &mut room, &mut page)?;
        }
    }
    Ok(page)
}

fn newest_of_segment(
    folder: &Path,
    segment: &SegmentFile,
    before: u64,
    room: &mut Room,
    page: &mut Page,
) -> io::Result<()> {
    let Some((opened, mut scanner)) = scan(folder, segment)? else { return Ok(()) };
    let Opened { mut file, begin, cipher, .. } = opened;
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
        file.seek(SeekFrom::Start(begin + offset + RECORD_HEADER_BYTES as u64))?;
        file.read_exact(&mut payload)?;
        let Some(payload) = plain(cipher.as_ref(), sequence, payload) else {
            page.damaged += 1;
            continue;
        };
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
        let Some((opened, mut scanner)) = scan(folder, segment)? else { continue };
        while let Some(record) = scanner.next_record()? {
            let sequence = record.sequence;
            // The event's own id is among its first fields; a quote inside a value would be escaped.
            if opened.cipher.is_none() && finder.find(record.payload).is_none() {
                continue;
            }
            let payload = plain(opened.cipher.as_ref(), sequence, record.payload.to_vec());
            if let Some(payload) = payload.filter(|payload| finder.find(payload).is_some()) {
                return Ok(Some(Entry { sequence, payload }));
            }
        }
    }
    Ok(None)
}

/// Opens a segment twice at its first record: once to scan, once to read what the scan chose.
fn scan(folder: &Path, segment: &SegmentFile) -> io::Result<Option<(Opened, Scanner<File>)>> {
    let Some(opened) = open(folder, &segment.path)? else { return Ok(None) };
    let mut again = match File::open(&segment.path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    again.seek(SeekFrom::Start(opened.begin))?;
    Ok(Some((opened, Scanner::new(again, segment.first_sequence))))
}

/// A segment whose head was read.
#[derive(Debug)]
struct Opened {
    file: File,
    /// `None` when it is damaged.
    header: Option<SegmentHeader>,
    /// Where the first record is.
    begin: u64,
    /// Opens encrypted records.
    cipher: Option<SegmentCipher>,
}

/// `None` when the writer removed it meanwhile.
///
/// # Errors
/// The file cannot be read, or its records are encrypted and the key is not there.
fn open(folder: &Path, path: &Path) -> io::Result<Option<Opened>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut head = Vec::with_capacity(HEADER_BYTES + KEY_BLOCK_BYTES);
    (&mut file).take((HEADER_BYTES + KEY_BLOCK_BYTES) as u64).read_to_end(&mut head)?;
    let header = SegmentHeader::decode(&head);
    let begin = header.map_or(HEADER_BYTES as u64, |header| header.bytes());
    let mut cipher = None;
    if header.is_some_and(|header| header.encrypted) {
        let parts = head.split_first_chunk::<HEADER_BYTES>();
        // A segment is only just being made when its key block is not whole yet: it has no record.
        if let Some((bytes, Ok(block))) = parts.map(|(bytes, rest)| (bytes, <[u8; KEY_BLOCK_BYTES]>::try_from(rest))) {
            let told = |error: io::Error| io::Error::other(format!("`{}`: {error}", path.display()));
            cipher = Some(Keys::of(folder).and_then(|keys| keys.open(*bytes, &block)).map_err(told)?);
        }
    }
    Ok(Some(Opened { file, header, begin, cipher }))
}

/// The JSON of a record; `None` when it was changed.
fn plain(cipher: Option<&SegmentCipher>, sequence: u64, payload: Vec<u8>) -> Option<Vec<u8>> {
    match cipher {
        None => Some(payload),
        Some(cipher) => cipher.open(sequence, payload),
    }
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
