//! Responses against the contract: status, media type, shape, fields and classes of data that were not declared. After
//! SecLang's response rules, before fields are protected: what is judged is what the upstream answered.

use stockade_inspect::mask::Class;
use stockade_model::plan::{ApiPlan, DeclaredResponsePlan, ResponseCheck};
use stockade_model::{Finding, Reason, Refusal, ResponseHead, Stage};

use super::Contract;
use super::content::{Content, Media, is_json};
use super::declared::{Difference, any_index};
use super::schema::Gathered;
use crate::answer::{Answer, has_body};
use crate::stage::{Answered, Exchange, Outcome, Ran, ResponseStage};
use crate::{PlanError, State};

pub(super) const STATUS: Reason = Reason {
    code: "contract.response_status",
    status: 502,
    meaning: "the service answered with a status that the contract does not declare",
    remedy: "add the status to the OpenAPI document, or mend the service",
    source: "OpenAPI 3.1, 4.8.16",
};

pub(super) const MEDIA_TYPE: Reason = Reason {
    code: "contract.response_media_type",
    status: 502,
    meaning: "the answer's media type is not one that the contract declares",
    remedy: "add the media type to the OpenAPI document, or mend the service",
    source: "OpenAPI 3.1, 4.8.17",
};

pub(super) const BODY: Reason = Reason {
    code: "contract.response_body",
    status: 502,
    meaning: "the answer is not what the contract says",
    remedy: "mend the service, or widen the response's schema in the OpenAPI document",
    source: "OpenAPI 3.1, 4.8.17",
};

pub(super) const FIELD: Reason = Reason {
    code: "contract.response_field",
    status: 502,
    meaning: "the answer holds a field that the contract does not declare",
    remedy: "take it out of the answer, or add it to the OpenAPI document",
    source: "OWASP API3:2023",
};

pub(super) const CLASS: Reason = Reason {
    code: "contract.response_class",
    status: 502,
    meaning: "the answer holds data of a class that the contract does not declare there",
    remedy: "take it out of the answer, or declare it with `x-data-class` in the field's schema",
    source: "OWASP API3:2023",
};

pub(super) const UNCHECKED: Reason = Reason {
    code: "contract.response_unchecked",
    status: 502,
    meaning: "the answer has a schema and could not be read to check it",
    remedy: "raise `response.body`, or set `contract.responses: report`",
    source: "",
};

/// Confidence of a finding about a response: it tells of the service, not of an attack.
const CONFIDENCE: f32 = 0.1;
/// How long a difference that was reported is not reported again, µs.
const QUIET_US: u64 = 3_600_000_000;
/// Most findings in one record.
const MOST_FINDINGS: usize = 32;

/// What is done with responses of an API.
#[derive(Debug)]
pub(super) struct ResponseChecks {
    check: ResponseCheck,
    classes: Vec<Class>,
    body_bytes: u64,
}

/// The responses that one operation may give.
#[derive(Debug)]
pub(super) struct Responses {
    list: Vec<(Status, Content)>,
}

/// Statuses of one response, the more exact first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Exact(u16),
    /// `4XX` as 4.
    Hundred(u16),
    Default,
}

impl ResponseChecks {
    /// Compiles the settings.
    ///
    /// # Errors
    /// A class of data that there is not.
    pub(super) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
        let class = |name: &String| {
            let setting = format!("apis.{}.contract.response_classes", plan.name);
            Class::named(name).ok_or_else(|| PlanError::new(setting, format!("expected a class, got `{name}`")))
        };
        Ok(Self {
            check: plan.contract.responses,
            classes: plan.contract.response_classes.iter().map(class).collect::<Result<_, _>>()?,
            body_bytes: plan.response.body_bytes,
        })
    }
}

impl Responses {
    /// Compiles the responses of an operation.
    ///
    /// # Errors
    /// A status that is none, a schema that does not compile.
    pub(super) fn new<'a>(
        plans: &'a [DeclaredResponsePlan],
        schemas: &mut Gathered<'a>,
        setting: &str,
    ) -> Result<Self, PlanError> {
        let mut list = Vec::with_capacity(plans.len());
        for plan in plans {
            let at = format!("{setting}.responses.{}", plan.status);
            let status = Status::parse(&plan.status)
                .ok_or_else(|| PlanError::new(&at, "expected a status: `200`, `2XX` or `default`"))?;
            list.push((status, Content::new(&plan.content, false, schemas, &at)?));
        }
        list.sort_by_key(|(status, _)| *status);
        Ok(Self { list })
    }

    fn content(&self, status: u16) -> Option<&Content> {
        self.list.iter().find(|(known, _)| known.fits(status)).map(|(_, content)| content)
    }
}

impl Status {
    fn parse(text: &str) -> Option<Self> {
        if text == "default" {
            return Some(Self::Default);
        }
        let hundred = text.strip_suffix("XX").and_then(|digit| digit.parse().ok());
        let status = hundred.map(Self::Hundred).or_else(|| text.parse().ok().map(Self::Exact))?;
        matches!(status, Self::Hundred(1..=5) | Self::Exact(100..=599)).then_some(status)
    }

    const fn fits(self, status: u16) -> bool {
        match self {
            Self::Exact(exact) => status == exact,
            Self::Hundred(hundred) => status / 100 == hundred,
            Self::Default => true,
        }
    }
}

impl Contract {
    fn responses(&self, place: Option<usize>) -> Option<&Responses> {
        let responses = &self.operations.get(place?)?.responses;
        (self.responses.check != ResponseCheck::Ignore && !responses.list.is_empty()).then_some(responses)
    }

    /// The promise for a JSON body, when there is one.
    fn promised(&self, operation: Option<usize>, head: &ResponseHead) -> Option<&Media> {
        let media_type = stockade_model::request::media_type(&head.headers)?;
        let media = self.responses(operation)?.content(head.status)?.media(&media_type)?;
        (is_json(&media_type) && media.has_schema()).then_some(media)
    }

    /// A response that cannot be looked into passes, unless differences are refused.
    fn unchecked(&self, exchange: &mut Exchange<'_>, state: &State, detail: &str) -> Outcome {
        if self.responses.check == ResponseCheck::Refuse {
            self.differs(exchange, state, &UNCHECKED, "", detail)?;
        }
        Ok(Ran::Skip)
    }

    /// Reports a difference, or refuses the response for it.
    fn differs(
        &self,
        exchange: &mut Exchange<'_>,
        state: &State,
        reason: &'static Reason,
        place: &str,
        detail: &str,
    ) -> Result<(), Box<Refusal>> {
        let detail = stockade_inspect::mask::text(detail, 500).into_owned();
        if self.responses.check == ResponseCheck::Refuse {
            let setting = exchange.setting("contract.responses");
            let mut refusal = Refusal::new(Stage::Contract, reason, setting, detail);
            refusal.exception = Some(reason.remedy.to_owned());
            return Err(Box::new(refusal));
        }
        let operation = exchange.operation_id().unwrap_or_default();
        let api = exchange.api.map(|api| api.name.as_str()).unwrap_or_default();
        let key = format!("{api}\0{operation}\0{}\0{}", reason.code, any_index(place));
        if exchange.record.findings.len() < MOST_FINDINGS && state.differences.is_due(&key, exchange.now, QUIET_US) {
            exchange.record.findings.push(Finding {
                detector: reason.code,
                place: stockade_inspect::mask::text(&format!("response{place}"), 200).into_owned(),
                steps: Vec::new(),
                confidence: CONFIDENCE,
                evidence: String::new(),
                note: detail,
            });
        }
        Ok(())
    }
}

impl ResponseStage for Contract {
    fn stage(&self) -> Stage {
        Stage::Contract
    }

    fn buffer(&self, answered: &Answered<'_>, head: &ResponseHead) -> u64 {
        let too_long = head.content_length.is_some_and(|length| length > self.responses.body_bytes);
        match self.promised(answered.record.operation, head) {
            Some(_) if self.responses.check == ResponseCheck::Refuse || !too_long => self.responses.body_bytes,
            _ => 0,
        }
    }

    fn head(&self, exchange: &mut Exchange<'_>, head: &mut ResponseHead, state: &State) -> Outcome {
        let Some(responses) = self.responses(exchange.record.operation) else { return Ok(Ran::Skip) };
        // Not modified, and what a proxy on the way may say, need no promise; a crash is told of, but keeps its status.
        let status = head.status;
        let Some(content) = responses.content(status) else {
            if status >= 500 || matches!(status, 100..=199 | 304) {
                return Ok(Ran::Skip);
            }
            let detail = format!("expected a declared status, got {status}");
            self.differs(exchange, state, &STATUS, &format!(".{status}"), &detail)?;
            return Ok(Ran::Pass);
        };
        if !has_body(&exchange.request.method, head) || content.is_empty() {
            return Ok(Ran::Pass);
        }
        let media_type = stockade_model::request::media_type(&head.headers);
        if media_type.as_deref().and_then(|kind| content.media(kind)).is_none() {
            let got = media_type.as_deref().unwrap_or("none");
            let detail = format!("expected {} with status {status}, got `{got}`", content.wish());
            self.differs(exchange, state, &MEDIA_TYPE, &format!(".{status}"), &detail)?;
        }
        Ok(Ran::Pass)
    }

    fn body(&self, exchange: &mut Exchange<'_>, answer: &mut Answer<'_>, state: &State) -> Outcome {
        let operation = exchange.record.operation;
        let Some(media) = self.promised(operation, answer.head) else { return Ok(Ran::Skip) };
        let value = match answer.json() {
            Some(Ok(value)) => value,
            // What is too much to look into says nothing about the contract.
            Some(Err(error)) if matches!(error.reason.code, "inspect.json_depth" | "inspect.json_values") => {
                let detail = error.detail.clone();
                return self.unchecked(exchange, state, &detail);
            }
            Some(Err(error)) => {
                let detail = error.detail.clone();
                self.differs(exchange, state, &BODY, "", &detail)?;
                return Ok(Ran::Pass);
            }
            None => {
                let most = self.responses.body_bytes;
                let detail = format!("expected a body of at most {most} bytes: {}", answer.fault());
                return self.unchecked(exchange, state, &detail);
            }
        };
        let status = answer.head.status;
        if let Some((place, problem)) = media.fault(value, &self.schemas) {
            self.differs(exchange, state, &BODY, &place, &format!("status {status}, body{place}: {problem}"))?;
        }
        for (place, difference) in media.differences(value, &self.responses.classes, &self.schemas) {
            let (reason, problem) = match difference {
                Difference::Field => (&FIELD, "expected only declared fields, got another".to_owned()),
                Difference::Class(class) => {
                    (&CLASS, format!("expected no undeclared data of class `{0}`, got one", class.name()))
                }
            };
            self.differs(exchange, state, reason, &place, &format!("status {status}, body{place}: {problem}"))?;
        }
        exchange.explain(|_| "the response was compared with the contract".to_owned());
        Ok(Ran::Pass)
    }
}
