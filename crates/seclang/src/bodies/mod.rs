//! Request bodies: what rules see of them. One kind a file; each reads bytes that may be anything.

pub(crate) mod disposition;
pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod multipart;
pub(crate) mod xml;

/// Names and values in the order they came.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;
