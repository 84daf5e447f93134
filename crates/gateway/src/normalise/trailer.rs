//! Trailer fields (RFC 9110 6.5): their grammar, and which of them a client may send.

/// tchar (RFC 9110 5.6.2).
pub(crate) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// Name and value of one field line without its line break; `None` when it is none.
pub(crate) fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, rest) = line.split_at_checked(colon)?;
    let value = rest.get(1..)?.trim_ascii();
    let good = !name.is_empty()
        && name.iter().all(|byte| is_token(*byte))
        && value.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f || *byte == b'\t');
    good.then_some((name, value))
}

/// Whether a client may send it behind its body: nothing that a server could take for a field of the head.
pub(crate) fn may_come_from_a_client(name: &[u8]) -> bool {
    !name.contains(&b'_') && !must_stand_in_the_head(name)
}

/// Fields that change framing, routing, authentication, or how the content is read (RFC 9110 6.5.1).
pub(crate) fn must_stand_in_the_head(name: &[u8]) -> bool {
    const FORBIDDEN: [&str; 29] = [
        "accept",
        "age",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "if-match",
        "if-none-match",
        "keep-alive",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
        "x-real-ip",
    ];
    let begins = |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    begins(b"x-forwarded-")
        || begins(b"x-stockade-")
        || begins(b"client-cert")
        || begins(b"sec-")
        || FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gateway_alone_may_say_does_not_come_behind_a_body() {
        for name in ["Client-Cert", "client-cert-chain", "X-Stockade-Id", "x-forwarded-for", "client_cert"] {
            assert!(!may_come_from_a_client(name.as_bytes()), "{name}");
        }
        assert!(may_come_from_a_client(b"x-checksum") && may_come_from_a_client(b"grpc-status"));
    }
}
