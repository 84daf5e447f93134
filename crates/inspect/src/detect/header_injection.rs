//! Line breaks in values that end up in header fields.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Classes, Detector, Hit, Kind, Subject};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "header_injection",
    what: "a line break followed by a header field or a status line, in a query, path, header or cookie value",
    why: "a value copied into a response header then ends it and adds others, cookies and whole responses included",
    example: "en\r\nSet-Cookie: session=attacker",
};

static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)[\r\n]+[ \t]*(?:set-cookie2?|location|refresh|content-(?:type|length|disposition|encoding|security-policy)|transfer-encoding|host|status|x-[a-z-]+|access-control-[a-z-]+|cache-control|link|bcc|cc|from|subject|to|mime-version)[ \t]*:",
    )
});
/// What a value that is pasted into a response or a mail gains most from.
static STRONG: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[^\r\n]{0,80}(?:\r\n?|\n)[ \t]*(?:set-cookie2?:|location: ?(?:https?:)?//|content-length: ?\d|transfer-encoding: ?chunked|bcc: ?\S+@|cc: ?\S+@|HTTP/[0-9.]+ \d{3}|x-forwarded-\w+:)",
    )
});
static STATUS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)[\r\n]+[ \t]*(?:HTTP/[0-9.]+ \d{3}|(?:GET|POST|PUT|DELETE|HEAD) [^\r\n]+ HTTP/[0-9.]+)")
});

fn wants(subject: &Subject<'_>) -> bool {
    subject.classes.any(Classes::LINE)
        && matches!(
            subject.kind,
            Kind::Path
                | Kind::Parameter
                | Kind::Name
                | Kind::Header
                | Kind::Agent
                | Kind::Structured
                | Kind::Cookie
                | Kind::Json
        )
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    if subject.kind == Kind::Json {
        return in_text(subject);
    }
    if let Some(found) = STATUS.find(subject.bytes) {
        return Some(Hit::at(&found, 0.95, "line break and a start line"));
    }
    let found = FIELD.find(subject.bytes)?;
    let lines = subject.bytes.iter().filter(|byte| **byte == b'\n').count();
    // A text of many lines, such as a quoted mail, is rather content than a header.
    Some(Hit::at(&found, if lines > 3 { 0.6 } else { 0.9 }, "line break and a header field"))
}

/// A string of JSON has lines of its own: only one short line with what nobody writes below it counts.
fn in_text(subject: &Subject<'_>) -> Option<Hit> {
    let found = STRONG.find(subject.bytes)?;
    let lines = subject.bytes.iter().filter(|byte| **byte == b'\n').count();
    let short = found.start() <= 80 && lines <= 4 && subject.bytes.len() <= 400;
    Some(Hit::at(&found, if short { 0.86 } else { 0.5 }, "line break and a header field"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn added_fields_are_found() {
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "x\r\nSet-Cookie: a=b",
                "x\nLocation: http://evil.example/",
                "x\r\n\r\nHTTP/1.1 200 OK\r\n",
                "a\rX-Evil: 1",
            ],
        );
    }

    #[test]
    fn lines_of_text_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Parameter,
            &["first line\nsecond line", "Dear team,\r\nnote: bring cake\r\nthanks", "a\r\nb: c"],
        );
        must_fire(&DETECTOR, Kind::Json, &["a@b.example\r\nBcc: c@d.example", "en\r\nSet-Cookie: a=b"]);
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "Subject line\r\nTo: me",
                "curl says:\n< HTTP/1.1 200 OK\n< Content-Type: text/html\n< Set-Cookie: a=b\n<\nwhy?\nthanks",
                "Location: Berlin\nTime: noon",
            ],
        );
    }
}
