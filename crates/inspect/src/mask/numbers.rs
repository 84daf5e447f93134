//! Card numbers and IBANs.

/// Luhn's check over ASCII digits; anything else is skipped (ISO/IEC 7812-1 annex B).
pub(super) fn luhn(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    let sum: u32 = digits
        .rev()
        .filter(u8::is_ascii_digit)
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte - b'0');
            if index % 2 == 0 {
                digit
            } else if digit > 4 {
                digit * 2 - 9
            } else {
                digit * 2
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The length of the card number at the beginning of `bytes`: 13 to 19 digits, also in groups, that pass Luhn's check.
pub(crate) fn card(bytes: &[u8]) -> Option<usize> {
    // Major industry identifiers 2 to 6 cover the payment schemes.
    if !matches!(bytes.first(), Some(b'2'..=b'6')) {
        return None;
    }
    let (mut digits, mut end) = (0_usize, 0_usize);
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                end = index + 1;
            }
            b' ' | b'-' if end == index => {}
            _ => break,
        }
        if digits > 19 {
            return None;
        }
    }
    let number = bytes.get(..end)?;
    ((13..=19).contains(&digits) && luhn(number.iter().copied())).then_some(end)
}

/// The length of the IBAN at the beginning of `bytes`, also in groups of four (ISO 13616).
pub(crate) fn iban(bytes: &[u8]) -> Option<usize> {
    let [a, b, c, d, ..] = bytes else { return None };
    if !(a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit()) {
        return None;
    }
    let mut best = None;
    let (mut count, mut group_end) = (0_usize, 0_usize);
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' => {
                count += 1;
                group_end = index + 1;
            }
            b' ' if group_end == index && count % 4 == 0 => {}
            _ => break,
        }
        if count > 34 {
            break;
        }
        let ends = !bytes.get(index + 1).is_some_and(u8::is_ascii_alphanumeric);
        if (15..=34).contains(&count) && group_end == index + 1 && ends && mod97(bytes.get(..=index)?) {
            best = Some(group_end);
        }
    }
    best
}

fn mod97(iban: &[u8]) -> bool {
    let plain = || iban.iter().filter(|byte| **byte != b' ');
    plain().skip(4).chain(plain().take(4)).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte.wrapping_sub(b'A')) + 10) % 97,
    }) == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_need_a_good_check_digit() {
        assert_eq!(card(b"4111 1111 1111 1111 x"), Some(19));
        assert_eq!(card(b"378282246310005"), Some(15));
        assert_eq!(card(b"4111111111111112"), None);
        assert_eq!(card(b"1234567890123"), None);
        assert_eq!(card(b"41111111111111111111111111"), None);
    }

    #[test]
    fn ibans_need_a_good_remainder() {
        assert_eq!(iban(b"DE89370400440532013000"), Some(22));
        assert_eq!(iban(b"GB29 NWBK 6016 1331 9268 19, thanks"), Some(27));
        assert_eq!(iban(b"DE89370400440532013001"), None);
    }
}
