//! The Redis protocol, version 2: commands as arrays of strings, and the replies to them.

use std::fmt;

/// Longest reply that is read, all of its parts together.
pub(crate) const LONGEST: usize = 1024 * 1024;
/// Deepest nesting of arrays.
const DEEPEST: u8 = 4;
/// Longest line: a status, an error, a number.
const LONGEST_LINE: usize = 4 * 1024;

/// One reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// `+OK`, and strings: status replies and bulk ones are read alike.
    Text(Vec<u8>),
    /// `-ERR ...`
    Error(String),
    /// `:1`
    Integer(i64),
    /// No value.
    Nil,
    /// `*n`
    Array(Vec<Reply>),
}

/// What came is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the store does not speak the Redis protocol: {}", self.0)
    }
}

/// Appends a command.
pub(crate) fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Reads the first reply of `input` and how many bytes it takes; `None` while it is not whole.
///
/// # Errors
/// Bytes that are no reply, or a reply that is too long or too deep.
pub(crate) fn reply(input: &[u8]) -> Result<Option<(Reply, usize)>, Malformed> {
    let mut rest = input;
    match read(&mut rest, DEEPEST) {
        Ok(reply) => Ok(Some((reply, input.len() - rest.len()))),
        Err(Stop::More) if input.len() > LONGEST => Err(Malformed("a reply is too long")),
        Err(Stop::More) => Ok(None),
        Err(Stop::Bad(malformed)) => Err(malformed),
    }
}

enum Stop {
    More,
    Bad(Malformed),
}

fn read(rest: &mut &[u8], depth: u8) -> Result<Reply, Stop> {
    let bad = |why| Stop::Bad(Malformed(why));
    let Some(depth) = depth.checked_sub(1) else { return Err(bad("arrays are nested too deep")) };
    let line = line(rest)?;
    let (kind, text) = line.split_first().ok_or_else(|| bad("an empty line"))?;
    match kind {
        b'+' => Ok(Reply::Text(text.to_vec())),
        b'-' => Ok(Reply::Error(String::from_utf8_lossy(text).into_owned())),
        b':' => number(text).map(Reply::Integer),
        b'$' => match number(text)? {
            -1 => Ok(Reply::Nil),
            length => {
                let length = usize::try_from(length).ok().filter(|length| *length <= LONGEST);
                let length = length.ok_or_else(|| bad("a string is too long"))?;
                let (value, after) = rest.split_at_checked(length).ok_or(Stop::More)?;
                let after = match after {
                    [b'\r', b'\n', after @ ..] => after,
                    [] | [b'\r'] => return Err(Stop::More),
                    _ => return Err(bad("a string does not end where it says")),
                };
                *rest = after;
                Ok(Reply::Text(value.to_vec()))
            }
        },
        b'*' => match number(text)? {
            -1 => Ok(Reply::Nil),
            count => {
                // Every part takes three bytes at least.
                let count = usize::try_from(count).ok().filter(|count| *count <= LONGEST / 3);
                let count = count.ok_or_else(|| bad("an array is too long"))?;
                (0..count).map(|_| read(rest, depth)).collect::<Result<_, _>>().map(Reply::Array)
            }
        },
        _ => Err(bad("a reply begins with another sign")),
    }
}

fn line<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Stop> {
    let Some(end) = memchr::memchr(b'\n', rest) else {
        let too_long = rest.len() > LONGEST_LINE;
        return Err(if too_long { Stop::Bad(Malformed("a line is too long")) } else { Stop::More });
    };
    let (line, after) = rest.split_at_checked(end + 1).ok_or(Stop::More)?;
    *rest = after;
    line.strip_suffix(b"\r\n").ok_or(Stop::Bad(Malformed("a line does not end with CR LF")))
}

fn number(text: &[u8]) -> Result<i64, Stop> {
    let text = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    text.ok_or(Stop::Bad(Malformed("a number is none")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn replies_are_read_whole() {
        let all: &[(&[u8], Reply)] = &[
            (b"+OK\r\n", Reply::Text(b"OK".to_vec())),
            (b"-NOSCRIPT no\r\n", Reply::Error("NOSCRIPT no".to_owned())),
            (b":-7\r\n", Reply::Integer(-7)),
            (b"$-1\r\n", Reply::Nil),
            (b"$2\r\n\r\n\r\n", Reply::Text(b"\r\n".to_vec())),
            (
                b"*2\r\n:1\r\n*1\r\n$0\r\n\r\n",
                Reply::Array(vec![Reply::Integer(1), Reply::Array(vec![Reply::Text(Vec::new())])]),
            ),
        ];
        for (bytes, expected) in all {
            assert_eq!(reply(bytes).unwrap(), Some((expected.clone(), bytes.len())));
            for end in 0..bytes.len() {
                assert_eq!(reply(&bytes[..end]).unwrap(), None, "{end} of {bytes:?}");
            }
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bytes in
            [&b"HTTP/1.1 400\r\n"[..], b"$5\r\nabcdefg\r\n", b":x\r\n", b"$99999999\r\n", b"*-2\r\n", b"\r\n", b"+a\n"]
        {
            assert!(reply(bytes).is_err(), "{bytes:?}");
        }
        assert!(reply(&b"*1\r\n".repeat(5)).is_err());
        assert!(reply(&vec![b'+'; LONGEST_LINE + 2]).is_err());
    }

    #[test]
    fn commands_are_written_with_their_lengths() {
        let mut out = Vec::new();
        command(&mut out, &[b"GET", b"a b"]);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$3\r\na b\r\n");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = reply(&bytes);
        }

        #[test]
        fn a_command_is_read_back_as_an_array(words in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..50), 1..10,
        )) {
            let mut out = Vec::new();
            let borrowed: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            command(&mut out, &borrowed);
            let expected = Reply::Array(words.into_iter().map(Reply::Text).collect());
            prop_assert_eq!(reply(&out).unwrap(), Some((expected, out.len())));
        }
    }
}
