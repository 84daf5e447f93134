//! Scans any bytes as the records of a spool segment: it ends, stays inside, and numbers only rise.

use stockade_gateway::spool::scan::Scanner;

/// Scans any bytes as the records of a spool segment: it ends, stays inside, and numbers only rise.
pub fn run(data: &[u8]) {
    let mut scanner = Scanner::new(data, 0);
    let mut last = None;
    while let Some(record) = scanner.next_record().expect("a slice can always be read") {
        assert!(last.is_none_or(|last| record.sequence > last));
        last = Some(record.sequence);
    }
    assert!(scanner.good_end() <= data.len() as u64);
}
