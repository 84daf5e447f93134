//! Structured fields (RFC 9651), as far as signatures need them: dictionaries of items and inner lists, read strictly and
//! written again in the one form that they have.

/// Most members of a dictionary, or of an inner list.
const MOST: usize = 64;

/// A value without parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bare {
    /// A whole number.
    Integer(i64),
    /// A text in quotes, without them.
    Text(String),
    /// A bare word.
    Token(String),
    /// Bytes, in their base64 form.
    Bytes(String),
    /// True or false.
    Boolean(bool),
}

/// Parameters in order; a name that came twice has its last value at its first place (RFC 9651 4.2.3.2).
pub(super) type Parameters = Vec<(String, Bare)>;

/// A member of a dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Member {
    /// One value.
    Item(Bare, Parameters),
    /// A list of values.
    Inner(Vec<(Bare, Parameters)>, Parameters),
}

/// The parameter called `name`.
pub(super) fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a Bare> {
    parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Reads a dictionary (RFC 9651 4.2.2). `None` when it is none.
pub(super) fn dictionary(text: &str) -> Option<Vec<(String, Member)>> {
    let mut reader = Reader { rest: text.trim_matches(' ') };
    let mut members: Vec<(String, Member)> = Vec::new();
    while !reader.rest.is_empty() {
        let name = reader.key()?;
        let member =
            if reader.take('=') { reader.member()? } else { Member::Item(Bare::Boolean(true), reader.parameters()?) };
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = member,
            None => members.push((name, member)),
        }
        if members.len() > MOST {
            return None;
        }
        reader.blanks();
        if reader.rest.is_empty() {
            return Some(members);
        }
        if !reader.take(',') {
            return None;
        }
        reader.blanks();
        // A comma with nothing behind it is a fault.
        if reader.rest.is_empty() {
            return None;
        }
    }
    Some(members)
}

/// Writes a member (RFC 9651 4.1).
pub(super) fn written(member: &Member) -> String {
    let mut out = String::new();
    match member {
        Member::Item(value, parameters) => write_item(&mut out, value, parameters),
        Member::Inner(items, parameters) => {
            out.push('(');
            for (place, (value, parameters)) in items.iter().enumerate() {
                if place > 0 {
                    out.push(' ');
                }
                write_item(&mut out, value, parameters);
            }
            out.push(')');
            write_parameters(&mut out, parameters);
        }
    }
    out
}

/// Writes one value with its parameters.
pub(super) fn write_item(out: &mut String, value: &Bare, parameters: &Parameters) {
    write_bare(out, value);
    write_parameters(out, parameters);
}

fn write_parameters(out: &mut String, parameters: &Parameters) {
    for (name, value) in parameters {
        out.push(';');
        out.push_str(name);
        if *value != Bare::Boolean(true) {
            out.push('=');
            write_bare(out, value);
        }
    }
}

fn write_bare(out: &mut String, value: &Bare) {
    match value {
        Bare::Integer(number) => out.push_str(&number.to_string()),
        Bare::Token(word) => out.push_str(word),
        Bare::Boolean(truth) => out.push_str(if *truth { "?1" } else { "?0" }),
        Bare::Bytes(coded) => {
            out.push(':');
            out.push_str(coded);
            out.push(':');
        }
        Bare::Text(text) => {
            out.push('"');
            for letter in text.chars() {
                if matches!(letter, '"' | '\\') {
                    out.push('\\');
                }
                out.push(letter);
            }
            out.push('"');
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn take(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes letters for as long as they fit.
    fn run(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|letter| !fits(letter)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest;
        run
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn key(&mut self) -> Option<String> {
        let starts = self.rest.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '*');
        let key = self.run(|letter| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '_' | '-' | '.' | '*')
        });
        (starts && !key.is_empty()).then(|| key.to_owned())
    }

    fn member(&mut self) -> Option<Member> {
        if !self.take('(') {
            return Some(Member::Item(self.bare()?, self.parameters()?));
        }
        let mut items = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches(' ');
            if self.take(')') {
                return Some(Member::Inner(items, self.parameters()?));
            }
            items.push((self.bare()?, self.parameters()?));
            if items.len() > MOST || !(self.rest.starts_with([' ', ')'])) {
                return None;
            }
        }
    }

    fn parameters(&mut self) -> Option<Parameters> {
        let mut parameters = Parameters::new();
        while self.take(';') {
            self.rest = self.rest.trim_start_matches(' ');
            let name = self.key()?;
            let value = if self.take('=') { self.bare()? } else { Bare::Boolean(true) };
            match parameters.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => parameters.push((name, value)),
            }
            if parameters.len() > MOST {
                return None;
            }
        }
        Some(parameters)
    }

    fn bare(&mut self) -> Option<Bare> {
        match self.rest.chars().next()? {
            '"' => self.text(),
            ':' => {
                self.take(':');
                let coded = self.run(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/' | '='));
                self.take(':').then(|| Bare::Bytes(coded.to_owned()))
            }
            '?' => {
                self.take('?');
                if self.take('1') { Some(Bare::Boolean(true)) } else { self.take('0').then_some(Bare::Boolean(false)) }
            }
            first if first.is_ascii_digit() || first == '-' => {
                let minus = self.take('-');
                let digits = self.run(|letter| letter.is_ascii_digit());
                // Decimals have no use here and two ways to be written.
                if !(1..=15).contains(&digits.len()) || self.rest.starts_with('.') {
                    return None;
                }
                let number: i64 = digits.parse().ok()?;
                Some(Bare::Integer(if minus { -number } else { number }))
            }
            first if first.is_ascii_alphabetic() || first == '*' => {
                let word = self.run(|letter| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(letter));
                Some(Bare::Token(word.to_owned()))
            }
            _ => None,
        }
    }

    fn text(&mut self) -> Option<Bare> {
        self.take('"');
        let mut text = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((place, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = self.rest.get(place + 1..)?;
                    return Some(Bare::Text(text));
                }
                '\\' => text.push(letters.next().map(|(_, next)| next).filter(|next| matches!(next, '"' | '\\'))?),
                ' '..='~' => text.push(letter),
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn again(text: &str) -> Option<String> {
        let members = dictionary(text)?;
        let parts: Vec<String> = members.iter().map(|(name, member)| format!("{name}={}", written(member))).collect();
        Some(parts.join(", "))
    }

    #[test]
    fn what_is_read_is_written_in_its_one_form() {
        for (text, expected) in [
            ("a=1", "a=1"),
            (
                "sig1=( \"@method\"   \"x\";bs );created=1618884473;keyid=\"k\"",
                "sig1=(\"@method\" \"x\";bs);created=1618884473;keyid=\"k\"",
            ),
            ("a=:aGk=:,\tb=?0", "a=:aGk=:, b=?0"),
            ("a=1, a=2", "a=2"),
            ("a=\"q\\\"b\\\\\"", "a=\"q\\\"b\\\\\""),
            ("a;x;y=tok/en", "a=?1;x;y=tok/en"),
            ("a=()", "a=()"),
            ("a=-7;b=?1", "a=-7;b"),
        ] {
            assert_eq!(again(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for text in [
            "A=1",
            "a=",
            "a=1,",
            "a=1 b",
            "a=(",
            "a=(\"x\"\"y\")",
            "a=\"\u{e9}\"",
            "a=\"x",
            "a=1.5",
            "a=\"\\x\"",
            "a=:x",
            "=1",
            "a=?2",
            "a=1234567890123456",
        ] {
            assert_eq!(dictionary(text), None, "{text}");
        }
        assert_eq!(dictionary(&"a".repeat(3)).map(|members| members.len()), Some(1));
        let many: Vec<String> = (0..=MOST).map(|number| format!("a{number}=1")).collect();
        assert_eq!(dictionary(&many.join(",")), None);
    }

    proptest! {
        #[test]
        fn reading_what_was_written_changes_nothing(text in "[a-c=()\";:?01 ,xyz\\\\*-]{0,60}") {
            if let Some(once) = again(&text) {
                prop_assert_eq!(again(&once), Some(once.clone()));
            }
        }
    }
}
