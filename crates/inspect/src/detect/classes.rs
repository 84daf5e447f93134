//! Which kinds of byte a value holds: one table look-up a byte, so that plain values cost next to nothing.

/// A set of byte kinds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Classes(u32);

impl Classes {
    pub(crate) const DIGIT: Self = Self(1);
    pub(crate) const LETTER: Self = Self(1 << 1);
    pub(crate) const SPACE: Self = Self(1 << 2);
    /// `_`, `-`, `.`, `,`, `:`, `@`, `~`, `?`, `!`
    pub(crate) const MILD: Self = Self(1 << 3);
    /// `'`, `"`, `` ` ``
    pub(crate) const QUOTE: Self = Self(1 << 4);
    /// `<`, `>`
    pub(crate) const ANGLE: Self = Self(1 << 5);
    /// `(`, `)`, `[`, `]`
    pub(crate) const PAREN: Self = Self(1 << 6);
    /// `{`, `}`
    pub(crate) const BRACE: Self = Self(1 << 7);
    pub(crate) const PERCENT: Self = Self(1 << 8);
    pub(crate) const BACKSLASH: Self = Self(1 << 9);
    pub(crate) const AMPERSAND: Self = Self(1 << 10);
    /// `;`, `|`, `#`, `*`, `^`
    pub(crate) const SHELL: Self = Self(1 << 11);
    pub(crate) const DOLLAR: Self = Self(1 << 12);
    pub(crate) const SLASH: Self = Self(1 << 13);
    pub(crate) const EQUALS: Self = Self(1 << 14);
    pub(crate) const PLUS: Self = Self(1 << 15);
    /// Line feed, carriage return.
    pub(crate) const LINE: Self = Self(1 << 16);
    /// Other controls.
    pub(crate) const CONTROL: Self = Self(1 << 17);
    /// Bytes from 0x80: UTF-8, or something that is not.
    pub(crate) const HIGH: Self = Self(1 << 18);

    /// What names, numbers, identifiers and short plain words are made of.
    const PLAIN: Self = Self(Self::DIGIT.0 | Self::LETTER.0 | Self::MILD.0);

    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(0, |seen, byte| seen | TABLE.get(usize::from(*byte)).copied().unwrap_or(0)))
    }

    pub(crate) const fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    pub(crate) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether the kind of that number is there.
    pub(crate) const fn has(self, bit: usize) -> bool {
        self.0 >> bit & 1 != 0
    }

    /// Whether there is nothing but letters, digits and mild marks: no attack fits into that.
    pub(crate) const fn is_plain(self) -> bool {
        self.0 & !Self::PLAIN.0 == 0
    }
}

static TABLE: [u32; 256] = table();

#[expect(clippy::indexing_slicing, reason = "runs at compile time: an index out of bounds does not compile")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let class = match byte as u8 {
            b'0'..=b'9' => Classes::DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' => Classes::LETTER,
            b' ' | b'\t' => Classes::SPACE,
            b'\'' | b'"' | b'`' => Classes::QUOTE,
            b'<' | b'>' => Classes::ANGLE,
            b'(' | b')' | b'[' | b']' => Classes::PAREN,
            b'{' | b'}' => Classes::BRACE,
            b'%' => Classes::PERCENT,
            b'\\' => Classes::BACKSLASH,
            b'&' => Classes::AMPERSAND,
            b';' | b'|' | b'#' | b'*' | b'^' => Classes::SHELL,
            b'$' => Classes::DOLLAR,
            b'/' => Classes::SLASH,
            b'=' => Classes::EQUALS,
            b'+' => Classes::PLUS,
            b'\n' | b'\r' => Classes::LINE,
            0..=0x1f | 0x7f => Classes::CONTROL,
            0x80..=0xff => Classes::HIGH,
            _ => Classes::MILD,
        };
        table[byte] = class.0;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_values_are_told_from_others() {
        for plain in ["", "42", "-1.5", "alice", "alice@example.com", "0190b7a4-5c3f-7d55", "2024-01-31T10:00:00Z"] {
            assert!(Classes::of(plain.as_bytes()).is_plain(), "{plain}");
        }
        for other in ["two words", "O'Brien", "a/b", "<", "a;b", "a\n", "é", "%41", "$x", "\0"] {
            assert!(!Classes::of(other.as_bytes()).is_plain(), "{other}");
        }
    }
}
