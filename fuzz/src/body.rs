//! Parses any bytes as a body of any type and coding: the first byte chooses both.

use stockade_inspect::{BodyLimits, ParsedBody};

const TYPES: &[Option<&str>] = &[
    None,
    Some("application/json"),
    Some("application/x-www-form-urlencoded"),
    Some("multipart/form-data"),
    Some("text/plain"),
    Some("application/xml"),
    Some("application/x-unknown"),
];
const CODINGS: &[Option<&str>] = &[None, Some("gzip"), Some("deflate"), Some("br"), Some("zstd"), Some("gzip, br")];
const LIMITS: BodyLimits =
    BodyLimits { json_depth: 64, json_values: 1000, decompress_ratio: 100, decompressed_bytes: 1 << 20 };

/// Parses any bytes as a body of any type and coding: the first byte chooses both.
pub fn run(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let choice = usize::from(*choice);
    let media_type = TYPES[choice % TYPES.len()];
    let content_type = match media_type {
        Some("multipart/form-data") => Some("multipart/form-data; boundary=b"),
        other => other,
    };
    let coding = CODINGS[choice / TYPES.len() % CODINGS.len()];
    for complete in [true, false] {
        if let Ok(ParsedBody::Text(text)) =
            ParsedBody::parse(media_type, content_type, coding, bytes, complete, &LIMITS)
        {
            assert!(text.len() as u64 <= 3 * LIMITS.decompressed_bytes.max(bytes.len() as u64));
        }
    }
}
