//! Searches answers for what must not leave: stack traces, database errors, keys, files of the system, source code, and
//! personal data in bulk.
//!
//! An answer is searched whole when it is held back, or in windows while it streams. Both take one pass for marks, then a
//! bounded confirmation around each.

mod kinds;
mod personal;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use kinds::LEAKS;
use personal::Personal;
use regex::bytes::Regex;
use stockade_model::Finding;

use crate::{mask, pattern};

/// Findings given back at most.
const MOST: usize = 8;
/// Bytes around a mark in which its confirmation must lie; so much of a stream is kept for the next window.
const WINDOW: usize = 2048;

struct Search {
    marks: AhoCorasick,
    /// Index into [`LEAKS`] of each mark.
    owners: Vec<usize>,
    confirm: Vec<Regex>,
}

static SEARCH: LazyLock<Option<Search>> = LazyLock::new(|| {
    let pairs = LEAKS.iter().enumerate().flat_map(|(owner, leak)| leak.marks.iter().map(move |mark| (owner, *mark)));
    let (owners, marks): (Vec<usize>, Vec<&str>) = pairs.unzip();
    let marks = AhoCorasick::new(marks).ok()?;
    Some(Search { marks, owners, confirm: LEAKS.iter().map(|leak| pattern(leak.confirm)).collect() })
});

/// Leaks in `body`, a text of media type `media_type`; at most 8, highest confidence first. Binary types are not searched.
#[must_use]
pub fn search(media_type: Option<&str>, body: &[u8]) -> Vec<Finding> {
    let Some(mut watch) = Watch::new(media_type, u64::MAX) else { return Vec::new() };
    let mut found = watch.window(body, true);
    found.sort_by(|left, right| right.confidence.total_cmp(&left.confidence));
    found
}

/// The search of an answer that streams: piece by piece, in bounded memory, until its budget of bytes is used up.
#[derive(Debug)]
pub struct Watch {
    /// The end of what was seen, in which a leak may have begun.
    kept: Vec<u8>,
    /// Bytes that may still be searched.
    left: u64,
    /// Whether nothing was searched yet.
    first: bool,
    /// Kinds of [`LEAKS`] that were told.
    told: u64,
    count: usize,
    personal: Personal,
}

impl Watch {
    /// A search of at most `budget` bytes; `None` for types that hold no text.
    #[must_use]
    pub fn new(media_type: Option<&str>, budget: u64) -> Option<Self> {
        let binary = media_type.is_some_and(|name| {
            ["image/", "audio/", "video/", "font/", "application/grpc"].iter().any(|top| name.starts_with(top))
                || matches!(
                    name,
                    "application/octet-stream" | "application/zip" | "application/gzip" | "application/pdf"
                )
        });
        let personal = Personal::default();
        (!binary).then_some(Self { kept: Vec::new(), left: budget, first: true, told: 0, count: 0, personal })
    }

    /// Searches the next piece, together with the end of the last one; tells what is new.
    pub fn piece(&mut self, piece: &[u8]) -> Vec<Finding> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(piece.len());
        self.left = self.left.saturating_sub(length as u64);
        let Some(piece) = piece.get(..length).filter(|piece| !piece.is_empty()) else { return Vec::new() };
        let mut window = std::mem::take(&mut self.kept);
        window.extend_from_slice(piece);
        let found = self.window(&window, self.first);
        self.first = false;
        window.drain(..window.len().saturating_sub(WINDOW));
        self.kept = window;
        found
    }

    /// Whether the budget is used up, so that further pieces need not be shown.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.left == 0
    }

    fn window(&mut self, body: &[u8], first: bool) -> Vec<Finding> {
        let Some(search) = SEARCH.as_ref() else { return Vec::new() };
        let mut found: Vec<Finding> = Vec::new();
        // How far each kind was already searched: keeps a body full of marks from being searched again and again.
        let mut searched = vec![0_usize; LEAKS.len()];
        for mark in search.marks.find_overlapping_iter(body) {
            let Some(owner) = search.owners.get(mark.pattern().as_usize()).copied() else { continue };
            let (Some(leak), Some(confirm), Some(done)) =
                (LEAKS.get(owner), search.confirm.get(owner), searched.get_mut(owner))
            else {
                continue;
            };
            if *done > mark.start() || self.told & 1 << owner != 0 {
                continue;
            }
            let start = mark.start().saturating_sub(128);
            let end = body.len().min(mark.end() + WINDOW);
            *done = end.saturating_sub(WINDOW / 2).max(mark.end());
            // What must stand at the beginning of an answer is searched for there only.
            if leak.detector == "source_code" && (start > 0 || !first) {
                continue;
            }
            let Some(hit) = body.get(start..end).and_then(|window| confirm.find(window)) else { continue };
            self.told |= 1 << owner;
            found.push(finding(leak.detector, leak.confidence, leak.note, evidence(leak.detector, hit.as_bytes())));
        }
        for (confidence, note) in self.personal.count(body) {
            found.push(finding("personal_data", confidence, &note, String::new()));
        }
        found.truncate(MOST.saturating_sub(self.count));
        self.count += found.len();
        found
    }
}

fn finding(detector: &'static str, confidence: f32, note: &str, evidence: String) -> Finding {
    let place = "response.body".to_owned();
    Finding { detector, place, steps: Vec::new(), confidence, evidence, note: note.to_owned() }
}

fn evidence(detector: &str, hit: &[u8]) -> String {
    // Of a key only its kind may be written.
    let shown = match detector {
        "private_key" => hit.get(..hit.len().min(31)).unwrap_or_default(),
        "secret" => hit.get(..hit.len().min(8)).unwrap_or_default(),
        _ => hit,
    };
    mask::text(&String::from_utf8_lossy(shown), 200).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn detectors(body: &str) -> Vec<&'static str> {
        search(Some("text/plain"), body.as_bytes()).into_iter().map(|finding| finding.detector).collect()
    }

    #[test]
    fn leaks_are_found() {
        for (expected, body) in [
            ("stack_trace", "java.lang.NullPointerException\n\tat com.shop.Order.total(Order.java:42)\n\tat x"),
            ("stack_trace", "{\"trace\":\"\\n\\tat com.shop.Order.total(Order.java:42)\"}"),
            ("stack_trace", "Caused by: org.hibernate.exception.GenericJDBCException: could not"),
            ("stack_trace", "Traceback (most recent call last):\n  File \"/srv/app.py\", line 3, in <module>\n"),
            ("stack_trace", "   at Shop.Orders.Total(Int32 id) in C:\\src\\Orders.cs:line 12"),
            ("stack_trace", "TypeError: x\n    at Object.total (/srv/app/orders.js:10:5)\n"),
            ("stack_trace", "<b>Fatal error</b>: Uncaught Error: x in <b>/var/www/index.php</b>"),
            ("stack_trace", "panic: boom\n\ngoroutine 1 [running]:\nmain.main()"),
            ("stack_trace", "app/models/order.rb:12:in `total'"),
            ("sql_error", "You have an error in your SQL syntax; check the manual"),
            ("sql_error", "SQLSTATE[42000]: Syntax error"),
            ("sql_error", "ORA-00933: SQL command not properly ended"),
            ("sql_error", "sqlite3.OperationalError: near \"x\": syntax error"),
            ("sql_error", "ERROR: syntax error at or near \"x\""),
            ("private_key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAx7"),
            ("private_key", "{\"k\":\"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhki\"}"),
            ("secret", "key=AKIAIOSFODNN7EXAMPLE"),
            ("secret", "{\"url\":\"postgres://app:s3cr3t@db.internal:5432/shop\"}"),
            ("secret", "APP_ENV=prod\nDB_PASSWORD=hunter2hunter2\n"),
            ("secret", "{\"hash\":\"$2b$12$KIXQx1mP9J3r8Q0dZVtUeO9y6Zb5r8f7i7QmQ3k2mS1n0o2p4q6rS\"}"),
            ("system_file", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon"),
            ("system_file", "{\"content\":\"root:x:0:0:root:/root:/bin/bash\\n\"}"),
            ("source_code", "<?php\nrequire 'config.php';"),
            ("source_code", "[core]\n\trepositoryformatversion = 0"),
            ("directory_listing", "<html><head><title>Index of /backup</title>"),
        ] {
            assert!(detectors(body).contains(&expected), "{expected}: {body}");
        }
    }

    #[test]
    fn ordinary_answers_are_let_pass() {
        for body in [
            "{\"note\":\"meet me at the station (platform 3) at 10:30\"}",
            "Learn about SQL syntax and SQLException handling in our course at www.example.com",
            "{\"error\":\"order not found\",\"code\":\"ORA-1\"}",
            "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEAx7\n-----END CERTIFICATE-----",
            "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A",
            "Fatal error on page 3: the printer is out of paper",
            "The index of /etc is described here",
            "see main.rb:12 for details",
            "{\"body\":\"begin your file with <?php and end it with an empty line\"}",
            "{\"dsn\":\"postgres://app:${DB_PASSWORD}@db/shop\"}",
            "set DB_PASSWORD=... before you start",
            "the first line is root:x:0 in most systems",
        ] {
            assert_eq!(detectors(body), Vec::<&str>::new(), "{body}");
        }
        assert!(search(Some("image/png"), b"ORA-00933: SQL command").is_empty());
    }

    #[test]
    fn keys_are_not_repeated_in_evidence() {
        let found = search(None, b"AKIAIOSFODNN7EXAMPLE");
        assert_eq!(found[0].evidence, "AKIAIOSF");
    }

    #[test]
    fn a_leak_is_found_across_the_pieces_of_a_stream_and_told_once() {
        let body = format!(
            "{}Traceback (most recent call last):\n  File \"/srv/app.py\", line 3{}",
            "x".repeat(9000),
            "y".repeat(9000)
        );
        for size in [1, 7, 1000, 5000, 100_000] {
            let mut watch = Watch::new(Some("text/plain"), 1 << 20).unwrap();
            let found: Vec<Finding> = body.as_bytes().chunks(size).flat_map(|piece| watch.piece(piece)).collect();
            assert_eq!(found.len(), 1, "{size}: {found:?}");
            assert!(!watch.is_over());
        }
        let mut watch = Watch::new(None, 8000).unwrap();
        assert!(body.as_bytes().chunks(1000).all(|piece| watch.piece(piece).is_empty()), "beyond the budget");
        assert!(watch.is_over());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = search(None, &body);
        }
    }
}
