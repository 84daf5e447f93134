//! User agents of known scanners.

use super::{Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "scanner",
    what: "a user agent that names an attack tool or a scanner",
    why: "whoever does not hide the tool can be stopped before it finds something",
    example: "sqlmap/1.8.2#stable (https://sqlmap.org)",
};

/// Tools that only attack; nobody's client is called so.
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
];
/// Scanners that owners also run themselves, and research scans.
const SURVEY: &[&str] = &[
    "nessus",
    "openvas",
    "masscan",
    "zgrab",
    "nmap",
    "whatweb",
    "arachni",
    "qualys",
    "detectify",
    "zaproxy",
    "jaeles",
    "ffuf",
    "burp",
];

fn wants(subject: &Subject<'_>) -> bool {
    subject.kind == Kind::Agent && subject.tokens.any(Tokens::SCANNER)
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
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
        assert!(confidence(&DETECTOR, Kind::Agent, "masscan/1.3") > 0.4);
        must_not_fire(&DETECTOR, Kind::Json, &["I ran sqlmap against my own site"]);
    }
}
