//! The names of commands, for telling quickly that none stands behind a shell metacharacter.

/// Every command that the patterns of `command_injection` know, and what may stand before one; sorted.
const NAMES: &[&str] = &[
    "adduser",
    "alias",
    "awk",
    "base64",
    "bash",
    "bitsadmin",
    "builtin",
    "busybox",
    "call",
    "cat",
    "certutil",
    "chmod",
    "chown",
    "cmd",
    "command",
    "copy",
    "cp",
    "crontab",
    "csh",
    "curl",
    "cut",
    "dash",
    "date",
    "del",
    "df",
    "dig",
    "dir",
    "dmesg",
    "do",
    "du",
    "echo",
    "env",
    "eval",
    "exec",
    "exit",
    "export",
    "fetch",
    "file",
    "find",
    "ftp",
    "gcc",
    "getent",
    "grep",
    "halt",
    "head",
    "host",
    "hostname",
    "id",
    "ifconfig",
    "install",
    "ipconfig",
    "kill",
    "killall",
    "ksh",
    "last",
    "less",
    "ln",
    "ls",
    "lsb_release",
    "lscpu",
    "lsof",
    "make",
    "mkdir",
    "mknod",
    "more",
    "mount",
    "move",
    "mshta",
    "mv",
    "nano",
    "nc",
    "ncat",
    "net",
    "netcat",
    "netsh",
    "netstat",
    "nl",
    "nohup",
    "nproc",
    "nslookup",
    "passwd",
    "perl",
    "php",
    "phpinfo",
    "ping",
    "powershell",
    "print",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "pwsh",
    "python",
    "python2",
    "python3",
    "read",
    "reboot",
    "regsvr32",
    "rm",
    "ruby",
    "rundll32",
    "schtasks",
    "scp",
    "sed",
    "set",
    "sh",
    "shutdown",
    "sleep",
    "socat",
    "sort",
    "source",
    "ssh",
    "start",
    "stat",
    "strings",
    "sudo",
    "systeminfo",
    "tac",
    "tail",
    "tasklist",
    "tee",
    "telnet",
    "tftp",
    "then",
    "time",
    "timeout",
    "touch",
    "traceroute",
    "tracert",
    "type",
    "uname",
    "useradd",
    "users",
    "ver",
    "vi",
    "vim",
    "vol",
    "w",
    "waitfor",
    "wget",
    "which",
    "who",
    "whoami",
    "wmic",
    "xxd",
    "zsh",
];
/// Bytes of the longest name.
const LONGEST: usize = 12;

/// Whether a name of a command stands behind a byte that ends or embeds a command.
pub(super) fn has_command(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if matches!(byte, b';' | b'|' | b'&' | b'`' | b'\n' | b'\r' | b'(') && is_command(tail) {
            return true;
        }
    }
    false
}

fn is_command(tail: &[u8]) -> bool {
    let opening = |byte: &u8| {
        byte.is_ascii_whitespace() || matches!(byte, b'\'' | b'"' | b'(' | b')' | b'{' | b'&' | b'|' | 0x0b)
    };
    let word = tail.trim_ascii_start();
    let start = word.iter().take_while(|byte| opening(byte)).count();
    let word = word.get(start..).unwrap_or_default();
    // The folders that the patterns allow before a name: `/usr/bin/`, `c:\windows\system32\`.
    let path = word
        .iter()
        .take(64)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'\\' | b':'))
        .count();
    let path = word.get(..path).unwrap_or_default();
    path.split(|byte| matches!(byte, b'/' | b'\\')).any(is_name)
}

fn is_name(word: &[u8]) -> bool {
    if word.is_empty() || word.len() > LONGEST {
        return false;
    }
    NAMES.binary_search_by(|name| name.bytes().cmp(word.iter().map(u8::to_ascii_lowercase))).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_short_enough() {
        assert!(NAMES.is_sorted());
        assert!(NAMES.iter().all(|name| name.len() <= LONGEST));
    }

    #[test]
    fn commands_are_found_behind_breaks_only() {
        for text in ["a;id", "a | CAT /etc", "$(curl x)", "a;/usr/bin/wget x", "&& \"ls\"", ";{cat,x}", "a\nid"] {
            assert!(has_command(text.as_bytes()), "{text}");
        }
        for text in ["(X11; Linux x86_64)", "a & b", "cat", "fish; chips", "text/html; charset=utf-8"] {
            assert!(!has_command(text.as_bytes()), "{text}");
        }
    }
}
