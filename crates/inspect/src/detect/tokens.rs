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
    pub(crate) const INNER: Self = Self(1 << 6);
    pub(crate) const ENTITY: Self = Self(1 << 7);
    pub(crate) const SCANNER: Self = Self(1 << 8);
    /// Words that are SQL only next to marks that plain texts lack.
    pub(crate) const SQL_WEAK: Self = Self(1 << 9);
    /// What an event handler's name begins with.
    pub(crate) const HANDLER: Self = Self(1 << 10);

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
            "truncate",
            "exec",
            "declare",
            "having",
            "order by",
            "group by",
            "sleep",
            "benchmark",
            "waitfor",
            "_schema",
            "sysobjects",
            "syscolumns",
            "sysusers",
            "xp_",
            "load_file",
            "outfile",
            "dumpfile",
            "extractvalue",
            "updatexml",
            "procedure",
            "cast(",
            "convert(",
            "case when",
            "ascii(",
            "substr",
            "mid(",
            "user(",
            "database(",
            "version(",
            "@@",
            "dbms_",
            "utl_",
            "pg_",
            "make_set",
            "elt(",
            "sqlite_",
            "shutdown",
            "randomblob",
            "xmltype",
            "openrowset",
            "char(",
            "chr(",
            "concat",
            "all_tables",
            "user_tab",
            "handler ",
            "load data",
            "create ",
            "grant ",
            "call ",
            "iif(",
            "mysql.",
            "benchmark",
        ],
    ),
    (
        Tokens::SQL_WEAK,
        &[
            " or", "or ", "and ", " and", ")or", ")and", "'or", "'and", "\"or", "\"and", "or(", "and(", "or'", "and'",
            "xor", "||", "&&", "like", "between", "regexp", "rlike", "--", "/*", "*/", "null", " in(", "\tor", "\nor",
            "\tand", "\nand", "or/", "and/", "or\"", "and\"", "or!", "or~", "or-", "or+", "and!", "and~", "and-",
            "and+", "or@", "and@", " is ", " div ", " mod ", "from", "where", "not", "limit", "0x", "'--", "/or",
            "/and", "+or", "+and", "1or", "1and",
        ],
    ),
    (
        Tokens::SCRIPT,
        &[
            "script",
            "alert",
            "prompt",
            "confirm",
            "eval",
            "document",
            "window",
            "srcdoc",
            "expression",
            "data:",
            "fromcharcode",
            "binding",
            "behavior",
            "behaviour",
            "xmlns",
            "xlink",
            "settimeout",
            "setinterval",
            "constructor",
            "@import",
            "import(",
            "innerhtml",
            "location",
            "atob",
            "msgbox",
            "top[",
            "self[",
            "parent[",
            "this[",
            "frames[",
            "globalthis",
            "new image",
            "mocha:",
        ],
    ),
    (
        Tokens::HANDLER,
        &[" on", "\"on", "'on", "/on", "`on", "\non", "\ton", "\ron", "\x0con", ";on", "+on", "\x0bon", ">on"],
    ),
    (
        Tokens::PATH,
        &[
            "../",
            "..\\",
            "..;",
            "..\0",
            "/etc/",
            "etc/",
            "\\etc\\",
            "etc\\",
            "/proc/",
            "proc/",
            "/var/",
            "var/",
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
            "passwd",
            "root/",
            "wp-config",
            "windows/",
            "windows\\",
            "winnt",
            "\\\\",
            "usr/",
            "/opt/",
            "d:\\",
            "glob:",
            "filter/",
            "php5:",
        ],
    ),
    (
        Tokens::SHELL,
        &[
            "/bin/",
            "powershell",
            "cmd",
            "() {",
            "(){",
            "<?",
            "system",
            "exec",
            "passthru",
            "popen",
            "invoke-",
            "iex",
            "ifs",
            "/dev/",
            "proc_open",
            "subprocess",
            "__import__",
            "new-object",
            "downloadstring",
            "nc ",
            "ncat ",
            "wget ",
            "curl ",
            "cat ",
            "tail ",
            "head ",
            "less ",
            "more ",
            "ls ",
            "rm ",
            "chmod ",
            "type ",
            "ping ",
            "net ",
        ],
    ),
    (Tokens::LOOKUP, &["${"]),
    (Tokens::TEMPLATE, &["{{", "${", "#{", "<%", "{%", "%{", "__", "*{", "@{", "@(", "{php", "~{", "[["]),
    (
        Tokens::INNER,
        &[
            "169.254",
            "metadata",
            "localhost",
            ".internal",
            "gopher:",
            "dict:",
            "jar:",
            "netdoc:",
            "tftp:",
            "ldap",
            "100.100.",
            "://0",
            "://1",
            "://2",
            "://3",
            "://4",
            "://5",
            "://6",
            "://7",
            "://8",
            "://9",
            "://[",
            "///",
            ":\\",
            ":/\\",
            "@0",
            "@1",
            "@2",
            "@[",
            ".nip.io",
            ".sslip.io",
            ".xip.io",
            "localtest.me",
            "lvh.me",
            "instance-data",
        ],
    ),
    (Tokens::ENTITY, &["<!", "include", "<?xml"]),
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
