//! One inspection: values go in, findings come out.

use stockade_model::{Finding, Reason, Timestamp};

use super::{DECODING, FINDINGS, Inspection, Inspector, VALUES};
use crate::decode::{Budget, Steps, derive};
use crate::detect::{Classes, Hit, Kind, LOOKED_AT, Subject, Tokens};
use crate::mask;

/// Bytes that may be decoded from the values of one part of a request.
const DECODED: usize = 4 << 20;
/// Bytes by which the windows of a long value overlap.
const OVERLAP: usize = 512;
const EVIDENCE: usize = 200;

pub(super) struct Run<'a> {
    inspector: &'a Inspector,
    operation: Option<&'a str>,
    restricted: &'a dyn Fn(&str) -> bool,
    now: Timestamp,
    /// The place of the value that is being looked at; grown and cut by the walkers.
    pub(super) place: String,
    findings: Vec<Finding>,
    values: u32,
    budget: Budget,
    problem: Option<(&'static Reason, String)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        inspector: &'a Inspector,
        operation: Option<&'a str>,
        restricted: &'a dyn Fn(&str) -> bool,
        now: Timestamp,
    ) -> Self {
        Self {
            inspector,
            operation,
            restricted,
            now,
            place: String::new(),
            findings: Vec::new(),
            values: 0,
            budget: Budget::new(DECODED),
            problem: None,
        }
    }

    /// Whether a budget ran out, so that walking on is of no use.
    pub(super) const fn is_over(&self) -> bool {
        self.problem.is_some()
    }

    /// Counts a value that cannot hold an attack (a number, a boolean).
    pub(super) fn skip(&mut self) {
        self.values = self.values.saturating_add(1);
        if self.values > self.inspector.values && self.problem.is_none() {
            let most = self.inspector.values;
            self.problem = Some((&VALUES, format!("expected at most {most} values, got more")));
        }
    }

    /// Looks at one value, which stands at `self.place`.
    pub(super) fn value(&mut self, bytes: &[u8], kind: Kind) {
        self.skip();
        if bytes.len() < 2 || self.is_over() {
            return;
        }
        let classes = Classes::of(bytes);
        if is_harmless(bytes, classes, kind) || (self.restricted)(&self.place) {
            return;
        }
        self.look(bytes, classes, kind, &Steps::new());
        for derived in derive(bytes, classes, &mut self.budget) {
            let classes = Classes::of(&derived.bytes);
            if !is_harmless(&derived.bytes, classes, kind) {
                self.look(&derived.bytes, classes, kind, &derived.steps);
            }
        }
        if self.budget.is_spent() {
            self.problem = Some((&DECODING, format!("expected at most {DECODED} decoded bytes, got more")));
        }
    }

    /// Runs the detectors; over a long value in windows, so that each costs a bounded time.
    fn look(&mut self, bytes: &[u8], classes: Classes, kind: Kind, steps: &Steps) {
        let mut start = 0;
        loop {
            let end = bytes.len().min(start + LOOKED_AT);
            let window = bytes.get(start..end).unwrap_or_default();
            let subject = Subject { bytes: window, classes, tokens: Tokens::of(window), kind, place: &self.place };
            let mut hits = Vec::new();
            for detector in &self.inspector.detectors {
                if (detector.wants)(&subject)
                    && let Some(hit) = (detector.look)(&subject)
                {
                    hits.push((detector.info.name, hit));
                }
            }
            for (detector, hit) in hits {
                self.found(detector, window, hit, steps);
            }
            if end == bytes.len() {
                return;
            }
            start = end - OVERLAP;
        }
    }

    fn found(&mut self, detector: &'static str, bytes: &[u8], hit: Hit, steps: &Steps) {
        let rules = &self.inspector.rules;
        if rules.iter().any(|rule| rule.covers(self.operation, &self.place, detector, self.now)) {
            return;
        }
        let known = self.findings.iter_mut().find(|known| known.detector == detector && known.place == self.place);
        if known.as_ref().is_some_and(|known| known.confidence >= hit.confidence) {
            return;
        }
        let evidence = bytes.get(hit.range.start..hit.range.end.min(bytes.len())).unwrap_or(bytes);
        let evidence = evidence.get(..evidence.len().min(EVIDENCE * 2)).unwrap_or(evidence);
        let finding = Finding {
            detector,
            place: self.place.clone(),
            steps: steps.to_vec(),
            confidence: hit.confidence,
            evidence: mask::text(&String::from_utf8_lossy(evidence), EVIDENCE).into_owned(),
            note: hit.note.to_owned(),
        };
        match known {
            Some(known) => *known = finding,
            None => self.findings.push(finding),
        }
        if self.findings.len() >= FINDINGS * 4 {
            sort(&mut self.findings);
        }
    }

    pub(super) fn finish(mut self) -> Inspection {
        sort(&mut self.findings);
        let refuse = self.findings.first().is_some_and(|finding| finding.confidence >= self.inspector.threshold);
        Inspection { findings: self.findings, refuse, values: self.values, problem: self.problem }
    }
}

fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|left, right| right.confidence.total_cmp(&left.confidence));
    findings.truncate(FINDINGS);
}

/// Whether a value needs no look: letters, digits and mild marks only, and too short or too uniform to be Base64.
fn is_harmless(bytes: &[u8], classes: Classes, kind: Kind) -> bool {
    match kind {
        Kind::Structured => !classes.any(Classes::DOLLAR.and(Classes::BRACE).and(Classes::LINE)),
        Kind::Agent => false,
        Kind::Path if bytes.first() == Some(&b'.') => false,
        _ => classes.is_plain() && (bytes.len() < 12 || !mixes_cases(bytes)),
    }
}

/// Whether a value may be Base64: that mixes cases within the first few characters.
fn mixes_cases(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| matches!(byte, b'.' | b',' | b':' | b'@' | b'~' | b'?' | b'!'))
        && bytes.iter().skip(1).any(u8::is_ascii_uppercase)
        && bytes.iter().any(u8::is_ascii_lowercase)
}
