//! Which texts a pattern cannot match without, so that most patterns need not be run on most values.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Most texts of a set that is multiplied out.
const MOST_EXACT: usize = 64;
/// Most texts of a set that is looked for.
const MOST_REQUIRED: usize = 512;
/// Longest text that is multiplied out.
const LONGEST: usize = 16;
/// Deepest pattern that is looked into.
const DEEPEST: usize = 60;

/// Texts of which a value must hold one, in lower case.
pub(crate) type Required = Vec<Vec<u8>>;

/// Lower-case texts of which every match holds one (letters of either case); `None` when none could be found.
pub(crate) fn required(hir: &Hir) -> Option<Required> {
    let known = look(hir, 0);
    let mut best = known.best()?;
    best.sort();
    best.dedup();
    // A text that holds another one of the set adds nothing.
    let all = best.clone();
    best.retain(|text| !all.iter().any(|other| other != text && memchr::memmem::find(text, other).is_some()));
    Some(best)
}

/// What is known of a part: all texts it can match, or some of which a match must hold one.
#[derive(Debug, Default)]
struct Known {
    exact: Option<Vec<Vec<u8>>>,
    required: Option<Vec<Vec<u8>>>,
}

impl Known {
    fn exact(texts: Vec<Vec<u8>>) -> Self {
        Self { exact: Some(texts), required: None }
    }

    fn best(self) -> Option<Vec<Vec<u8>>> {
        better(self.exact.filter(|texts| useful(texts)), self.required)
    }
}

fn useful(texts: &[Vec<u8>]) -> bool {
    !texts.is_empty() && texts.len() <= MOST_REQUIRED && texts.iter().all(|text| !text.is_empty())
}

/// The set that an ordinary value is less likely to hold a text of.
fn better(one: Option<Vec<Vec<u8>>>, two: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    match (one, two) {
        (Some(one), Some(two)) => Some(if likelihood(&one) <= likelihood(&two) { one } else { two }),
        (one, two) => one.or(two),
    }
}

fn likelihood(texts: &[Vec<u8>]) -> f64 {
    texts.iter().map(|text| text.iter().map(|byte| frequency(*byte)).product::<f64>()).sum()
}

/// Roughly how often a byte stands in values of APIs.
const fn frequency(byte: u8) -> f64 {
    match byte {
        b'e' | b'a' | b'i' | b'o' | b't' | b'n' | b'r' | b's' => 0.07,
        b'a'..=b'z' | b'0'..=b'9' => 0.03,
        b' ' | b'.' | b'-' | b'_' | b'/' => 0.03,
        b':' | b',' | b'=' | b'"' => 0.015,
        b'!'..=b'~' => 0.006,
        _ => 0.003,
    }
}

fn look(hir: &Hir, depth: usize) -> Known {
    if depth > DEEPEST {
        return Known::default();
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Known::exact(vec![Vec::new()]),
        HirKind::Literal(literal) => Known::exact(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(class) => Known { exact: members(class), required: None },
        HirKind::Capture(capture) => look(&capture.sub, depth + 1),
        HirKind::Repetition(repetition) => {
            let inner = look(&repetition.sub, depth + 1);
            match (repetition.min, repetition.max) {
                (1, Some(1)) => inner,
                (0, Some(1)) => Known { exact: inner.exact.and_then(with_empty), required: None },
                (0, _) => Known::default(),
                _ => Known { exact: None, required: inner.best() },
            }
        }
        HirKind::Alternation(parts) => alternation(parts.iter().map(|part| look(part, depth + 1))),
        HirKind::Concat(parts) => concat(parts.iter().map(|part| look(part, depth + 1))),
    }
}

fn with_empty(mut texts: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
    texts.push(Vec::new());
    (texts.len() <= MOST_EXACT).then_some(texts)
}

fn members(class: &Class) -> Option<Vec<Vec<u8>>> {
    let mut texts: Vec<Vec<u8>> = match class {
        Class::Bytes(bytes) => {
            let count: usize = bytes.ranges().iter().map(|range| usize::from(range.end() - range.start()) + 1).sum();
            if count > 32 {
                return None;
            }
            bytes
                .ranges()
                .iter()
                .flat_map(|range| range.start()..=range.end())
                .map(|byte| vec![byte.to_ascii_lowercase()])
                .collect()
        }
        // Alternatives of one ASCII character each are joined into one of these.
        Class::Unicode(class) => {
            let ranges = class.ranges();
            if ranges.iter().any(|range| !range.end().is_ascii() || range.len() > 32) {
                return None;
            }
            let characters = ranges.iter().flat_map(|range| range.start()..=range.end());
            characters.map(|character| vec![(character as u8).to_ascii_lowercase()]).collect()
        }
    };
    texts.sort();
    texts.dedup();
    (!texts.is_empty()).then_some(texts)
}

fn alternation(parts: impl Iterator<Item = Known>) -> Known {
    let mut exact = Some(Vec::new());
    let mut required = Some(Vec::new());
    for part in parts {
        match (&mut exact, &part.exact) {
            (Some(all), Some(texts)) if all.len() + texts.len() <= MOST_REQUIRED => all.extend(texts.iter().cloned()),
            _ => exact = None,
        }
        match (&mut required, part.best()) {
            (Some(all), Some(texts)) if all.len() + texts.len() <= MOST_REQUIRED => all.extend(texts),
            _ => required = None,
        }
    }
    Known { exact, required }
}

fn concat(parts: impl Iterator<Item = Known>) -> Known {
    let mut run = vec![Vec::new()];
    let mut whole = true;
    let mut best: Option<Vec<Vec<u8>>> = None;
    let keep = |run: Vec<Vec<u8>>, best: &mut Option<Vec<Vec<u8>>>| {
        if useful(&run) {
            *best = better(best.take(), Some(run));
        }
    };
    for part in parts {
        let Known { exact, required } = part;
        match exact {
            Some(texts) => match product(&run, &texts) {
                Some(longer) => run = longer,
                None => {
                    whole = false;
                    keep(std::mem::replace(&mut run, texts), &mut best);
                }
            },
            None => {
                whole = false;
                keep(std::mem::replace(&mut run, vec![Vec::new()]), &mut best);
            }
        }
        if let Some(texts) = required.filter(|texts| useful(texts)) {
            best = better(best.take(), Some(texts));
        }
    }
    if whole {
        return Known { exact: Some(run), required: best };
    }
    keep(run, &mut best);
    Known { exact: None, required: best }
}

/// Every text of one followed by every text of the other; `None` when that is too much.
fn product(one: &[Vec<u8>], two: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let longest = |texts: &[Vec<u8>]| texts.iter().map(Vec::len).max().unwrap_or_default();
    if one.len() * two.len() > MOST_EXACT || (one.len() * two.len() > 1 && longest(one) + longest(two) > LONGEST) {
        return None;
    }
    Some(one.iter().flat_map(|first| two.iter().map(|second| [first.as_slice(), second].concat())).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(pattern: &str) -> Option<Vec<String>> {
        let hir = crate::compile::pattern::parse(pattern).unwrap();
        Some(required(&hir)?.into_iter().map(|text| String::from_utf8_lossy(&text).into_owned()).collect())
    }

    #[test]
    fn the_least_likely_text_is_chosen() {
        assert_eq!(of("(?i)union\\s+select").unwrap(), ["select"]);
        assert_eq!(of("foo|bar").unwrap(), ["bar", "foo"]);
        assert_eq!(of("[a-z]+\\(").unwrap(), ["("]);
        assert_eq!(of("(?:a|b)c?d").unwrap(), ["acd", "ad", "bcd", "bd"]);
        assert_eq!(of("^.*$"), None);
        assert_eq!(of("(?:x*|y)"), None);
    }

    proptest! {
        #[test]
        fn no_match_is_lost(value in "[abcxyz(<> =]{0,24}", choice in 0..8_usize) {
            let patterns = ["(?i)a+b?c|x[yz]=", "(?:a|b)(?:c|x)*\\(", "[abc]{2,3}<", "(a)?(b)?x+ ?=", "a(?:b|c|x(?:y|z))=?a",
                "^\\W*[xy]", "(?:<|>){2}", "(ab|(?:ca)+)z"];
            let pattern = patterns[choice];
            let compiled = regex::bytes::RegexBuilder::new(pattern).unicode(false).build().unwrap();
            if compiled.is_match(value.as_bytes()) && let Some(texts) = of(pattern) {
                let lower = value.to_ascii_lowercase();
                prop_assert!(texts.iter().any(|text| lower.contains(text)), "{pattern} {value} {texts:?}");
            }
        }
    }
}
