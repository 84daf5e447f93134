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

/// What inspection saw in one part of a request.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Findings, highest confidence first, exceptions already taken out; at most 32.
    pub findings: Vec<Finding>,
    /// Whether the first finding reaches the threshold.
    pub refuse: bool,
    /// How many values were looked at.
    pub values: u32,
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
    ///
    /// `restricted(place)` says that the contract already confines this value (uuid, number, enum, date), so that it
    /// need not be searched.
    #[must_use]
    pub fn head(
        &self,
        request: &Request,
        operation: Option<&str>,
        restricted: &dyn Fn(&str) -> bool,
        now: Timestamp,
    ) -> Inspection {
        let mut run = Run::new(self, operation, restricted, now);
        head::walk(request, &mut run);
        run.finish()
    }

    /// Looks at the body.
    #[must_use]
    pub fn body(
        &self,
        body: &ParsedBody,
        operation: Option<&str>,
        restricted: &dyn Fn(&str) -> bool,
        now: Timestamp,
    ) -> Inspection {
        let mut run = Run::new(self, operation, restricted, now);
        structure::walk(body, &mut run);
        run.finish()
    }
}

#[cfg(test)]
mod tests;
