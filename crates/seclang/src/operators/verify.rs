//! Numbers with check digits.

use super::{Captured, slice};
use crate::compile::pattern::Pattern;

/// Whose check digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// `@verifyCC`: payment cards (ISO/IEC 7812-1)
    Card,
    /// `@verifySSN`: social security numbers of the United States
    Ssn,
    /// `@verifyCPF`: Brazil
    Cpf,
    /// `@verifySVNR`: Austria
    Svnr,
}

/// Most places in one value that are checked.
const MOST_PLACES: usize = 1000;

/// Whether some match of the pattern has the right digits.
pub(super) fn find(checksum: Checksum, pattern: &Pattern, value: &[u8], captured: Option<&mut Captured>) -> bool {
    let mut from = 0;
    for _ in 0..MOST_PLACES {
        let Some(spans) = pattern.captures(value, from) else { return false };
        let Some((start, end)) = spans.first().copied().flatten() else { return false };
        let found = slice(value, Some((start, end)));
        let digits: Vec<u32> =
            found.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0')).collect();
        if checksum.is_right(&digits) {
            if let Some(captured) = captured {
                captured.push(found);
            }
            return true;
        }
        from = start + 1;
    }
    false
}

impl Checksum {
    fn is_right(self, digits: &[u32]) -> bool {
        match self {
            Self::Card => digits.len() >= 12 && luhn(digits),
            Self::Ssn => match digits {
                [a, b, c, d, e, f, g, h, i] => {
                    let area = a * 100 + b * 10 + c;
                    let group = d * 10 + e;
                    let serial = f * 1000 + g * 100 + h * 10 + i;
                    area != 0 && area != 666 && area < 740 && group != 0 && serial != 0
                }
                _ => false,
            },
            Self::Cpf => digits.len() == 11 && digits.windows(2).any(|two| two.first() != two.last()) && cpf(digits),
            Self::Svnr => match digits {
                [a, b, c, check, rest @ ..] if rest.len() == 6 => {
                    let weights = [5, 8, 4, 2, 1, 6];
                    let sum: u32 = a * 3 + b * 7 + c * 9 + rest.iter().zip(weights).map(|(x, y)| x * y).sum::<u32>();
                    sum % 11 == *check
                }
                _ => false,
            },
        }
    }
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn cpf(digits: &[u32]) -> bool {
    let check = |count: usize| {
        let sum: u32 = digits.iter().take(count).zip((2..=count as u32 + 1).rev()).map(|(x, y)| x * y).sum();
        let rest = sum * 10 % 11;
        Some(if rest == 10 { 0 } else { rest }) == digits.get(count).copied()
    };
    check(9) && check(10)
}
