//! Many phrases at once, without regard to case.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// A list of phrases; the search is built when it is first needed.
#[derive(Debug)]
pub(crate) struct Phrases {
    phrases: Vec<Vec<u8>>,
    automaton: OnceLock<Option<AhoCorasick>>,
}

impl Phrases {
    /// A list of phrases.
    pub(crate) fn new(phrases: Vec<Vec<u8>>) -> Self {
        Self { phrases, automaton: OnceLock::new() }
    }

    /// The first phrase that stands in a value, as it stands there.
    pub(super) fn find<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        let automaton = self.automaton.get_or_init(|| {
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .build(&self.phrases)
                .ok()
        });
        let found = automaton.as_ref()?.find(value)?;
        value.get(found.start()..found.end())
    }
}
