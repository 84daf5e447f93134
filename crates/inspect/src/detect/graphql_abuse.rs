//! GraphQL documents that cost far more than they look, or that try many guesses in one request.

use super::{Detector, Hit};
use crate::catalogue::DetectorInfo;

/// Runs on GraphQL documents, not on single values.
pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants: |_| false, look: |_| None };

pub(crate) const INFO: DetectorInfo = DetectorInfo {
    name: "graphql_abuse",
    what: "a GraphQL document of extreme depth, with one field under many names, many directives or fragments in a circle",
    why: "one small request then costs the server minutes, or tries a thousand passwords past any rate limit",
    example: "mutation { a1: login(pin: 1) { ok } a2: login(pin: 2) { ok } ... }",
};

/// Deeper than any screen needs; the introspection query of common tools is 13 deep.
const DEPTH: usize = 20;
/// The same field under this many names.
const ALIASES: usize = 30;
/// The same mutation under this many names, when its arguments are credentials.
const GUESSES: usize = 4;
/// Directives in one document.
const DIRECTIVES: usize = 60;
/// Operations in one batch.
const BATCH: usize = 25;
/// Bytes that are read.
const READ: usize = 64 * 1024;

/// What a document is made of.
#[derive(Debug, Default)]
struct Shape<'a> {
    deepest: usize,
    directives: usize,
    /// Fields that have an alias, with how often.
    aliased: Vec<(&'a str, usize)>,
    /// Fragment names, with the fragments that they spread.
    fragments: Vec<(&'a str, Vec<&'a str>)>,
    introspects: bool,
}

/// Weighs one document.
pub(crate) fn look(document: &str) -> Option<Hit> {
    let text = document.get(..document.len().min(READ)).unwrap_or(document);
    let shape = Shape::of(text);
    let hit = |confidence, note| Some(Hit { confidence, range: 0..document.len().min(120), note });
    if shape.circles() {
        return hit(0.92, "fragments that include each other");
    }
    let most = shape.aliased.iter().map(|(_, count)| *count).max().unwrap_or_default();
    let lower = || text.to_ascii_lowercase();
    if most >= GUESSES && text.trim_start().starts_with("mutation") {
        let lower = lower();
        let guess = ["password", "otp", "pin", "code", "token", "secret", "coupon", "voucher"];
        if guess.iter().any(|word| lower.contains(word)) {
            return hit(0.88, "the same mutation many times with other credentials");
        }
    }
    if shape.deepest > DEPTH {
        return hit(0.86, "document of extreme depth");
    }
    if most >= ALIASES {
        return hit(0.86, "one field under very many names");
    }
    if shape.directives > DIRECTIVES {
        return hit(0.86, "very many directives");
    }
    if shape.introspects { hit(0.5, "asks for the schema") } else { None }
}

/// Weighs a batch of `count` operations.
pub(crate) fn batch(count: usize) -> Option<Hit> {
    (count >= BATCH).then_some(Hit { confidence: 0.85, range: 0..0, note: "very many operations in one batch" })
}

impl<'a> Shape<'a> {
    /// Reads names, brackets and marks; strings and comments are skipped.
    fn of(text: &'a str) -> Self {
        let mut shape = Self::default();
        let (mut depth, mut arguments) = (0_usize, 0_usize);
        let mut alias = false;
        let mut fragment = false;
        let mut spread = false;
        let mut last = "";
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            let letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            if letter(character) {
                let end = rest.find(|other| !letter(other)).unwrap_or(rest.len());
                let (word, tail) = rest.split_at(end);
                rest = tail;
                shape.word(word, &mut fragment, &mut spread, alias && arguments == 0);
                alias = false;
                last = word;
                continue;
            }
            let mut length = character.len_utf8();
            match character {
                '{' if arguments == 0 => {
                    depth += 1;
                    shape.deepest = shape.deepest.max(depth);
                }
                '}' if arguments == 0 => depth = depth.saturating_sub(1),
                '(' => arguments += 1,
                ')' => arguments = arguments.saturating_sub(1),
                ':' if arguments == 0 && depth > 0 && !last.is_empty() => alias = true,
                '@' => shape.directives += 1,
                '#' => length = rest.find('\n').unwrap_or(rest.len()),
                '"' => length = string(rest),
                '.' if rest.starts_with("...") => {
                    spread = true;
                    length = 3;
                }
                _ => {}
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        shape
    }

    fn word(&mut self, word: &'a str, fragment: &mut bool, spread: &mut bool, aliased: bool) {
        if std::mem::take(fragment) {
            self.fragments.push((word, Vec::new()));
        } else if std::mem::take(spread) {
            if word != "on"
                && let Some((_, spreads)) = self.fragments.last_mut()
            {
                spreads.push(word);
            }
        } else if word == "fragment" {
            *fragment = true;
        } else if matches!(word, "__schema" | "__type") {
            self.introspects = true;
        } else if aliased {
            if let Some((_, count)) = self.aliased.iter_mut().find(|(name, _)| *name == word) {
                *count += 1;
            } else if self.aliased.len() < 64 {
                self.aliased.push((word, 1));
            }
        }
    }

    /// Whether a fragment includes itself, over others too.
    fn circles(&self) -> bool {
        self.fragments.iter().take(64).any(|(start, direct)| {
            let mut open: Vec<&str> = direct.clone();
            let mut seen: Vec<&str> = Vec::new();
            while let Some(name) = open.pop() {
                if name == *start {
                    return true;
                }
                if !seen.contains(&name) && seen.len() < 64 {
                    seen.push(name);
                    let known = self.fragments.iter().filter(|(known, _)| *known == name);
                    open.extend(known.flat_map(|(_, spreads)| spreads.iter()));
                }
            }
            false
        })
    }
}

/// Bytes of the string that `text` begins with, quotes included.
fn string(text: &str) -> usize {
    if let Some(block) = text.strip_prefix("\"\"\"") {
        return block.find("\"\"\"").map_or(text.len(), |end| end + 6);
    }
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn confidence(document: &str) -> f32 {
        look(document).map_or(0.0, |hit| hit.confidence)
    }

    #[test]
    fn costly_documents_are_found() {
        let deep = format!("query {{ {}id{} }}", "a { b { ".repeat(15), " } }".repeat(15));
        let aliases: String = (0..40).map(|index| format!("a{index}: user(id: {index}) {{ name }} ")).collect();
        let guesses: String = (0..5).map(|index| format!("a{index}: login(pin: \"{index}\") {{ ok }} ")).collect();
        let circle = "query { a { ...X } } fragment X on A { b { ...Y } } fragment Y on B { a { ...X } }";
        for document in [
            deep,
            format!("query {{ {aliases} }}"),
            format!("mutation {{ {guesses} }}"),
            circle.to_owned(),
            format!("query {{ a {} }}", "@include(if: true) ".repeat(80)),
        ] {
            assert!(confidence(&document) >= 0.8, "{document}");
        }
        assert!(batch(100).is_some() && batch(10).is_none());
    }

    #[test]
    fn ordinary_documents_are_let_pass() {
        for document in [
            "query Q($id: ID!) { user(id: $id) { ...F } } fragment F on User { id name posts { ...P } } fragment P on Post { id }",
            "{ small: image(size: 64) { url } large: image(size: 512) { url } }",
            "mutation { a: addItem(code: 1) { id } b: addItem(code: 2) { id } }",
            "query { a(text: \"fragment X on A { ...X }\") { id } }",
            "{ __schema { types { name } } }",
        ] {
            assert!(confidence(document) < 0.8, "{document}");
        }
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic(text in "(\\{|\\}|\\(|\\)|:|\\.\\.\\.|@|#|\"|\\\\|\n|a|é|fragment | on ){0,60}") {
            let _ = look(&text);
        }
    }
}
