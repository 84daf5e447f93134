//! Stage response: what must not leave. After the upstream and all that may change the answer, before the client.

use stockade_inspect::leak::Watch;
use stockade_model::plan::ApiPlan;
use stockade_model::{Finding, Headers, Mode, Reason, Refusal, ResponseHead, Stage};

use crate::actor::is_field_name;
use crate::answer::Answer;
use crate::stage::{Answered, Exchange, Outcome, Ran, ResponseStage};
use crate::{PlanError, State};

const LEAK: Reason = Reason {
    code: "response.leak",
    status: 502,
    meaning: "the answer holds what must not leave: a stack trace, a database error, a key, a file of the system",
    remedy: "mend the service; set `response.refuse: false` to record such answers only",
    source: "OWASP API8:2023",
};

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[&LEAK];

/// Confidence from which a leak refuses.
const CERTAIN: f32 = 0.8;

/// The stage for one API.
#[derive(Debug)]
pub(crate) struct ResponseChecks {
    leaks: bool,
    refuse: bool,
    body_bytes: u64,
    stream_bytes: u64,
    remove_headers: Vec<String>,
}

impl ResponseChecks {
    /// Compiles the checks.
    ///
    /// # Errors
    /// A field name that is none, or not in lower case.
    pub(crate) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
        let checks = &plan.response;
        for name in &checks.remove_headers {
            if !is_field_name(name) || *name != name.to_ascii_lowercase() {
                return Err(PlanError::new(
                    format!("apis.{}.response.remove_headers", plan.name),
                    format!("expected a field name in lower case, got `{name}`"),
                ));
            }
        }
        Ok(Self {
            leaks: checks.leaks,
            refuse: checks.refuse,
            body_bytes: checks.body_bytes,
            stream_bytes: checks.stream_bytes,
            remove_headers: checks.remove_headers.clone(),
        })
    }

    /// The search of a body that is not gathered whole, as it passes; `None` where there is nothing to search.
    pub(crate) fn watch(&self, head: &ResponseHead) -> Option<Watch> {
        if !self.leaks || self.stream_bytes == 0 || is_encoded(&head.headers) {
            return None;
        }
        Watch::new(stockade_model::request::media_type(&head.headers).as_deref(), self.stream_bytes)
    }

    /// Judges findings, of a whole body or of a piece.
    pub(crate) fn judge(&self, exchange: &mut Exchange<'_>, findings: Vec<Finding>) -> Outcome {
        let first = findings.iter().max_by(|left, right| left.confidence.total_cmp(&right.confidence)).cloned();
        exchange.record.findings.extend(findings);
        let Some(finding) = first.filter(|finding| finding.confidence >= CERTAIN) else { return Ok(Ran::Pass) };
        let detail = format!("`{}`: {}; evidence `{}`", finding.detector, finding.note, finding.evidence);
        let setting = exchange.setting(if self.refuse { "response.refuse" } else { "response.leaks" });
        let detail = stockade_inspect::mask::text(&detail, 500).into_owned();
        let mut refusal = Refusal::new(Stage::Response, &LEAK, setting, detail);
        refusal.exception = Some("set `response.refuse: false` for the API to record leaks only".to_owned());
        if self.refuse {
            return Err(Box::new(refusal));
        }
        exchange.pending = (refusal.detail, refusal.setting.into_owned());
        Ok(Ran::Pass)
    }

    fn wanted(&self, head: &ResponseHead) -> u64 {
        let too_long = head.content_length.is_some_and(|length| length > self.body_bytes);
        if !self.leaks || too_long || !is_text(head) {
            return 0;
        }
        self.body_bytes
    }
}

impl ResponseStage for ResponseChecks {
    fn stage(&self) -> Stage {
        Stage::Response
    }

    /// 0 where there is nothing to search or gathering would change how it flows.
    fn buffer(&self, _answered: &Answered<'_>, head: &ResponseHead) -> u64 {
        self.wanted(head)
    }

    fn head(&self, exchange: &mut Exchange<'_>, head: &mut ResponseHead, _state: &State) -> Outcome {
        // In monitor mode a response is never changed.
        if exchange.mode() == Mode::Enforce && self.remove_headers.iter().any(|name| head.headers.contains(name)) {
            head.headers.retain(|name, _| !self.remove_headers.iter().any(|removed| removed == name));
        }
        Ok(Ran::Skip)
    }

    fn body(&self, exchange: &mut Exchange<'_>, answer: &mut Answer<'_>, _state: &State) -> Outcome {
        // A longer body is searched as it passes.
        let Some(body) = answer.bytes() else { return Ok(Ran::Skip) };
        let media_type = stockade_model::request::media_type(&answer.head.headers);
        let findings = stockade_inspect::leak::search(media_type.as_deref(), body);
        exchange.explain(|_| format!("{} bytes searched for leaks", body.len()));
        self.judge(exchange, findings)
    }
}

fn is_encoded(headers: &Headers) -> bool {
    headers.get_all("content-encoding").any(|coding| !coding.trim_ascii().eq_ignore_ascii_case(b"identity"))
}

/// Text that is not a stream. An answer without a type is searched when its length is known: crashes often have none.
fn is_text(head: &ResponseHead) -> bool {
    let Some(media_type) = stockade_model::request::media_type(&head.headers) else {
        return head.content_length.is_some();
    };
    match media_type.as_str() {
        "text/event-stream" => false,
        "application/json"
        | "application/xml"
        | "application/javascript"
        | "application/x-www-form-urlencoded"
        | "application/graphql-response+json" => true,
        other => other.starts_with("text/") || other.ends_with("+json") || other.ends_with("+xml"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(status: u16, fields: &[(&str, &str)], content_length: Option<u64>) -> ResponseHead {
        let mut headers = Headers::default();
        for (name, value) in fields {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        ResponseHead { status, headers, content_length }
    }

    #[test]
    fn only_plain_text_that_is_no_stream_is_buffered() {
        let checks = ResponseChecks {
            leaks: true,
            refuse: true,
            body_bytes: 1000,
            stream_bytes: 5000,
            remove_headers: Vec::new(),
        };
        let json = [("content-type", "application/json; charset=utf-8")];
        assert_eq!(checks.wanted(&head(200, &json, Some(10))), 1000);
        assert_eq!(checks.wanted(&head(200, &json, None)), 1000);
        assert_eq!(checks.wanted(&head(500, &[], Some(10))), 1000);
        assert_eq!(checks.wanted(&head(200, &json, Some(1001))), 0);
        assert_eq!(checks.wanted(&head(200, &[("content-type", "text/event-stream")], None)), 0);
        assert_eq!(checks.wanted(&head(200, &[("content-type", "application/grpc")], None)), 0);
        assert_eq!(checks.wanted(&head(200, &[("content-type", "image/png")], Some(10))), 0);
        let gzip = [("content-type", "application/json"), ("content-encoding", "gzip")];
        assert_eq!(checks.wanted(&head(200, &gzip, Some(10))), 1000, "the answer undoes its coding");
        assert!(checks.watch(&head(200, &gzip, None)).is_none(), "a stream cannot be");
        assert!(checks.watch(&head(200, &[("content-type", "text/event-stream")], None)).is_some());
    }
}
