//! Applies every transformation of SecLang to any bytes, and looks for injections: nothing is spared that would matter.

use stockade_seclang::fuzzing::{injections, transformations};

/// Applies every transformation of SecLang to any bytes, and looks for injections: nothing is spared that would matter.
pub fn run(data: &[u8]) {
    assert!(transformations(data));
    assert!(injections(data));
}
