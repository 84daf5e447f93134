//! Applies every transformation of SecLang to any bytes: none is skipped that would change them.

use stockade_seclang::fuzzing::transformations;

/// Applies every transformation of SecLang to any bytes: none is skipped that would change them.
pub fn run(data: &[u8]) {
    assert!(transformations(data));
}
