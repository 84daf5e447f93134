//! One canonical path, computed once and used for routing, policy, learning, logs and forwarding.
//!
//! The path that was authorised is the path that is forwarded, byte for byte; most gateway bypasses of the last
//! years came from two parts reading two forms of it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A form of a path that servers read in different ways. It is refused unless an API says that its upstream wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathForm {
    /// `%2F`: a `/` within a segment, as in `/projects/group%2Fproject`.
    EncodedSlash,
    /// `%25`: a `%` within a segment. What is decoded twice behind the gateway means something else there.
    EncodedPercent,
    /// `//`: a segment without a letter.
    EmptySegment,
}

impl PathForm {
    /// As it is written in config.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EncodedSlash => "encoded_slash",
            Self::EncodedPercent => "encoded_percent",
            Self::EmptySegment => "empty_segment",
        }
    }
}

/// Some forms of paths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PathForms(u8);

impl PathForms {
    /// Every form, in the order of the bits.
    const ALL: [PathForm; 3] = [PathForm::EncodedSlash, PathForm::EncodedPercent, PathForm::EmptySegment];

    /// Those of a canonical path.
    fn of(path: &str) -> Self {
        let marks = ["%2F", "%25", "//"];
        Self::ALL.into_iter().zip(marks).filter(|(_, mark)| path.contains(mark)).map(|(form, _)| form).collect()
    }

    /// Adds a form.
    const fn add(&mut self, form: PathForm) {
        self.0 |= 1 << form as u8;
    }

    /// The forms of either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a form is among them.
    #[must_use]
    pub const fn has(self, form: PathForm) -> bool {
        self.0 & (1 << form as u8) != 0
    }

    /// The first form that `allowed` lacks.
    #[must_use]
    pub fn beyond(self, allowed: Self) -> Option<PathForm> {
        Self::ALL.into_iter().find(|form| self.has(*form) && !allowed.has(*form))
    }
}

impl FromIterator<PathForm> for PathForms {
    fn from_iter<I: IntoIterator<Item = PathForm>>(forms: I) -> Self {
        let mut all = Self::default();
        for form in forms {
            all.add(form);
        }
        all
    }
}

/// Why a request path has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// It does not begin with `/`.
    Rootless,
    /// A byte that RFC 3986 does not allow unescaped in a path.
    RawByte(u8),
    /// `%` without two hexadecimal digits.
    BadEscape,
    /// An escaped byte that must not occur: NUL, another control, `/`, `\` or `%`.
    ForbiddenEscape(u8),
    /// Escaped bytes that are not UTF-8 (overlong forms included).
    NotUtf8,
    /// Dot segments that climb above the root.
    Climbs,
    /// An empty segment (`//`) inside the path.
    EmptySegment,
    /// A `;` parameter on a dot segment (`/..;/`), which some servers read as the dot segment.
    DotParameter,
}

impl fmt::Display for PathError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rootless => out.write_str("expected a path that begins with `/`"),
            Self::RawByte(byte) => write!(out, "byte 0x{byte:02x} must be percent-encoded in a path"),
            Self::BadEscape => out.write_str("expected two hexadecimal digits after `%`"),
            Self::ForbiddenEscape(byte) => write!(out, "the escape `%{byte:02X}` is not allowed in a path"),
            Self::NotUtf8 => out.write_str("the escaped bytes are not UTF-8"),
            Self::Climbs => out.write_str("dot segments climb above the root"),
            Self::EmptySegment => out.write_str("empty path segment (`//`)"),
            Self::DotParameter => out.write_str("a dot segment carries a `;` parameter"),
        }
    }
}

/// A path in its only form.
///
/// Unreserved escapes decoded, other escapes in upper case, dot segments removed, no empty segment but a last one
/// (RFC 3986 6.2.2), unless a form was allowed. INVARIANT: canonicalising it again gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CanonicalPath {
    text: String,
    forms: PathForms,
}

impl CanonicalPath {
    /// Brings `raw`, the path of a request target without its query, into canonical form.
    ///
    /// # Errors
    /// The first thing that makes it ambiguous; see [`PathError`].
    pub fn parse(raw: &[u8]) -> Result<Self, PathError> {
        Self::parse_with(raw, PathForms::default())
    }

    /// The same, with forms that are kept as they are.
    ///
    /// # Errors
    /// The first thing that makes it ambiguous; see [`PathError`].
    pub fn parse_with(raw: &[u8], allowed: PathForms) -> Result<Self, PathError> {
        if raw.first() != Some(&b'/') {
            return Err(PathError::Rootless);
        }
        let plain = raw.iter().all(|byte| is_plain(*byte));
        if plain && !needs_segment_work(raw) {
            let text = std::str::from_utf8(raw).map_err(|_| PathError::NotUtf8)?;
            return Ok(Self { text: text.to_owned(), forms: PathForms::default() });
        }
        let text = remove_dot_segments(&decode_unreserved(raw, allowed)?, allowed)?;
        let forms = PathForms::of(&text);
        Ok(Self { text, forms })
    }

    /// The forms it has that servers read in different ways.
    #[must_use]
    pub const fn forms(&self) -> PathForms {
        self.forms
    }

    /// The path as it is matched and forwarded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The segments after the leading `/`, still escaped; `/` alone has one empty segment.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.text.strip_prefix('/').unwrap_or(&self.text).split('/')
    }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Percent-decodes `text` fully, for values (path segments, query parts); a lone `%` is kept as it is.
#[must_use]
pub fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%'
            && let Some(byte) = escape(tail)
        {
            out.push(byte);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

fn escape(digits: &[u8]) -> Option<u8> {
    let high = char::from(*digits.first()?).to_digit(16)?;
    let low = char::from(*digits.get(1)?).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A byte that may stand in a path as it is: pchar without `%`, and `/` (RFC 3986 3.3).
const fn is_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}

/// Whether the path has `//`, a dot segment or a `;` after dots: all begin with `/` followed by `/` or `.`.
fn needs_segment_work(raw: &[u8]) -> bool {
    raw.windows(2).any(|pair| matches!(pair, b"//" | b"/."))
}

fn decode_unreserved(raw: &[u8], allowed: PathForms) -> Result<String, PathError> {
    let mut out: Vec<u8> = Vec::with_capacity(raw.len());
    let mut decoded: Vec<u8> = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((first, tail)) = rest.split_first() {
        if *first != b'%' {
            if !is_plain(*first) {
                return Err(PathError::RawByte(*first));
            }
            out.push(*first);
            decoded.push(*first);
            rest = tail;
            continue;
        }
        let byte = escape(tail).ok_or(PathError::BadEscape)?;
        let form = match byte {
            b'/' => Some(PathForm::EncodedSlash),
            b'%' => Some(PathForm::EncodedPercent),
            _ => None,
        };
        if byte < 0x20 || byte == 0x7f || byte == b'\\' || form.is_some_and(|form| !allowed.has(form)) {
            return Err(PathError::ForbiddenEscape(byte));
        }
        if is_unreserved(byte) {
            out.push(byte);
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push(b'%');
            out.extend(HEX.get(usize::from(byte >> 4)));
            out.extend(HEX.get(usize::from(byte & 15)));
        }
        decoded.push(byte);
        rest = tail.get(2..).unwrap_or_default();
    }
    // Overlong forms (`%c0%af` for `/`) are not UTF-8, so this refuses them too.
    std::str::from_utf8(&decoded).map_err(|_| PathError::NotUtf8)?;
    String::from_utf8(out).map_err(|_| PathError::NotUtf8)
}

fn remove_dot_segments(path: &str, allowed: PathForms) -> Result<String, PathError> {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        let stem = segment.split(';').next().unwrap_or(segment);
        match segment {
            "" if !last && !allowed.has(PathForm::EmptySegment) => return Err(PathError::EmptySegment),
            "." | ".." => {
                if segment == ".." && kept.pop().is_none() {
                    return Err(PathError::Climbs);
                }
                if last {
                    kept.push("");
                }
            }
            _ if stem != segment && matches!(stem, "." | "..") => return Err(PathError::DotParameter),
            _ => kept.push(segment),
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in kept {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() {
        out.push('/');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(raw: &str) -> Result<String, PathError> {
        CanonicalPath::parse(raw.as_bytes()).map(|path| path.as_str().to_owned())
    }

    #[test]
    fn equivalent_forms_become_one() {
        for raw in ["/a/b", "/a/./b", "/a/x/../b", "/%61/b", "/a/%62", "/a/x/%2e%2e/b", "/a/%2E/b"] {
            assert_eq!(canonical(raw).unwrap(), "/a/b", "{raw}");
        }
        assert_eq!(canonical("/").unwrap(), "/");
        assert_eq!(canonical("/a/..").unwrap(), "/");
        assert_eq!(canonical("/a/").unwrap(), "/a/");
        assert_eq!(canonical("/a/b/..").unwrap(), "/a/");
        assert_eq!(canonical("/caf%c3%a9").unwrap(), "/caf%C3%A9");
        assert_eq!(canonical("/a;v=1").unwrap(), "/a;v=1");
        assert_eq!(canonical("/.well-known/x").unwrap(), "/.well-known/x");
        assert_eq!(canonical("/a%20b").unwrap(), "/a%20b");
    }

    #[test]
    fn ambiguous_forms_are_refused() {
        for (raw, error) in [
            ("", PathError::Rootless),
            ("a", PathError::Rootless),
            ("*", PathError::Rootless),
            ("/a/../../b", PathError::Climbs),
            ("/..", PathError::Climbs),
            ("/%2e%2e/x", PathError::Climbs),
            ("//a", PathError::EmptySegment),
            ("/a//b", PathError::EmptySegment),
            ("/a%2fb", PathError::ForbiddenEscape(b'/')),
            ("/a%5cb", PathError::ForbiddenEscape(b'\\')),
            ("/a%00", PathError::ForbiddenEscape(0)),
            ("/a%0d%0ab", PathError::ForbiddenEscape(13)),
            ("/%252e%252e/", PathError::ForbiddenEscape(b'%')),
            ("/a%zz", PathError::BadEscape),
            ("/a%2", PathError::BadEscape),
            ("/a%c0%af", PathError::NotUtf8),
            ("/a/..;/b", PathError::DotParameter),
            ("/a#b", PathError::RawByte(b'#')),
            ("/a b", PathError::RawByte(b' ')),
            ("/a\\b", PathError::RawByte(b'\\')),
            ("/a\u{e9}", PathError::RawByte(0xc3)),
        ] {
            assert_eq!(canonical(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn allowed_forms_are_kept_and_named() {
        let kept = |raw: &str, form| {
            let path = CanonicalPath::parse_with(raw.as_bytes(), [form].into_iter().collect()).unwrap();
            assert_eq!(path.forms(), [form].into_iter().collect());
            assert_eq!(path.forms().beyond(PathForms::default()), Some(form));
            path.as_str().to_owned()
        };
        assert_eq!(kept("/projects/group%2fshop", PathForm::EncodedSlash), "/projects/group%2Fshop");
        assert_eq!(kept("/find/100%25", PathForm::EncodedPercent), "/find/100%25");
        assert_eq!(kept("/a//b/./c", PathForm::EmptySegment), "/a//b/c");
        assert_eq!(kept("//", PathForm::EmptySegment), "//");
        let all: PathForms = PathForms::ALL.into_iter().collect();
        for (raw, error) in [
            ("/a%5cb", PathError::ForbiddenEscape(b'\\')),
            ("/a%00", PathError::ForbiddenEscape(0)),
            ("/a%c0%af", PathError::NotUtf8),
            ("/..;/b", PathError::DotParameter),
            ("/a/../../b", PathError::Climbs),
        ] {
            assert_eq!(CanonicalPath::parse_with(raw.as_bytes(), all), Err(error), "{raw}");
        }
        assert_eq!(CanonicalPath::parse_with(b"/a/b", all).unwrap().forms(), PathForms::default());
    }

    proptest! {
        #[test]
        fn allowed_forms_stay_when_canonicalised_twice(raw in "/([a-z.;%/]|%2[eEfF5]|//|\\.\\.){0,24}") {
            let all: PathForms = PathForms::ALL.into_iter().collect();
            if let Ok(path) = CanonicalPath::parse_with(raw.as_bytes(), all) {
                prop_assert_eq!(&CanonicalPath::parse_with(path.as_str().as_bytes(), all).unwrap(), &path);
                prop_assert!(!path.segments().any(|segment| segment == "." || segment == ".."));
            }
        }

        #[test]
        fn canonicalising_twice_changes_nothing(raw in "/([a-z.;~%/]|%2[eE]|%6[1-9]|%[cC]3%[aA]9|%20|\\.\\.){0,24}") {
            if let Ok(path) = CanonicalPath::parse(raw.as_bytes()) {
                let again = CanonicalPath::parse(path.as_str().as_bytes()).unwrap();
                prop_assert_eq!(&again, &path);
                prop_assert!(!path.as_str().contains("//"));
                prop_assert!(!path.segments().any(|segment| segment == "." || segment == ".."));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(raw in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = CanonicalPath::parse(&raw);
            let _ = percent_decode(&raw);
        }
    }
}
