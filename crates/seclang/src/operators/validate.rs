//! Encodings.

use crate::transformations::hex_digit;

/// Whether some `%` is not followed by two hexadecimal digits.
pub(super) fn has_broken_escape(value: &[u8]) -> bool {
    memchr::memchr_iter(b'%', value)
        .any(|at| !(1..=2).all(|ahead| value.get(at + ahead).is_some_and(|byte| hex_digit(*byte).is_some())))
}
