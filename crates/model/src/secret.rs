//! A secret within the plan: it never shows by accident.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Text that must not be printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The 32 bytes that the text writes in hexadecimal.
    #[must_use]
    pub fn bytes(&self) -> Option<[u8; 32]> {
        let digits = self.0.as_bytes();
        let mut out = [0; 32];
        if digits.len() != 2 * out.len() || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        for (place, pair) in out.iter_mut().zip(digits.chunks(2)) {
            *place = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(out)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_and_gives_its_bytes() {
        let secret = Secret::new("00ff".repeat(16));
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.bytes().unwrap()[..2], [0, 255]);
        for text in ["", "00", &"0g".repeat(32), &"+1".repeat(32)] {
            assert_eq!(Secret::new(text).bytes(), None);
        }
    }
}
