//! SecLang rules, within the inspect step: before the native detectors, so that the rules see every request that comes
//! so far; on the way back before the response checks.
//!
//! The rules read the head as it was received, not the canonical request: they were written for that.

use std::sync::Arc;

use stockade_model::plan::ApiPlan;
use stockade_model::{Finding, Framing, Headers, HttpVersion, Reason, Refusal, Request, ResponseHead, Stage};
use stockade_seclang::{Circumstances, Denial, Exceptions, Match, Message, RuleSet, Transaction};

use crate::answer::Answer;
use crate::exchange::Record;
use crate::stage::{Answered, Exchange, Facts, Outcome, Ran, Received, RequestStage, ResponseStage};
use crate::{PlanError, State};

const DENIED: Reason = Reason {
    code: "seclang.denied",
    status: 403,
    meaning: "a SecLang rule refused the request or its answer",
    remedy: "the detail names the rule, its file and line; `stockade rules except --from ID` writes an exception",
    source: "OWASP API8:2023",
};

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[&DENIED];

/// Most matches of rules in one record.
const MOST_FINDINGS: usize = 100;
/// Most lines for the log of one exchange.
const MOST_LINES: usize = 1000;

/// The stage for one API.
#[derive(Debug, Default)]
pub(crate) struct SecLang {
    rules: Option<Arc<RuleSet>>,
    exceptions: Arc<Exceptions>,
    /// Whether somebody reads the lines of a log.
    log: bool,
}

impl SecLang {
    /// Compiles the rules; rule sets that say the same are compiled once.
    ///
    /// # Errors
    /// A rule that cannot be run, with its file and line.
    pub(crate) fn new(plan: &ApiPlan, log: bool, known: &[SecLangKnown<'_>]) -> Result<Self, PlanError> {
        let Some(asked) = &plan.seclang else { return Ok(Self::default()) };
        let same = known.iter().find(|(other, _)| *other == &**asked).and_then(|(_, stage)| stage.rules.clone());
        let rules = match same {
            Some(rules) => rules,
            None => Arc::new(RuleSet::new(asked).map_err(|error| {
                PlanError::new(format!("apis.{}.seclang", plan.name), format!("{}: {}", error.place, error.problem))
            })?),
        };
        let exceptions = Exceptions::new(&plan.seclang_exceptions).map_err(|(number, problem)| {
            PlanError::new(format!("apis.{}.seclang.exceptions[{number}].variable", plan.name), problem)
        })?;
        Ok(Self { rules: Some(rules).filter(|rules| rules.is_on()), exceptions: Arc::new(exceptions), log })
    }

    /// Whether there are rules that run.
    pub(crate) const fn enabled(&self) -> bool {
        self.rules.is_some()
    }

    /// Whether the rules read bodies of requests.
    pub(crate) fn wants_body(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.request_body_bytes() > 0)
    }

    /// Shows the rules a message that the gateway refuses, as far as it came: nothing is decided by it.
    pub(crate) fn observe(&self, state: &State, circumstances: Circumstances, raw: &[u8]) -> Vec<String> {
        let Some(rules) = self.rules.as_ref().filter(|_| self.log) else { return Vec::new() };
        let (message, rest) = Message::parse(raw);
        let mut transaction = Transaction::new(Arc::clone(rules), Arc::clone(&state.rules), circumstances);
        transaction.request_head(&message);
        if transaction.denial().is_none() {
            transaction.request_body(&message.body(rest), true);
        }
        transaction.finish();
        let host = message.field("host").map(String::from_utf8_lossy).unwrap_or_default();
        let uri = String::from_utf8_lossy(message.target);
        let matches = transaction.take_matches();
        matches.iter().map(|found| found.line(transaction.circumstances(), &host, &uri)).collect()
    }

    /// Records what matched, and refuses when a rule did.
    fn settle(&self, exchange: &mut Exchange<'_>, transaction: &mut Transaction, over: bool) -> Outcome {
        if over || transaction.denial().is_some() {
            transaction.finish();
        }
        self.note(exchange.request, exchange.record, transaction);
        let Some(denial) = transaction.denial() else {
            let count = transaction.rules().len();
            exchange.explain(|_| format!("{count} SecLang rules"));
            return Ok(Ran::Pass);
        };
        Err(Box::new(refusal(exchange, denial)))
    }

    fn note(&self, request: &Request, record: &mut Record, transaction: &mut Transaction) {
        for found in transaction.take_matches() {
            if self.log && record.rule_log.len() < MOST_LINES {
                let line = found.line(transaction.circumstances(), &request.authority, &request.target());
                record.rule_log.push(line);
            }
            let room = MOST_FINDINGS.saturating_sub(record.findings.len());
            record.findings.extend(findings(&found).take(room));
        }
    }

    /// Runs the phase of logging once an exchange is over, however it ended; nothing when it ran already.
    pub(crate) fn end(&self, request: &Request, record: &mut Record, facts: &mut Facts) {
        if let Some(mut transaction) = facts.seclang.take() {
            transaction.finish();
            self.note(request, record, &mut transaction);
        }
    }

    fn ask(&self, exchange: &mut Exchange<'_>, over: bool, question: impl FnOnce(&mut Transaction)) -> Outcome {
        let Some(mut transaction) = exchange.facts.seclang.take() else { return Ok(Ran::Skip) };
        // In monitor mode what was refused before does not end the transaction.
        if transaction.denial().is_some() {
            return Ok(Ran::Skip);
        }
        question(&mut transaction);
        let outcome = self.settle(exchange, &mut transaction, over);
        exchange.facts.seclang = Some(transaction);
        outcome
    }
}

/// A rule set that was compiled for another API.
pub(crate) type SecLangKnown<'a> = (&'a stockade_model::plan::SecLangPlan, &'a SecLang);

/// One finding for each value of the message that a rule matched; one for what it looked at where that is no such value.
fn findings(found: &Match) -> impl Iterator<Item = Finding> {
    let other = found.origins.is_empty().then_some((&found.variable, &found.value));
    let origins = found.origins.iter().map(|(variable, value)| (variable, value));
    origins.chain(other).map(|(variable, value)| finding(found, variable, value))
}

fn finding(found: &Match, variable: &str, value: &str) -> Finding {
    let evidence = stockade_inspect::mask::text(value, 200).into_owned();
    let note = format!("rule {} at {}:{}: {}", found.rule, found.file, found.line, found.message);
    Finding {
        detector: "seclang",
        place: stockade_inspect::mask::text(variable, 200).into_owned(),
        steps: Vec::new(),
        confidence: match found.severity {
            Some(0..=2) => 0.9,
            Some(3) => 0.7,
            Some(4) => 0.5,
            Some(_) | None => 0.3,
        },
        evidence,
        note: stockade_inspect::mask::text(&note, 300).into_owned(),
    }
}

fn refusal(exchange: &mut Exchange<'_>, denial: &Denial) -> Refusal {
    let Denial { status, location, rule, message, place, variable, .. } = denial;
    let detail =
        if *rule == 0 { message.clone() } else { format!("rule {rule} at `{place}`: {message}; matched `{variable}`") };
    let detail = stockade_inspect::mask::text(&detail, 500).into_owned();
    let mut refusal = Refusal::new(Stage::Inspect, &DENIED, exchange.setting("seclang.files"), detail);
    refusal.status = *status;
    if *rule != 0 {
        refusal.exception = Some(format!("`stockade rules except --from {}` writes one", exchange.request.id));
    }
    if let Some(location) = location.as_ref().filter(|location| !location.bytes().any(|byte| byte < 0x20)) {
        exchange.record.response_headers.push(("location", location.clone()));
    }
    refusal
}

fn circumstances(request: &Request, now_us: u64) -> Circumstances {
    let port = request.authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    Circumstances {
        client: request.client.address.to_string(),
        client_port: request.client.port,
        server: request.host().to_owned(),
        server_port: port.unwrap_or(if request.client.tls.is_some() { 443 } else { 80 }),
        id: request.id.to_string(),
        now_us,
    }
}

/// The head as text, for a request that came in another form (HTTP/2).
fn written(request: &Request) -> Vec<u8> {
    let version = match request.version {
        HttpVersion::Http10 => "HTTP/1.0",
        HttpVersion::Http11 => "HTTP/1.1",
        HttpVersion::Http2 => "HTTP/2.0",
    };
    let mut out =
        format!("{} {} {version}\r\nHost: {}\r\n", request.method, request.target(), request.authority).into_bytes();
    if let Framing::Length(length) = request.framing {
        out.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
    }
    let headers: &Headers = &request.headers;
    for (name, value) in headers.iter() {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

impl RequestStage for SecLang {
    fn stage(&self) -> Stage {
        Stage::Inspect
    }

    fn head(&self, exchange: &mut Exchange<'_>, state: &State) -> Outcome {
        let Some(rules) = &self.rules else { return Ok(Ran::Skip) };
        let request = exchange.request;
        let circumstances = circumstances(request, exchange.now.wall.0);
        let mut transaction = Box::new(Transaction::new(Arc::clone(rules), Arc::clone(&state.rules), circumstances));
        transaction.except(&self.exceptions, exchange.operation_id());
        match &request.received {
            Some(raw) => transaction.request_head(&Message::parse(raw).0),
            None => transaction.request_head(&Message::parse(&written(request)).0),
        }
        let outcome = self.settle(exchange, &mut transaction, false);
        exchange.facts.seclang = Some(transaction);
        outcome
    }

    fn body(&self, exchange: &mut Exchange<'_>, received: &Received<'_>) -> Outcome {
        self.ask(exchange, false, |transaction| transaction.request_body(received.bytes, received.complete))
    }
}

impl ResponseStage for SecLang {
    fn stage(&self) -> Stage {
        Stage::Inspect
    }

    fn buffer(&self, answered: &Answered<'_>, head: &ResponseHead) -> u64 {
        let (Some(rules), Some(_)) = (&self.rules, &answered.facts.seclang) else { return 0 };
        let media_type = stockade_model::request::media_type(&head.headers);
        rules.response_body_bytes(media_type.as_deref()) as u64
    }

    fn head(&self, exchange: &mut Exchange<'_>, head: &mut ResponseHead, _state: &State) -> Outcome {
        let Some(rules) = &self.rules else { return Ok(Ran::Skip) };
        let media_type = stockade_model::request::media_type(&head.headers);
        let has_body = crate::answer::has_body(&exchange.request.method, head);
        // A body that is not read is judged as if there were none: the rules of that phase look at more than bodies.
        let over = !has_body || rules.response_body_bytes(media_type.as_deref()) == 0;
        let now_us = exchange.now.wall.0;
        self.ask(exchange, over, |transaction| {
            let fields = head.headers.iter().map(|(name, value)| (name.as_bytes(), value));
            transaction.response_head(head.status, fields, head.content_length, now_us);
            if over && transaction.denial().is_none() {
                transaction.response_body(None);
            }
        })
    }

    fn body(&self, exchange: &mut Exchange<'_>, answer: &mut Answer<'_>, _state: &State) -> Outcome {
        self.ask(exchange, true, |transaction| transaction.response_body(answer.bytes()))
    }
}
