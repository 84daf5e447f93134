//! The spool as a whole: what goes in comes out, whatever happens to the disk, and the counters add up.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::AtomicI64;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use stockade_model::Timestamp;
use stockade_model::event::Notice;
use stockade_model::plan::SpoolFull;

use super::reader::{Page, Tail, find, read_after, read_newest};
use super::segment::{HEADER_BYTES, encode_record, list};
use super::writer::Medium;
use super::*;

mod encrypted;

/// A spool folder, not yet made, that goes away with the test.
struct Folder(PathBuf, #[expect(dead_code, reason = "held until the test ends")] tempfile::TempDir);

impl Folder {
    fn new(name: &str) -> Self {
        let parent = tempfile::Builder::new().prefix(name).tempdir().unwrap();
        Self(parent.path().join("spool"), parent)
    }
}

fn plan(max_bytes: u64, segment_bytes: u64, full: SpoolFull) -> SpoolPlan {
    SpoolPlan { max_bytes, segment_bytes, sync_ms: 100, full, encrypt: false }
}

fn roomy() -> SpoolPlan {
    plan(1 << 30, 64 << 20, SpoolFull::DropOldest)
}

fn record(detail: &str) -> Record<'static> {
    Record::Notice(Notice {
        format: 1,
        time: Timestamp(1),
        gateway: "g".to_owned(),
        code: "test.record",
        detail: detail.to_owned(),
    })
}

fn everything(folder: &Path) -> Page {
    let mut tail = Tail::new(folder, 0);
    let mut all = Page::default();
    loop {
        let page = tail.read(1000).unwrap();
        all.damaged += page.damaged;
        all.missing += page.missing;
        if page.entries.is_empty() {
            return all;
        }
        all.entries.extend(page.entries);
    }
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A disk with so many bytes left, which can be told to fail its syncs.
#[derive(Debug, Clone, Default)]
struct Faulty {
    left: Arc<AtomicI64>,
    bad_sync: Arc<AtomicBool>,
}

impl Faulty {
    fn with_room(bytes: i64) -> Self {
        Self { left: Arc::new(AtomicI64::new(bytes)), bad_sync: Arc::default() }
    }
}

impl Medium for Faulty {
    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<usize> {
        let left = usize::try_from(self.left.load(Ordering::SeqCst)).unwrap();
        if left == 0 {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        let written = io::Write::write(file, &bytes[..bytes.len().min(left)])?;
        self.left.fetch_sub(i64::try_from(written).unwrap(), Ordering::SeqCst);
        Ok(written)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        if self.bad_sync.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        file.sync_data()
    }
}

#[test]
fn records_come_back_in_order_from_several_threads() {
    let folder = Folder::new("order");
    let spool = Spool::open(&folder.0, &roomy()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let spool = &spool;
            scope.spawn(move || (0..500).for_each(|number| spool.append(&record(&format!("{thread}-{number}")))));
        }
    });
    spool.close();
    let page = everything(&folder.0);
    let sequences: Vec<u64> = page.entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, (1..=2000).collect::<Vec<u64>>());
    let details: BTreeSet<&[u8]> = page.entries.iter().map(|entry| entry.payload.as_slice()).collect();
    assert_eq!((details.len(), page.damaged, page.missing), (2000, 0, 0));
    assert_eq!(read_after(&folder.0, 1990, 5).unwrap().entries, page.entries[1990..1995]);
    let status = spool.status();
    assert_eq!((status.written, status.dropped, status.next_sequence, status.failing), (2000, 0, 2001, false));
}

#[test]
fn folder_and_segments_are_the_owners_alone() {
    let folder = Folder::new("modes");
    let spool = Spool::open(&folder.0, &roomy()).unwrap();
    spool.append(&record("x"));
    spool.close();
    assert_eq!(fs::metadata(&folder.0).unwrap().permissions().mode() & 0o777, 0o700);
    let segment = &list(&folder.0).unwrap()[0];
    assert_eq!(fs::metadata(&segment.path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_second_gateway_cannot_open_the_same_folder() {
    let folder = Folder::new("lock");
    let first = Spool::open(&folder.0, &roomy()).unwrap();
    assert_eq!(Spool::open(&folder.0, &roomy()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(first);
    Spool::open(&folder.0, &roomy()).unwrap();
}

#[test]
fn a_tail_follows_while_records_are_written_and_a_new_run_is_no_loss() {
    let folder = Folder::new("tail");
    let mut tail = Tail::new(&folder.0, 0);
    let mut seen = 0;
    for run in 0..3 {
        let spool = Spool::open(&folder.0, &plan(1 << 30, 8192, SpoolFull::DropOldest)).unwrap();
        for number in 0..300 {
            spool.append(&record(&format!("{run}-{number}")));
            if number % 50 == 0 {
                std::thread::sleep(Duration::from_millis(5));
                let page = tail.read(1000).unwrap();
                assert_eq!((page.damaged, page.missing), (0, 0));
                seen += page.entries.len();
            }
        }
        wait_until("the tail has seen all", || {
            let page = tail.read(7).unwrap();
            assert_eq!((page.damaged, page.missing), (0, 0));
            seen += page.entries.len();
            seen == 300 * (run + 1)
        });
    }
    assert!(list(&folder.0).unwrap().len() > 3);
}

#[test]
fn newest_first_pages_backwards_over_segments_and_runs() {
    let folder = Folder::new("newest");
    for run in 0..2 {
        let spool = Spool::open(&folder.0, &plan(1 << 30, 4096, SpoolFull::DropOldest)).unwrap();
        (0..100).for_each(|number| spool.append(&record(&format!("{run}-{number}"))));
    }
    let mut backwards = Vec::new();
    let mut before = None;
    loop {
        let page = read_newest(&folder.0, before, 33).unwrap();
        let Some(last) = page.entries.last() else { break };
        before = Some(last.sequence);
        backwards.extend(page.entries);
    }
    backwards.reverse();
    assert_eq!(backwards, everything(&folder.0).entries);
    assert_eq!(backwards.len(), 200);
}

#[test]
fn an_event_is_found_by_its_id_only() {
    let folder = Folder::new("find");
    fs::create_dir_all(&folder.0).unwrap();
    let mut bytes =
        segment::SegmentHeader { encrypted: false, run_start: true, first_sequence: 1, created: Timestamp(0) }
            .encode()
            .to_vec();
    encode_record(&mut bytes, 1, br#"{"kind":"exchange","id":"01AAA"}"#);
    encode_record(&mut bytes, 2, br#"{"kind":"exchange","id":"01BBB","x":"\"id\":\"01CCC\""}"#);
    fs::write(segment::path_of(&folder.0, 1), bytes).unwrap();
    assert_eq!(find(&folder.0, "01BBB").unwrap().unwrap().sequence, 2);
    assert_eq!(find(&folder.0, "01CCC").unwrap(), None);
    assert_eq!(find(&folder.0, "01AAA\",\"").unwrap(), None);
}

#[test]
fn a_tail_torn_at_any_byte_of_the_last_record_is_cut_off_and_nothing_else_is_lost() {
    let folder = Folder::new("torn");
    let spool = Spool::open(&folder.0, &roomy()).unwrap();
    (0..3).for_each(|number| spool.append(&record(&number.to_string())));
    spool.close();
    drop(spool);
    let path = list(&folder.0).unwrap().remove(0).path;
    let whole = fs::read(&path).unwrap();
    let record_bytes = (whole.len() - HEADER_BYTES) / 3;
    for cut in 1..=record_bytes {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let before = everything(&folder.0);
        assert_eq!((before.entries.len(), before.damaged), (2, 0), "cut {cut}");
        let spool = Spool::open(&folder.0, &roomy()).unwrap();
        assert!(spool.status().next_sequence > 3, "a number is never used twice");
        spool.append(&record("later"));
        spool.close();
        drop(spool);
        let after = everything(&folder.0);
        assert_eq!((after.entries.len(), after.damaged, after.missing), (3, 0, 0), "cut {cut}");
        assert_eq!(fs::metadata(&path).unwrap().len() as usize, HEADER_BYTES + 2 * record_bytes);
        fs::remove_file(&list(&folder.0).unwrap().remove(1).path).unwrap();
    }
}

#[test]
fn a_flipped_bit_anywhere_costs_that_record_alone() {
    let folder = Folder::new("flip");
    let spool = Spool::open(&folder.0, &roomy()).unwrap();
    (0..5).for_each(|number| spool.append(&record(&number.to_string())));
    spool.close();
    drop(spool);
    let path = list(&folder.0).unwrap().remove(0).path;
    let whole = fs::read(&path).unwrap();
    let record_bytes = (whole.len() - HEADER_BYTES) / 5;
    for place in HEADER_BYTES..whole.len() - record_bytes {
        for bit in [0, 3, 7] {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << bit;
            fs::write(&path, &bytes).unwrap();
            let page = everything(&folder.0);
            assert_eq!((page.entries.len(), page.damaged), (4, 1), "byte {place} bit {bit}");
        }
    }
    // The header says nothing that the records do not.
    for place in 0..8 {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(everything(&folder.0).entries.len(), 5);
    }
}

#[test]
fn every_truncation_leaves_the_whole_records_before_it() {
    let folder = Folder::new("truncated");
    let spool = Spool::open(&folder.0, &plan(1 << 30, 4096, SpoolFull::DropOldest)).unwrap();
    (0..100).for_each(|number| spool.append(&record(&format!("{number:03}"))));
    spool.close();
    drop(spool);
    let segments = list(&folder.0).unwrap();
    assert!(segments.len() > 2);
    let whole = fs::read(&segments[0].path).unwrap();
    let in_first = usize::try_from(segments[1].first_sequence - 1).unwrap();
    let record_bytes = (whole.len() - HEADER_BYTES) / in_first;
    for length in (0..whole.len()).step_by(97) {
        fs::write(&segments[0].path, &whole[..length]).unwrap();
        let page = everything(&folder.0);
        let left = length.saturating_sub(HEADER_BYTES) / record_bytes;
        assert_eq!(page.entries.len(), 100 - in_first + left, "length {length}");
        let torn = length > HEADER_BYTES && !(length - HEADER_BYTES).is_multiple_of(record_bytes);
        assert_eq!(page.damaged, u64::from(torn), "length {length}");
    }
}

#[test]
fn a_full_disk_drops_exactly_what_is_counted_and_recovers_by_itself() {
    let folder = Folder::new("full");
    let disk = Faulty::with_room(10_000);
    let spool = Spool::open_on(disk.clone(), &folder.0, &roomy()).unwrap();
    let filler = "x".repeat(1000);
    let mut sent = 0_u64;
    let mut send = |count: u64| {
        (0..count).for_each(|_| spool.append(&record(&filler)));
        sent += count;
    };
    send(100);
    wait_until("the disk is full", || spool.status().failing);
    let held = everything(&folder.0);
    assert_eq!(held.entries.len(), 9, "as many as fit, and no half record");
    // More than can wait: the buffer, and the batch that the disk does not take.
    send(25_000);
    assert!(spool.status().dropped > 0);
    disk.left.store(1 << 40, Ordering::SeqCst);
    wait_until("it recovers", || {
        let status = spool.status();
        !status.failing && status.written + status.dropped == 25_100
    });
    send(100);
    spool.close();
    let status = spool.status();
    let page = everything(&folder.0);
    assert_eq!(page.entries.len() as u64, status.written);
    assert_eq!(status.written + status.dropped, sent);
    assert_eq!((page.missing, page.damaged), (status.dropped, 0));
}

#[test]
fn a_short_failure_loses_nothing() {
    let folder = Folder::new("short");
    let disk = Faulty::with_room(0);
    let spool = Spool::open_on(disk.clone(), &folder.0, &roomy()).unwrap();
    (0..100).for_each(|number| spool.append(&record(&number.to_string())));
    wait_until("it fails", || spool.status().failing);
    disk.left.store(1 << 30, Ordering::SeqCst);
    disk.bad_sync.store(true, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(150));
    assert!(spool.status().failing);
    disk.bad_sync.store(false, Ordering::SeqCst);
    wait_until("it recovers", || spool.status().written == 100 && !spool.status().failing);
    spool.close();
    let page = everything(&folder.0);
    assert_eq!((page.entries.len(), page.missing, page.damaged, spool.status().dropped), (100, 0, 0, 0));
}

#[test]
fn what_a_full_disk_does_not_take_until_the_end_is_counted() {
    let folder = Folder::new("end");
    let spool = Spool::open_on(Faulty::with_room(200), &folder.0, &roomy()).unwrap();
    (0..100).for_each(|number| spool.append(&record(&number.to_string())));
    spool.close();
    spool.append(&record("too late"));
    let status = spool.status();
    assert_eq!(status.written, everything(&folder.0).entries.len() as u64);
    assert_eq!(status.written + status.dropped, 101);
}

#[test]
fn at_the_cap_the_oldest_give_way_and_the_account_is_exact() {
    let folder = Folder::new("oldest");
    let max = 100_000;
    let filler = "x".repeat(500);
    let mut sent = 0;
    for _ in 0..2 {
        let spool = Spool::open(&folder.0, &plan(max, 16_384, SpoolFull::DropOldest)).unwrap();
        let before = everything(&folder.0).entries.len() as u64;
        for burst in 0..20 {
            (0..50).for_each(|number| spool.append(&record(&format!("{burst} {number} {filler}"))));
            std::thread::sleep(Duration::from_millis(2));
        }
        sent = 1000;
        spool.close();
        let status = spool.status();
        let on_disk: u64 = list(&folder.0).unwrap().iter().map(|segment| segment.bytes).sum();
        assert!(on_disk <= max);
        assert_eq!(on_disk, status.bytes);
        assert_eq!((status.written, status.dropped), (sent, 0));
        let page = everything(&folder.0);
        assert_eq!(before + status.written - status.rotated, page.entries.len() as u64);
        assert_eq!(page.entries.last().unwrap().sequence, status.next_sequence - 1, "the newest stay");
    }
    assert_eq!(sent, 1000);
}

#[test]
fn at_the_cap_the_newest_are_dropped_when_the_plan_says_so() {
    let folder = Folder::new("newest-dropped");
    let spool = Spool::open(&folder.0, &plan(20_000, 8192, SpoolFull::DropNewest)).unwrap();
    let filler = "x".repeat(500);
    (0..100).for_each(|number| spool.append(&record(&format!("{number} {filler}"))));
    spool.close();
    let status = spool.status();
    let page = everything(&folder.0);
    assert!(status.dropped > 0 && status.bytes <= 20_000);
    assert_eq!(status.written + status.dropped, 100);
    assert_eq!(page.entries.len() as u64, status.written);
    assert_eq!(page.entries.first().unwrap().sequence, 1, "the oldest stay");
}

#[test]
fn a_record_larger_than_the_spool_is_dropped_not_looped_over() {
    let folder = Folder::new("large");
    let spool = Spool::open(&folder.0, &plan(10_000, 4096, SpoolFull::DropOldest)).unwrap();
    spool.append(&record("small"));
    spool.append(&record(&"x".repeat(20_000)));
    spool.append(&record(&"x".repeat(2 << 20)));
    spool.append(&record("small"));
    spool.close();
    let status = spool.status();
    assert_eq!((status.written, status.dropped), (2, 2));
    assert_eq!(everything(&folder.0).entries.len() as u64, status.written - status.rotated);
}

#[test]
fn segments_that_control_took_over_make_room_and_are_no_loss() {
    let folder = Folder::new("taken-over");
    let spool = Spool::open(&folder.0, &plan(64 << 10, 16 << 10, SpoolFull::DropNewest)).unwrap();
    let detail = "x".repeat(1000);
    for round in 0..6 {
        for _ in 0..30 {
            spool.append(&record(&detail));
        }
        wait_until("all are written", || spool.status().written == (round + 1) * 30);
        let segments = list(&folder.0).unwrap();
        for segment in segments.iter().take(segments.len() - 1) {
            std::fs::remove_file(&segment.path).unwrap();
        }
    }
    let status = spool.status();
    assert_eq!((status.dropped, status.rotated), (0, 0));
    assert!(status.bytes <= 64 << 10, "{}", status.bytes);
}

#[test]
fn a_segment_removed_by_someone_else_is_noticed() {
    let folder = Folder::new("unlinked");
    let spool = Spool::open(&folder.0, &roomy()).unwrap();
    spool.append(&record("gone"));
    wait_until("it is written", || !list(&folder.0).unwrap().is_empty());
    fs::remove_file(&list(&folder.0).unwrap()[0].path).unwrap();
    spool.append(&record("maybe gone"));
    std::thread::sleep(Duration::from_millis(250));
    spool.append(&record("kept"));
    spool.close();
    let status = spool.status();
    let page = everything(&folder.0);
    assert!(String::from_utf8_lossy(&page.entries.last().unwrap().payload).contains("kept"));
    assert_eq!(page.entries.len() as u64, status.written - status.rotated);
}

proptest! {
    #[test]
    fn any_bytes_can_be_scanned(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let mut scanner = scan::Scanner::new(bytes.as_slice(), 0);
        while scanner.next_record().unwrap().is_some() {}
        prop_assert!(scanner.good_end() <= bytes.len() as u64);
    }

    #[test]
    fn records_between_garbage_are_all_found(
        parts in proptest::collection::vec((0..40_usize, 0..300_usize), 1..20),
        noise in 0x20..0x7f_u8,
    ) {
        let mut bytes = Vec::new();
        let mut damaged = 0;
        for (index, (garbage, length)) in parts.iter().enumerate() {
            bytes.extend(std::iter::repeat_n(noise, *garbage));
            damaged += u64::from(*garbage > 0);
            encode_record(&mut bytes, index as u64 + 1, &vec![b'a'; *length]);
        }
        let mut scanner = scan::Scanner::new(bytes.as_slice(), 1);
        let mut found = 0;
        while let Some(record) = scanner.next_record().unwrap() {
            found += 1;
            prop_assert_eq!(record.sequence, found);
        }
        prop_assert_eq!(found as usize, parts.len());
        prop_assert_eq!(scanner.damaged(), damaged);
    }
}
