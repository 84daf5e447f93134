//! The same rules for what is written into events: query parameters, and evidence of findings.

use stockade_inspect::mask;
use stockade_model::Finding;
use stockade_model::canonical::percent_decode;

use super::Protect;
use super::rule::Rule;
use crate::json_text::Step;

impl Protect {
    /// The query with values of protected parameters replaced; `None` when none is.
    pub(crate) fn query(&self, query: &str) -> Option<String> {
        if !self.in_events {
            return None;
        }
        let mut changed = false;
        let pairs: Vec<String> = query
            .split('&')
            .filter_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                let (name, plain) = (decoded(name), decoded(value));
                let Some(rule) = self.rule_for(&name, &plain) else { return Some(pair.to_owned()) };
                changed = true;
                if rule.removes() {
                    return None;
                }
                let tokeniser = self.tokeniser.as_ref();
                let named = rule.names(&[Step::Key(name.as_str().into())]);
                let new =
                    if named { rule.replaced(&plain, tokeniser) } else { rule.replaced_within(&plain, tokeniser) };
                Some(format!("{}={}", pair.split_once('=')?.0, escaped(&new)))
            })
            .collect();
        changed.then(|| pairs.join("&"))
    }

    /// Evidence of a finding, replaced when its place is a protected field or it holds what is recognised.
    pub(crate) fn finding(&self, finding: &mut Finding) {
        let name = finding.place.rsplit('.').next().unwrap_or_default();
        let name = name.split('[').next().unwrap_or_default();
        if let Some(rule) = self.rule_for(name, &finding.evidence) {
            // Evidence is a cut-out of a value: a token of it would be one of nothing.
            finding.evidence = if rule.removes() { String::new() } else { mask::MASKED.to_owned() };
        }
    }

    /// Whether a value in a body, under these names from the outside in, must not stand in events.
    pub(crate) fn hides(&self, names: &[&str], value: &str) -> bool {
        let place: Vec<Step<'_>> = names.iter().map(|name| Step::Key((*name).into())).collect();
        self.rules.iter().filter(|rule| rule.in_events).any(|rule| rule.names(&place) || rule.recognises(value))
    }

    fn rule_for(&self, name: &str, value: &str) -> Option<&Rule> {
        let place = [Step::Key(name.into())];
        self.rules.iter().filter(|rule| rule.in_events).find(|rule| rule.names(&place) || rule.recognises(value))
    }
}

fn decoded(text: &str) -> String {
    let spaced = text.replace('+', " ");
    String::from_utf8_lossy(&percent_decode(spaced.as_bytes())).into_owned()
}

/// Text as a value of a query; `[`, `]` and `*` of a mask stay readable.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'@' | b'[' | b']' | b'*' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
