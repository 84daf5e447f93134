//! Searches a response body for what must not leave: stack traces, SQL errors, private keys.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;
use stockade_model::Finding;

use crate::{mask, pattern};

/// Findings given back at most.
const MOST: usize = 8;
/// Bytes around a mark in which its confirmation must lie.
const WINDOW: usize = 2048;

/// A kind of leak: marks that are searched for in one pass, and what confirms one.
struct Leak {
    detector: &'static str,
    note: &'static str,
    /// Words of which one must occur; compared exactly.
    marks: &'static [&'static str],
    /// Confirmation, searched for from shortly before the mark.
    confirm: &'static str,
    confidence: f32,
}

const LEAKS: &[Leak] = &[
    Leak {
        detector: "stack_trace",
        note: "Java stack trace",
        marks: &["\tat ", "    at ", "\\tat ", "Caused by: "],
        confirm: r"(?:(?:\b|\\t)at [\w$.]+\.[\w$<>]+\((?:[\w$]+\.(?:java|kt|scala|groovy):\d+|Native Method|Unknown Source)\)|Caused by: (?:[a-z]\w*\.)+\w*(?:Exception|Error))",
        confidence: 0.95,
    },
    Leak {
        detector: "stack_trace",
        note: "Python traceback",
        marks: &["Traceback (most recent call last)"],
        confirm: r#"Traceback \(most recent call last\):(?:.|\n)*?File \\?"[^"\n]{1,300}\\?", line \d+"#,
        confidence: 0.97,
    },
    Leak {
        detector: "stack_trace",
        note: ".NET stack trace",
        marks: &["   at "],
        confirm: r"\bat (?:[A-Z]\w*\.)+[\w<>`.]+\([^)\n]{0,200}\)(?: in .{1,200}:line \d+|\\r\\n|\r?\n\s+at )",
        confidence: 0.93,
    },
    Leak {
        detector: "stack_trace",
        note: "Node.js stack trace",
        marks: &["\n    at ", "\\n    at "],
        confirm: r"\bat (?:[\w$.<>\[\] ]+ )?\(?(?:file://|node:|[A-Z]:\\|/)[^\s()]{1,300}:\d+:\d+\)?",
        confidence: 0.95,
    },
    Leak {
        detector: "stack_trace",
        note: "PHP error with a file path",
        marks: &["Fatal error", "Parse error", "PHP Warning", "<b>Warning</b>", "<b>Notice</b>", "Stack trace:\n#0"],
        confirm: r"(?:(?:Fatal error|Parse error|Warning|Notice)(?:</b>)?: .{1,300} in (?:<b>)?(?:/|[A-Z]:\\)[^\n]{1,200}\.php|#0 /[^\n]{1,200}\.php\(\d+\))",
        confidence: 0.95,
    },
    Leak {
        detector: "stack_trace",
        note: "Go panic",
        marks: &["goroutine "],
        confirm: r"goroutine \d+ \[[a-z ,0-9]+\]:(?:\n|\\n)",
        confidence: 0.97,
    },
    Leak {
        detector: "stack_trace",
        note: "Ruby backtrace",
        marks: &[".rb:"],
        confirm: r"[\w/.-]+\.rb:\d+:in [`'][^'\n]{1,100}'",
        confidence: 0.93,
    },
    Leak {
        detector: "sql_error",
        note: "database error message",
        marks: &[
            "SQL syntax",
            "SQLSTATE[",
            "ORA-",
            "PG::",
            "psycopg2",
            "PSQLException",
            "SQLException",
            "sqlite3.",
            "SQLITE_ERROR",
            "syntax error at or near",
            "unterminated quoted string",
            "Unclosed quotation mark",
            "ODBC SQL Server Driver",
            "Microsoft OLE DB",
            "mysqli_",
            "MySQLSyntaxError",
            "unrecognized token:",
            "quoted string not properly terminated",
            "near \\\"",
            "sqlalchemy.exc",
        ],
        confirm: r#"(?:error in your SQL syntax|SQLSTATE\[\w{5}\]|\bORA-\d{5}: |\bPG::\w+Error|psycopg2\.\w*errors?\b|\b(?:[a-z]\w*\.)+\w*SQL\w*Exception\b|\bPSQLException: |sqlite3\.(?:Operational|Programming|Integrity|Database)Error|SQLITE_ERROR|syntax error at or near \\?"|unterminated quoted string|Unclosed quotation mark (?:after|before)|ODBC SQL Server Driver|Microsoft OLE DB Provider|mysqli_\w+\(\)|unrecognized token: |quoted string not properly terminated|near \\?"[^"\n]{0,80}\\?": syntax error|sqlalchemy\.exc\.\w+)"#,
        confidence: 0.92,
    },
    Leak {
        detector: "private_key",
        note: "private key",
        marks: &["PRIVATE KEY-----", "PuTTY-User-Key-File"],
        confirm: r"(?:-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----(?:\\n|\s)*[A-Za-z0-9+/=:, -]{16}|PuTTY-User-Key-File-\d: )",
        confidence: 0.98,
    },
    Leak {
        detector: "secret",
        note: "cloud or service key",
        marks: &[
            "AKIA",
            "ASIA",
            "aws_secret_access_key",
            "ghp_",
            "github_pat_",
            "glpat-",
            "xoxb-",
            "xoxp-",
            "sk_live_",
            "AIza",
            "AccountKey=",
        ],
        confirm: r#"(?:\b(?:AKIA|ASIA)[A-Z2-7]{16}\b|aws_secret_access_key\\?"?\s{0,3}[=:]\s{0,3}\\?"?[A-Za-z0-9/+]{40}|\bghp_[A-Za-z0-9]{36}|\bgithub_pat_\w{60,}|\bglpat-[\w-]{20}|\bxox[bp]-\d{8,}-[\w-]{16,}|\bsk_live_[A-Za-z0-9]{20,}|\bAIza[\w-]{35}|AccountKey=[A-Za-z0-9+/]{60,}={0,2})"#,
        confidence: 0.93,
    },
    Leak {
        detector: "directory_listing",
        note: "directory listing",
        marks: &["<title>Index of /", "<h1>Index of /", "Directory listing for /", "[To Parent Directory]"],
        confirm: r"(?:<title>Index of /[^<]*</title>|<h1>Index of /[^<]*</h1>|<title>Directory listing for /|\[To Parent Directory\]</A>)",
        // Some services mean to list their files, so this is told and not withheld.
        confidence: 0.7,
    },
];

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

/// Leaks in `body`, a text of media type `media_type`; at most 8, highest confidence first.
///
/// Binary types are not searched. One pass for marks, then a bounded confirmation around each.
#[must_use]
pub fn search(media_type: Option<&str>, body: &[u8]) -> Vec<Finding> {
    let binary = media_type.is_some_and(|name| {
        ["image/", "audio/", "video/", "font/"].iter().any(|top| name.starts_with(top))
            || matches!(name, "application/octet-stream" | "application/zip" | "application/gzip" | "application/pdf")
    });
    let Some(search) = SEARCH.as_ref().filter(|_| !binary) else { return Vec::new() };
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
        if *done > mark.start() || found.iter().any(|finding| finding.note == leak.note) {
            continue;
        }
        let start = mark.start().saturating_sub(128);
        let end = body.len().min(mark.end() + WINDOW);
        *done = end.saturating_sub(WINDOW / 2).max(mark.end());
        let Some(hit) = body.get(start..end).and_then(|window| confirm.find(window)) else { continue };
        found.push(Finding {
            detector: leak.detector,
            place: "response.body".to_owned(),
            steps: Vec::new(),
            confidence: leak.confidence,
            evidence: evidence(leak.detector, hit.as_bytes()),
            note: leak.note.to_owned(),
        });
        if found.len() >= MOST {
            break;
        }
    }
    found.sort_by(|left, right| right.confidence.total_cmp(&left.confidence));
    found
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

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = search(None, &body);
        }
    }
}
