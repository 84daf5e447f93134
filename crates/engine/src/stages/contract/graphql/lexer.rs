//! Words of a GraphQL document (October 2021, 2.1), borrowed from its text.

/// One word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// One of `! $ & ( ) : = @ [ ] { | }`.
    Mark(char),
    /// `...`
    Spread,
    /// A name.
    Name(&'a str),
    /// A whole number as it is written.
    Int(&'a str),
    /// Any other number as it is written.
    Float(&'a str),
    /// A string as it is written, quotes included.
    Text(&'a str),
    /// The end of the document.
    End,
}

/// Cuts a document into words, as many as are allowed.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    left: u32,
}

impl<'a> Lexer<'a> {
    /// Begins; `most` words are read at most.
    pub(super) const fn new(text: &'a str, most: u32) -> Self {
        Self { text, at: 0, left: most }
    }

    /// The next word.
    ///
    /// # Errors
    /// Something that is no word, or too many words.
    pub(super) fn next(&mut self) -> Result<Token<'a>, String> {
        self.skip();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        self.left = self.left.checked_sub(1).ok_or("expected a shorter document")?;
        let (token, length) = match first {
            '!' | '$' | '&' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '|' | '}' => (Token::Mark(first), 1),
            '.' if rest.starts_with("...") => (Token::Spread, 3),
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = run(rest, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
                (Token::Name(head(rest, length)), length)
            }
            '-' | '0'..='9' => number(rest)?,
            '"' => {
                let length = string(rest).ok_or("expected the end of a string")?;
                (Token::Text(head(rest, length)), length)
            }
            _ => return Err("expected a word of GraphQL, got another character".to_owned()),
        };
        self.at += length;
        Ok(token)
    }

    /// Skips what means nothing: blanks, line ends, commas, comments, a byte order mark.
    fn skip(&mut self) {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let blank = run(rest, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b','));
            let skipped = if blank > 0 {
                blank
            } else if rest.starts_with('#') {
                run(rest, |byte| !matches!(byte, b'\r' | b'\n'))
            } else if rest.starts_with('\u{feff}') {
                '\u{feff}'.len_utf8()
            } else {
                return;
            };
            self.at += skipped;
        }
    }
}

fn run(text: &str, fits: impl Fn(u8) -> bool) -> usize {
    text.bytes().position(|byte| !fits(byte)).unwrap_or(text.len())
}

fn head(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or_default()
}

fn number(text: &str) -> Result<(Token<'_>, usize), String> {
    let length = run(text, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b'_'));
    let word = head(text, length);
    let digits = word.strip_prefix('-').unwrap_or(word);
    let whole = run(digits, |byte| byte.is_ascii_digit());
    if whole == 0 || (whole > 1 && digits.starts_with('0')) {
        return Err("expected a number".to_owned());
    }
    if whole == digits.len() {
        return Ok((Token::Int(word), length));
    }
    if word.parse::<f64>().is_err() || word.ends_with('.') {
        return Err("expected a number".to_owned());
    }
    Ok((Token::Float(word), length))
}

/// Length of a string, quotes included; `None` when it does not end.
fn string(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if text.starts_with("\"\"\"") {
        let mut at = 3;
        while at < bytes.len() {
            let rest = bytes.get(at..)?;
            if rest.starts_with(b"\\\"\"\"") {
                at += 4;
            } else if rest.starts_with(b"\"\"\"") {
                return Some(at + 3);
            } else {
                at += 1;
            }
        }
        return None;
    }
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            b'\r' | b'\n' => return None,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Vec<Token<'_>>, String> {
        let mut lexer = Lexer::new(text, 100);
        let mut found = Vec::new();
        loop {
            match lexer.next()? {
                Token::End => return Ok(found),
                token => found.push(token),
            }
        }
    }

    #[test]
    fn documents_are_cut_into_words() {
        use Token::{Float, Int, Mark, Name, Spread, Text};
        let text = "\u{feff}{ a(b: -1, c: 1.5e3) # no }\n ...F \"q\\\"}\" \"\"\"x \\\"\"\" \" y\"\"\" }";
        let expected = [
            Mark('{'),
            Name("a"),
            Mark('('),
            Name("b"),
            Mark(':'),
            Int("-1"),
            Name("c"),
            Mark(':'),
            Float("1.5e3"),
            Mark(')'),
            Spread,
            Name("F"),
            Text("\"q\\\"}\""),
            Text("\"\"\"x \\\"\"\" \" y\"\"\""),
            Mark('}'),
        ];
        assert_eq!(words(text).unwrap(), expected);
    }

    #[test]
    fn what_is_no_word_is_refused() {
        for text in ["\"a", "\"a\nb\"", "\"\"\"a\"\"", "01", "1.", "-", "1x", "é", "..", "%"] {
            assert!(words(text).is_err(), "{text}");
        }
        assert!(words(&"a ".repeat(101)).is_err());
    }
}
