//! Scanners: what they call themselves, what they ask for everywhere, and the hosts that they wait at.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "scanner",
    what: "a user agent of an attack tool, a path of a hole that scanners try everywhere, or a host that waits for its target to call",
    why: "whoever does not hide the tool can be stopped before it finds something",
    example: "sqlmap/1.8.2#stable (https://sqlmap.org)",
};

/// Tools that only attack or search for holes; nobody's client is called so.
const ATTACK: &[&str] = &[
    "sqlmap",
    "nikto",
    "havij",
    "acunetix",
    "wpscan",
    "dirbuster",
    "zmeu",
    "w3af",
    "fimap",
    "joomscan",
    "xsser",
    "commix",
    "wfuzz",
    "gobuster",
    "feroxbuster",
    "netsparker",
    "dirsearch",
    "nuclei",
    "masscan",
    "nmap scripting",
    "openvas",
    "nessus",
    "arachni",
    "jaeles",
    "ffuf",
    "fuzz faster",
    "whatweb",
    "burpcollaborator",
];
/// Scanners that owners hire, and surveys of the whole net.
const SURVEY: &[&str] = &["zgrab", "nmap", "qualys", "detectify", "zaproxy", "burp"];

/// Paths of one product's hole, that are asked for wherever that product is not.
static HOLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)/(?:vendor/phpunit/\S*eval-stdin\.php|boaform/|hnap1\b|_ignition/(?:execute-solution|health-check)|wls-wsat/|cgi-bin/(?:luci|\.|%2e|test-cgi|php|bash|status)|\.aws/(?:credentials|config)|\.svn/(?:entries|wc\.db)|\.kube/config|\.docker/|\.vscode/sftp|\.npmrc$|\.ds_store$|goform/|gponform/|(?:invoker/)?jmx(?:-console|invokerservlet)|setup\.cgi|shell\?cd|solr/admin/|elmah\.axd|trace\.axd|(?:dump|backup)\.sql)",
    )
});
/// Paths that are asked for on purpose where the product runs.
static PRODUCT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)/(?:wp-login\.php|xmlrpc\.php|phpmyadmin|actuator/(?:env|heapdump|gateway|jolokia)|server-status|debug/pprof|druid/index|geoserver/|autodiscover/|owa/auth|manager/html)",
    )
});
/// Hosts that wait for a target to call them.
static CALLBACK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b[\w-]+\.(?:interact\.sh|interactsh\.com|oast\.(?:fun|me|pro|live|site|online)|oastify\.com|burpcollaborator\.net|dnslog\.cn|ceye\.io|r87\.me|bxss\.me|xss\.ht|eyes\.sh|pingb\.in)\b",
    )
});

fn wants(subject: &Subject<'_>) -> bool {
    match subject.kind {
        Kind::Agent => subject.tokens.any(Tokens::SCANNER.and(Tokens::CALLBACK)),
        Kind::Path => subject.tokens.any(Tokens::PROBE.and(Tokens::CALLBACK)),
        _ => subject.tokens.any(Tokens::CALLBACK),
    }
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    if subject.tokens.any(Tokens::CALLBACK) {
        if let Some(found) = CALLBACK.find(subject.bytes) {
            let mentioned = subject.is_mentioned(&found.range());
            return Some(Hit::at(&found, if mentioned { 0.6 } else { 0.85 }, "host that waits for its target's call"));
        }
        let header = subject.place.starts_with("header.acunetix") || subject.bytes.starts_with(b"acunetix");
        if header {
            return Some(Hit { confidence: 0.9, range: 0..subject.bytes.len().min(60), note: "mark of a scanner" });
        }
    }
    if subject.kind == Kind::Path {
        let hole = HOLE.find(subject.bytes).map(|found| Hit::at(&found, 0.86, "path that scanners try everywhere"));
        return hole
            .or_else(|| Some(Hit::at(&PRODUCT.find(subject.bytes)?, 0.5, "path of a product that scanners look for")));
    }
    if subject.kind != Kind::Agent {
        return None;
    }
    let agent = subject.bytes.to_ascii_lowercase();
    let find = |words: &[&str], confidence, note| {
        words.iter().find_map(|word| {
            let start = memchr::memmem::find(&agent, word.as_bytes())?;
            Some(Hit { confidence, range: start..start + word.len(), note })
        })
    };
    find(ATTACK, 0.9, "user agent of an attack tool").or_else(|| find(SURVEY, 0.5, "user agent of a scanner"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{confidence, must_fire, must_not_fire};

    #[test]
    fn attack_tools_are_refused_and_scanners_noted() {
        must_fire(&DETECTOR, Kind::Agent, &["sqlmap/1.0", "Mozilla/5.00 (Nikto/2.1.6) (Evasions:None)"]);
        must_not_fire(&DETECTOR, Kind::Agent, &["Mozilla/5.0 zgrab/0.x", "curl/8.5.0", "python-requests/2.31.0"]);
        must_fire(&DETECTOR, Kind::Agent, &["masscan/1.3", "Fuzz Faster U Fool v2.0.0"]);
        assert!(confidence(&DETECTOR, Kind::Agent, "zgrab/0.x") > 0.4);
        must_fire(
            &DETECTOR,
            Kind::Path,
            &["/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php", "/HNAP1/", "/.aws/credentials", "/cgi-bin/luci"],
        );
        must_not_fire(&DETECTOR, Kind::Path, &["/v1/actuator/health", "/wp-login.php", "/docker/images"]);
        must_fire(&DETECTOR, Kind::Json, &["http://c3a1.oast.fun/x", "nslookup abc.burpcollaborator.net"]);
        must_not_fire(&DETECTOR, Kind::Json, &["make a toast.fun for all", "read about interact.sh"]);
        must_not_fire(&DETECTOR, Kind::Json, &["I ran sqlmap against my own site"]);
    }
}
