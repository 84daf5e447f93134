//! Operators: how a value is judged. One family a file.

mod filled;
pub(crate) mod injection;
mod network;
mod numbers;
mod phrases;
mod texts;
mod validate;
mod verify;

use smallvec::SmallVec;
use stockade_model::Cidr;

use crate::bytes::ByteSet;
use crate::compile::pattern::Pattern;
pub(crate) use filled::Filled;
pub(crate) use numbers::{Comparison, integer};
pub(crate) use phrases::Phrases;
pub(crate) use texts::TextTest;
pub(crate) use verify::Checksum;

/// What a match captured: the whole first, then groups.
pub(crate) type Captured = SmallVec<[Vec<u8>; 4]>;

/// Most groups that are captured, the whole match included.
const MOST_CAPTURED: usize = 10;

/// One operator, compiled.
#[derive(Debug)]
pub(crate) enum Operator {
    /// `@rx`
    Pattern(Pattern),
    /// `@rxGlobal`: captures of all matches
    PatternGlobal(Pattern),
    /// `@rx` with macros in it
    Filled(Filled),
    /// `@pm`
    Phrases(Phrases),
    /// Compares with a text
    Text(TextTest),
    /// Compares numbers
    Number(Comparison),
    /// `@ipMatch`
    Networks(Vec<Cidr>),
    /// `@validateByteRange`: matches a byte outside
    Bytes(ByteSet),
    /// `@validateUrlEncoding`: matches a broken escape
    UrlEncoding,
    /// `@validateUtf8Encoding`: matches what is not UTF-8
    Utf8,
    /// `@detectSQLi`
    Sql,
    /// `@detectXSS`
    Script,
    /// `@unconditionalMatch`
    Always,
    /// `@noMatch`
    Never,
    /// `@verifyCC` and the like
    Verify(Checksum, Pattern),
}

impl Operator {
    /// Judges a value.
    ///
    /// `argument` is the filled-in argument of a text or number; `captured` receives what matched when it is wanted.
    pub(crate) fn matches(
        &self,
        value: &[u8],
        present: Option<&ByteSet>,
        argument: &[u8],
        captured: Option<&mut Captured>,
    ) -> bool {
        match self {
            Self::Pattern(pattern) => match captured {
                None => pattern.is_match(value),
                Some(captured) => capture(pattern, value, captured),
            },
            Self::PatternGlobal(pattern) => match captured {
                None => pattern.is_match(value),
                Some(captured) => capture_all(pattern, value, captured),
            },
            Self::Filled(filled) => {
                filled.get(argument).is_some_and(|built| built.matches(value, present, b"", captured))
            }
            Self::Phrases(phrases) => {
                let found = phrases.find(value);
                if let (Some(found), Some(captured)) = (found, captured) {
                    captured.push(found.to_vec());
                }
                found.is_some()
            }
            Self::Text(test) => test.holds(value, argument),
            Self::Number(comparison) => comparison.holds(integer(value), integer(argument)),
            Self::Networks(networks) => network::within(networks, value),
            Self::Bytes(allowed) => !present.map_or_else(|| ByteSet::present(value), |set| *set).within(allowed),
            Self::UrlEncoding => validate::has_broken_escape(value),
            Self::Utf8 => std::str::from_utf8(value).is_err(),
            Self::Sql => injection::sql(value, captured),
            Self::Script => injection::script(value, captured),
            Self::Always => true,
            Self::Never => false,
            Self::Verify(checksum, pattern) => verify::find(*checksum, pattern, value, captured),
        }
    }
}

fn capture(pattern: &Pattern, value: &[u8], captured: &mut Captured) -> bool {
    // The search alone is several times cheaper than the groups, and most values do not match.
    if !pattern.is_match(value) {
        return false;
    }
    let Some(spans) = pattern.captures(value, 0) else { return false };
    captured.extend(spans.iter().take(MOST_CAPTURED).map(|span| slice(value, *span)));
    true
}

fn capture_all(pattern: &Pattern, value: &[u8], captured: &mut Captured) -> bool {
    let mut from = 0;
    while let Some(spans) = pattern.captures(value, from) {
        captured.extend(spans.iter().map(|span| slice(value, *span)));
        let end = spans.first().copied().flatten().map_or(value.len(), |(_, end)| end);
        if captured.len() >= MOST_CAPTURED || end >= value.len() {
            break;
        }
        from = end.max(from + 1);
    }
    captured.truncate(MOST_CAPTURED);
    !captured.is_empty()
}

fn slice(value: &[u8], span: Option<(usize, usize)>) -> Vec<u8> {
    span.and_then(|(start, end)| value.get(start..end)).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests;
