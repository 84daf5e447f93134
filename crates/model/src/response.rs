//! The head of an HTTP response, as it came from the upstream or as Stockade answers itself.

use crate::Headers;

/// Status and end-to-end fields of a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// Status code, 100 to 599.
    pub status: u16,
    /// End-to-end fields; hop-by-hop fields and framing are already taken out.
    pub headers: Headers,
    /// Body length when it is known from the head.
    pub content_length: Option<u64>,
}
