//! LDAP filters (RFC 4515) that are broken out of.
//!
//! A whole filter is balanced. A value that is pasted into one has to close a bracket that it never opened before it
//! can add a condition: that is what is searched for.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::{Classes, Detector, Hit, Kind, Subject};
use crate::catalogue::DetectorInfo;
use crate::pattern;

pub(super) const DETECTOR: Detector = Detector { info: &INFO, wants, look };

const INFO: DetectorInfo = DetectorInfo {
    name: "ldap_injection",
    what: "a value that closes an LDAP filter which it did not open and adds a condition",
    why: "a directory search then matches everybody, and log-ins succeed without the password",
    example: "*)(uid=*))(|(uid=*",
};

/// A closed condition and the beginning of the next.
static NEXT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\)[\s\x00]*\(+[\s]*(?:[|&!]|[A-Za-z][\w;.-]{0,60}\s*(?:[~<>]?=|:[\w.:]{0,60}=))|\)[\s]*(?:\x00|%00)|\*\)+[\s]*\(?[|&]",
    )
});

fn wants(subject: &Subject<'_>) -> bool {
    subject.classes.any(Classes::PAREN)
        && subject.classes.any(Classes::EQUALS.and(Classes::SHELL).and(Classes::AMPERSAND))
        && matches!(subject.kind, Kind::Path | Kind::Parameter | Kind::Json | Kind::Cookie | Kind::Header | Kind::Text)
        && memchr::memchr(b')', subject.bytes).is_some()
}

fn look(subject: &Subject<'_>) -> Option<Hit> {
    let found = NEXT.find_iter(subject.bytes).take(16).find(|found| closes_more(subject.bytes, found.start()))?;
    let mentioned = subject.is_mentioned(&found.range());
    // A smiley or a list may close a bracket too; a filter has no sentence around it.
    let words = subject.bytes.iter().filter(|byte| **byte == b' ').count();
    Some(Hit::at(&found, if mentioned || words > 6 { 0.5 } else { 0.9 }, "LDAP filter closed and continued"))
}

/// Whether the bracket at `at` closes one that `bytes` did not open.
fn closes_more(bytes: &[u8], at: usize) -> bool {
    let mut open = 0_usize;
    for byte in bytes.iter().take(at + 2) {
        match byte {
            b'(' => open += 1,
            b')' => match open.checked_sub(1) {
                Some(left) => open = left,
                None => return true,
            },
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::examples::{must_fire, must_not_fire};

    #[test]
    fn filters_that_are_broken_out_of_are_found() {
        must_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "*)(uid=*))(|(uid=*",
                "admin)(&)",
                "*)(objectClass=*",
                "admin)(!(&(1=0",
                "x)(|(password=*)",
                "*))(|(cn=*",
                "admin*)((|userPassword=*)",
                "*)(mail=*@*)",
                "a)(cn:caseExactMatch:=admin",
            ],
        );
    }

    #[test]
    fn whole_filters_and_texts_are_let_pass() {
        must_not_fire(
            &DETECTOR,
            Kind::Parameter,
            &[
                "(&(objectClass=user)(cn=John*))",
                "(|(mail=a@example.com)(mail=b@example.com))",
                "f(x)(y=1)",
                "(a|b)(c|d)",
                "see you :) (bring cake = good)",
                "1) (first=one) 2) (second=two) of the list that we talked about last week",
            ],
        );
    }
}
