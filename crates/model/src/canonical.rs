//! One canonical path, computed once and used for routing, policy, learning, logs and forwarding.
//!
//! The path that was authorised is the path that is forwarded, byte for byte; most gateway bypasses of the last
//! years came from two parts reading two forms of it.

use std::fmt;

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
/// (RFC 3986 6.2.2). INVARIANT: canonicalising it again gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CanonicalPath(String);

impl CanonicalPath {
    /// Brings `raw`, the path of a request target without its query, into canonical form.
    ///
    /// # Errors
    /// The first thing that makes it ambiguous; see [`PathError`].
    pub fn parse(raw: &[u8]) -> Result<Self, PathError> {
        if raw.first() != Some(&b'/') {
            return Err(PathError::Rootless);
        }
        let plain = raw.iter().all(|byte| is_plain(*byte));
        if plain && !needs_segment_work(raw) {
            let text = std::str::from_utf8(raw).map_err(|_| PathError::NotUtf8)?;
            return Ok(Self(text.to_owned()));
        }
        remove_dot_segments(&decode_unreserved(raw)?).map(Self)
    }

    /// The path as it is matched and forwarded.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments after the leading `/`, still escaped; `/` alone has one empty segment.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.strip_prefix('/').unwrap_or(&self.0).split('/')
    }
}

impl fmt::Display for CanonicalPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
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

fn decode_unreserved(raw: &[u8]) -> Result<String, PathError> {
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
        if byte < 0x20 || byte == 0x7f || matches!(byte, b'/' | b'\\' | b'%') {
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

fn remove_dot_segments(path: &str) -> Result<String, PathError> {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        let stem = segment.split(';').next().unwrap_or(segment);
        match segment {
            "" if !last => return Err(PathError::EmptySegment),
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

    proptest! {
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
