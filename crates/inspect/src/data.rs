//! Which personal or secret data a text holds: believed only where form and check digit agree.
//!
//! Masking takes out whatever may be secret; here the question is what a field holds, so that a look-alike costs more
//! than a miss.

use crate::mask::{Class, classes};

/// Every class there is.
pub const CLASSES: [&str; 8] = ["card", "email", "iban", "jwt", "key", "national_id", "phone", "ssn"];

/// Bytes of a text that are looked at.
const LOOKED_AT: usize = 4096;

/// The classes of data in a text, each once, in the order of the alphabet.
#[must_use]
pub fn classes_in(text: &str) -> Vec<&'static str> {
    let text = beginning(text, LOOKED_AT);
    let mut found = Vec::new();
    // Nothing that is looked for is shorter, or has neither digit nor mark.
    if text.len() < 6 || !text.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'@' | b'-' | b'_' | b'.')) {
        return found;
    }
    for (range, class) in classes(text) {
        let before = text.get(..range.start).and_then(|text| text.chars().next_back());
        let after = text.get(range.end..).unwrap_or_default();
        let Some(value) = text.get(range) else { continue };
        let name = match class {
            Class::Card if is_card(value) && !joined(before) && !goes_on(after) => "card",
            Class::Iban if is_iban(value) => "iban",
            Class::Email if value.rsplit('.').next().is_some_and(is_top_domain) => "email",
            Class::Jwt if is_jwt(value) => "jwt",
            Class::Key => "key",
            _ => continue,
        };
        found.push(name);
    }
    if text.contains("PRIVATE KEY-----") && text.contains("-----BEGIN ") {
        found.push("key");
    }
    if has_phone(text) {
        found.push("phone");
    }
    for word in text.split(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_'))) {
        let word = word.trim_matches(['.', '-']);
        if is_ssn(word) {
            found.push("ssn");
        } else if is_national_id(word) {
            found.push("national_id");
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The longest beginning of at most `most` bytes that ends between two characters.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn joined(before: Option<char>) -> bool {
    before.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '.'))
}

/// Whether what follows makes a number part of something longer; a full stop ends a sentence.
fn goes_on(after: &str) -> bool {
    let mut letters = after.chars();
    match letters.next() {
        Some('.') => letters.next().is_some_and(char::is_alphanumeric),
        Some(letter) => letter.is_alphanumeric() || letter == '_',
        None => false,
    }
}

fn digits(text: &str) -> Vec<u8> {
    text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect()
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |whole, digit| whole.wrapping_mul(10).wrapping_add(u64::from(*digit)))
}

/// Whether a number with a good check digit is one that a payment scheme gives out (ISO/IEC 7812-1).
fn is_card(text: &str) -> bool {
    let digits = digits(text);
    let Some(first) = digits.first() else { return false };
    let begin = |count: usize| number(digits.get(..count).unwrap_or_default());
    let lengths: &[usize] = match first {
        4 => &[13, 16, 19],
        5 if (51..=55).contains(&begin(2)) => &[16],
        2 if (2221..=2720).contains(&begin(4)) => &[16],
        3 if matches!(begin(2), 34 | 37) => &[15],
        3 if matches!(begin(2), 36 | 38 | 39) || (300..=305).contains(&begin(3)) => &[14],
        3 if (3528..=3589).contains(&begin(4)) => &[16],
        6 if begin(4) == 6011 || matches!(begin(2), 62 | 65) || (644..=649).contains(&begin(3)) => &[16, 17, 18, 19],
        _ => return false,
    };
    lengths.contains(&digits.len()) && digits.iter().any(|digit| digit != first)
}

/// Countries with the length of their IBANs (ISO 13616 registry).
const IBAN_LENGTHS: &[(usize, &str)] = &[
    (15, "NO"),
    (16, "BE"),
    (18, "DK FI NL"),
    (19, "SI"),
    (20, "AT EE LT LU"),
    (21, "CH HR LI LV"),
    (22, "BG DE GB IE"),
    (23, "AE IL"),
    (24, "CZ ES RO SA SE SK"),
    (25, "PT"),
    (26, "IS TR"),
    (27, "FR GR IT MC"),
    (28, "CY HU PL"),
    (29, "UA"),
    (31, "MT"),
];

fn is_iban(text: &str) -> bool {
    let length = text.bytes().filter(|byte| *byte != b' ').count();
    let country = text.get(..2).unwrap_or_default();
    IBAN_LENGTHS.iter().any(|(most, countries)| *most == length && countries.split(' ').any(|one| one == country))
}

fn is_top_domain(label: &str) -> bool {
    (2..=24).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_jwt(text: &str) -> bool {
    let mut parts = text.split('.');
    let (head, body, signature) = (parts.next(), parts.next(), parts.next());
    head.is_some_and(|part| part.len() >= 10)
        && body.is_some_and(|part| part.starts_with("eyJ"))
        && signature.is_some_and(|part| part.len() >= 16)
}

/// A number in international form (ITU-T E.164), with the usual marks between its digits.
fn has_phone(text: &str) -> bool {
    text.match_indices('+').any(|(at, _)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let rest = text.get(at + 1..).unwrap_or_default();
        if joined(before) || !matches!(rest.bytes().next(), Some(b'1'..=b'9')) {
            return false;
        }
        let (mut count, mut end, mut marks) = (0, 0, 0);
        for (place, byte) in rest.bytes().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    count += 1;
                    end = place + 1;
                    marks = 0;
                }
                b' ' | b'(' | b')' | b'.' | b'-' if marks < 2 => marks += 1,
                _ => break,
            }
        }
        (8..=15).contains(&count) && !goes_on(rest.get(end..).unwrap_or_default())
    })
}

/// A social security number of the United States as it is written; some ranges are never given out.
fn is_ssn(word: &str) -> bool {
    let mut parts = word.split('-');
    let (Some(area), Some(group), Some(serial), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let numbers = [area, group, serial].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    numbers
        && (area.len(), group.len(), serial.len()) == (3, 2, 4)
        && !matches!(area, "000" | "666")
        && !area.starts_with('9')
        && group != "00"
        && serial != "0000"
}

fn is_national_id(word: &str) -> bool {
    is_dni(word) || is_codice_fiscale(word) || is_nir(word) || is_cpf(word) || is_nino(word)
}

/// Spain's DNI and NIE: seven or eight digits and a letter that follows from them.
fn is_dni(word: &str) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let [body @ .., letter] = word.as_bytes() else { return false };
    let [first, rest @ ..] = body else { return false };
    let leading = match first {
        b'0'..=b'9' => first - b'0',
        b'X' | b'Y' | b'Z' => first - b'X',
        _ => return false,
    };
    if rest.len() != 7 || !rest.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let whole = rest.iter().fold(u64::from(leading), |whole, byte| whole * 10 + u64::from(byte - b'0'));
    usize::try_from(whole % 23).ok().and_then(|place| LETTERS.get(place)) == Some(letter)
}

/// Italy's codice fiscale: its last letter follows from the other fifteen.
fn is_codice_fiscale(word: &str) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let [body @ .., check] = word.as_bytes() else { return false };
    let form = b"AAAAAA00A00A000";
    let fits = body.len() == form.len()
        && body.iter().zip(form).all(
            |(byte, form)| {
                if *form == b'A' { byte.is_ascii_uppercase() } else { byte.is_ascii_digit() }
            },
        );
    if !fits {
        return false;
    }
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(place, byte)| {
            let value = if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' };
            // Places count from one, so the first is odd.
            if place % 2 == 0 { ODD.get(usize::from(value)).copied().unwrap_or_default() } else { u32::from(value) }
        })
        .sum();
    u32::from(*check) == u32::from(b'A') + sum % 26
}

/// France's NIR: thirteen digits and the key that makes them a multiple of 97.
fn is_nir(word: &str) -> bool {
    let digits = digits(word);
    if digits.len() != 15 || word.len() != 15 || !matches!(digits.first(), Some(1 | 2)) {
        return false;
    }
    let Some((body, key)) = digits.split_at_checked(13) else { return false };
    let month = number(body.get(3..5).unwrap_or_default());
    (1..=12).contains(&month) && number(key) == 97 - number(body) % 97
}

/// Brazil's CPF as it is written, with its two check digits.
fn is_cpf(word: &str) -> bool {
    let marks: Vec<(usize, u8)> = word.bytes().enumerate().filter(|(_, byte)| !byte.is_ascii_digit()).collect();
    if word.len() != 14 || marks != [(3, b'.'), (7, b'.'), (11, b'-')] {
        return false;
    }
    let digits = digits(word);
    let check = |count: usize| -> u64 {
        let weights = (2_u64..).take(count).collect::<Vec<_>>();
        let sum: u64 = digits.iter().zip(weights.iter().rev()).map(|(digit, weight)| u64::from(*digit) * weight).sum();
        let rest = sum * 10 % 11;
        if rest == 10 { 0 } else { rest }
    };
    let given = |place: usize| digits.get(place).copied().map(u64::from);
    given(9) == Some(check(9))
        && given(10) == Some(check(10))
        && digits.iter().any(|digit| Some(digit) != digits.first())
}

/// A national insurance number of the United Kingdom; it has no check digit, but few prefixes.
fn is_nino(word: &str) -> bool {
    let [first, second, middle @ .., last] = word.as_bytes() else { return false };
    let letter = |byte: &u8, not: &[u8]| byte.is_ascii_uppercase() && !not.contains(byte);
    letter(first, b"DFIQUV")
        && letter(second, b"DFIOQUV")
        && !matches!(
            (first, second),
            (b'B', b'G') | (b'G', b'B') | (b'K', b'N') | (b'N', b'K') | (b'T', b'N') | (b'Z', b'Z')
        )
        && middle.len() == 6
        && middle.iter().all(u8::is_ascii_digit)
        && (b'A'..=b'D').contains(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_there_is_found() {
        for (text, class) in [
            ("pay 4111 1111 1111 1111.", "card"),
            ("3530111333300000", "card"),
            ("to DE89 3704 0044 0532 0130 00 now", "iban"),
            ("alice.smith@example.co.uk", "email"),
            ("call +49 (30) 1234-5678!", "phone"),
            ("078-05-1120", "ssn"),
            ("12345678Z", "national_id"),
            ("X1234567L", "national_id"),
            ("RSSMRA85T10A562S", "national_id"),
            ("255081416802538", "national_id"),
            ("529.982.247-25", "national_id"),
            ("AB123456C", "national_id"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlMTIzNA", "jwt"),
            ("AKIAIOSFODNN7EXAMPLE", "key"),
            ("-----BEGIN RSA PRIVATE KEY-----", "key"),
        ] {
            assert_eq!(classes_in(text), [class], "{text}");
        }
        assert_eq!(classes_in("bob@example.com or +1 202 555 0143"), ["email", "phone"]);
    }

    #[test]
    fn what_looks_alike_is_not() {
        for text in [
            "4111 1111 1111 1112",
            "9111111111111111",
            "order 1700000000000",
            "DE89370400440532013001",
            "user@localhost",
            "a@1.23",
            "+123",
            "x+4930123456",
            "000-12-3456",
            "12345678A",
            "RSSMRA85T10A562T",
            "529.982.247-26",
            "0190b7a4-5c3f-7d55-9c1e-0f6a5b1c2d3e",
            "2026-11-30T12:00:00Z",
            "1.22.333",
            "",
        ] {
            assert!(classes_in(text).is_empty(), "{text}: {:?}", classes_in(text));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at(text in "\\PC{0,200}|[0-9A-Z+@. -]{0,200}") {
            let found = classes_in(&text);
            prop_assert!(found.windows(2).all(|two| matches!(two, [a, b] if a < b)));
            prop_assert!(found.iter().all(|class| CLASSES.contains(class)));
        }
    }
}
