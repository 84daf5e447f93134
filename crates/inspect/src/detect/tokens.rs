//! The words that make a detector look closer, all searched for in one pass.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{words, words_of_code};

/// The groups of words that occur in a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tokens(u32);

impl Tokens {
    pub(crate) const SQL: Self = Self(1);
    pub(crate) const SCRIPT: Self = Self(1 << 1);
    pub(crate) const PATH: Self = Self(1 << 2);
    pub(crate) const SHELL: Self = Self(1 << 3);
    pub(crate) const LOOKUP: Self = Self(1 << 4);
    pub(crate) const TEMPLATE: Self = Self(1 << 5);
    pub(crate) const INNER: Self = Self(1 << 6);
    pub(crate) const ENTITY: Self = Self(1 << 7);
    pub(crate) const SCANNER: Self = Self(1 << 8);
    /// Words that are SQL only next to marks that plain texts lack.
    pub(crate) const SQL_WEAK: Self = Self(1 << 9);
    /// What an event handler's name begins with.
    pub(crate) const HANDLER: Self = Self(1 << 10);
    pub(crate) const XPATH: Self = Self(1 << 11);
    pub(crate) const SERIAL: Self = Self(1 << 12);
    pub(crate) const CODE: Self = Self(1 << 13);
    pub(crate) const PROTOTYPE: Self = Self(1 << 14);
    /// Names under which scanners wait for a call from their target.
    pub(crate) const CALLBACK: Self = Self(1 << 15);
    /// Paths that scanners try everywhere.
    pub(crate) const PROBE: Self = Self(1 << 16);

    pub(crate) const fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    pub(crate) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// The groups of which `bytes` holds a word, whatever its case.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let Some(words) = WORDS.as_ref() else { return Self(u32::MAX) };
        let mut seen = 0;
        for found in words.find_overlapping_iter(bytes) {
            seen |= OWNERS.get(found.pattern().as_usize()).copied().unwrap_or(0);
        }
        Self(seen)
    }
}

/// All words with their groups.
fn words() -> impl Iterator<Item = (u32, &'static str)> {
    let groups = words::GROUPS.iter().chain(words_of_code::GROUPS);
    groups.flat_map(|(group, words)| words.iter().map(|word| (group.0, *word)))
}

static OWNERS: LazyLock<Vec<u32>> = LazyLock::new(|| words().map(|(group, _)| group).collect());

static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(words().map(|(_, word)| word))
        .ok()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_their_case() {
        assert!(Tokens::of(b"1 UnIoN SeLeCt 2").any(Tokens::SQL));
        assert!(Tokens::of(b"x ${jndi").any(Tokens::LOOKUP));
        assert!(!Tokens::of(b"a plain sentence").any(Tokens::LOOKUP));
    }
}
