//! Patterns that macros stand in: built when what is filled in is known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::Operator;
use crate::compile::pattern::Pattern;

/// Longest pattern once filled in, bytes.
const LONGEST: usize = 4096;
/// Most patterns that are remembered; rule sets fill in settings, which are few.
const MOST_KNOWN: usize = 64;

/// What such a pattern became for each text that was filled in.
#[derive(Debug)]
pub(crate) struct Filled {
    global: bool,
    known: Mutex<HashMap<Vec<u8>, Option<Arc<Operator>>>>,
}

impl Filled {
    /// A pattern of `@rx`, or of `@rxGlobal`.
    pub(crate) fn new(global: bool) -> Self {
        Self { global, known: Mutex::default() }
    }

    /// The operator for a filled-in pattern; `None` when it is none, or too long.
    pub(crate) fn get(&self, source: &[u8]) -> Option<Arc<Operator>> {
        if source.len() > LONGEST {
            return None;
        }
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(found) = known.get(source) {
            return found.clone();
        }
        let built = self.build(source).map(Arc::new);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(source.to_vec(), built.clone());
        built
    }

    fn build(&self, source: &[u8]) -> Option<Operator> {
        let (pattern, _) = Pattern::small(std::str::from_utf8(source).ok()?).ok()?;
        Some(if self.global { Operator::PatternGlobal(pattern) } else { Operator::Pattern(pattern) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_what_was_filled_in() {
        let filled = Filled::new(false);
        let pattern = filled.get(b"^utf-8|latin1$").unwrap();
        assert!(pattern.matches(b"latin1", None, b"", None));
        assert!(!pattern.matches(b"ebcdic", None, b"", None));
        assert!(filled.get(b"(").is_none());
        assert!(filled.get(&[b'a'; LONGEST + 1]).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let filled = Filled::new(false);
        for number in 0..1000 {
            assert!(filled.get(format!("a{number}").as_bytes()).is_some());
        }
        assert!(filled.known.lock().unwrap().len() <= MOST_KNOWN);
    }

    #[test]
    fn a_pattern_too_large_to_build_matches_nothing() {
        let filled = Filled::new(false);
        let pattern = filled.get(b"(?:a{1000}){1000}").unwrap();
        assert!(!pattern.matches(b"aaa", None, b"", None));
    }
}
