//! What can be told of a head that never became a request, for those who look at the event.

use std::borrow::Cow;

use stockade_inspect::mask;
use stockade_model::event::RequestRecord;
use stockade_model::{HttpVersion, Scheme};

use super::{PATH_BYTES, USER_AGENT_BYTES};

/// Longest method that is told; none that is served is longer.
const METHOD_BYTES: usize = 32;
/// Longest host that is told.
const AUTHORITY_BYTES: usize = 256;
/// Lines of a head in which a field is looked for.
const MOST_LINES: usize = 256;

/// The parts of a head as they came, neither checked nor in canonical form.
#[derive(Debug, Default)]
pub(crate) struct Partial<'a> {
    /// Method.
    pub(crate) method: &'a [u8],
    /// Request target.
    pub(crate) target: &'a [u8],
    /// Host asked for.
    pub(crate) authority: &'a [u8],
    /// `User-Agent`.
    pub(crate) user_agent: Option<&'a [u8]>,
    /// `Content-Type`.
    pub(crate) content_type: Option<&'a [u8]>,
}

impl Partial<'_> {
    /// The record of it, masked. `version` is that of the connection where the head tells none that is known.
    pub(crate) fn record(&self, scheme: Scheme, version: HttpVersion) -> RequestRecord<'static> {
        let (path, query) = match memchr::memchr(b'?', self.target) {
            None => (self.target, None),
            Some(mark) => (self.target.get(..mark).unwrap_or_default(), self.target.get(mark + 1..)),
        };
        RequestRecord {
            method: masked(self.method, METHOD_BYTES),
            scheme,
            authority: masked(self.authority, AUTHORITY_BYTES),
            path: masked(path, PATH_BYTES),
            query: query.map(|query| {
                let query = String::from_utf8_lossy(cut(query, PATH_BYTES));
                Cow::Owned(mask::text(&mask::query(&query), PATH_BYTES).into_owned())
            }),
            version,
            content_type: self.content_type.map(|value| masked(value, 100)),
            user_agent: self.user_agent.map(|value| masked(value, USER_AGENT_BYTES)),
            body_bytes: 0,
            headers: &[],
            fields: &[],
            excerpt: None,
        }
    }
}

/// Reads what can be read of an HTTP/1 head, which may be cut short, broken, or none at all. `None` when there is not
/// even a word.
pub(crate) fn http1(head: &[u8], scheme: Scheme) -> Option<RequestRecord<'static>> {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.next().filter(|line| !line.is_empty())?;
    let (method, rest) = split(line, line.iter().position(|byte| *byte == b' '));
    let (target, version) = split(rest, rest.iter().rposition(|byte| *byte == b' '));
    let version = match version {
        b"HTTP/1.0" => HttpVersion::Http10,
        _ => HttpVersion::Http11,
    };
    let mut partial = Partial { method, target, ..Partial::default() };
    for field in lines.take(MOST_LINES).take_while(|line| !line.is_empty()) {
        let Some(colon) = memchr::memchr(b':', field) else { continue };
        let (name, value) = split(field, Some(colon));
        let value = value.trim_ascii();
        // Of a field that came twice the first is told.
        if name.eq_ignore_ascii_case(b"host") && partial.authority.is_empty() {
            partial.authority = value;
        } else if name.eq_ignore_ascii_case(b"user-agent") {
            partial.user_agent.get_or_insert(value);
        } else if name.eq_ignore_ascii_case(b"content-type") {
            partial.content_type.get_or_insert(value);
        }
    }
    Some(partial.record(scheme, version))
}

/// What is before and after the byte at `place`; all of it before, where there is no such byte.
fn split(line: &[u8], place: Option<usize>) -> (&[u8], &[u8]) {
    let Some(place) = place else { return (line, b"") };
    (line.get(..place).unwrap_or_default(), line.get(place + 1..).unwrap_or_default())
}

fn masked(raw: &[u8], most: usize) -> Cow<'static, str> {
    Cow::Owned(mask::text(&String::from_utf8_lossy(cut(raw, most)), most).into_owned())
}

/// A little more than what may be shown, so that a cut can be told.
fn cut(raw: &[u8], most: usize) -> &[u8] {
    raw.get(..=most).unwrap_or(raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(head: &[u8]) -> RequestRecord<'static> {
        http1(head, Scheme::Http).unwrap()
    }

    #[test]
    fn what_can_be_read_of_a_broken_head_is_told() {
        let record =
            read(b"CONNECT a.example:443 HTTP/1.0\r\nHost: b.example\r\nUSER-AGENT: curl/8\r\nHost: c\r\n\r\n");
        assert_eq!((&*record.method, &*record.path), ("CONNECT", "a.example:443"));
        assert_eq!((&*record.authority, record.user_agent.as_deref()), ("b.example", Some("curl/8")));
        assert_eq!(record.version, HttpVersion::Http10);
        let record = read(b"GET /a b?c=d HTTP/9.9\r\n\0");
        assert_eq!((&*record.method, &*record.path), ("GET", "/a b"));
        assert_eq!(record.query.as_deref(), Some("c=d"));
        assert_eq!(read(b"GE").method, "GE");
        assert!(http1(b"\r\nGET / HTTP/1.1\r\n", Scheme::Http).is_none());
        assert!(http1(b"", Scheme::Http).is_none());
    }

    #[test]
    fn nothing_secret_and_nothing_unprintable_is_told() {
        let record = read(b"G\x16\x03T /\x1b[31m?password=hunter2&a=\x07 HTTP/1.1\r\nhost: \x01\r\n");
        let told = serde_json::to_string(&record).unwrap();
        assert!(!told.contains("hunter2"), "{told}");
        assert!(!record.path.chars().chain(record.method.chars()).any(char::is_control), "{told}");
        assert!(!record.query.unwrap().chars().chain(record.authority.chars()).any(char::is_control), "{told}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_long(head in proptest::collection::vec(any::<u8>(), 0..9000)) {
            if let Some(record) = http1(&head, Scheme::Http) {
                prop_assert!(record.method.len() <= METHOD_BYTES + 4 && record.path.len() <= PATH_BYTES + 4);
            }
        }
    }
}
