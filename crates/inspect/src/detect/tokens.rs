//! The words that make a detector look closer, all searched for in one pass.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// The groups of words that occur in a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tokens(u32);

impl Tokens {
    pub(crate) const SQL: Self = Self(1);
    pub(crate) const SCRIPT: Self = Self(1 << 1);
    pub(crate) const PATH: Self = Self(1 << 2);
    pub(crate) const SHELL: Self = Self(1 << 3);
    pub(crate) const LOOKUP: Self = Self(1 << 4);
    pub(crate) const TEMPLATE: Self = Self(1 << 5);
    pub(crate) const URL: Self = Self(1 << 6);
    pub(crate) const ENTITY: Self = Self(1 << 7);
    pub(crate) const SCANNER: Self = Self(1 << 8);

    pub(crate) const fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// The groups of which `bytes` holds a word, whatever its case.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let Some(words) = WORDS.as_ref() else { return Self(u32::MAX) };
        let mut seen = 0;
        for found in words.find_overlapping_iter(bytes) {
            seen |= OWNERS.get(found.pattern().as_usize()).copied().unwrap_or(0);
        }
        Self(seen)
    }
}

const GROUPS: &[(Tokens, &[&str])] = &[
    (
        Tokens::SQL,
        &[
            "select",
            "union",
            "insert",
            "update",
            "delete",
            "drop",
            "alter",
            "create",
            "truncate",
            "exec",
            "declare",
            "having",
            "order by",
            "group by",
            "sleep",
            "benchmark",
            "waitfor",
            "delay",
            "schema",
            "sysobjects",
            "xp_",
            "load_file",
            "outfile",
            "dumpfile",
            "concat",
            "char(",
            "chr(",
            "extractvalue",
            "updatexml",
            " or ",
            " and ",
            ")or",
            ")and",
            "'or",
            "'and",
            "\"or",
            "\"and",
            "or(",
            "and(",
            "or'",
            "and'",
            "or\"",
            "xor",
            "||",
            "&&",
            "like",
            "between",
            "regexp",
            "rlike",
            "procedure",
            "cast(",
            "convert(",
            "case",
            "if(",
            "ascii(",
            "substr",
            "mid(",
            "version",
            "user(",
            "database(",
            "@@",
            "--",
            "/*",
            "*/",
            "null",
            "limit",
            "dbms_",
            "utl_",
            "pg_",
            "0x",
            "make_set",
            "elt(",
            "sqlite_",
            "shutdown",
            " in(",
            "in (",
            "/**/",
            "\tor",
            "\nor",
            "+or+",
            "1=1",
            "or/",
            "and/",
            "or\t",
            "or\n",
            " or\"",
            " is ",
            "from",
            "where",
            " not",
            "into",
            "'--",
            "'#",
            "\"#",
            "'=",
            "\"=",
            "='",
            "=\"",
            ";",
            "or!",
            "or~",
            "or-",
            "or+",
            "and!",
            "and~",
            "and-",
            "and+",
            "or@",
            "and@",
            " div ",
            "merge",
            "handler",
            "grant",
            "revoke",
            "analyse(",
            "row(",
            "rand(",
            "floor(",
            "*",
        ],
    ),
    (
        Tokens::SCRIPT,
        &[
            "script",
            "<",
            "on",
            "alert",
            "prompt",
            "confirm",
            "eval",
            "document.",
            "window.",
            "srcdoc",
            "expression",
            "javascript",
            "data:",
            "fromcharcode",
            "binding",
            "behavior",
            "src=",
            "href=",
            "style=",
            "xmlns",
            "xlink",
            "settimeout",
            "cookie",
            "constructor",
            "livescript",
            "import",
            "innerhtml",
            "location",
            "atob(",
        ],
    ),
    (
        Tokens::PATH,
        &[
            "../",
            "..\\",
            "..;",
            "...",
            "/etc/",
            "\\etc\\",
            "/proc/",
            "/var/log",
            "c:\\",
            "c:/",
            "boot.ini",
            "win.ini",
            "system32",
            ".env",
            ".git/",
            ".ssh",
            "id_rsa",
            "web-inf",
            "meta-inf",
            "file:",
            "php:",
            "expect:",
            "phar:",
            "zip:",
            ".htaccess",
            ".htpasswd",
            "web.config",
            "passwd",
            "/root/",
            "wp-config",
            "\\windows",
            "/windows",
            "winnt",
            "..%",
            "\\\\",
            "/usr/",
            "/boot",
            "/opt/",
            "/sys/",
            "/dev/",
        ],
    ),
    (
        Tokens::SHELL,
        &[
            ";",
            "|",
            "&",
            "`",
            "$(",
            "${",
            "\n",
            "\r",
            "/bin/",
            "powershell",
            "cmd",
            "() {",
            "<(",
            "%comspec%",
            "<?",
            "system(",
            "exec(",
            "passthru",
            "popen",
            "-enc",
            "invoke-",
            "iex",
        ],
    ),
    (Tokens::LOOKUP, &["${"]),
    (Tokens::TEMPLATE, &["{{", "${", "#{", "<%", "{%", "%{", "__", "*{", "@{", "{php", "[%", "~{", "[["]),
    (Tokens::URL, &["://", "169.254", "metadata", "localhost", "gopher:", "dict:"]),
    (Tokens::ENTITY, &["<!", "xinclude", "<?xml"]),
    (
        Tokens::SCANNER,
        &[
            "sqlmap",
            "nikto",
            "nuclei",
            "acunetix",
            "nessus",
            "masscan",
            "zgrab",
            "dirbuster",
            "gobuster",
            "wpscan",
            "havij",
            "w3af",
            "arachni",
            "netsparker",
            "jaeles",
            "ffuf",
            "feroxbuster",
            "openvas",
            "zmeu",
            "whatweb",
            "nmap",
            "wfuzz",
            "fimap",
            "joomscan",
            "burp",
            "zaproxy",
            "qualys",
            "detectify",
            "xsser",
            "commix",
            "dirsearch",
        ],
    ),
];

static OWNERS: LazyLock<Vec<u32>> =
    LazyLock::new(|| GROUPS.iter().flat_map(|(group, words)| words.iter().map(|_| group.0)).collect());

static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(GROUPS.iter().flat_map(|(_, words)| words.iter()))
        .ok()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_their_case() {
        assert!(Tokens::of(b"1 UnIoN SeLeCt 2").any(Tokens::SQL));
        assert!(Tokens::of(b"x ${jndi").any(Tokens::LOOKUP));
        assert!(!Tokens::of(b"a plain sentence").any(Tokens::LOOKUP));
    }
}
