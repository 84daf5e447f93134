//! Tokens in place of values: the same value gives the same token, of the same shape, and the key gives the value back.
//!
//! Digits become digits and letters letters of their case; all else stays where it is, so that a token passes where the
//! value did. All digits and letters together are one number below the product of their radices; FF1 (NIST SP 800-38G)
//! encrypts it as a string of bits, again and again until it is below that product (cycle walking). Values of fewer
//! than a million possibilities, for which FF1 gives no promise, are not made into tokens.

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};
use num_bigint::BigUint;

/// Bytes of the key.
pub const KEY_BYTES: usize = 32;
/// Longest value, in bytes.
pub const VALUE_BYTES_MAX: usize = 256;
/// Fewest possibilities (NIST SP 800-38G revision 1, 5.1).
const DOMAIN_MIN: u32 = 1_000_000;
/// Tells these tokens from anything else that is ever made with the same key.
const TWEAK: &[u8] = b"stockade token 1";
/// Each walk leaves the domain with less than one half; so many in a row do not happen.
const WALKS_MAX: usize = 256;

/// Makes tokens, and values of tokens.
pub struct Tokeniser {
    cipher: FF1<Aes256>,
}

impl std::fmt::Debug for Tokeniser {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Tokeniser")
    }
}

impl Tokeniser {
    /// Tokens under a key.
    #[must_use]
    pub fn new(key: &[u8; KEY_BYTES]) -> Option<Self> {
        FF1::<Aes256>::new(key, 2).ok().map(|cipher| Self { cipher })
    }

    /// The token of a value; `None` when it is too short, too long, or has letters beyond ASCII, which would stay.
    #[must_use]
    pub fn token(&self, value: &str) -> Option<String> {
        self.walk(value, |cipher, bits| cipher.encrypt(TWEAK, bits).ok())
    }

    /// The value of a token. Any text of that shape gives one: nothing tells whether it was a token.
    #[must_use]
    pub fn value(&self, token: &str) -> Option<String> {
        self.walk(token, |cipher, bits| cipher.decrypt(TWEAK, bits).ok())
    }

    fn walk(
        &self,
        text: &str,
        step: impl Fn(&FF1<Aes256>, &FlexibleNumeralString) -> Option<FlexibleNumeralString>,
    ) -> Option<String> {
        let foreign = |letter: char| !letter.is_ascii() && letter.is_alphanumeric();
        if text.len() > VALUE_BYTES_MAX || text.chars().any(foreign) {
            return None;
        }
        let (mut number, domain) = number_of(text);
        if domain < BigUint::from(DOMAIN_MIN) {
            return None;
        }
        let length = usize::try_from((&domain - 1_u32).bits()).ok()?;
        for _ in 0..WALKS_MAX {
            number = number_of_bits(step(&self.cipher, &bits_of(&number, length))?);
            if number < domain {
                return Some(text_of(text, number));
            }
        }
        None
    }
}

/// How many letters stand in a place, and the first of them; `None` for what stays.
fn place_of(letter: char) -> Option<(u32, u8)> {
    match letter {
        '0'..='9' => Some((10, b'0')),
        'a'..='z' => Some((26, b'a')),
        'A'..='Z' => Some((26, b'A')),
        _ => None,
    }
}

/// The number that the digits and letters of a text are, and how many texts of its shape there are.
fn number_of(text: &str) -> (BigUint, BigUint) {
    let (mut number, mut domain) = (BigUint::ZERO, BigUint::from(1_u32));
    for letter in text.chars() {
        let Some((radix, first)) = place_of(letter) else { continue };
        number = number * radix + (u32::from(letter) - u32::from(first));
        domain *= radix;
    }
    (number, domain)
}

/// The text of the shape of `shape` that `number` is.
fn text_of(shape: &str, mut number: BigUint) -> String {
    let mut letters: Vec<char> = shape.chars().collect();
    for letter in letters.iter_mut().rev() {
        let Some((radix, first)) = place_of(*letter) else { continue };
        let digit = u32::try_from(&number % radix).unwrap_or_default();
        number /= radix;
        *letter = char::from_u32(u32::from(first) + digit).unwrap_or(*letter);
    }
    letters.into_iter().collect()
}

fn bits_of(number: &BigUint, length: usize) -> FlexibleNumeralString {
    let bits: Vec<u16> = (0..length as u64).rev().map(|place| u16::from(number.bit(place))).collect();
    FlexibleNumeralString::from(bits)
}

fn number_of_bits(bits: FlexibleNumeralString) -> BigUint {
    let mut number = BigUint::ZERO;
    let bits = Vec::<u16>::from(bits);
    let length = bits.len() as u64;
    for (place, bit) in (0..length).rev().zip(bits) {
        number.set_bit(place, bit == 1);
    }
    number
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn tokeniser() -> Tokeniser {
        Tokeniser::new(&[7; KEY_BYTES]).unwrap()
    }

    #[test]
    fn a_token_has_the_shape_of_its_value_and_gives_it_back() {
        let tokeniser = tokeniser();
        for value in
            ["4111 1111 1111 1111", "alice42@Example.com", "DE89370400440532013000", "+49 30 1234567", "aB3-xY9"]
        {
            let token = tokeniser.token(value).unwrap();
            assert_ne!(token, value);
            for (one, other) in value.chars().zip(token.chars()) {
                assert_eq!(place_of(one), place_of(other), "{value} {token}");
                assert!(place_of(one).is_some() || one == other);
            }
            assert_eq!(tokeniser.token(value).as_deref(), Some(token.as_str()), "the same every time");
            assert_eq!(tokeniser.value(&token).as_deref(), Some(value));
        }
    }

    #[test]
    fn another_key_gives_another_token_and_not_the_value() {
        let other = Tokeniser::new(&[8; KEY_BYTES]).unwrap();
        let token = tokeniser().token("4111111111111111").unwrap();
        assert_ne!(other.token("4111111111111111"), Some(token.clone()));
        assert_ne!(other.value(&token).as_deref(), Some("4111111111111111"));
    }

    #[test]
    fn what_could_be_guessed_or_would_stay_in_clear_is_no_token() {
        let long = "1".repeat(VALUE_BYTES_MAX + 1);
        for value in ["", "---", "12345", "abcd", "12ab", "jürgen@example.com", &long] {
            assert_eq!(tokeniser().token(value), None, "{value}");
        }
        assert!(tokeniser().token("123456").is_some() && tokeniser().token("abcde").is_some());
    }

    #[test]
    fn no_two_values_share_a_token() {
        let tokeniser = tokeniser();
        let tokens: HashSet<_> = (0..2000).map(|number| tokeniser.token(&format!("{number:06}")).unwrap()).collect();
        assert_eq!(tokens.len(), 2000);
    }

    proptest! {
        #[test]
        fn every_token_gives_its_value_back(value in "[a-zA-Z0-9@. -]{0,60}|\\PC{0,20}") {
            let tokeniser = tokeniser();
            if let Some(token) = tokeniser.token(&value) {
                prop_assert_eq!(token.chars().count(), value.chars().count());
                prop_assert_eq!(tokeniser.value(&token), Some(value));
            }
        }
    }
}
