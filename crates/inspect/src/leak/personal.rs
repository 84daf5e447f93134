//! Personal data in bulk: how many different card numbers, social security numbers, bank accounts and addresses an answer
//! holds. One is ordinary; a hundred is a table that got out.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::mask::numbers::{card, iban};

/// Numbers from which an answer is told, and how sure that makes us that it should not leave.
const LEVELS: [(usize, f32); 4] = [(10, 0.86), (10, 0.82), (25, 0.7), (200, 0.6)];
const NAMES: [&str; 4] = ["card numbers", "social security numbers", "bank accounts", "mail addresses"];
/// Bytes of a mail address that are looked at on each side of its `@`.
const SIDE: usize = 64;

/// What was counted so far; values are kept as hashes, and no more of them than the level needs.
#[derive(Debug, Default)]
pub(super) struct Personal {
    seen: [BTreeSet<u64>; 4],
    told: [bool; 4],
}

impl Personal {
    /// Counts what `text` holds; each kind is told once, when it reaches its level.
    pub(super) fn count(&mut self, text: &[u8]) -> Vec<(f32, String)> {
        self.numbers(text);
        self.addresses(text);
        let mut out = Vec::new();
        for (((seen, told), (level, confidence)), name) in self.seen.iter().zip(&mut self.told).zip(LEVELS).zip(NAMES) {
            if seen.len() >= level && !*told {
                *told = true;
                out.push((confidence, format!("{level} or more {name} in one answer")));
            }
        }
        out
    }

    fn add(&mut self, kind: usize, value: &[u8]) {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        let hash = hasher.finish();
        if let (Some(seen), Some((level, _))) = (self.seen.get_mut(kind), LEVELS.get(kind))
            && seen.len() < *level
        {
            seen.insert(hash);
        }
    }

    /// Card, social security and bank account numbers, at the beginnings of words.
    fn numbers(&mut self, text: &[u8]) {
        let mut at = 0;
        let mut inside = false;
        while let Some(byte) = text.get(at) {
            let word = byte.is_ascii_alphanumeric();
            let begins = word && !inside;
            inside = word;
            if begins {
                let rest = text.get(at..text.len().min(at + 48)).unwrap_or_default();
                let found = match byte {
                    b'0'..=b'9' => card(rest)
                        .filter(|end| !rest.get(*end).is_some_and(u8::is_ascii_alphanumeric))
                        .map(|end| (0, end))
                        .or_else(|| social_security(rest).map(|end| (1, end))),
                    b'A'..=b'Z' => iban(rest).map(|end| (2, end)),
                    _ => None,
                };
                if let Some((kind, end)) = found {
                    self.add(kind, rest.get(..end).unwrap_or_default());
                    at += end;
                    continue;
                }
            }
            at += 1;
        }
    }

    fn addresses(&mut self, text: &[u8]) {
        for at in memchr::memchr_iter(b'@', text) {
            let name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
            let before = text.get(at.saturating_sub(SIDE)..at).unwrap_or_default();
            let before = before.len() - before.iter().rev().take_while(|byte| name(byte)).count();
            let start = at.saturating_sub(SIDE) + before;
            let host = text.get(at + 1..text.len().min(at + SIDE)).unwrap_or_default();
            let end = host.iter().take_while(|byte| name(byte)).count();
            if start < at && host.get(..end).is_some_and(|host| host.contains(&b'.')) {
                self.add(3, text.get(start..at + 1 + end).unwrap_or_default());
            }
        }
    }
}

/// The length of a number of the United States' social security, as it is written: 123-45-6789. Numbers that are never
/// given out do not count (SSA, POMS RM 10201.035).
fn social_security(text: &[u8]) -> Option<usize> {
    let digits = |from: usize, to: usize| {
        let part = text.get(from..to)?;
        part.iter()
            .all(u8::is_ascii_digit)
            .then(|| part.iter().fold(0_u32, |sum, byte| sum * 10 + u32::from(byte - b'0')))
    };
    let (area, group, serial) = (digits(0, 3)?, digits(4, 6)?, digits(7, 11)?);
    let dashes = text.get(3) == Some(&b'-') && text.get(6) == Some(&b'-');
    let ends = !text.get(11).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    (dashes && ends && !matches!(area, 0 | 666 | 900..) && group > 0 && serial > 0).then_some(11)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Card numbers with good check digits.
    fn cards(count: u32) -> String {
        let number = |index: u32| {
            let digits: Vec<u32> = format!("411111{index:09}").chars().filter_map(|digit| digit.to_digit(10)).collect();
            let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
            let sum: u32 = digits
                .iter()
                .rev()
                .enumerate()
                .map(|(at, digit)| if at % 2 == 0 { doubled(*digit) } else { *digit })
                .sum();
            format!("411111{index:09}{}", (10 - sum % 10) % 10)
        };
        (0..count).map(|index| format!("{{\"pan\":\"{}\"}},", number(index))).collect()
    }

    #[test]
    fn many_numbers_are_told_and_a_few_are_not() {
        let told = |text: &str| Personal::default().count(text.as_bytes()).len();
        assert_eq!(told(&cards(9)), 0);
        assert_eq!(told(&cards(10)), 1);
        assert_eq!(told(&cards(1).repeat(50)), 0, "the same again is no other");
        let numbers = |count: u32| (1..=count).map(|index| format!("\"123-45-{index:04}\",")).collect::<String>();
        assert_eq!(told(&numbers(9)), 0);
        assert_eq!(told(&numbers(10)), 1);
        let people = |count: u32| (0..count).map(|index| format!("user{index}@example.com ")).collect::<String>();
        assert_eq!(told(&people(150)), 0);
        assert_eq!(told(&people(200)), 1);
        assert_eq!(told(&"2024-01-15 123-456-7890 1234567890123456 a@b ".repeat(500)), 0);
    }
}
