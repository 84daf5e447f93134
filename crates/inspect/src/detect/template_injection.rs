//! Expressions for template engines and expression languages on the server.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Detector, Hit, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "template_injection",
    what: "a template or expression that computes or reaches for the run time (Jinja, Freemarker, OGNL, SpEL and others)",
    why: "a value that becomes part of a template runs as code on the server",
    example: "{{ ''.__class__.__mro__[1].__subclasses__() }}",
};

/// `{{7*7}}` and the like: the usual probe, of no use to a real template.
static PROBE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:\{\{|\$\{|#\{|<%=?|\*\{|@\(|@\{|\{%|\[\[)=?\s*(?:print\s*\(?)?['"]?\d{1,12}['"]?\s*[*+/-]\s*['"]?\d{1,12}['"]?\s*\)?(?:\}\}|\}|%>|%\}|\)|\]\])"#,
    )
});
/// Inside an expression: what reaches the run time.
static REACH: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?is)(?:\{\{|\$\{|#\{|<%|<#|\*\{|@\{|\{%|%\{|\[\[|\{php|\{\$).{0,400}?(?:__(?:class|mro|base|bases|globals|builtins|import|subclasses|init|getattribute)__|\bconfig\.items\b|\bconfig\s*\}\}|\bself\.(?:__|env)|\|\s*attr\s*\(|['"]constructor['"]|\bsubclasses\s*\(|\.class\.(?:base|mro)\b|\bsettings\.SECRET_KEY\b|\bapp\.request\.(?:server|query|cookies)\b|\bdump\s*\(\s*app\b|\bsmarty\.(?:version|template|server|const)|^\{%\s*debug\s*%\}|^\{\{\s*(?:self|config)\s*\}\}|<%\[%|\blipsum\b|\bcycler\b|\bjoiner\b|\brequest\.(?:application|__|environ|mro)|\bgetruntime\b|\bjava\.(?:lang|io|util|net)\b|\bT\s*\(\s*java|\bnew\s+(?:java|freemarker)|freemarker\.template|\?new\(\)|\bprocessbuilder\b|\bclass\.forname\b|\bgetclass\b|\bclassloader\b|#_?memberaccess|@ognl|#context\b|#parameters\b|\bconstructor\b\s*[.\[(]|\.constructor\b|\b(?:system|exec|popen|passthru|shell_exec|eval)\s*\(|\b_self\.env\b|registerundefinedfiltercallback|\|\s*(?:filter|map|sort|reduce)\s*\(\s*['"](?:system|passthru|exec|shell_exec|popen)|\bprocess\.(?:mainmodule|env|binding)|\bglobal\.process\b|\brequire\s*\(\s*['"]child_process|\bFile\.(?:read|open)\b|\bKernel\b|\bIO\.popen)"#,
    )
});
/// Includes that a server or cache in front of it runs: SSI (Apache mod_include) and ESI (W3C note).
static INCLUDE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)<!--\s*#\s*(?:exec|include|echo|printenv|config|set|fsize|flastmod)\b|<esi:(?:include|inline|vars|debug|eval|remove)\b"#,
    )
});
/// Dunder chains need no delimiter to be what they are.
static DUNDER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"__(?:class|mro|subclasses|globals|builtins|import)__(?:\s*[.\[(]|\b.{0,40}__)"));

fn wants(subject: &Subject<'_>) -> bool {
    subject.tokens.any(Tokens::TEMPLATE)
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    if let Some(found) = REACH.find(subject.bytes) {
        let mentioned = subject.is_mentioned(&found.range());
        return Some(Hit::at(&found, if mentioned { 0.65 } else { 0.93 }, "expression that reaches for the run time"));
    }
    if let Some(found) = PROBE.find(subject.bytes) {
        let mentioned = subject.is_mentioned(&found.range());
        return Some(Hit::at(&found, if mentioned { 0.6 } else { 0.88 }, "expression that only computes: a probe"));
    }
    if let Some(found) = INCLUDE.find(subject.bytes) {
        return Some(Hit::at(&found, 0.9, "include that the server runs"));
    }
    DUNDER.find(subject.bytes).map(|found| {
        let mentioned = subject.is_mentioned(&found.range());
        Hit::at(&found, if mentioned { 0.5 } else { 0.82 }, "chain of Python internals")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Kind;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn expressions_are_found() {
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "{{7*7}}",
                "${7*7}",
                "#{7*7}",
                "<%= 7*7 %>",
                "{{7*'7'}}",
                "{{config.items()}}",
                "{{ self.__init__.__globals__ }}",
                "{{request.application.__globals__.__builtins__.__import__('os').popen('id').read()}}",
                "${T(java.lang.Runtime).getRuntime().exec('id')}",
                "<#assign ex=\"freemarker.template.utility.Execute\"?new()>${ex(\"id\")}${\"freemarker.template.utility.Execute\"?new()(\"id\")}",
                "%{(#_='multipart/form-data').(#_memberAccess=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS)}",
                "{{_self.env.registerUndefinedFilterCallback(\"exec\")}}",
                "{{constructor.constructor('return process')()}}",
                "<%= system('id') %>",
                "<!--#exec cmd=\"id\"-->",
                "<esi:include src=\"http://evil.example/\"/>",
            ],
        );
    }

    #[test]
    fn ordinary_templates_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "Hello {{name}}, your order {{order.id}} has shipped",
                "${user.firstName} ${user.lastName}",
                "{% if user %}Hi{% endif %}",
                "total: #{amount}",
                "def __init__(self): pass",
                "use __name__ == '__main__'",
                "[[Main page]] in a wiki",
                "<% note %>",
            ],
        );
    }
}
