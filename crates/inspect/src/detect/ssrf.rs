//! URLs that point a server at itself, its network or its cloud's metadata.

use std::net::Ipv4Addr;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "ssrf",
    what: "a URL to a cloud's metadata service, to a private or loopback address in any notation, or with a scheme for smuggling",
    why: "a server that fetches it hands out its credentials or reaches what only it can reach (OWASP API7:2023)",
    example: "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
};

static URL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\b([a-z][a-z0-9+.-]{1,20}):(?:/{2,}|\\{2,}|/\\)(?:[^/\\?#\s@]*@)?(\[[0-9a-f:.%]+\]|[^/\\?#\s:\[\]]*)")
});
static BARE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)(?:\b169\.254\.169\.254\b|\bmetadata\.google\.internal\b|\b100\.100\.100\.200\b).{0,3}/")
});

/// Ports and paths that are only kept from others by the network.
static GUARDED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)://[^/?#]*:(?:22|25|2375|2379|3306|5432|5984|6379|8500|9200|10250|11211|27017)\b|/(?:admin|manager|actuator|server-status|_cat|_cluster|latest/meta-data|computemetadata|containers/json|v1/secret|etcd|api/v1/(?:pods|secrets))\b",
    )
});
/// A host where a path of this site belongs, as browsers read it.
static ELSEWHERE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\s*(?:(?:/|\\|%2f|%5c){2,}[\w-]+(?:\.[\w-]+)+|/[\t\r\n]+/\w|https?:(?:/?[\w-]+\.\w|/{3,}|\\)|https?://[^/\s@?#]*@[\w.-]+)",
    )
});

fn wants(subject: &Subject<'_>) -> bool {
    (subject.tokens.any(Tokens::INNER) || leads_away(subject))
        && matches!(subject.kind, Kind::Path | Kind::Parameter | Kind::Json | Kind::Header | Kind::Cookie | Kind::Text)
}

/// Whether a value begins like an address and stands in a field for redirects.
fn leads_away(subject: &Subject<'_>) -> bool {
    let start = subject.bytes.trim_ascii_start();
    let begins = matches!(start.first(), Some(b'/' | b'\\'))
        || start.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"http"));
    begins && Purpose::of(subject.place) == Purpose::Redirect
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    let mut best = BARE.find(subject.bytes).map(|found| Hit::at(&found, 0.9, "cloud metadata service"));
    let purpose = Purpose::of(subject.place);
    for captures in URL.captures_iter(subject.bytes).take(16) {
        let (Some(whole), Some(scheme), Some(host)) = (captures.get(0), captures.get(1), captures.get(2)) else {
            continue;
        };
        let scheme = String::from_utf8_lossy(scheme.as_bytes()).to_ascii_lowercase();
        let host = String::from_utf8_lossy(host.as_bytes()).to_ascii_lowercase();
        let Some((confidence, note)) = weigh(&scheme, host.trim_end_matches('.')) else { continue };
        // An inner address by itself, in a parameter that says the server will fetch it. A field of a JSON body may well
        // set up a service of the same network, unless it aims at what only the machine itself may reach.
        let aimed = whole.start() == 0 && purpose == Purpose::Fetched && confidence >= 0.5;
        let sure = if subject.kind != Kind::Json || GUARDED.is_match(subject.bytes) { 0.84 } else { 0.7 };
        let confidence = if aimed { confidence.max(sure) } else { confidence };
        best = Hit::better(best, Some(Hit::at(&whole, confidence, note)));
    }
    if purpose == Purpose::Redirect
        && let Some(found) = ELSEWHERE.find(subject.bytes)
    {
        best = Hit::better(best, Some(Hit::at(&found, 0.84, "redirect to another site that looks like a path")));
    }
    best.map(|hit| {
        let mentioned = hit.confidence < 0.9 && subject.is_mentioned(&hit.range);
        if mentioned { Hit { confidence: hit.confidence.min(0.6), ..hit } } else { hit }
    })
}

/// What a field is for, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Fetched,
    Redirect,
    Other,
}

impl Purpose {
    fn of(place: &str) -> Self {
        let name = place.rsplit(['.', '[']).find(|part| !part.ends_with(']')).unwrap_or(place).to_ascii_lowercase();
        let holds = |words: &[&str]| words.iter().any(|word| name.contains(word));
        // Clients of OAuth on a desktop are sent back to their own machine (RFC 8252 7.3).
        if holds(&["redirect", "return", "next", "continue", "goto", "success_url", "cancel_url", "logout", "origin"]) {
            return Self::Redirect;
        }
        let fetched = [
            "url", "uri", "webhook", "callback", "endpoint", "image", "avatar", "picture", "photo", "icon", "logo",
            "src", "source", "dest", "target", "feed", "proxy", "fetch", "download", "import", "link", "href", "host",
            "domain", "site", "page", "file", "path", "document", "template", "resource", "load", "open", "ping",
            "server", "remote",
        ];
        if holds(&fetched) { Self::Fetched } else { Self::Other }
    }
}

fn weigh(scheme: &str, host: &str) -> Option<(f32, &'static str)> {
    if matches!(scheme, "gopher" | "dict" | "jar" | "netdoc" | "ldap" | "ldaps" | "tftp") {
        return Some(if matches!(scheme, "ldap" | "ldaps" | "tftp") {
            (0.5, "scheme that web clients do not use")
        } else {
            (0.85, "scheme used to smuggle requests")
        });
    }
    if matches!(host, "metadata.google.internal" | "metadata" | "instance-data" | "[fd00:ec2::254]") {
        return Some((0.9, "cloud metadata service"));
    }
    if let Some(address) = v4(host) {
        if matches!(address.octets(), [169, 254, 169 | 170, _] | [100, 100, 100, 200]) {
            return Some((0.92, "cloud metadata service"));
        }
        let inner =
            address.is_loopback() || address.is_private() || address.is_link_local() || address.is_unspecified();
        let odd = host.parse::<Ipv4Addr>().is_err();
        return match (inner, odd) {
            (true, true) => Some((0.85, "inner address in an unusual notation")),
            (true, false) => Some((0.5, "inner address")),
            (false, true) => Some((0.5, "address in an unusual notation")),
            (false, false) => None,
        };
    }
    if let Some(six) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let address: std::net::Ipv6Addr = six.split('%').next().unwrap_or(six).parse().ok()?;
        if let Some(mapped) = address.to_ipv4_mapped() {
            let metadata = mapped.octets() == [169, 254, 169, 254];
            return Some(if metadata { (0.92, "cloud metadata service") } else { (0.8, "mapped address") });
        }
        let inner = address.is_loopback()
            || address.is_unspecified()
            || address.segments().first().is_some_and(|part| part & 0xfe00 == 0xfc00);
        return inner.then_some((0.7, "inner address"));
    }
    let local = matches!(host, "localhost" | "localhost.localdomain") || host.ends_with(".localhost");
    let rebinding = [".nip.io", ".sslip.io", ".xip.io", "localtest.me", "lvh.me"].iter().any(|end| host.ends_with(end));
    if rebinding {
        let metadata = host.starts_with("169.254.") || host.starts_with("169-254-");
        return Some((if metadata { 0.9 } else { 0.7 }, "name that stands for any address"));
    }
    let inner = [".internal", ".svc", ".cluster.local", ".local", ".lan", ".corp", ".intranet"];
    (local || inner.iter().any(|end| host.ends_with(end))).then_some((0.5, "inner name"))
}

/// An IPv4 address as `inet_aton` reads it: one to four parts, decimal, octal or hexadecimal.
fn v4(host: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = host.split('.').map(part).collect::<Option<_>>()?;
    let (last, front) = parts.split_last()?;
    if front.len() > 3 || front.iter().any(|part| *part > 255) {
        return None;
    }
    let room = 32 - 8 * u32::try_from(front.len()).ok()?;
    if u64::from(*last) >= 1_u64 << room {
        return None;
    }
    let high = front.iter().enumerate().fold(0_u32, |sum, (index, part)| sum | part << (24 - 8 * index));
    Some(Ipv4Addr::from(high | last))
}

fn part(text: &str) -> Option<u32> {
    let (digits, radix) = match text.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    if digits.is_empty() { None } else { u32::from_str_radix(digits, radix).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Classes;
    use crate::detect::examples::{confidence, must_fire, must_not_fire};

    fn in_field(place: &str, text: &str) -> f32 {
        let bytes = text.as_bytes();
        let kind = if place.starts_with("body") { Kind::Json } else { Kind::Parameter };
        let subject = Subject { bytes, classes: Classes::of(bytes), tokens: Tokens::of(bytes), kind, place };
        if wants(&subject) { look(&subject).map_or(0.0, |hit| hit.confidence) } else { 0.0 }
    }

    #[test]
    fn what_a_field_is_for_decides_about_inner_addresses() {
        for (place, text) in [
            ("query.url", "http://127.0.0.1:6379/"),
            ("body.webhook_url", "http://10.0.0.5/admin"),
            ("body.items[2].image", "http://localhost:6379/x"),
            ("query.next", "//evil.example/a"),
            ("query.redirect_uri", "/\\evil.example"),
            ("query.returnTo", "https:evil.example"),
            ("query.next", "https://shop.example@evil.example/"),
        ] {
            assert!(in_field(place, text) >= 0.8, "{place} {text}");
        }
        for (place, text) in [
            ("query.redirect_uri", "http://localhost:3000/auth/callback"),
            ("body.note", "http://127.0.0.1:5173/"),
            ("body.webhook", "https://10.0.0.5:8443/notify"),
            ("header.referer", "http://localhost:3000/login"),
            ("query.next", "/orders?page=2"),
            ("query.next", "https://shop.example/a"),
            ("body.image", "//cdn.example/a.png"),
        ] {
            assert!(in_field(place, text) < 0.8, "{place} {text}");
        }
    }

    #[test]
    fn metadata_and_hidden_inner_addresses_are_found() {
        must_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "http://169.254.169.254/latest/meta-data/",
                "http://metadata.google.internal/computeMetadata/v1/",
                "http://[::ffff:169.254.169.254]/",
                "http://2852039166/",
                "http://0xa9fea9fe/",
                "http://user@169.254.169.254/x",
                "http://2130706433/admin",
                "http://0x7f.1/",
                "http://017700000001/",
                "gopher://127.0.0.1:6379/_SET",
                "dict://localhost:11211/",
            ],
        );
    }

    #[test]
    fn ordinary_urls_are_let_pass_and_inner_ones_noted() {
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "https://www.example.com/a?b=c",
                "http://93.184.216.34/",
                "see http://localhost:3000/ for the demo",
                "redirect to https://app.example.com/callback",
                "http://10.0.0.5/",
                "the metadata of the file",
            ],
        );
        assert!(confidence(&DETECTOR, Kind::Json, "http://127.0.0.1/") > 0.4);
    }
}
