//! Hosts: one strict grammar for `Host`, `:authority`, absolute targets and forwarded hosts.

use std::net::Ipv6Addr;

/// The longest host name there is (RFC 1035 2.3.4), with room for a port.
const LONGEST: usize = 253 + 6;

/// The authority in lower case, or `None` when it is not `host[:port]`.
///
/// Narrower than RFC 3986 3.2.2: names of letters, digits, `-`, `_` and `.` without empty labels, IPv4 and bracketed
/// IPv6 addresses; no user information, no escapes, no empty port. One final dot is refused too, because a name with
/// it and the name without it are the same host to DNS and two hosts to everything that matches names.
pub(crate) fn parse(raw: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(raw).ok()?;
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            (None, after)
        }
        None => match text.find(':') {
            Some(colon) => (Some(text.get(..colon)?), text.get(colon..)?),
            None => (Some(text), ""),
        },
    };
    if let Some(host) = host {
        let named = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if !named || host.split('.').any(str::is_empty) {
            return None;
        }
    }
    if !port.is_empty() {
        let digits = port.strip_prefix(':')?;
        if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse::<u16>().ok()?;
    }
    Some(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn hosts_are_put_in_lower_case() {
        assert_eq!(parse(b"API.Example:8443").unwrap(), "api.example:8443");
        assert_eq!(parse(b"my_service").unwrap(), "my_service");
        assert_eq!(parse(b"[2001:DB8::1]:80").unwrap(), "[2001:db8::1]:80");
        assert_eq!(parse(b"192.0.2.1").unwrap(), "192.0.2.1");
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        for raw in [
            "",
            "a@b",
            "a/b",
            "a,b",
            "a b",
            "a, b",
            "host:",
            "host:x",
            "host:99999",
            "host:1:2",
            "a..b",
            ".a",
            "a.",
            "[::1",
            "[::1]x",
            "[nonsense]",
            "a%2eb",
            "caf\u{e9}",
            "a?b",
            "a#b",
            "a\\b",
            ":80",
            "::1",
        ] {
            assert_eq!(parse(raw.as_bytes()), None, "{raw}");
        }
    }
}
