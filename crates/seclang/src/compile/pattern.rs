//! Patterns: checked when rules are loaded, built when they are first needed, run in linear time or a bounded number of
//! steps.

use std::sync::OnceLock;

use regex_automata::Input;
use regex_automata::meta::{self, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::syntax;
use regex_syntax::hir::Hir;
use smallvec::SmallVec;

use super::literals::{self, Required};

/// Largest pattern once built, bytes.
const BUILT_BYTES: usize = 4 * 1024 * 1024;
/// Largest pattern that is built while a request waits, bytes.
const SMALL_BYTES: usize = 256 * 1024;
/// Memory in which one pattern remembers states, bytes, for each thread.
const STATES_BYTES: usize = 256 * 1024;
/// Steps of a pattern that cannot run in linear time.
const STEPS: usize = 20_000;

/// Where a match and its groups stand: start and end, the whole match first.
pub(crate) type Spans = SmallVec<[Option<(usize, usize)>; 10]>;

/// One pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    source: String,
    /// Largest size once built, bytes.
    most: usize,
    kind: Kind,
}

/// Built twice where it has groups: to search without remembering groups takes a fraction of time and memory, and most
/// patterns are never asked for groups.
#[derive(Debug)]
enum Kind {
    Linear { search: OnceLock<Option<Box<Regex>>>, groups: OnceLock<Option<Box<Regex>>>, grouped: bool },
    Bounded(Box<fancy_regex::Regex>),
}

/// Reads a pattern as it will be built: bytes, `.` matches line ends, as ModSecurity has it.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(source: &str) -> Result<Hir, String> {
    let parsed = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .nest_limit(250)
        .build()
        .parse(source);
    parsed.map_err(|error| {
        let text = error.to_string();
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("not understood").trim().to_owned()
    })
}

impl Pattern {
    /// Checks a pattern; also answers texts of which every match holds one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(source: &str) -> Result<(Self, Option<Required>), String> {
        Self::sized(source, BUILT_BYTES)
    }

    /// As [`Self::new`], for one that is built while a request waits.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn small(source: &str) -> Result<(Self, Option<Required>), String> {
        Self::sized(source, SMALL_BYTES)
    }

    fn sized(source: &str, most: usize) -> Result<(Self, Option<Required>), String> {
        let source = source.to_owned();
        match parse(&source) {
            Ok(hir) => {
                let required = literals::required(&hir);
                let grouped = hir.properties().explicit_captures_len() > 0;
                let kind = Kind::Linear { search: OnceLock::new(), groups: OnceLock::new(), grouped };
                Ok((Self { source, most, kind }, required))
            }
            // Look-around and back-references; anything else is wrong for this one too.
            Err(problem) => match bounded(&source, most) {
                Some(built) => Ok((Self { source, most, kind: Kind::Bounded(Box::new(built)) }, None)),
                None => Err(problem),
            },
        }
    }

    fn linear<'c>(&self, cell: &'c OnceLock<Option<Box<Regex>>>, captures: WhichCaptures) -> Option<&'c Regex> {
        let build = || {
            let config = meta::Config::new()
                .utf8_empty(false)
                .which_captures(captures)
                .nfa_size_limit(Some(self.most))
                .hybrid_cache_capacity(STATES_BYTES)
                .onepass(false);
            let syntax = syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true).nest_limit(250);
            Regex::builder().configure(config).syntax(syntax).build(&self.source).ok().map(Box::new)
        };
        cell.get_or_init(build).as_deref()
    }

    /// Whether it can be built at all; builds it.
    pub(crate) fn build(&self) -> bool {
        match &self.kind {
            Kind::Linear { search, .. } => self.linear(search, WhichCaptures::Implicit).is_some(),
            Kind::Bounded(_) => true,
        }
    }

    /// Whether it matches somewhere.
    pub(crate) fn is_match(&self, value: &[u8]) -> bool {
        match &self.kind {
            Kind::Linear { search, .. } => {
                self.linear(search, WhichCaptures::Implicit).is_some_and(|built| built.is_match(value))
            }
            // A value that takes too many steps counts as no match, as in ModSecurity.
            Kind::Bounded(built) => built.is_match(value).unwrap_or(false),
        }
    }

    /// The first match at or after `from`, with its groups.
    pub(crate) fn captures(&self, value: &[u8], from: usize) -> Option<Spans> {
        if from > value.len() {
            return None;
        }
        match &self.kind {
            Kind::Linear { search, groups, grouped } => {
                let input = Input::new(value).range(from..);
                if !grouped {
                    let found = self.linear(search, WhichCaptures::Implicit)?.find(input)?;
                    return Some(Spans::from_slice(&[Some((found.start(), found.end()))]));
                }
                let built = self.linear(groups, WhichCaptures::All)?;
                let mut captures = built.create_captures();
                built.captures(input, &mut captures);
                if !captures.is_match() {
                    return None;
                }
                Some(captures.iter().map(|span| span.map(|span| (span.start, span.end))).collect())
            }
            Kind::Bounded(built) => {
                let found = built.captures_from_pos(value, from).ok()??;
                Some((0..found.len()).map(|group| found.get(group).map(|span| (span.start(), span.end()))).collect())
            }
        }
    }
}

fn bounded(source: &str, most: usize) -> Option<fancy_regex::Regex> {
    fancy_regex::RegexBuilder::new(source)
        .dot_matches_new_line(true)
        .unicode_mode(false)
        .bytes_mode(fancy_regex::BytesMode::Ascii)
        .backtrack_limit(STEPS)
        .delegate_size_limit(most)
        .delegate_dfa_size_limit(STATES_BYTES)
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_need_steps_are_run_with_a_bound() {
        let (pattern, required) = Pattern::new(r"(a+)+b(?=c)").unwrap();
        assert!(required.is_none());
        assert!(pattern.is_match(b"aabc"));
        assert!(!pattern.is_match(b"aabd"));
        assert!(!pattern.is_match(&[b'a'; 5000]));
        assert!(Pattern::new("(a").is_err());
    }

    #[test]
    fn a_dot_matches_a_line_end_and_bytes_need_not_be_text() {
        let (pattern, _) = Pattern::new(r"a.b\xff").unwrap();
        assert_eq!(pattern.captures(b"xa\nb\xff", 0).unwrap().first(), Some(&Some((1, 5))));
    }
}
