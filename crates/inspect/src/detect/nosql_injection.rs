//! Query operators of document databases where a value is expected.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Classes, Detector, Hit, Kind, Subject};
use crate::catalogue::DetectorInfo;
use crate::{mask, pattern};

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

pub(crate) const NAME: &str = "nosql_injection";

const INFO: DetectorInfo = DetectorInfo {
    name: NAME,
    what: "an operator of a document database, such as `$ne` or `$where`, in the name of a parameter or key",
    why: "a value that becomes an operator turns a password check into `is not equal to`",
    example: "password[$ne]",
};

static OPERATOR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|[\[.])\$(?:ne|eq|gte?|lte?|n?in|exists|regex|not|n?or|and|where|function|accumulator|expr|elemMatch|mod|type|size|all|jsonSchema|text)\]?(?:$|[\[.\]])",
    )
});
static CODE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\$(?:where|function|accumulator)\b"));
/// JSON as a value, with an operator where a plain value is expected, and a comparison that is true of everything.
static ALWAYS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"["']\$(?:ne|gt|gte|nin|regex|exists|not|nor|or|where|function|expr)["']\s*:\s*(?:null|""|''|true|false|-?1\b|0\b|\[\s*\]|["'](?:\.\*|\^|\.\+|\^\.\*\$?|undefined|)["']|\{\s*\}|["']?(?:function|this\.|sleep|return))"#,
    )
});
static SCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:['"]\s*(?:\|\||&&)\s*(?:['"][^'"]{0,40}['"]|\d+)\s*={2,3}|\$where['"]?\s*:|['"]\s*(?:;|\|\||&&)\s*(?:return\b|while\s*\(|this\.\w+|sleep\s*\(|var\b|db\.\w+)|\bthis\.\w+\s*(?:==|!=|\.match\()|\bdb\.\w+\.(?:find|drop|remove|insert)\s*\(|^\s*\{\s*"?\$(?:ne|gt|gte|lt|lte|nin|where|regex|exists)"?\s*:)"#,
    )
});

fn wants(subject: &Subject<'_>) -> bool {
    match subject.kind {
        Kind::Name => subject.classes.any(Classes::DOLLAR),
        Kind::Parameter | Kind::Json | Kind::Cookie => {
            subject.classes.any(Classes::QUOTE.and(Classes::DOLLAR).and(Classes::PAREN).and(Classes::EQUALS))
        }
        _ => false,
    }
}

/// Whether a key of JSON is an operator that, with its value, fits every text: `{"$gt": ""}`.
pub(crate) fn fits_all(key: &str, value: &serde_json::Value) -> Option<Hit> {
    let fits = match (key, value.as_str()?) {
        ("$gt" | "$gte" | "$ne", "") => true,
        ("$regex", text) => matches!(text, "" | ".*" | "^" | "^.*" | "^.*$" | ".+" | "."),
        _ => false,
    };
    fits.then_some(Hit { confidence: 0.86, range: 0..key.len(), note: "query operator that fits everything" })
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    if subject.kind != Kind::Name {
        let hit = SCRIPT
            .find(subject.bytes)
            .map(|found| Hit::at(&found, 0.85, "database script in a value"))
            .or_else(|| Some(Hit::at(&ALWAYS.find(subject.bytes)?, 0.86, "query operator that fits everything")))?;
        let mentioned = subject.is_mentioned(&hit.range);
        return Some(if mentioned { Hit { confidence: 0.6, ..hit } } else { hit });
    }
    let found = OPERATOR.find(subject.bytes)?;
    if CODE.is_match(subject.bytes) {
        return Some(Hit::at(&found, 0.9, "operator that runs a script"));
    }
    // Some APIs take `$gt` for filters by design; on a credential it is never meant.
    let whole = format!("{}.{}", subject.place, String::from_utf8_lossy(subject.bytes));
    let credential = whole.split(['[', ']', '.']).any(|part| {
        mask::is_sensitive(part)
            || ["user", "username", "login", "email"].iter().any(|name| part.eq_ignore_ascii_case(name))
    });
    Some(Hit::at(&found, if credential { 0.9 } else { 0.6 }, "query operator in a name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{confidence, must_fire, must_not_fire};

    #[test]
    fn operators_on_credentials_and_scripts_are_found() {
        must_fire(&DETECTOR, Kind::Name, &["password[$ne]", "user[$gt]", "login[$regex]", "$where", "filter[$where]"]);
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &["'; return true; var x='", "' || this.password == 'a", "{\"$ne\": null}", "a'; sleep(5000); '"],
        );
    }

    #[test]
    fn filters_and_prices_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Name,
            &["price[$gt]", "$schema", "$ref", "$id", "cost_in_$", "filters[title][$contains]"],
        );
        must_not_fire(&DETECTOR, Kind::Json, &["costs $5 or more", "return policy: 'as is'", "$HOME", "a = b && c"]);
        assert!(confidence(&DETECTOR, Kind::Name, "price[$gt]") > 0.5);
    }
}
