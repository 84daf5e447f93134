//! Keys that reach the prototype which all objects of a JavaScript program share.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Detector, Hit, Kind, Subject, Tokens};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "prototype_pollution",
    what: "a key or parameter name that leads to the prototype of all objects, `__proto__` or `constructor.prototype`",
    why: "a JavaScript back end that merges the value gives every object the attacker's fields",
    example: "__proto__[isAdmin]",
};

/// A step to the prototype, as a part of a name.
static STEP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:^|[\[.\]'"])(?:__proto__|__(?:define|lookup)(?:G|S)etter__|constructor['"]?(?:\]?\[|\.)['"]?prototype)(?:$|[\[.\]'"])"#,
    )
});
/// The same step as a key of JSON or as an assignment inside a value.
static KEY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:["']__proto__["']\s*:\s*[\[{"'\w]|["']constructor["']\s*:\s*\{\s*["']prototype["']\s*:|^(?:[\w.\[\]'"]{0,40}[\[.])?__proto__(?:\[|\.)|^constructor(?:\[|\.)['"]?prototype\b)"#,
    )
});

fn wants(subject: &Subject<'_>) -> bool {
    subject.tokens.any(Tokens::PROTOTYPE)
        && matches!(subject.kind, Kind::Name | Kind::Parameter | Kind::Json | Kind::Cookie | Kind::Text)
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    if subject.kind == Kind::Name {
        // `prototype` below `constructor`, as two keys of one JSON document.
        if subject.bytes == b"prototype" && subject.place.ends_with("constructor.prototype") {
            return Some(Hit { confidence: 0.92, range: 0..subject.bytes.len(), note: "key of the shared prototype" });
        }
        return STEP.find(subject.bytes).map(|found| Hit::at(&found, 0.94, "key of the shared prototype"));
    }
    let found = KEY.find(subject.bytes)?;
    let mentioned = subject.is_mentioned(&found.range());
    Some(Hit::at(&found, if mentioned { 0.5 } else { 0.88 }, "key of the shared prototype in a value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn steps_to_the_prototype_are_found() {
        must_fire(
            &DETECTOR,
            Kind::Name,
            &["__proto__", "__proto__[x]", "__proto__.x", "a[__proto__][x]", "constructor[prototype][x]"],
        );
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "{\"__proto__\":{\"isAdmin\":true}}",
                "{\"constructor\": {\"prototype\": {\"a\": 1}}}",
                "__proto__.admin",
            ],
        );
    }

    #[test]
    fn names_and_talk_are_let_pass() {
        must_not_fire(&DETECTOR, Kind::Name, &["prototype", "constructor", "proto", "prototype_id", "constructorName"]);
        must_not_fire(
            &DETECTOR,
            Kind::Json,
            &[
                "Never merge `{\"__proto__\": {}}` from users: it changes every object in the program.",
                "The __proto__ property is deprecated",
                "Foo.prototype.bar = function () {}",
            ],
        );
    }
}
