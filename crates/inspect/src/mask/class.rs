//! Kinds of secrets and personal data that are known by their shape.

use std::ops::Range;

use super::tokens;

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A payment card number (ISO/IEC 7812-1) with a good check digit.
    Card,
    /// A bank account number (ISO 13616) with a good remainder.
    Iban,
    /// An e-mail address.
    Email,
    /// A JSON Web Token, signed or not.
    Jwt,
    /// A key of a well-known service.
    Key,
    /// A long random-looking run.
    Token,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Card, Self::Iban, Self::Email, Self::Jwt, Self::Key, Self::Token];

    /// The name used in config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Email => "email",
            Self::Jwt => "jwt",
            Self::Key => "key",
            Self::Token => "token",
        }
    }

    /// The class of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// Where values of known classes stand in a text, in order; never overlapping.
#[must_use]
pub fn classes(text: &str) -> Vec<(Range<usize>, Class)> {
    let class = |word: &str| Class::named(word.trim_matches(['[', ']']));
    tokens::spans(text).into_iter().filter_map(|(range, word)| Some((range, class(word)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_is_found_where_it_stands() {
        for (text, class, found) in [
            ("4111 1111 1111 1111", Class::Card, "4111 1111 1111 1111"),
            ("pay DE89370400440532013000 now", Class::Iban, "DE89370400440532013000"),
            ("to alice@example.com!", Class::Email, "alice@example.com"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", Class::Jwt, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"),
            ("AKIAIOSFODNN7EXAMPLE", Class::Key, "AKIAIOSFODNN7EXAMPLE"),
            ("Zk8sP2mQ9xR4tV7wY1aB3cD5", Class::Token, "Zk8sP2mQ9xR4tV7wY1aB3cD5"),
        ] {
            let spans = classes(text);
            assert_eq!(spans.len(), 1, "{text}");
            assert_eq!((text.get(spans[0].0.clone()), spans[0].1), (Some(found), class));
        }
        assert!(classes("an ordinary sentence of 3 words").is_empty());
        assert!(classes("password=hunter2").is_empty(), "a name is no class");
    }
}
