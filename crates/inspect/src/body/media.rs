//! What a media type means for parsing, and which charsets text may come in.

use super::BodyError;
use super::reasons::CHARSET_UNKNOWN;

/// How a body of some media type is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Form,
    Multipart,
    Text,
    Binary,
    Unknown,
}

impl Kind {
    pub(super) fn of(media_type: Option<&str>) -> Self {
        let Some(media_type) = media_type.filter(|name| !name.is_empty()) else { return Self::Unknown };
        let (top, sub) = media_type.split_once('/').unwrap_or((media_type, ""));
        match (top, sub) {
            _ if sub.ends_with("+json") => Self::Json,
            _ if sub.ends_with("+xml") => Self::Text,
            ("application" | "text", "json" | "x-json" | "csp-report") => Self::Json,
            ("application", "x-www-form-urlencoded") => Self::Form,
            ("multipart", "form-data") => Self::Multipart,
            ("text", _) => Self::Text,
            (
                "application",
                "xml" | "graphql" | "javascript" | "ecmascript" | "yaml" | "x-yaml" | "x-ndjson" | "ndjson" | "jsonl"
                | "sql" | "toml",
            ) => Self::Text,
            ("image" | "audio" | "video" | "font" | "model", _) => Self::Binary,
            ("application", _) if is_binary_application(sub) => Self::Binary,
            _ => Self::Unknown,
        }
    }
}

fn is_binary_application(sub: &str) -> bool {
    const EXACT: &[&str] = &[
        "octet-stream",
        "pdf",
        "zip",
        "gzip",
        "x-gzip",
        "x-tar",
        "x-7z-compressed",
        "wasm",
        "cbor",
        "msgpack",
        "x-msgpack",
        "vnd.msgpack",
        "protobuf",
        "x-protobuf",
        "vnd.google.protobuf",
        "avro",
        "java-archive",
    ];
    EXACT.contains(&sub) || sub.starts_with("grpc") || sub.ends_with("+proto") || sub.ends_with("+zip")
}

/// The parameter `name` of a content type, without its quotes.
pub(super) fn parameter<'a>(content_type: &'a str, name: &str) -> Option<&'a str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// Refuses charsets that hide text from inspection (UTF-7, UTF-16, EBCDIC and the like).
pub(super) fn check_charset(content_type: Option<&str>) -> Result<(), BodyError> {
    let Some(charset) = content_type.and_then(|value| parameter(value, "charset")) else { return Ok(()) };
    const READABLE: &[&str] = &["utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252"];
    if READABLE.iter().any(|name| charset.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let shown = crate::mask::text(charset, 40);
    Err(BodyError::new(&CHARSET_UNKNOWN, format!("expected charset `utf-8`, got `{shown}`")))
}
