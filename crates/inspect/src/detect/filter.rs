//! Filter expressions, which search parameters of ordinary APIs carry: `status = 'open' and price > 5`,
//! `(red or blue) and shirt -size:xl`.
//!
//! They look like a piece of SQL. What tells them from an injection is their form: a whole expression of fields that
//! are compared with values, without functions, comments, open quotes or comparisons of values with each other.

/// Bytes of an expression; longer ones are judged like any other value.
const LONGEST: usize = 1024;
/// Brackets inside brackets.
const DEPTH: usize = 8;

/// Words that are no fields.
const RESERVED: &[&[u8]] = &[
    b"and",
    b"or",
    b"not",
    b"xor",
    b"true",
    b"false",
    b"null",
    b"select",
    b"union",
    b"exists",
    b"case",
    b"having",
    b"like",
    b"between",
    b"is",
    b"user",
    b"database",
    b"version",
    b"in",
    b"where",
    b"from",
    b"into",
];
/// Functions of filters that answer yes or no (OData 4.01, 11.2.6.1.2).
const FUNCTIONS: &[&[u8]] = &[b"contains", b"startswith", b"endswith", b"substringof", b"matchespattern"];
/// Ways to write a comparison, longer ones before their beginnings.
const COMPARISONS: &[&[u8]] = &[b"==", b"!=", b"<>", b"<=", b">=", b"!~", b"=", b"<", b">", b"~"];

/// Whether `text`, in lower case and with single spaces, is a filter expression and nothing else.
pub(super) fn is_filter(text: &[u8]) -> bool {
    if text.len() > LONGEST || text.windows(2).any(|pair| pair == b"--" || pair == b"/*") {
        return false;
    }
    let mut filter = Filter { rest: text, terms: 0, compared: false, bare_first: false };
    filter.expression(0) && filter.order() && filter.rest.is_empty() && !(filter.compared && filter.bare_first)
}

struct Filter<'a> {
    rest: &'a [u8],
    terms: usize,
    /// Whether a field is compared as SQL would.
    compared: bool,
    /// Whether the expression begins with a word alone, which as a column may close what stands before the value.
    bare_first: bool,
}

impl<'a> Filter<'a> {
    fn expression(&mut self, depth: usize) -> bool {
        if !self.term(depth) {
            return false;
        }
        loop {
            let before = self.rest;
            let joined = self.word_is(b"and") || self.word_is(b"or") || self.mark(b"&&") || self.mark(b"||");
            let negated = self.word_is(b"not");
            self.space();
            let ends = matches!(self.rest.first(), None | Some(b')')) || self.rest.starts_with(b"order by ");
            if ends && !joined && !negated {
                return true;
            }
            if !self.term(depth) {
                self.rest = before;
                return false;
            }
        }
    }

    fn term(&mut self, depth: usize) -> bool {
        if depth < DEPTH && self.mark(b"(") {
            return self.expression(depth + 1) && self.mark(b")");
        }
        let _ = self.mark(b"-") || self.mark(b"+");
        let Some(field) = self.field() else { return false };
        if FUNCTIONS.contains(&field) && self.rest.first() == Some(&b'(') {
            return self.list() && self.rest.first() != Some(&b'(');
        }
        self.terms += 1;
        if self.mark(b":") {
            return self.value().is_some();
        }
        if self.word_is(b"in") {
            self.compared = true;
            return self.list();
        }
        if COMPARISONS.iter().any(|sign| self.mark(sign)) {
            self.compared = true;
            // A field compared with itself is always true.
            return self.value().is_some_and(|value| value != field && !RESERVED.contains(&value));
        }
        self.bare_first |= self.terms == 1;
        true
    }

    fn list(&mut self) -> bool {
        if !self.mark(b"(") {
            return false;
        }
        loop {
            if self.value().is_none() {
                return false;
            }
            if self.mark(b")") {
                return true;
            }
            if !self.mark(b",") {
                return false;
            }
        }
    }

    fn order(&mut self) -> bool {
        !self.mark(b"order by ")
            || self.field().is_some() && (self.word_is(b"asc") || self.word_is(b"desc") || self.rest.is_empty())
    }

    fn field(&mut self) -> Option<&'a [u8]> {
        let word = self.word()?;
        (!word.first()?.is_ascii_digit() && !RESERVED.contains(&word)).then_some(word)
    }

    fn value(&mut self) -> Option<&'a [u8]> {
        self.space();
        let quote = *self.rest.first()?;
        if quote != b'\'' && quote != b'"' {
            return self.word();
        }
        let end = self.rest.iter().skip(1).position(|byte| *byte == quote || *byte == b'\\')? + 1;
        let (value, rest) = self.rest.split_at_checked(end + 1)?;
        self.rest = rest;
        (value.last() == Some(&quote)).then_some(value)
    }

    fn word(&mut self) -> Option<&'a [u8]> {
        self.space();
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-') || *byte >= 0x80;
        let end = self.rest.iter().position(|byte| !part(byte)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (end > 0).then_some(word)
    }

    fn word_is(&mut self, wanted: &[u8]) -> bool {
        let before = self.rest;
        let is = self.word() == Some(wanted);
        if !is {
            self.rest = before;
        }
        is
    }

    fn mark(&mut self, wanted: &[u8]) -> bool {
        self.space();
        let after = self.rest.strip_prefix(wanted);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_known() {
        for text in [
            "status = 'open' and price > 5",
            "price > 10 && (type == 'a' || type == 'b')",
            "project = \"a\" and labels in (x, y) order by rank",
            "project = web and status in (\"to do\", \"in progress\") order by created desc",
            "(red or blue) and shirt -size:xl",
            "name = 'x' and not city = berlin",
            "contains(name,'shoe') and startswith(sku,'a-')",
        ] {
            assert!(is_filter(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn injections_are_no_filters() {
        for text in [
            "1 or 1=1",
            "1=1",
            "x' or 'a'='a",
            "id or 1=1",
            "id or id > 0",
            "a = 1 or 1 = 1",
            "a = 1 or b = b",
            "a = 'x' or sleep(5)",
            "a = 'x' and (select 1)",
            "a = 'x' or true",
            "a = 1 or b = true",
            "a = 'x' -- ",
            "a = 'x' or 'b' = 'b'",
            "a in (select 1)",
            "a = 1; drop table b",
            "a = 1 order by 3",
            "a = 'x\\' or b = '",
            "",
        ] {
            assert!(!is_filter(text.as_bytes()), "{text}");
        }
    }
}
