//! From bytes to findings: decoders, detectors, scoring, masking and leak search. No I/O, no clock.

pub mod body;
pub mod catalogue;
pub mod data;
pub mod excerpt;
pub mod fuzzing;
pub mod inspector;
pub mod leak;
pub mod mask;
pub mod profile;
pub mod shape;
pub mod tokenise;

mod decode;
mod detect;

pub use body::{BodyError, BodyLimits, ParsedBody, Part, decoded};
pub use catalogue::{DetectorInfo, detectors, reasons};
pub use inspector::{Inspection, Inspector, Learned, Scope};

/// Compiles a pattern written in this crate: bytes, not Unicode, `.` does not match a line feed.
pub(crate) fn pattern(source: &str) -> regex::bytes::Regex {
    #[expect(clippy::expect_used, reason = "the patterns are constants, and the tests compile every one of them")]
    regex::bytes::RegexBuilder::new(source).unicode(false).build().expect("a constant pattern compiles")
}
