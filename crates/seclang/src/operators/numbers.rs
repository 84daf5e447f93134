//! Comparisons of numbers.

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// `@eq`
    Equal,
    /// `@ge`
    AtLeast,
    /// `@gt`
    MoreThan,
    /// `@le`
    AtMost,
    /// `@lt`
    LessThan,
}

impl Comparison {
    /// Whether it holds.
    pub(super) const fn holds(self, value: i64, argument: i64) -> bool {
        match self {
            Self::Equal => value == argument,
            Self::AtLeast => value >= argument,
            Self::MoreThan => value > argument,
            Self::AtMost => value <= argument,
            Self::LessThan => value < argument,
        }
    }
}

/// The number that a text begins with, as C reads it; 0 when there is none.
pub(crate) fn integer(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let value = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -value } else { value }
}
