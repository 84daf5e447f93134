//! Stage inspect: attacks in values. After access, so that callers who may not call cost no search; before limit.

use stockade_inspect::profile::Shape;
use stockade_inspect::{Inspection, Inspector, Learned, ParsedBody, Scope};
use stockade_model::plan::{ApiPlan, KeyPlace};
use stockade_model::{Finding, Reason, Refusal, Stage};

pub(crate) mod profiles;

use crate::confined::Confined;
use crate::stage::{Exchange, Facts, Outcome, Ran, Received, RequestStage};
use crate::{PlanError, State};

const ATTACK: Reason = Reason {
    code: "inspect.attack",
    status: 403,
    meaning: "a value of the request looks like an attack",
    remedy: "add an exception for the place and detector if the value is ordinary there",
    source: "OWASP API8:2023",
};

const BODY_TOO_LONG: Reason = Reason {
    code: "inspect.body_too_long",
    status: 413,
    meaning: "the body is longer than what is inspected, and longer bodies are refused",
    remedy: "raise `inspect.body`, or set `inspect.large_bodies: stream`",
    source: "OWASP API4:2023; RFC 9110 15.5.14",
};

/// Reasons of this stage; those of a body or budget are the inspect crate's.
pub(crate) const REASONS: &[&Reason] = &[&ATTACK, &BODY_TOO_LONG];

/// Most findings in one record.
const MOST_FINDINGS: usize = 32;

/// The stage for one API.
#[derive(Debug)]
pub(crate) struct Inspect {
    enabled: bool,
    learn: bool,
    threshold: f32,
    inspector: Inspector,
}

impl Inspect {
    /// Compiles the detectors.
    ///
    /// # Errors
    /// A detector that does not exist, a threshold out of range.
    pub(crate) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
        let setting = format!("apis.{}.inspect", plan.name);
        let threshold = plan.inspect.threshold;
        if !(0.0..=1.0).contains(&threshold) {
            return Err(PlanError::new(
                format!("{setting}.threshold"),
                format!("expected 0.0 to 1.0, got {threshold}"),
            ));
        }
        let inspector = Inspector::new(&plan.inspect)
            .map_err(|(inner, problem)| PlanError::new(format!("{setting}.{inner}"), problem))?;
        Ok(Self { enabled: plan.inspect.enabled, learn: plan.inspect.learn, threshold, inspector })
    }

    /// Whether the stage runs.
    pub(crate) const fn enabled(&self) -> bool {
        self.enabled
    }

    fn learned<'a>(&self, exchange: &Exchange<'_>, surprise: &'a dyn Fn(u64, Shape) -> f32) -> Option<Learned<'a>> {
        let api = exchange.api.filter(|_| self.learn)?;
        let request = exchange.request;
        let seed = profiles::seed(&api.name, exchange.operation_id(), &request.method, request.path.as_str());
        Some(Learned { seed, surprise })
    }

    fn settle(&self, exchange: &mut Exchange<'_>, inspection: Inspection) -> Outcome {
        let Inspection { findings, refuse, values, observed, problem } = inspection;
        // What something was found in is nothing to learn from.
        if findings.is_empty() {
            exchange.facts.observed.extend(observed);
        }
        let room = MOST_FINDINGS.saturating_sub(exchange.record.findings.len());
        let first = findings.first().cloned();
        exchange.record.findings.extend(findings.into_iter().take(room));
        if refuse && let Some(finding) = first {
            return Err(Box::new(self.refusal(exchange, &finding)));
        }
        if let Some((reason, detail)) = problem {
            return exchange.undecided(Stage::Inspect, |exchange| {
                Refusal::new(Stage::Inspect, reason, exchange.setting("inspect"), detail)
            });
        }
        exchange.explain(|_| format!("{values} values looked at"));
        Ok(Ran::Pass)
    }

    fn refusal(&self, exchange: &Exchange<'_>, finding: &Finding) -> Refusal {
        let steps =
            if finding.steps.is_empty() { String::new() } else { format!(" after {}", finding.steps.join(", ")) };
        let detail = format!(
            "`{}` in `{}`{steps}: {}; confidence {:.2}, refused from {:.2}; evidence `{}`",
            finding.detector, finding.place, finding.note, finding.confidence, self.threshold, finding.evidence
        );
        let detail = stockade_inspect::mask::text(&detail, 500).into_owned();
        let mut refusal = Refusal::new(Stage::Inspect, &ATTACK, exchange.setting("inspect.threshold"), detail);
        let operation = exchange.operation_id().map(|id| format!("operation: {}, ", yaml(id))).unwrap_or_default();
        refusal.exception = Some(format!(
            "under `{}` add `{{{operation}place: {}, detector: {}, reason: ...}}`",
            exchange.setting("inspect.exceptions"),
            yaml(&any_index(&finding.place)),
            finding.detector
        ));
        refusal
    }
}

/// A place with `[*]` for every index, so that the exception fits the next list too.
fn any_index(place: &str) -> String {
    let mut out = String::with_capacity(place.len());
    for (count, part) in place.split('[').enumerate() {
        if count == 0 {
            out.push_str(part);
            continue;
        }
        out.push('[');
        match part.split_once(']') {
            Some((index, rest)) if index.bytes().all(|byte| byte.is_ascii_digit()) && !index.is_empty() => {
                out.push_str("*]");
                out.push_str(rest);
            }
            _ => out.push_str(part),
        }
    }
    out
}

/// A YAML scalar: plain where that is safe, else double-quoted (YAML 1.2, 7.3).
fn yaml(text: &str) -> String {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// Whether a value need not be searched: what identity proved, and what the contract confined and found in order.
fn restricted(facts: &Facts, confined: Option<&Confined>, place: &str) -> bool {
    if let Some(credential) = &facts.credential {
        let (kind, name) = place.split_once('.').unwrap_or((place, ""));
        let same = match credential.place {
            KeyPlace::Header => kind == "header",
            KeyPlace::Query => kind == "query",
            KeyPlace::Cookie => kind == "cookie",
        };
        if same && name == credential.name {
            return true;
        }
    }
    confined.is_some_and(|confined| {
        if place.starts_with("body") {
            facts.body_conforms && confined.body(place)
        } else {
            facts.parameters_conform && confined.parameter(place)
        }
    })
}

fn confined<'a>(exchange: &Exchange<'a>) -> Option<&'a Confined> {
    exchange.api?.confined.get(exchange.record.operation?)
}

impl RequestStage for Inspect {
    fn stage(&self) -> Stage {
        Stage::Inspect
    }

    fn head(&self, exchange: &mut Exchange<'_>, state: &State) -> Outcome {
        if !self.enabled {
            return Ok(Ran::Skip);
        }
        let surprise = |key, shape| state.profiles.surprise(key, shape);
        let learned = self.learned(exchange, &surprise);
        let confined = confined(exchange);
        let facts = &*exchange.facts;
        let inspection = self.inspector.head(
            exchange.request,
            &Scope {
                operation: exchange.operation_id(),
                path: exchange.request.path.as_str(),
                restricted: &|place| restricted(facts, confined, place),
                learned,
                now: exchange.now.wall,
            },
        );
        self.settle(exchange, inspection)
    }

    fn body(&self, exchange: &mut Exchange<'_>, received: &Received<'_>) -> Outcome {
        if received.too_long {
            let detail = format!("expected at most {} bytes, got more", received.bytes.len());
            let setting = exchange.setting("inspect.large_bodies");
            return Err(Box::new(Refusal::new(Stage::Inspect, &BODY_TOO_LONG, setting, detail)));
        }
        if !self.enabled {
            return Ok(Ran::Skip);
        }
        let parsed: &ParsedBody = match received.parsed {
            None | Some(Ok(ParsedBody::Empty)) => return Ok(Ran::Skip),
            Some(Ok(parsed)) => parsed,
            // Where the contract knows the operation it has refused already; here nothing else reads the body.
            Some(Err(error)) => {
                return exchange.undecided(Stage::Inspect, |exchange| {
                    Refusal::new(Stage::Inspect, error.reason, exchange.setting("inspect"), error.detail.clone())
                });
            }
        };
        let surprise = |key, shape| received.state.profiles.surprise(key, shape);
        let learned = self.learned(exchange, &surprise);
        let confined = confined(exchange);
        let facts = &*exchange.facts;
        let inspection = self.inspector.body(
            parsed,
            &Scope {
                operation: exchange.operation_id(),
                path: exchange.request.path.as_str(),
                restricted: &|place| restricted(facts, confined, place),
                learned,
                now: exchange.now.wall,
            },
        );
        self.settle(exchange, inspection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exception_that_is_offered_fits_any_index_and_is_yaml() {
        assert_eq!(any_index("body.items[2].note"), "body.items[*].note");
        assert_eq!(any_index("body.a[x]"), "body.a[x]");
        assert_eq!(yaml("body.note"), "body.note");
        assert_eq!(yaml("body.items[*].note"), "\"body.items[*].note\"");
        assert_eq!(yaml("a\"b"), "\"a\\\"b\"");
    }
}
