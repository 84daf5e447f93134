//! From bytes to findings: decoders, detectors, scoring, masking and leak search. No I/O, no clock.

pub mod body;
pub mod inspector;
pub mod leak;
pub mod mask;

pub use body::{BodyError, BodyLimits, ParsedBody, Part};
pub use inspector::{Inspection, Inspector};
