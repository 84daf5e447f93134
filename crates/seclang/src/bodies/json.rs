//! JSON as arguments: `{"a": [{"b": 1}]}` is `json.a.0.b` with the value `1`.

use super::Pairs;
use crate::transformations::Cursor;

/// Longest name that is built.
const LONGEST_NAME: usize = 4096;

/// A place within the document: the length of the name above it, and the index of the next element of an array.
struct Level {
    name: usize,
    index: Option<usize>,
}

/// Cuts a document into arguments; answers those that were read, and what is wrong when it could not be read to its end.
///
/// Wrong is what is no JSON (RFC 8259), nested deeper than `depth`, or has more than `most` values.
pub(crate) fn flatten(raw: &[u8], depth: u32, most: usize) -> (Pairs, Option<String>) {
    let mut reader = Reader { at: Cursor::new(raw), pairs: Pairs::new(), name: b"json".to_vec(), most };
    let problem = reader.document(depth).err();
    (reader.pairs, problem)
}

struct Reader<'a> {
    at: Cursor<'a>,
    pairs: Pairs,
    name: Vec<u8>,
    most: usize,
}

impl Reader<'_> {
    fn document(&mut self, depth: u32) -> Result<(), String> {
        let mut levels: Vec<Level> = Vec::new();
        self.space();
        loop {
            // A value is expected here.
            if self.open(&mut levels, depth)? {
                continue;
            }
            if !self.close(&mut levels)? {
                self.space();
                return if self.at.peek(0).is_none() { Ok(()) } else { Err(self.unexpected("the end")) };
            }
        }
    }

    fn space(&mut self) {
        while matches!(self.at.peek(0), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at.skip(1);
        }
    }

    fn unexpected(&self, expected: &str) -> String {
        match self.at.peek(0) {
            Some(byte) => format!("expected {expected}, got `{}`", byte.escape_ascii()),
            None => format!("expected {expected}, got the end"),
        }
    }

    /// Reads one value; answers whether it is a container whose first value comes next.
    fn open(&mut self, levels: &mut Vec<Level>, depth: u32) -> Result<bool, String> {
        let Some(first) = self.at.peek(0) else { return Err(self.unexpected("a value")) };
        if !matches!(first, b'{' | b'[') {
            let value = self.scalar()?;
            self.push(value)?;
            return Ok(false);
        }
        if levels.len() >= depth as usize {
            return Err(format!("expected at most {depth} levels"));
        }
        self.at.skip(1);
        self.space();
        let end = if first == b'{' { b'}' } else { b']' };
        if self.at.peek(0) == Some(end) {
            self.at.skip(1);
            return Ok(false);
        }
        levels.push(Level { name: self.name.len(), index: (first == b'[').then_some(0) });
        self.next_name(levels)?;
        Ok(true)
    }

    /// After a value: goes on in its container, or leaves it; answers whether a further value comes.
    fn close(&mut self, levels: &mut Vec<Level>) -> Result<bool, String> {
        loop {
            self.space();
            let Some(level) = levels.last_mut() else { return Ok(false) };
            self.name.truncate(level.name);
            let end = if level.index.is_some() { b']' } else { b'}' };
            match self.at.peek(0) {
                Some(b',') => {
                    self.at.skip(1);
                    self.space();
                    if let Some(index) = &mut level.index {
                        *index += 1;
                    }
                    self.next_name(levels)?;
                    return Ok(true);
                }
                Some(byte) if byte == end => {
                    self.at.skip(1);
                    levels.pop();
                }
                _ => return Err(self.unexpected("`,` or the end of a list")),
            }
        }
    }

    /// Appends the name of the next value.
    fn next_name(&mut self, levels: &[Level]) -> Result<(), String> {
        let Some(level) = levels.last() else { return Ok(()) };
        let part = match level.index {
            Some(index) => index.to_string().into_bytes(),
            None => {
                let key = self.string()?;
                self.space();
                if self.at.next() != Some(b':') {
                    return Err("expected `:` after a name".to_owned());
                }
                self.space();
                key
            }
        };
        if self.name.len() + part.len() < LONGEST_NAME {
            self.name.push(b'.');
            self.name.extend_from_slice(&part);
        }
        Ok(())
    }

    fn push(&mut self, value: Vec<u8>) -> Result<(), String> {
        if self.pairs.len() >= self.most {
            return Err(format!("expected at most {} values", self.most));
        }
        self.pairs.push((self.name.clone(), value));
        Ok(())
    }

    fn scalar(&mut self) -> Result<Vec<u8>, String> {
        match self.at.peek(0) {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => {
                let rest = self.at.rest();
                let length = rest
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'))
                    .count();
                let number = rest.get(..length).unwrap_or_default();
                let valid = std::str::from_utf8(number).is_ok_and(|text| text.parse::<serde_json::Number>().is_ok());
                if !valid {
                    return Err(self.unexpected("a number"));
                }
                self.at.skip(length);
                Ok(number.to_vec())
            }
            _ => {
                for (word, value) in [(&b"true"[..], &b"true"[..]), (b"false", b"false"), (b"null", b"")] {
                    if self.at.rest().starts_with(word) {
                        self.at.skip(word.len());
                        return Ok(value.to_vec());
                    }
                }
                Err(self.unexpected("a value"))
            }
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, String> {
        if self.at.next() != Some(b'"') {
            return Err("expected a string".to_owned());
        }
        let mut out = Vec::new();
        loop {
            let rest = self.at.rest();
            let plain = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
            out.extend_from_slice(rest.get(..plain).unwrap_or_default());
            self.at.skip(plain);
            match self.at.next() {
                Some(b'"') => return Ok(out),
                Some(b'\\') => self.escape(&mut out)?,
                Some(_) => return Err("expected no control character in a string".to_owned()),
                None => return Err("expected the end of a string".to_owned()),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let byte = match self.at.next() {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'u') => {
                let first = self.unit()?;
                let code = if (0xd800..0xdc00).contains(&first) && self.at.rest().starts_with(b"\\u") {
                    let mut ahead = self.at;
                    ahead.skip(2);
                    let second = match (ahead.hex_pair(0), ahead.hex_pair(2)) {
                        (Some(high), Some(low)) => u32::from(high) << 8 | u32::from(low),
                        _ => 0,
                    };
                    if (0xdc00..0xe000).contains(&second) {
                        self.at.skip(6);
                        0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    } else {
                        first
                    }
                } else {
                    first
                };
                let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err("expected an escape".to_owned()),
        };
        out.push(byte);
        Ok(())
    }

    fn unit(&mut self) -> Result<u32, String> {
        let (Some(high), Some(low)) = (self.at.hex_pair(0), self.at.hex_pair(2)) else {
            return Err("expected four hexadecimal digits".to_owned());
        };
        self.at.skip(4);
        Ok(u32::from(high) << 8 | u32::from(low))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(raw: &str) -> Vec<(String, String)> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        flatten(raw.as_bytes(), 10, 100).0.into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn every_value_has_its_place_as_a_name() {
        let pairs = shown(r#"{"a": [{"b": 1}, "x", []], "c": {"d": null}, "e\u00e9": true, "s": "\ud83d\ude00\n"}"#);
        let expected =
            [("json.a.0.b", "1"), ("json.a.1", "x"), ("json.c.d", ""), ("json.eé", "true"), ("json.s", "😀\n")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(shown("\"x\""), [("json".to_owned(), "x".to_owned())]);
    }

    #[test]
    fn what_is_no_json_or_too_much_is_an_error() {
        for raw in ["", "{", "[1,]", "{\"a\" 1}", "[1] x", "nul", "\"a", "[[[[[[[[[[[1]]]]]]]]]]]", "01", "{\"a\":1}}"]
        {
            assert!(flatten(raw.as_bytes(), 10, 100).1.is_some(), "{raw}");
        }
        let (pairs, problem) = flatten(b"[1,2,3]", 10, 2);
        assert!(pairs.len() == 2 && problem.is_some(), "what was read is not lost");
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(raw in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = flatten(&raw, 10, 10);
        }

        #[test]
        fn it_accepts_what_serde_accepts(raw in "[\\[\\]{}:,\"a0-9\\\\ nulltrue.-]{0,16}") {
            let ours = flatten(raw.as_bytes(), 100, 100).1.is_none();
            let theirs = serde_json::from_str::<serde_json::Value>(&raw).is_ok();
            prop_assert_eq!(ours, theirs, "{}", raw);
        }
    }
}
