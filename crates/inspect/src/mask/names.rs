//! Which names say that their value is secret or personal.

/// Names that are sensitive wherever they are part of a name, without `_` and `-`.
const PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "credential",
    "sessionid",
    "creditcard",
    "cardnumber",
    "securitycode",
    "signature",
    "setcookie",
    "bearer",
];
/// Names that are sensitive only as a whole.
const WHOLE: &[&str] = &[
    "pwd", "pass", "auth", "otp", "totp", "mfa", "ssn", "cvv", "cvc", "cvv2", "pin", "pan", "card", "code", "iban",
    "jwt", "sig", "sid", "cookie", "key", "session",
];

/// Whether the value of a field called `name` must not be written: passwords, tokens, keys, codes, card data.
///
/// Case, `_`, `-` and enclosing names (`user[password]`, `card.cvc`) do not matter.
#[must_use]
pub fn is_sensitive(name: &str) -> bool {
    if name.len() < 3 || name.len() > 128 {
        return false;
    }
    let last = name.trim_end_matches(']').rsplit(['[', '.', '/']).next().unwrap_or(name);
    in_text(name) || WHOLE.iter().any(|word| same(last, word))
}

/// The stricter question for free text, where `code: 7` or `key: name` is ordinary.
pub(super) fn in_text(name: &str) -> bool {
    holds_part(name.as_bytes()) || ["pwd", "cvv", "cvc", "otp", "ssn", "jwt"].iter().any(|word| same(name, word))
}

fn letters(text: &[u8]) -> impl Iterator<Item = u8> {
    text.iter().filter(|byte| !matches!(byte, b'_' | b'-')).map(u8::to_ascii_lowercase)
}

fn same(name: &str, word: &str) -> bool {
    letters(name.as_bytes()).eq(word.bytes())
}

/// Whether one of [`PARTS`] begins anywhere in `name`. Most bytes begin none, and are passed after one look.
fn holds_part(name: &[u8]) -> bool {
    let mut rest = name;
    while let Some((first, tail)) = rest.split_first() {
        let first = first.to_ascii_lowercase();
        if matches!(first, b'a' | b'b' | b'c' | b'p' | b's' | b't')
            && PARTS.iter().any(|word| word.as_bytes().first() == Some(&first) && begins(rest, word))
        {
            return true;
        }
        rest = tail;
    }
    false
}

fn begins(text: &[u8], word: &str) -> bool {
    let mut letters = letters(text);
    word.bytes().all(|byte| letters.next() == Some(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensitive_names_are_recognised() {
        for name in [
            "password",
            "Password",
            "user_password",
            "new-password",
            "X-Api-Key",
            "apiKey",
            "access_token",
            "client_secret",
            "otp",
            "OTP",
            "card",
            "user[card]",
            "payment.cvc",
            "refreshToken",
            "Set-Cookie",
            "code",
        ] {
            assert!(is_sensitive(name), "{name}");
        }
    }

    #[test]
    fn every_part_is_found_within_a_name() {
        for part in PARTS {
            assert!(in_text(part) && in_text(&format!("x-{}_y", part.to_ascii_uppercase())), "{part}");
            assert!(!in_text(part.get(..part.len() - 1).unwrap()), "{part}");
        }
    }

    #[test]
    fn ordinary_names_are_not() {
        for name in [
            "id",
            "q",
            "page",
            "postcode",
            "country_code",
            "keyword",
            "discard",
            "author",
            "cards_total",
            "to",
            "passenger",
        ] {
            assert!(!is_sensitive(name), "{name}");
        }
    }
}
