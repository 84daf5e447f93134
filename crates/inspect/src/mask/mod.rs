//! Takes secrets and personal data out of what is about to be written.

mod class;
mod names;
pub(crate) mod numbers;
mod tokens;

use std::borrow::Cow;

pub use class::{Class, classes};
pub use names::is_sensitive;
use stockade_model::canonical::percent_decode;

/// What stands in place of the value of a sensitive name.
pub const MASKED: &str = "[masked]";

/// Masks a query string: values of sensitive names wholly, others where they look like secrets or personal data.
///
/// Borrowed, without an allocation, when there is nothing to mask.
#[must_use]
pub fn query(query: &str) -> Cow<'_, str> {
    let changed = query.split('&').any(|pair| matches!(mask_pair(pair), Cow::Owned(_)));
    if !changed {
        return Cow::Borrowed(query);
    }
    let mut out = String::with_capacity(query.len());
    for (index, pair) in query.split('&').enumerate() {
        if index > 0 {
            out.push('&');
        }
        out.push_str(&mask_pair(pair));
    }
    Cow::Owned(out)
}

fn mask_pair(pair: &str) -> Cow<'_, str> {
    let (name, value) = match pair.split_once('=') {
        Some((name, value)) => (Some(name), value),
        None => (None, pair),
    };
    if let Some(name) = name
        && !value.is_empty()
        && value != MASKED
        && (is_sensitive(name) || matches!(decoded(name), Cow::Owned(name) if is_sensitive(&name)))
    {
        return Cow::Owned(format!("{name}={MASKED}"));
    }
    let Cow::Owned(masked) = mask_escaped(value) else { return Cow::Borrowed(pair) };
    Cow::Owned(match name {
        Some(name) => format!("{name}={masked}"),
        None => masked,
    })
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(String::from_utf8_lossy(&percent_decode(spaced.as_bytes())).into_owned())
}

/// Masks a value in its percent-encoded form: what is found after decoding is written back encoded.
fn mask_escaped(value: &str) -> Cow<'_, str> {
    let plain = decoded(value);
    let Cow::Owned(masked) = tokens::mask(&plain) else { return escape_controls(value) };
    let mut out = String::with_capacity(masked.len());
    for character in masked.chars() {
        match character {
            ' ' => out.push('+'),
            '&' | '#' | '%' | '+' | '=' | '\0'..='\x1f' | '\x7f' => {
                out.push_str(&format!("%{:02X}", u32::from(character)));
            }
            other => out.push(other),
        }
    }
    match escape_controls(&out) {
        Cow::Borrowed(_) => Cow::Owned(out),
        Cow::Owned(escaped) => Cow::Owned(escaped),
    }
}

/// Masks free text: tokens, keys, card numbers, e-mail addresses. Controls are escaped; at most `max_bytes` remain.
///
/// Borrowed, without an allocation, when there is nothing to change. A cut text ends in `…`.
#[must_use]
pub fn text(text: &str, max_bytes: usize) -> Cow<'_, str> {
    // Of a long text only what can remain is looked at, and a little more so that no token is cut in two.
    let window = prefix(text, max_bytes.saturating_mul(2).saturating_add(256));
    let cut = window.len() < text.len();
    let out = match tokens::mask(window) {
        Cow::Borrowed(plain) => escape_controls(plain),
        Cow::Owned(masked) => match escape_controls(&masked) {
            Cow::Borrowed(_) => Cow::Owned(masked),
            Cow::Owned(escaped) => Cow::Owned(escaped),
        },
    };
    if !cut && out.len() <= max_bytes {
        return out;
    }
    const MARK: &str = "…";
    let kept = prefix(&out, max_bytes.saturating_sub(MARK.len()));
    Cow::Owned(if max_bytes < MARK.len() { String::new() } else { format!("{kept}{MARK}") })
}

/// The longest beginning of at most `most` bytes that ends between two characters.
fn prefix(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Whether a character could change how a log or a terminal shows the text around it.
const fn is_unsafe(character: char) -> bool {
    matches!(character,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Writes controls, line separators and direction marks as escapes.
fn escape_controls(text: &str) -> Cow<'_, str> {
    let plain = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) || !text.chars().any(is_unsafe);
    if plain {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if is_unsafe(other) && u32::from(other) < 0x100 => {
                out.push_str(&format!("\\x{:02x}", u32::from(other)));
            }
            other if is_unsafe(other) => out.push_str(&format!("\\u{{{:x}}}", u32::from(other))),
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_text_is_not_copied() {
        for plain in [
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "/orders/0190b7a4-5c3f-7d55-9c1e-0f6a5b1c2d3e",
            "expected 1 to 100, got `250`",
            "order 20240131 of 3 items, total 129.99 EUR, phone +49 30 123456",
            "",
        ] {
            assert!(matches!(text(plain, 500), Cow::Borrowed(_)), "{plain}");
        }
        for plain in ["page=2&sort=-created_at&q=red+shoes", "id=0190b7a4-5c3f-7d55-9c1e-0f6a5b1c2d3e", "a&b=", ""] {
            assert!(matches!(query(plain), Cow::Borrowed(_)), "{plain}");
        }
    }

    #[test]
    fn sensitive_names_lose_their_values() {
        assert_eq!(query("a=1&password=hunter2&b=2"), "a=1&password=[masked]&b=2");
        assert_eq!(query("user[api-key]=x"), "user[api-key]=[masked]");
        assert_eq!(query("access%5Ftoken=x"), "access%5Ftoken=[masked]");
        assert_eq!(query("code=abc&state=1"), "code=[masked]&state=1");
        assert_eq!(query("password="), "password=");
        assert_eq!(text("login with password=hunter2 failed", 500), "login with password=[masked] failed");
        assert_eq!(text("{\"token\": \"abc\", \"id\": 7}", 500), "{\"token\": \"[masked]\", \"id\": 7}");
        assert_eq!(text("Authorization: Bearer abc.def", 500), "Authorization: [masked]");
    }

    #[test]
    fn secrets_and_personal_data_are_recognised_by_their_shape() {
        for (given, expected) in [
            ("mail alice.smith@example.com now", "mail [email] now"),
            ("card 4111 1111 1111 1111 ok", "card [card] ok"),
            ("card 4111-1111-1111-1112 ok", "card 4111-1111-1111-1112 ok"),
            ("4111111111111111", "[card]"),
            ("pay DE89370400440532013000", "pay [iban]"),
            ("pay DE89 3704 0044 0532 0130 00 now", "pay [iban] now"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl", "[jwt]"),
            ("key AKIAIOSFODNN7EXAMPLE", "key [key]"),
            ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[key]"),
            ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "[key]"),
            ("Bearer abcdef0123456789", "Bearer [masked]"),
            ("sid is Zk8sP2mQ9xR4tV7wY1aB3cD5", "sid is [token]"),
        ] {
            assert_eq!(text(given, 500), expected, "{given}");
        }
        assert_eq!(query("q=alice%40example.com+now"), "q=[email]+now");
        assert_eq!(query("alice@example.com"), "[email]");
    }

    #[test]
    fn controls_are_escaped() {
        assert_eq!(text("a\r\nb\x1b[31m\0\u{202e}c", 500), "a\\r\\nb\\x1b[31m\\x00\\u{202e}c");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(text("aaaaaaaaaa", 8), "aaaaa…");
        assert_eq!(text("ééééé", 8), "éé…");
        assert_eq!(text("ab", 1), "");
        assert_eq!(text(&"word ".repeat(100_000), 20).len(), 20);
    }

    proptest! {
        #[test]
        fn text_stays_in_bounds_and_free_of_controls(given in "\\PC{0,80}|[\\x00-\\x7f]{0,80}|.{0,80}", most in 0_usize..64) {
            let masked = text(&given, most);
            prop_assert!(masked.len() <= most);
            prop_assert!(!masked.chars().any(is_unsafe));
        }

        #[test]
        fn masking_a_query_twice_changes_nothing(given in "([a-z]{1,3}|password|token)=([a-z0-9%+@.]{0,24}|4111111111111111)(&[a-z]=[a-z@.%40]{0,12}){0,3}") {
            let once = query(&given).into_owned();
            prop_assert_eq!(query(&once).into_owned(), once);
        }

        #[test]
        fn no_card_number_survives(account in 100_000_000_000_000_u64..999_999_999_999_999, before in "[a-z ,:]{0,12}", after in "[a-z ,:]{0,12}") {
            let card = with_check_digit(&format!("4{account}").chars().take(15).collect::<String>());
            let given = format!("{before} {card} {after}");
            prop_assert!(!text(&given, 500).contains(&card));
        }

        #[test]
        fn no_password_survives(secret in "[A-Za-z0-9]{6,20}", name in "(password|api_key|client_secret|access_token)") {
            let raw = format!("x=1&{name}={secret}Q7z&y=2");
            let masked = format!("{secret}Q7z");
            prop_assert!(!query(&raw).contains(&masked));
            prop_assert!(!text(&raw, 500).contains(&masked));
        }
    }

    fn with_check_digit(digits: &str) -> String {
        (0..10).map(|digit| format!("{digits}{digit}")).find(|card| numbers::luhn(card.bytes())).unwrap()
    }
}
