//! Detectors: each looks at one decoded value and says how sure it is that it is an attack.
//!
//! A cheap pass over bytes ([`Classes`]) and one over words ([`Tokens`]) decide which detectors run at all.

mod classes;
mod code_injection;
mod command_injection;
mod commands;
pub(crate) mod context;
mod deserialization;
mod filter;
pub(crate) mod graphql_abuse;
mod header_injection;
mod jndi;
mod jwt;
mod ldap_injection;
pub(crate) mod mass_assignment;
pub(crate) mod nosql_injection;
mod path_traversal;
mod prototype_pollution;
mod scanner;
mod sql_injection;
mod sql_text;
mod ssrf;
mod template_injection;
mod tokens;
pub(crate) mod upload;
mod words;
mod words_of_code;
mod xpath_injection;
mod xss;
mod xxe;

use std::ops::Range;

pub(crate) use classes::Classes;
pub(crate) use tokens::Tokens;

use crate::catalogue::DetectorInfo;

/// What part of a request a value comes from, as far as it matters to a detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A path segment.
    Path,
    /// The value of a query pair, or a form field.
    Parameter,
    /// The name of a pair, key or field.
    Name,
    /// A header that clients write freely.
    Header,
    /// `User-Agent`.
    Agent,
    /// A header with a grammar of its own, such as `Accept`.
    Structured,
    /// A cookie.
    Cookie,
    /// A string in a JSON body.
    Json,
    /// The name of an uploaded file.
    FileName,
    /// The text of an uploaded file: content, not a parameter.
    File,
    /// A text body.
    Text,
}

/// One value to look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) classes: Classes,
    pub(crate) tokens: Tokens,
    pub(crate) kind: Kind,
    /// Name of the place, for detectors that weigh what a field is for.
    pub(crate) place: &'a str,
}

/// What a detector saw.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hit {
    /// 0.0 to 1.0.
    pub(crate) confidence: f32,
    /// The decisive part of the value.
    pub(crate) range: Range<usize>,
    /// Why, in a few words.
    pub(crate) note: &'static str,
}

impl Hit {
    /// A hit on a match of a pattern.
    fn at(found: &regex::bytes::Match<'_>, confidence: f32, note: &'static str) -> Self {
        Self { confidence, range: found.range(), note }
    }

    /// The surer of two.
    fn better(first: Option<Self>, second: Option<Self>) -> Option<Self> {
        match (first, second) {
            (Some(first), Some(second)) => Some(if second.confidence > first.confidence { second } else { first }),
            (first, second) => first.or(second),
        }
    }
}

/// A detector: whether it wants to see a value, and what it sees in it.
#[derive(Debug)]
pub(crate) struct Detector {
    pub(crate) info: &'static DetectorInfo,
    /// Cheap: only classes, tokens and kind may be asked.
    pub(crate) wants: fn(&Subject<'_>) -> bool,
    pub(crate) look: fn(&Subject<'_>) -> Option<Hit>,
}

/// All detectors.
pub(crate) static DETECTORS: &[Detector] = &[
    sql_injection::DETECTOR,
    xss::DETECTOR,
    path_traversal::DETECTOR,
    command_injection::DETECTOR,
    jndi::DETECTOR,
    nosql_injection::DETECTOR,
    template_injection::DETECTOR,
    ssrf::DETECTOR,
    xxe::DETECTOR,
    header_injection::DETECTOR,
    code_injection::DETECTOR,
    deserialization::DETECTOR,
    ldap_injection::DETECTOR,
    xpath_injection::DETECTOR,
    prototype_pollution::DETECTOR,
    jwt::DETECTOR,
    upload::DETECTOR,
    mass_assignment::DETECTOR,
    graphql_abuse::DETECTOR,
    scanner::DETECTOR,
];

/// Bytes of one value that detectors look at; what follows is covered by looking at the tail of long values too.
pub(crate) const LOOKED_AT: usize = 16 * 1024;

#[cfg(test)]
pub(crate) mod examples {
    use super::*;

    /// The highest confidence that `detector` has in `text` as a value of `kind`.
    pub(crate) fn confidence(detector: &Detector, kind: Kind, text: &str) -> f32 {
        let bytes = text.as_bytes();
        let subject = Subject { bytes, classes: Classes::of(bytes), tokens: Tokens::of(bytes), kind, place: "query.q" };
        if (detector.wants)(&subject) { (detector.look)(&subject).map_or(0.0, |hit| hit.confidence) } else { 0.0 }
    }

    pub(crate) fn must_fire(detector: &Detector, kind: Kind, texts: &[&str]) {
        let missed: Vec<_> =
            texts.iter().map(|text| (confidence(detector, kind, text), text)).filter(|(sure, _)| *sure < 0.8).collect();
        assert!(missed.is_empty(), "{} must fire: {missed:#?}", detector.info.name);
    }

    pub(crate) fn must_not_fire(detector: &Detector, kind: Kind, texts: &[&str]) {
        let found: Vec<_> = texts
            .iter()
            .map(|text| (confidence(detector, kind, text), text))
            .filter(|(sure, _)| *sure >= 0.8)
            .collect();
        assert!(found.is_empty(), "{} must not fire: {found:#?}", detector.info.name);
    }

    #[test]
    fn every_example_of_the_catalogue_fires() {
        // These three look at whole objects, documents and files; their own tests hold their examples.
        let whole = ["mass_assignment", "graphql_abuse", "upload"];
        for detector in DETECTORS.iter().filter(|detector| !whole.contains(&detector.info.name)) {
            let kind = match detector.info.name {
                "scanner" => Kind::Agent,
                "nosql_injection" | "prototype_pollution" => Kind::Name,
                _ => Kind::Parameter,
            };
            must_fire(detector, kind, &[detector.info.example]);
        }
    }
}
