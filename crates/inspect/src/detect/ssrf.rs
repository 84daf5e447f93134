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

fn wants(subject: &Subject<'_>) -> bool {
    subject.tokens.any(Tokens::INNER)
        && matches!(subject.kind, Kind::Path | Kind::Parameter | Kind::Json | Kind::Header | Kind::Cookie | Kind::Text)
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    let mut best = BARE.find(subject.bytes).map(|found| Hit::at(&found, 0.9, "cloud metadata service"));
    for captures in URL.captures_iter(subject.bytes).take(16) {
        let (Some(whole), Some(scheme), Some(host)) = (captures.get(0), captures.get(1), captures.get(2)) else {
            continue;
        };
        let scheme = String::from_utf8_lossy(scheme.as_bytes()).to_ascii_lowercase();
        let host = String::from_utf8_lossy(host.as_bytes()).to_ascii_lowercase();
        let Some((confidence, note)) = weigh(&scheme, host.trim_end_matches('.')) else { continue };
        best = Hit::better(best, Some(Hit::at(&whole, confidence, note)));
    }
    best
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
        return inner.then_some((0.6, "inner address"));
    }
    let local = matches!(host, "localhost" | "localhost.localdomain") || host.ends_with(".localhost");
    let rebinding =
        [".nip.io", ".sslip.io", ".xip.io", ".localtest.me", ".lvh.me"].iter().any(|end| host.ends_with(end));
    if rebinding {
        return Some((0.7, "name that stands for any address"));
    }
    (local || host.ends_with(".internal")).then_some((0.5, "inner name"))
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
    use crate::detect::examples::{confidence, must_fire, must_not_fire};

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
