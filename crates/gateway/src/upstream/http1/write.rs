//! Writes the head of a request from its canonical form, and from nothing else.

use std::io::Write as _;

use memchr::memchr2_iter;
use stockade_model::{Framing, Request};

use crate::upstream::failure::Failure;
use crate::upstream::fields::{forwarded, forwarded_for, passes, trace};
use crate::upstream::reason::UNWRITABLE;

/// What the upstream's settings add to a request.
#[derive(Debug, Clone, Copy)]
pub(in crate::upstream) struct Route<'a> {
    /// Value of `Host`.
    pub(in crate::upstream) host: &'a str,
    /// Fields that replace those of the request, names in lower case.
    pub(in crate::upstream) set_headers: &'a [(String, String)],
    /// Whether to ask for a switch to WebSocket.
    pub(in crate::upstream) websocket: bool,
}

/// Appends a head to `out`. `framing` is that of the body as it will be sent, not as it was announced.
///
/// # Errors
/// A field that would break out of its line; nothing may be sent then.
pub(super) fn request_head(
    out: &mut Vec<u8>,
    request: &Request,
    route: Route<'_>,
    framing: Framing,
) -> Result<(), Failure> {
    let start = out.len();
    out.reserve(request.headers.byte_len() + request.path.as_str().len() + 512);
    out.extend_from_slice(request.method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(request.path.as_str().as_bytes());
    if let Some(query) = &request.query {
        out.push(b'?');
        out.extend_from_slice(query.as_bytes());
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    field(out, "host", route.host.as_bytes());
    let mut lines = 2;
    let is_set = |name: &str| route.set_headers.iter().any(|(set, _)| set == name);
    let (traceparent, keeps_state) = trace(request);
    for (name, value) in request.headers.iter() {
        if passes(name) && !is_set(name) && (keeps_state || name != "tracestate") {
            field(out, name, value);
            lines += 1;
        }
    }
    if !is_set("traceparent") {
        field(out, "traceparent", traceparent.as_bytes());
        lines += 1;
    }
    lines += forwarding(out, request);
    for (name, value) in route.set_headers {
        field(out, name, value.as_bytes());
        lines += 1;
    }
    if route.websocket {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
        lines += 2;
    }
    lines += body_fields(out, &request.method, framing);
    out.extend_from_slice(b"\r\n");
    lines += 1;
    // INVARIANT: the only line ends in a head are the ones written here, so nothing can add a field or a request.
    if memchr2_iter(b'\r', b'\n', out.get(start..).unwrap_or_default()).count() != lines * 2 {
        out.truncate(start);
        return Err(Failure::new(&UNWRITABLE, "a field holds a line break"));
    }
    Ok(())
}

/// Appends the head of a health check.
pub(super) fn check_head(out: &mut Vec<u8>, path: &str, host: &str) {
    out.extend_from_slice(b"GET ");
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    field(out, "host", host.as_bytes());
    out.extend_from_slice(b"user-agent: stockade-health\r\nconnection: close\r\n\r\n");
}

fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes who asked, and for what. Returns the number of lines.
fn forwarding(out: &mut Vec<u8>, request: &Request) -> usize {
    out.extend_from_slice(b"x-forwarded-for: ");
    forwarded_for(request, out);
    out.extend_from_slice(b"\r\n");
    field(out, "x-forwarded-proto", request.scheme.as_str().as_bytes());
    field(out, "x-forwarded-host", request.authority.as_bytes());
    out.extend_from_slice(b"forwarded: ");
    forwarded(request, out);
    out.extend_from_slice(b"\r\n");
    4
}

/// Writes how the body is delimited (RFC 9112 6). Returns the number of lines.
fn body_fields(out: &mut Vec<u8>, method: &str, framing: Framing) -> usize {
    let length = match framing {
        Framing::Chunked => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
            return 1;
        }
        Framing::Length(length) => length,
        // RFC 9110 8.6: a method that expects a body says that there is none.
        Framing::None if matches!(method, "POST" | "PUT" | "PATCH") => 0,
        Framing::None => return 0,
    };
    // Writing into a vector cannot fail.
    let _ = write!(out, "content-length: {length}\r\n");
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::tests::support::request;
    use proptest::prelude::*;

    const ROUTE: Route<'_> = Route { host: "api.example", set_headers: &[], websocket: false };

    fn written(request: &Request, route: Route<'_>, framing: Framing) -> String {
        let mut out = Vec::new();
        request_head(&mut out, request, route, framing).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_head_is_written_from_the_canonical_request() {
        let mut request = request("GET", "/a/b");
        request.query = Some("x=1&y=%20".into());
        request.headers.push(b"Accept", b"*/*");
        request.headers.push(b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(
            written(&request, ROUTE, Framing::None),
            "GET /a/b?x=1&y=%20 HTTP/1.1\r\nhost: api.example\r\naccept: */*\r\n\
             traceparent: 00-0af7651916cd43dd8448eb211c80319c-0000000000000001-01\r\n\
             x-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: https\r\nx-forwarded-host: shop.example\r\n\
             forwarded: for=192.0.2.7;host=\"shop.example\";proto=https\r\n\r\n"
        );
    }

    #[test]
    fn a_trusted_proxy_is_named_after_the_caller() {
        let mut request = request("GET", "/");
        let mut client = (*request.client).clone();
        client.address = "2001:db8::7".parse().unwrap();
        request.client = client.into();
        let head = written(&request, ROUTE, Framing::None);
        assert!(head.contains("x-forwarded-for: 2001:db8::7, 192.0.2.7\r\n"));
        assert!(head.contains("forwarded: for=\"[2001:db8::7]\";host=\"shop.example\";proto=https, for=192.0.2.7\r\n"));
    }

    #[test]
    fn fields_that_frame_or_route_never_come_from_the_request() {
        let mut request = request("POST", "/");
        for name in ["content-length", "transfer-encoding", "connection", "host", "x-forwarded-for", "te"] {
            request.headers.push(name.as_bytes(), b"evil");
        }
        let head = written(&request, ROUTE, Framing::Length(12));
        assert!(!head.contains("evil"));
        assert!(head.contains("content-length: 12\r\n"));
        assert!(written(&request, ROUTE, Framing::None).contains("content-length: 0\r\n"));
        assert!(written(&request, ROUTE, Framing::Chunked).contains("transfer-encoding: chunked\r\n"));
    }

    #[test]
    fn set_fields_replace_those_of_the_request() {
        let mut request = request("GET", "/");
        request.headers.push(b"x-key", b"from-client");
        let set = [("x-key".to_owned(), "ours".to_owned())];
        let head = written(&request, Route { set_headers: &set, ..ROUTE }, Framing::None);
        assert!(head.contains("x-key: ours\r\n") && !head.contains("from-client"));
    }

    proptest! {
        #[test]
        fn a_head_never_holds_a_line_that_was_not_meant(value in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut request = request("GET", "/");
            request.headers.push(b"x-any", &value);
            let mut out = Vec::new();
            let written = request_head(&mut out, &request, ROUTE, Framing::None);
            prop_assert_eq!(written.is_ok(), !value.contains(&b'\r') && !value.contains(&b'\n'));
            prop_assert_eq!(out.is_empty(), written.is_err());
        }
    }
}
