//! One inspection: values go in, findings come out.

use stockade_model::{Finding, Reason};

use super::{DECODING, FINDINGS, Inspection, Inspector, Scope, VALUES};
use crate::decode::{Budget, Steps, derive, is_hex_text};
use crate::detect::context::without_code;
use crate::detect::{Classes, Hit, Kind, LOOKED_AT, Subject, Tokens};
use crate::mask;
use crate::profile::{Shape, key, raised};

/// Bytes that may be decoded from the values of one part of a request.
const DECODED: usize = 4 << 20;
/// Bytes by which the windows of a long value overlap.
const OVERLAP: usize = 512;
const EVIDENCE: usize = 200;
/// Values of one part of a request that are learned from.
const OBSERVED: usize = 64;
/// The most that something counts that stands in quoted code.
const TALKED_ABOUT: f32 = 0.65;
/// A finding below this is too weak for anything to be added.
const DOUBTFUL: f32 = 0.45;

pub(super) struct Run<'a> {
    inspector: &'a Inspector,
    scope: &'a Scope<'a>,
    /// The place of the value that is being looked at; grown and cut by the walkers.
    pub(super) place: String,
    findings: Vec<Finding>,
    values: u32,
    budget: Budget,
    problem: Option<(&'static Reason, String)>,
    observed: Vec<(u64, Shape)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(inspector: &'a Inspector, scope: &'a Scope<'a>) -> Self {
        Self {
            inspector,
            scope,
            place: String::new(),
            findings: Vec::new(),
            values: 0,
            budget: Budget::new(DECODED),
            problem: None,
            observed: Vec::new(),
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

    /// Counts a number of JSON.
    pub(super) fn number(&mut self) {
        self.skip();
        self.observe(Shape::number());
    }

    fn observe(&mut self, shape: Shape) {
        let Some(learned) = self.scope.learned else { return };
        if self.observed.len() < OBSERVED && is_parameter(&self.place) {
            self.observed.push((key(learned.seed, &self.place), shape));
        }
    }

    /// Looks at one value, which stands at `self.place`.
    pub(super) fn value(&mut self, bytes: &[u8], kind: Kind) {
        self.skip();
        let classes = Classes::of(bytes);
        if kind != Kind::Name {
            self.observe(Shape::of(bytes.len(), classes));
        }
        if bytes.len() < 2 || self.is_over() {
            return;
        }
        if is_harmless(bytes, classes, kind) || (self.scope.restricted)(&self.place) {
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
            // A token in its plain letters holds no word; what it says is decoded and looked at by itself.
            let bare = classes.is_plain() && kind == Kind::Cookie && window.starts_with(b"ey");
            let tokens = if bare { Tokens::default() } else { Tokens::of(window) };
            let subject = Subject { bytes: window, classes, tokens, kind, place: &self.place };
            let mut hits = self.hits(&subject);
            if !hits.is_empty() {
                self.forgive_code(&subject, &mut hits);
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

    fn hits(&self, subject: &Subject<'_>) -> Vec<(&'static str, Hit)> {
        let wanting = self.inspector.detectors.iter().filter(|detector| (detector.wants)(subject));
        wanting.filter_map(|detector| Some((detector.info.name, (detector.look)(subject)?))).collect()
    }

    /// What stands only in the code that a sentence quotes is talked about. Markup counts there too, when it is not quoted.
    fn forgive_code(&self, subject: &Subject<'_>, hits: &mut [(&'static str, Hit)]) {
        if !matches!(subject.kind, Kind::Json | Kind::Text | Kind::Parameter) {
            return;
        }
        let Some(rest) = without_code(subject.bytes) else { return };
        let outside = Subject { bytes: &rest, classes: Classes::of(&rest), tokens: Tokens::of(&rest), ..*subject };
        let outside = self.hits(&outside);
        for (detector, hit) in hits {
            let still = outside.iter().find(|(other, _)| other == detector).map_or(0.0, |(_, hit)| hit.confidence);
            hit.confidence = hit.confidence.min(still.max(TALKED_ABOUT));
        }
    }

    /// The path of the request.
    pub(super) const fn path(&self) -> &str {
        self.scope.path
    }

    /// Takes what a detector saw in a whole object, document or file at `self.place`.
    pub(super) fn report(&mut self, detector: &'static str, bytes: &[u8], hit: Hit) {
        if self.inspector.detectors.iter().any(|known| known.info.name == detector) {
            self.found(detector, bytes, hit, &Steps::new());
        }
    }

    fn found(&mut self, detector: &'static str, bytes: &[u8], hit: Hit, steps: &Steps) {
        let rules = &self.inspector.rules;
        if rules.iter().any(|rule| rule.covers(self.scope.operation, &self.place, detector, self.scope.now)) {
            return;
        }
        let (hit, unusual) = self.raise(hit, steps.is_empty().then(|| Shape::of(bytes.len(), Classes::of(bytes))));
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
            note: if unusual { format!("{}, in a value unlike others here", hit.note) } else { hit.note.to_owned() },
        };
        match known {
            Some(known) => *known = finding,
            None => self.findings.push(finding),
        }
        if self.findings.len() >= FINDINGS * 4 {
            sort(&mut self.findings);
        }
    }

    /// Adds what the value's shape tells to what a detector saw, where that alone is not enough.
    fn raise(&self, hit: Hit, shape: Option<Shape>) -> (Hit, bool) {
        let weak = (DOUBTFUL..self.inspector.threshold).contains(&hit.confidence) && is_parameter(&self.place);
        let (Some(learned), Some(shape), true) = (self.scope.learned, shape, weak) else { return (hit, false) };
        let surprise = (learned.surprise)(key(learned.seed, &self.place), shape);
        let confidence = raised(hit.confidence, surprise);
        (Hit { confidence, ..hit }, surprise > 0.1)
    }

    pub(super) fn finish(mut self) -> Inspection {
        sort(&mut self.findings);
        let refuse = self.findings.first().is_some_and(|finding| finding.confidence >= self.inspector.threshold);
        Inspection {
            findings: self.findings,
            refuse,
            values: self.values,
            observed: self.observed,
            problem: self.problem,
        }
    }
}

/// Whether a place is a parameter of the operation; headers are the client's habits.
fn is_parameter(place: &str) -> bool {
    ["query.", "path.", "body", "cookie."].iter().any(|part| place.starts_with(part))
}

fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|left, right| right.confidence.total_cmp(&left.confidence));
    findings.truncate(FINDINGS);
}

/// Whether a value needs no look: letters, digits and mild marks only, and nothing that may be an encoding.
fn is_harmless(bytes: &[u8], classes: Classes, kind: Kind) -> bool {
    match kind {
        Kind::Structured => !classes.any(Classes::DOLLAR.and(Classes::BRACE).and(Classes::LINE)),
        Kind::Agent => false,
        Kind::Path if bytes.first() == Some(&b'.') => false,
        Kind::Name => classes.is_plain() && !reaches(bytes),
        _ => classes.is_plain() && (bytes.len() < 12 || !may_be_encoded(bytes)),
    }
}

/// Names of plain letters that mean something to the run time behind them.
fn reaches(name: &[u8]) -> bool {
    match name.first() {
        Some(b'_') => name.starts_with(b"__"),
        Some(b'c') => name.starts_with(b"constructor") || name.starts_with(b"class."),
        Some(b'p') => name == b"prototype",
        _ => memchr::memmem::find(name, b"__proto__").is_some(),
    }
}

/// Whether a plain value may be the full name of a class, which the detector `deserialization` looks at.
fn is_class(bytes: &[u8]) -> bool {
    const ROOTS: [&[u8]; 6] = [b"com.", b"org.", b"java", b"System.", b"ch.qos.", b"br.com."];
    ROOTS.iter().any(|root| bytes.starts_with(root)) && bytes.iter().any(u8::is_ascii_uppercase)
}

/// Whether a plain value may be Base64, which mixes cases, a token of three parts, or a text in hexadecimal digits.
fn may_be_encoded(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"ey") || bytes.starts_with(b"http") || is_class(bytes) || is_hex_text(bytes) {
        return true;
    }
    !bytes.iter().any(|byte| matches!(byte, b'.' | b',' | b':' | b'@' | b'~' | b'?' | b'!'))
        && bytes.iter().skip(1).any(u8::is_ascii_uppercase)
        && bytes.iter().any(u8::is_ascii_lowercase)
}
