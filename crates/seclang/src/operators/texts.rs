//! Comparisons of texts.

/// How a value is compared with the argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextTest {
    /// `@beginsWith`
    BeginsWith,
    /// `@contains`, `@strmatch`
    Contains,
    /// `@containsWord`
    ContainsWord,
    /// `@endsWith`
    EndsWith,
    /// `@streq`
    Equals,
    /// `@within`
    Within,
}

impl TextTest {
    /// Whether it holds.
    pub(super) fn holds(self, value: &[u8], argument: &[u8]) -> bool {
        match self {
            Self::BeginsWith => value.starts_with(argument),
            Self::Contains => memchr::memmem::find(value, argument).is_some(),
            Self::ContainsWord => contains_word(value, argument),
            Self::EndsWith => value.ends_with(argument),
            Self::Equals => value == argument,
            Self::Within => memchr::memmem::find(argument, value).is_some(),
        }
    }
}

/// Whether the argument stands in the value with no word character beside it.
fn contains_word(value: &[u8], argument: &[u8]) -> bool {
    let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    argument.is_empty()
        || memchr::memmem::find_iter(value, argument).any(|start| {
            let before = start.checked_sub(1).and_then(|place| value.get(place));
            !word(before) && !word(value.get(start + argument.len()))
        })
}
