//! What the caller sees of a refusal: a status and an id.

use bytes::Bytes;
use stockade_model::{Headers, Puzzle, Refusal, RequestId, ResponseHead};

/// Methods that the gateway itself serves, for `Allow` where the contract names none (RFC 9110 15.5.6).
const ALLOWED: &[u8] = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Name of the field that carries the id of the exchange.
pub(crate) const ID_FIELD: &str = "x-stockade-id";

/// The response for a refusal: problem details (RFC 9457) with nothing but status, title and id.
pub(crate) fn response(refusal: &Refusal, id: RequestId) -> (ResponseHead, Bytes) {
    let (mut head, body) = problem(refusal.status, id);
    if let Some(seconds) = refusal.retry_after_s {
        head.headers.push(b"retry-after", seconds.to_string().as_bytes());
    }
    if let Some(challenge) = &refusal.challenge {
        head.headers.push(b"www-authenticate", challenge.as_bytes());
    }
    let mut body = body;
    if let Some(puzzle) = &refusal.puzzle {
        let told = format!("prefix={}; bits={}; span={}", puzzle.prefix, puzzle.bits, puzzle.span);
        head.headers.push(b"x-stockade-challenge", told.as_bytes());
        if puzzle.page {
            body = page(puzzle, id, &mut head);
        }
    }
    match refusal.status {
        405 => {
            head.headers.push(b"allow", ALLOWED);
        }
        426 => {
            head.headers.push(b"sec-websocket-version", b"13");
        }
        _ => {}
    }
    (head, body)
}

/// A page on which a browser does the work of a puzzle and comes back with the answer in a cookie.
fn page(puzzle: &Puzzle, id: RequestId, head: &mut ResponseHead) -> Bytes {
    let id = id.to_string();
    let body = include_str!("refuse/challenge.html")
        .replace("{id}", &id)
        .replace("{prefix}", &puzzle.prefix)
        .replace("{bits}", &puzzle.bits.to_string())
        .replace("{span}", &puzzle.span.to_string());
    head.headers.set("content-type", b"text/html; charset=utf-8");
    let policy = format!("default-src 'none'; script-src 'nonce-{id}'; frame-ancestors 'none'; base-uri 'none'");
    head.headers.push(b"content-security-policy", policy.as_bytes());
    head.content_length = u64::try_from(body.len()).ok();
    Bytes::from(body)
}

/// Problem details of a bare status.
pub(crate) fn problem(status: u16, id: RequestId) -> (ResponseHead, Bytes) {
    let id = id.text();
    let text = std::str::from_utf8(&id).unwrap_or_default();
    let title = phrase(status);
    let body = format!("{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{status},\"id\":\"{text}\"}}");
    let body = Bytes::from(body);
    let mut headers = Headers::with_capacity(5, 160);
    headers.push(b"content-type", b"application/problem+json");
    headers.push(b"cache-control", b"no-store");
    headers.push(ID_FIELD.as_bytes(), &id);
    let content_length = u64::try_from(body.len()).ok();
    (ResponseHead { status, headers, content_length }, body)
}

/// The reason phrase of a status (RFC 9110 15).
pub(crate) const fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stockade_model::{Stage, Timestamp};

    #[test]
    fn the_caller_learns_a_status_and_an_id() {
        let id = RequestId::new(Timestamp(1_700_000_000_000_000), 5);
        let mut refusal =
            Refusal::new(Stage::Limit, &crate::normalise::reasons::METHOD_NOT_SERVED, "limits.x", "secret");
        refusal.retry_after_s = Some(7);
        let (head, body) = response(&refusal, id);
        assert_eq!(head.status, 405);
        let text = std::str::from_utf8(&body).unwrap();
        assert_eq!(
            text,
            format!("{{\"type\":\"about:blank\",\"title\":\"Method Not Allowed\",\"status\":405,\"id\":\"{id}\"}}")
        );
        assert_eq!(head.headers.get_str("retry-after"), Some("7"));
        assert_eq!(head.headers.get_str(ID_FIELD), Some(id.to_string().as_str()));
        assert!(head.headers.contains("allow"));
    }
}
