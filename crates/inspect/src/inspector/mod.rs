//! Runs every detector over every value of a request.

mod exceptions;
mod head;
mod repeated;
mod run;
mod structure;

use exceptions::Rule;
use run::Run;
use stockade_model::plan::InspectPlan;
use stockade_model::{Finding, Reason, Request, Timestamp};

use crate::ParsedBody;
use crate::detect::{DETECTORS, Detector};
use crate::profile::Shape;

/// More values than are looked at.
pub const VALUES: Reason = Reason {
    code: "inspect.values",
    status: 413,
    meaning: "the request holds more values than are inspected",
    remedy: "raise `inspect.values` if the API really needs it",
    source: "",
};
/// More encoded bytes than are decoded.
pub const DECODING: Reason = Reason {
    code: "inspect.decoding",
    status: 413,
    meaning: "the values of the request decode to more bytes than are inspected",
    remedy: "have the client send fewer values in nested encodings",
    source: "",
};
/// Why a request cannot be inspected wholly, apart from a body that cannot be parsed.
pub const REASONS: &[&Reason] = &[&VALUES, &DECODING];

/// Findings given back at most.
const FINDINGS: usize = 32;

/// The inspect stage of one API, compiled from its plan.
#[derive(Debug)]
pub struct Inspector {
    threshold: f32,
    values: u32,
    detectors: Vec<&'static Detector>,
    rules: Vec<Rule>,
}

/// What is known of a request beside its values.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The operation, when the contract knows it.
    pub operation: Option<&'a str>,
    /// The path of the request.
    pub path: &'a str,
    /// Says of a place that the contract already confines the value (uuid, number, enum, date), so that it need not be
    /// searched.
    pub restricted: &'a dyn Fn(&str) -> bool,
    /// What parameters normally hold; `None` when nothing is learned.
    pub learned: Option<Learned<'a>>,
    /// The moment, for exceptions that end.
    pub now: Timestamp,
}

/// What was learned of the parameters of one operation.
#[derive(Clone, Copy)]
pub struct Learned<'a> {
    /// Tells operations apart.
    pub seed: u64,
    /// How unusual a value is at the place of that key, 0.0 to 1.0.
    pub surprise: &'a dyn Fn(u64, Shape) -> f32,
}

impl Scope<'_> {
    /// Nothing is known but the moment.
    #[must_use]
    pub const fn unknown(now: Timestamp) -> Self {
        Self { operation: None, path: "/", restricted: &|_| false, learned: None, now }
    }
}

impl std::fmt::Debug for Scope<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Scope").field("operation", &self.operation).field("path", &self.path).finish_non_exhaustive()
    }
}

/// What inspection saw in one part of a request.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Findings, highest confidence first, exceptions already taken out; at most 32.
    pub findings: Vec<Finding>,
    /// Whether the first finding reaches the threshold.
    pub refuse: bool,
    /// How many values were looked at.
    pub values: u32,
    /// What was seen at which place, to learn from when the request turns out well; at most 64.
    pub observed: Vec<(u64, Shape)>,
    /// A budget that ran out, or an encoding bomb: the rest was not looked at.
    pub problem: Option<(&'static Reason, String)>,
}

impl Inspector {
    /// Compiles the plan.
    ///
    /// # Errors
    /// A detector name that does not exist, as `(setting, problem)`.
    pub fn new(plan: &InspectPlan) -> Result<Self, (String, String)> {
        let known = |name: &str| DETECTORS.iter().any(|detector| detector.info.name == name);
        let expected = || DETECTORS.iter().map(|detector| detector.info.name).collect::<Vec<_>>().join(", ");
        for name in &plan.disabled {
            if !known(name) {
                return Err(("disabled".to_owned(), format!("expected one of {}, got `{name}`", expected())));
            }
        }
        for (index, exception) in plan.exceptions.iter().enumerate() {
            if let Some(name) = exception.detector.as_deref().filter(|name| !known(name)) {
                let setting = format!("exceptions[{index}].detector");
                return Err((setting, format!("expected one of {}, got `{name}`", expected())));
            }
        }
        let disabled = |name: &str| plan.disabled.iter().any(|other| other == name);
        Ok(Self {
            threshold: plan.threshold,
            values: plan.values,
            detectors: DETECTORS.iter().filter(|detector| !disabled(detector.info.name)).collect(),
            rules: plan.exceptions.iter().map(Rule::new).collect(),
        })
    }

    /// Looks at path, query, headers and cookies.
    #[must_use]
    pub fn head(&self, request: &Request, scope: &Scope<'_>) -> Inspection {
        let mut run = Run::new(self, scope);
        head::walk(request, &mut run);
        run.finish()
    }

    /// Looks at the body.
    #[must_use]
    pub fn body(&self, body: &ParsedBody, scope: &Scope<'_>) -> Inspection {
        let mut run = Run::new(self, scope);
        structure::walk(body, &mut run);
        run.finish()
    }
}

#[cfg(test)]
mod tests;
