//! What each header field is to the gateway: passed on, taken out, or read.

/// The part a field plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Passed on as it is.
    EndToEnd,
    /// About this hop or about framing; taken out.
    HopByHop,
    /// Written by proxies; believed only from trusted ones, and passed on only from them.
    Claim,
    /// Ours alone, `x-stockade-*` and the client certificate (RFC 9440 2.4); taken out.
    Ours,
    Host,
    Connection,
    Upgrade,
    Expect,
    Te,
    Cookie,
    ContentType,
    ForwardedFor,
    ForwardedProto,
    ForwardedHost,
    Forwarded,
    RealIp,
    WebSocketKey,
    WebSocketVersion,
    WebSocketExtensions,
}

/// Names longer than any that plays a part of its own.
const LONGEST: usize = 32;

/// Which part `name` plays. Case does not matter.
pub(crate) fn part_of(name: &[u8]) -> Part {
    let mut lower = [0_u8; LONGEST];
    let Some(lower) = lower.get_mut(..name.len()) else {
        return if starts(name, b"x-stockade-") { Part::Ours } else { Part::EndToEnd };
    };
    for (to, from) in lower.iter_mut().zip(name) {
        *to = from.to_ascii_lowercase();
    }
    match &*lower {
        b"host" => Part::Host,
        b"connection" => Part::Connection,
        b"upgrade" => Part::Upgrade,
        b"expect" => Part::Expect,
        b"te" => Part::Te,
        b"cookie" => Part::Cookie,
        b"content-type" => Part::ContentType,
        b"x-forwarded-for" => Part::ForwardedFor,
        b"x-forwarded-proto" => Part::ForwardedProto,
        b"x-forwarded-host" => Part::ForwardedHost,
        b"forwarded" => Part::Forwarded,
        b"client-cert" | b"client-cert-chain" => Part::Ours,
        b"x-real-ip" => Part::RealIp,
        b"sec-websocket-key" => Part::WebSocketKey,
        b"sec-websocket-version" => Part::WebSocketVersion,
        b"sec-websocket-extensions" => Part::WebSocketExtensions,
        b"content-length"
        | b"transfer-encoding"
        | b"keep-alive"
        | b"proxy-connection"
        | b"proxy-authorization"
        | b"proxy-authenticate"
        | b"http2-settings"
        | b"trailer" => Part::HopByHop,
        b"true-client-ip"
        | b"cf-connecting-ip"
        | b"x-client-ip"
        | b"x-cluster-client-ip"
        | b"x-original-url"
        | b"x-original-host"
        | b"x-rewrite-url" => Part::Claim,
        other if other.starts_with(b"x-forwarded-") => Part::Claim,
        other if other.starts_with(b"x-stockade-") => Part::Ours,
        _ => Part::EndToEnd,
    }
}

fn starts(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// Whether `Connection` may name this: only what never travels further anyway (RFC 9110 7.6.1).
pub(crate) fn may_be_nominated(token: &[u8]) -> bool {
    [
        &b"close"[..],
        b"keep-alive",
        b"upgrade",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"http2-settings",
        b"proxy-connection",
    ]
    .iter()
    .any(|allowed| token.eq_ignore_ascii_case(allowed))
}

/// The members of a comma-separated list (RFC 9110 5.6.1), trimmed; empty ones are left out.
pub(crate) fn list(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_known_whatever_their_case() {
        assert_eq!(part_of(b"HOST"), Part::Host);
        assert_eq!(part_of(b"X-Forwarded-For"), Part::ForwardedFor);
        assert_eq!(part_of(b"X-Forwarded-Prefix"), Part::Claim);
        assert_eq!(part_of(b"X-Stockade-Anything-Of-Quite-Remarkable-Length"), Part::Ours);
        assert_eq!(part_of(b"authorization"), Part::EndToEnd);
        assert_eq!(part_of(b""), Part::EndToEnd);
    }

    #[test]
    fn lists_lose_empty_members() {
        let members: Vec<_> = list(b"a, ,b ,").collect();
        assert_eq!(members, [&b"a"[..], b"b"]);
    }
}
