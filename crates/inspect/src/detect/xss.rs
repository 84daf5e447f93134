//! Markup and script that a browser would run.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Classes, Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "xss",
    what: "markup, event handlers or script URLs that a browser would run (cross-site scripting)",
    why: "shown on a page without escaping, the value acts with the rights of whoever looks at it",
    example: "\"><img src=x onerror=alert(1)>",
};

/// Bytes that libinjection reads: its HTML reader takes quadratic time for many `<`.
const READ: usize = 512;

/// Tags that run script or load something that does.
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)<\?(?:import|xml:namespace)\b|<[\s\x00]*(?:[a-z]{1,10}:)?(?:script|iframe|object|embed|applet|frame|frameset|base|meta|link|layer|ilayer|bgsound|xss|isindex|import|xml|vmlframe|animate|set|handler|listener|foreignobject|noscript|portal|template\s+shadow)(?:[\s/>"'\x00-\x1f+]|$|&)"#,
    )
});
/// Drawings and formulas, which can hold script and mostly do not.
static DRAWING: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)<[\s\x00]*(?:[a-z]{1,10}:)?(?:svg|math)(?:[\s/>"'\x00-\x1f+]|$|&)"#));
/// A drawing or formula that stands by itself, as a file does.
static DOCUMENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?is)^\s*<(?:svg|math)\s[^>]*xmlns\s*=\s*["']http://www\.w3\.org/[^>]*>.*</(?:svg|math)>\s*$"#)
});
/// A handler in JSX: as HTML its value ends inside the brace, at the `>` of the arrow, and runs nothing.
static ARROW: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\{\s*(?:\([\w\s,]{0,60}\)|\w{1,40})\s*=>"));
/// An event handler where an attribute may stand.
static HANDLER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:<[a-z!?/][^>]*?|^\s*["'\x60][^<>]{0,80}|["'\x60]\s*|^\s*|[\s/"'\x60])[\s/"'\x60\x00-\x1f;]on[a-z]{3,25}[\s\x00-\x1f]*=[\s\x00-\x1f"'\x60]*[^\s"'>=&]"#,
    )
});
/// A value that begins with the end of the tag that it stands in.
static BROKEN_OUT: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?i)^[\s'"\x60]{0,4}/?>+\s*<[a-z!?]"#));
/// A handler that calls what attacks call, whatever stands before it.
static BARE_HANDLER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:^|[\s/"'\x60;])on[a-z]{3,20}\s*=\s*["'\x60]?\s*(?:alert|prompt|confirm|eval|fetch|document\.|window\.|location\b|import)\s*[(.\x60=\[]?"#,
    )
});
static HANDLER_IN_TAG: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)<[^>]*?[\s/"'\x60\x00-\x1f;+]on[a-z]{3,25}[\s\x00-\x1f]*=[\s\x00-\x1f]*[^\s>=]"#));
/// A script URL that is used: as an attribute, at the beginning, or with a call behind it.
static SCRIPT_URL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:(?:^|[=("'\s\x60,:])(?:javascript|vbscript|livescript|mocha)\s*:\s*[^\s,.;]{0,200}?(?:[(\x60=]|%0a|//|\[)|data:\s*(?:text/html|application/xhtml|image/svg|text/xml|application/xml)[^,\s]{0,60}(?:,|;base64))"#,
    )
});
/// Calls that attacks use to show that they work, or to take something.
static CALL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:\b(?:alert|prompt|confirm|eval|settimeout|setinterval|execscript|atob|msgbox)\s*(?:\(|\x60|&(?:lpar|#0*40);?|\.(?:call|apply|bind)\b|/\*)|\bdocument\s*(?:\.\s*(?:cookie|write(?:ln)?|location|domain|body|documentelement|createelement)|\[)|\bwindow\s*(?:\.\s*(?:location|open|name|alert|onerror)|\[)|\bstring\.fromcharcode|\blocation\s*(?:=\s*['"\x60\\/]|\.\s*(?:href|replace|assign|hash))|\binnerhtml\s*=|\b(?:top|self|parent|frames|this|globalthis)\s*\[\s*['"/]|\bjquery\.getscript|\bimport\s*\(\s*['"]|\bnew\s+image\b.{0,20}\.src|\bnew\s+activexobject\b|\bonerror\s*=\s*(?:alert|eval)|\bconstructor\s*\.\s*constructor)"#,
    )
});
/// The end of a string or statement in front of a call: the value means to break out of a script.
static BREAK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:^|\\?['"\x60})\]>]|//|\*/|-->|^\$\{)[\s;,|&+*/^%!~?:)}\]({-]*(?:\(|\{|\[|var\s|throw\s|return\s|[a-z$_]\w*\s*=\s*)*(?:alert|prompt|confirm|eval|document|window|top|self|location|settimeout|string\.fromcharcode|msgbox)\b"#,
    )
});
static STYLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:expression\s*\(|\bdataformatas\s*=\s*["']?html|\bstyle\s*=[^>]{0,200}\bcontent\s*:\s*url|\bev:handler\s*=|\bbinding\s*:\s*url|-moz-binding|behaviou?r\s*:\s*(?:url|expression)|@import\s*['"(]?\s*(?:url|javascript|https?|//|['"])|url\s*\(\s*['"]?\s*(?:javascript|vbscript|data:text))"#,
    )
});
/// Markup of one kind or another, for weighing what libinjection saw.
static MARKUP: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)<[a-z!/?%]"));

fn wants(subject: &Subject<'_>) -> bool {
    subject.kind != Kind::Structured
        && subject.kind != Kind::File
        && (subject.classes.any(Classes::ANGLE)
            || subject.tokens.any(Tokens::SCRIPT)
            || subject.tokens.any(Tokens::HANDLER) && subject.classes.any(Classes::EQUALS)
            || subject.kind != Kind::Header && starts_as_handler(subject.bytes))
        && subject.classes.any(
            Classes::ANGLE
                .and(Classes::QUOTE)
                .and(Classes::PAREN)
                .and(Classes::EQUALS)
                .and(Classes::SHELL)
                .and(Classes::BRACE),
        )
}

/// `onload=x` at the beginning of a value.
fn starts_as_handler(bytes: &[u8]) -> bool {
    bytes.get(..2).is_some_and(|start| start.eq_ignore_ascii_case(b"on")) && bytes.contains(&b'=')
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    let plain = examine(subject, subject.bytes);
    if plain.as_ref().is_some_and(|hit| hit.confidence >= 0.9) {
        return plain;
    }
    // Browsers drop controls inside tags and URLs (`java\tscript:`).
    let joined = match without_controls(subject.bytes) {
        Cow::Owned(joined) => {
            examine(subject, &joined).map(|hit| Hit { range: 0..subject.bytes.len().min(120), ..hit })
        }
        Cow::Borrowed(_) => None,
    };
    Hit::better(plain, joined)
}

fn examine(subject: &Subject<'_>, bytes: &[u8]) -> Option<Hit> {
    let angle = subject.classes.any(Classes::ANGLE);
    let arrow = |found: &regex::bytes::Match<'_>| {
        bytes.get(found.end().saturating_sub(1)..).is_some_and(|rest| ARROW.is_match(rest))
    };
    if angle && let Some(found) = HANDLER_IN_TAG.find_iter(bytes).find(|found| !arrow(found)) {
        return Some(Hit::at(&found, 0.96, "event handler in a tag"));
    }
    let call = CALL.find(bytes);
    if angle && let Some(found) = TAG.find(bytes) {
        // A bare tag that a sentence names: nothing in it and nothing behind it that could run.
        let after = bytes.get(found.end()..).unwrap_or_default();
        let named = found.as_bytes().ends_with(b">")
            && !after.iter().any(|byte| matches!(byte, b'<' | b'(' | b'`' | b'=' | b'/' | b'[' | b'\\'))
            && matches!(after.first(), Some(b' ' | b',' | b'.' | b';' | b':' | b'?' | b'!' | b')'))
            && after.iter().any(u8::is_ascii_alphabetic);
        let confidence = if call.is_some() { 0.97 } else { 0.9 };
        return Some(Hit::at(&found, if named { 0.6 } else { confidence }, "tag that runs script"));
    }
    if let Some(found) = SCRIPT_URL.find_iter(bytes).find(|found| !is_idle(bytes, found)) {
        return Some(Hit::at(&found, 0.93, "script URL"));
    }
    if angle && let Some(found) = DRAWING.find(bytes) {
        let data = bytes.starts_with(b"data:image/svg") && is_idle(bytes, &found);
        let harmless = call.is_none() && (data || DOCUMENT.is_match(bytes));
        return Some(Hit::at(&found, if harmless { 0.5 } else { 0.9 }, "drawing that can hold script"));
    }
    if let Some(found) = STYLE.find(bytes) {
        let inside = angle || found.as_bytes().contains(&b'(') && call.is_some();
        if inside || memchr::memchr(b':', bytes).is_some() {
            return Some(Hit::at(&found, if inside { 0.9 } else { 0.8 }, "script in a style"));
        }
    }
    let markup = angle && MARKUP.is_match(bytes);
    if let Some(found) = &call
        && let Some(broken) = BREAK.find(bytes)
    {
        // A snippet of code in a text also calls functions; an attack is short and ends or begins oddly.
        let spaces = bytes.iter().filter(|byte| **byte == b' ').count();
        let odd = markup || broken.start() == 0 || !subject.classes.any(Classes::LINE);
        // A code span names what it is about, such as `document.cookie`.
        let named = broken.as_bytes().first() == Some(&b'`') && bytes.get(found.end()) == Some(&b'`');
        let confidence = if odd && spaces <= 10 && !named { 0.88 } else { 0.6 };
        return Some(Hit {
            confidence,
            range: broken.start().min(found.start())..found.end().max(broken.end()),
            note: "breaks out of a script",
        });
    }
    if angle && let Some(found) = BROKEN_OUT.find(bytes) {
        return Some(Hit::at(&found, 0.86, "closes a tag and opens another"));
    }
    if let Some(found) = BARE_HANDLER.find(bytes) {
        return Some(Hit::at(&found, 0.9, "event handler"));
    }
    if let Some(found) = HANDLER.find_iter(bytes).find(|found| !arrow(found)) {
        let quoted = found.as_bytes().iter().any(|byte| matches!(byte, b'"' | b'\'' | b'`'))
            || bytes.contains(&b'"')
            || bytes.contains(&b'\'');
        let confidence = if call.is_some() {
            0.93
        } else if quoted {
            0.85
        } else {
            0.5
        };
        return Some(Hit::at(&found, confidence, "event handler"));
    }
    if let Some(found) = &call {
        let confidence = if markup { 0.88 } else { 0.55 };
        return Some(Hit::at(found, confidence, "script call"));
    }
    let start = bytes.get(..bytes.len().min(READ)).unwrap_or(bytes);
    if markup && libinjectionrs::detect_xss(start).is_injection() {
        return Some(Hit { confidence: 0.6, range: 0..bytes.len().min(120), note: "markup that can hold script" });
    }
    None
}

/// Whether a script URL does nothing: `javascript:void(0)`, or a drawing without script.
fn is_idle(bytes: &[u8], found: &regex::bytes::Match<'_>) -> bool {
    let rest = bytes.get(found.start()..).unwrap_or_default();
    let text = found.as_bytes();
    let finds = |word: &[u8]| rest.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    if memchr::memmem::find(text, b"svg").is_some() {
        // Data in Base64 is decoded and looked at by itself.
        return !finds(b"<script") && !finds(b"javascript") && !finds(b" on") && !finds(b"%3cscript") && !finds(b"/on");
    }
    text.ends_with(b"void(") && bytes.get(found.end()..).is_some_and(|rest| rest.starts_with(b"0)"))
}

/// The text without controls; borrowed when there are none.
fn without_controls(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.iter().any(|byte| *byte < 0x20 || *byte == 0x7f) {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(bytes.iter().copied().filter(|byte| *byte >= 0x20 && *byte != 0x7f).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn what_a_browser_runs_is_found() {
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "<script>alert(1)</script>",
                "<ScRiPt src=//evil.example/x.js>",
                "<img src=x onerror=alert(1)>",
                "\" onmouseover=\"alert(1)",
                "<svg/onload=alert`1`>",
                "javascript:alert(document.cookie)",
                "java\tscript:alert(1)",
                "<a href=\"javascript:alert(1)\">x</a>",
                "';alert(1)//",
                "\"-prompt(1)-\"",
                "<iframe srcdoc='&lt;script&gt;'>",
                "<body onload=fetch('//x')>",
                "<div style=\"width: expression(alert(1))\">",
                "<details open ontoggle=alert(1)>",
                "data:text/html;base64,PHNjcmlwdD4=",
                "<x onclick=alert(1)>",
            ],
        );
    }

    #[test]
    fn texts_and_code_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "a < b and c > d",
                "I <3 you",
                "<b>bold</b> and <a href=\"https://example.com\">a link</a>",
                "<p>Hello</p><ul><li>one</li></ul>",
                "javascript: the good parts",
                "turn on = 1",
                "conditions = none; options=3",
                "Call confirm your booking",
                "Dear Ms. O'Brien, please confirm (by phone) that you got it",
                "x => x + 1",
                "alert: stock is low",
                "the script of the play",
                "\"quoted\" text on monday = fine",
                "if (a) { console.log('x'); }",
                "data:image/png;base64,iVBORw0KGgo=",
                "location = Berlin",
                "the page ends with </iframe></body>",
            ],
        );
    }
}
