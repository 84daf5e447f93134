//! Which fields pass from one side to the other, and those that Stockade adds.

use std::io::Write as _;
use std::net::IpAddr;

use stockade_model::{Headers, Request, TraceContext};

/// Whether a request field is written to the upstream as it came.
///
/// Framing, routing, hop-by-hop and tracing fields are written from the canonical request instead (RFC 9110 7.6.1).
pub(super) fn passes(name: &str) -> bool {
    match name.len() {
        2 => name != "te",
        4 => name != "host",
        7 => !matches!(name, "trailer" | "upgrade"),
        9 => name != "forwarded",
        10 => !matches!(name, "connection" | "keep-alive"),
        11 => name != "traceparent",
        14 => name != "content-length",
        15 => name != "x-forwarded-for",
        16 => !matches!(name, "proxy-connection" | "x-forwarded-host"),
        17 => !matches!(name, "transfer-encoding" | "x-forwarded-proto"),
        _ => true,
    }
}

/// Whether a field of a response belongs to the connection alone (RFC 9110 7.6.1) or to the framing.
pub(super) fn is_hop_by_hop(name: &[u8]) -> bool {
    let names: &[&[u8]] = match name.len() {
        2 => &[b"te"],
        7 => &[b"trailer", b"upgrade"],
        10 => &[b"connection", b"keep-alive"],
        14 => &[b"content-length"],
        16 => &[b"proxy-connection"],
        17 => &[b"transfer-encoding"],
        _ => return false,
    };
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a field may come after the body: not what frames, routes, authenticates or describes it (RFC 9110 6.5.1).
pub(super) fn may_trail(name: &str) -> bool {
    !is_hop_by_hop(name.as_bytes())
        && !name.starts_with("content-")
        && !name.starts_with("access-control-")
        && !matches!(
            name,
            "host"
                | "authorization"
                | "proxy-authorization"
                | "proxy-authenticate"
                | "www-authenticate"
                | "cookie"
                | "set-cookie"
                | "cache-control"
                | "expires"
                | "date"
                | "location"
                | "retry-after"
                | "vary"
                | "age"
                | "pragma"
                | "expect"
                | "range"
                | "max-forwards"
                | "forwarded"
                | "x-forwarded-for"
                | "x-forwarded-host"
                | "x-forwarded-proto"
                | "strict-transport-security"
        )
}

/// The trailer fields that may be passed on, or `None` when there is none.
pub(super) fn trailing(mut trailers: Headers) -> Option<Headers> {
    trailers.retain(|name, _| may_trail(name));
    (!trailers.is_empty()).then_some(trailers)
}

/// The trace that the upstream is told of, and whether the caller's `tracestate` belongs to it (W3C Trace Context).
pub(super) fn trace(request: &Request) -> (String, bool) {
    let context = TraceContext::of(request.id, &request.headers);
    (context.field(), context.parent.is_some())
}

/// The value of `X-Forwarded-For`: the caller, then the trusted proxy it came through.
pub(super) fn forwarded_for(request: &Request, out: &mut Vec<u8>) {
    let client = &request.client;
    address(client.address, out);
    if client.peer != client.address {
        out.extend_from_slice(b", ");
        address(client.peer, out);
    }
}

/// The value of `Forwarded` (RFC 7239 4).
pub(super) fn forwarded(request: &Request, out: &mut Vec<u8>) {
    let client = &request.client;
    node(client.address, out);
    out.extend_from_slice(b";host=\"");
    out.extend_from_slice(request.authority.as_bytes());
    out.extend_from_slice(b"\";proto=");
    out.extend_from_slice(request.scheme.as_str().as_bytes());
    if client.peer != client.address {
        out.extend_from_slice(b", ");
        node(client.peer, out);
    }
}

fn node(client: IpAddr, out: &mut Vec<u8>) {
    match client.to_canonical() {
        IpAddr::V4(_) => {
            out.extend_from_slice(b"for=");
            address(client, out);
        }
        // RFC 7239 6: an IPv6 address stands in brackets and quotes.
        IpAddr::V6(_) => {
            out.extend_from_slice(b"for=\"[");
            address(client, out);
            out.extend_from_slice(b"]\"");
        }
    }
}

fn address(address: IpAddr, out: &mut Vec<u8>) {
    // Writing into a vector cannot fail.
    let _ = write!(out, "{}", address.to_canonical());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_and_forwarding_fields_do_not_pass() {
        for name in [
            "te",
            "host",
            "trailer",
            "upgrade",
            "forwarded",
            "traceparent",
            "connection",
            "keep-alive",
            "content-length",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "proxy-connection",
            "transfer-encoding",
        ] {
            assert!(!passes(name), "{name}");
        }
        for name in ["tracestate", "accept", "authorization", "cookie", "x-real-thing", "content-type"] {
            assert!(passes(name), "{name}");
        }
    }

    #[test]
    fn trailers_keep_only_what_is_harmless_late() {
        let mut trailers = Headers::default();
        for name in ["grpc-status", "set-cookie", "content-length", "transfer-encoding", "x-checksum", "host"] {
            trailers.push(name.as_bytes(), b"1");
        }
        let kept = trailing(trailers).unwrap();
        assert_eq!(kept.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["grpc-status", "x-checksum"]);
    }
}
