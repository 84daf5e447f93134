//! Values that climb out of a folder or name files that no caller should.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Classes, Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "path_traversal",
    what: "a value that climbs folders with `..` or names a well-known secret file of the operating system or application",
    why: "a server that opens the file gives out passwords, keys and source code",
    example: "../../../../etc/passwd",
};

/// One step up, in the notations that survive decoding.
static CLIMB: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:0x2e){2}(?:0x2f|0x5c|[/\\])|(?:^|[/\\=:;,&\s\x00-\x1f'(]|[^.])(?:\.{2,4}[;\x00]?[/\\]+)+(?:\.\.(?:$|\x00))?",
    )
});
/// Files that are only asked for by attackers.
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:(?:^|[/\\.:=\s'])(?:etc[/\\]+(?:\.[/\\]+)*(?:passwd|kubernetes[/\\]|shadow|group|hosts|sudoers|issue|motd|fstab|crontab|mysql|ssh|apache2?|httpd|nginx|samba|php\w*[/\\]|init\.d|network|resolv\.conf|redhat-release|my\.cnf|vsftpd\S{0,20}|proftpd\S{0,20}|pure-ftpd\S{0,20}|security[/\\]\w+|profile|logrotate\S{0,20}|ldap)|proc[/\\]+(?:self|version|cmdline|mounts|cpuinfo|net|\d+)|var[/\\]+(?:log|lib[/\\]mysql|mail|spool|run[/\\]secrets)[/\\]|windows[/\\]+(?:win\.ini|system(?:32|\.ini)|repair|debug|php\.ini|system32)|winnt[/\\]+|boot\.ini\b|root[/\\]+\.(?:ssh|bash|my)|usr[/\\]+local[/\\]+(?:apache\w*|etc|php\w*|nginx|pgsql|mysql)[/\\]|(?:opt|usr[/\\]+\w*)[/\\]+(?:lampp|xampp|apache\w*)[/\\]\S*(?:conf|log|ini))|\.ssh[/\\]+(?:id_|authorized_keys)|\.aws[/\\]+(?:credentials|config)|\.kube[/\\]+config|\.docker[/\\]+config\.json|(?:^|[/\\])(?:\.git[/\\]+(?:config|head|index)|\.env(?:\.\w+)?$|\.ht(?:access|passwd)|web-inf[/\\]+|meta-inf[/\\]+(?:manifest|context)|wp-config\.php|id_rsa$)|\bphp\d?://(?:filter|input|fd)|\b(?:expect|phar|zip|glob|data|ogg|rar|ssh2|zlib|compress\.\w+)://\S*(?:php|/)|\bfile:/{2,3}(?:etc|proc|var|c:|windows|root|home|usr|boot|/))",
    )
});
/// Drive letters and shares at the beginning.
static WINDOWS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^[/\\]*(?:[a-z]:[/\\]+(?:windows|winnt|boot\.ini|inetpub|users[/\\]administrator|xampp|apache\w*|wamp|mysql|php)|\\\\[\w.-]+\\[a-z]\$)",
    )
});

fn wants(subject: &Subject<'_>) -> bool {
    subject.tokens.any(Tokens::PATH) && subject.kind != Kind::Structured && subject.kind != Kind::File
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    let bytes = subject.bytes;
    let secret = SECRET.find(bytes).or_else(|| WINDOWS.find(bytes));
    let climb = CLIMB.find(bytes);
    // A value without spaces is a path; a text that mentions one is not.
    let path_like = !subject.classes.any(Classes::SPACE.and(Classes::LINE)) || bytes.len() < 24;
    match (climb, secret) {
        (Some(climb), Some(secret)) => {
            let confidence = if path_like || climb.end() >= secret.start() { 0.97 } else { 0.7 };
            Some(Hit {
                confidence,
                range: climb.start()..secret.end().max(climb.end()),
                note: "climbs to a secret file",
            })
        }
        (None, Some(secret)) => {
            // A URL or a text may hold such a path by chance; a path by itself does not.
            let alone = secret.start() <= 1
                || bytes.iter().take(secret.start()).all(|byte| matches!(byte, b'/' | b'\\' | b'.' | b'\0'));
            let confidence = match (path_like, alone) {
                (true, true) => 0.93,
                (true, false) => 0.82,
                (false, true) => 0.7,
                (false, false) => 0.5,
            };
            Some(Hit::at(&secret, confidence, "names a secret file"))
        }
        (Some(climb), None) => {
            let steps = bytes.windows(3).filter(|three| matches!(*three, b"../" | b"..\\" | b"..;")).count();
            let hidden = memchr::memmem::find(climb.as_bytes(), b"0x2e").is_some();
            let odd =
                climb.as_bytes().iter().any(|byte| matches!(byte, b'\\' | b';' | 0)) || has_dots(climb.as_bytes());
            let leads = climb.start() == 0 || bytes.first().is_some_and(|byte| matches!(byte, b'/' | b'\\'));
            let confidence = match (subject.kind, path_like) {
                _ if hidden => 0.86,
                (Kind::FileName, _) => 0.92,
                (Kind::Path, _) => 0.9,
                (Kind::Text, _) | (_, false) => 0.45,
                (_, true) if steps >= 3 || (steps >= 2 && (odd || leads)) => 0.88,
                (_, true) if steps >= 2 || odd && leads => 0.82,
                (_, true) => 0.6,
            };
            Some(Hit::at(&climb, confidence, "climbs out of the folder"))
        }
        (None, None) => None,
    }
}

/// `..../`, which becomes `../` in filters that take `../` out once.
fn has_dots(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|three| three == b"...")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{confidence, must_fire, must_not_fire};

    #[test]
    fn climbing_and_secret_files_are_found() {
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "../../etc/passwd",
                "..\\..\\windows\\win.ini",
                "....//....//etc/passwd",
                "/etc/passwd",
                "/etc/shadow\0.png",
                "../../../../secret.txt",
                "images/../../../../etc/hosts",
                "php://filter/convert.base64-encode/resource=index.php",
                "file:///etc/passwd",
                "C:\\Windows\\win.ini",
                "/proc/self/environ",
                "..;/..;/manager/html",
                "../../.ssh/id_rsa",
                "/WEB-INF/web.xml",
                "..\\..\\..\\boot.ini",
            ],
        );
        must_fire(&DETECTOR, Kind::FileName, &["../shell.php", "..\\x.aspx"]);
    }

    #[test]
    fn paths_and_texts_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "images/logo.png",
                "/home/alice/report.pdf",
                "../images/logo.png",
                "https://example.com/a/b?c=d",
                "wait... what/when?",
                "and so on.../",
                "The file /etc/hosts maps names to addresses on Linux.",
                "C:\\Users\\alice\\Documents\\report.docx",
                "see ../../docs/readme.md for how to build it",
                "a..b/c",
                "v1..v2",
                "[1..10]",
                "data:image/png;base64,iVBORw0KGgo=",
            ],
        );
        assert!(confidence(&DETECTOR, Kind::Json, "../images/logo.png") > 0.4);
    }
}
