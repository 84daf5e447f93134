//! SecLang rules alone, as Python sees them: a raw message in, every match out. Read as leniently as rules need it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::plan::SecLangPlan;
use stockade_seclang::{Circumstances, Match, Memory, Message, RuleSet, Transaction};

use crate::failure::{Failure, detached};

/// A compiled rule set, and what its collections remember between calls.
#[pyclass(frozen, module = "stockade.core._native")]
pub(crate) struct Rules {
    rules: Arc<RuleSet>,
    memory: Arc<Memory>,
}

/// Who sent the message and when, and what was answered; bodies come beside it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    client: String,
    server: String,
    server_port: u16,
    id: String,
    now_us: u64,
    response: Option<Answer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
}

#[pymethods]
impl Rules {
    /// Compiles a `SecLangPlan` given as JSON.
    #[new]
    fn new(py: Python<'_>, plan: &[u8]) -> PyResult<Self> {
        detached(py, || {
            let plan: SecLangPlan = serde_json::from_slice(plan)
                .map_err(|error| Failure::new("plan.json", format!("expected a rule set as JSON: {error}")))?;
            let rules = RuleSet::new(&plan)
                .map_err(|error| Failure::new("seclang.rule", format!("{}: {}", error.place, error.problem)))?;
            Ok(Self { rules: Arc::new(rules), memory: Arc::new(Memory::new()) })
        })
    }

    /// How many rules there are.
    #[getter]
    fn count(&self) -> usize {
        self.rules.len()
    }

    /// Runs the phases of a request `rounds` times over one message, and measures each rule.
    fn time<'py>(&self, py: Python<'py>, asked: &[u8], message: &[u8], rounds: u32) -> PyResult<Bound<'py, PyBytes>> {
        let answer = detached(py, || {
            let asked: Asked = serde_json::from_slice(asked)
                .map_err(|error| Failure::new("rules.input", format!("expected a message to judge: {error}")))?;
            serde_json::to_vec(&self.measure(&asked, message, rounds))
                .map_err(|error| Failure::new("rules.output", error.to_string()))
        })?;
        Ok(PyBytes::new(py, &answer))
    }

    /// Runs all phases over one raw HTTP/1 message and the answer to it.
    fn judge<'py>(
        &self,
        py: Python<'py>,
        asked: &[u8],
        message: &[u8],
        response_body: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let answer = detached(py, || {
            let asked: Asked = serde_json::from_slice(asked)
                .map_err(|error| Failure::new("rules.input", format!("expected a message to judge: {error}")))?;
            serde_json::to_vec(&self.answer(asked, message, response_body))
                .map_err(|error| Failure::new("rules.output", error.to_string()))
        })?;
        Ok(PyBytes::new(py, &answer))
    }
}

impl Rules {
    /// Runs a message `rounds` times; nanoseconds of each rule together, and of everything.
    fn measure(&self, asked: &Asked, raw: &[u8], rounds: u32) -> Value {
        let spent: Rc<RefCell<HashMap<u64, u64>>> = Rc::default();
        let whole = Instant::now();
        for _ in 0..rounds {
            let (message, rest) = Message::parse(raw);
            let body = message.body(rest);
            let mut transaction =
                Transaction::new(Arc::clone(&self.rules), Arc::clone(&self.memory), circumstances(asked));
            let (sums, mut last) = (Rc::clone(&spent), Instant::now());
            transaction.watch(Box::new(move |rule| {
                let now = Instant::now();
                let nanoseconds = u64::try_from((now - last).as_nanos()).unwrap_or(u64::MAX);
                *sums.borrow_mut().entry(rule).or_default() += nanoseconds;
                last = now;
            }));
            transaction.request_head(&message);
            if transaction.denial().is_none() {
                transaction.request_body(&body, true);
            }
        }
        let total = u64::try_from(whole.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let rules: Vec<(u64, u64)> = spent.borrow().iter().map(|(rule, sum)| (*rule, *sum)).collect();
        json!({"total_ns": total, "rules": rules})
    }

    fn answer(&self, asked: Asked, raw: &[u8], response_body: &[u8]) -> Value {
        let circumstances = circumstances(&asked);
        let Asked { now_us, response, .. } = asked;
        let (message, rest) = Message::parse(raw);
        let body = message.body(rest);
        let mut transaction =
            Transaction::new(Arc::clone(&self.rules), Arc::clone(&self.memory), circumstances.clone());
        transaction.request_head(&message);
        if transaction.denial().is_none() {
            transaction.request_body(&body, true);
        }
        if let Some(Answer { status, headers }) = response.filter(|_| transaction.denial().is_none()) {
            let fields = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            transaction.response_head(status, fields, Some(response_body.len() as u64), now_us);
            if transaction.denial().is_none() {
                let kind = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
                let kind = kind.map(|(_, value)| value.split(';').next().unwrap_or_default().trim().to_lowercase());
                let wanted = self.rules.response_body_bytes(kind.as_deref()) > 0;
                transaction.response_body(wanted.then_some(response_body));
            }
        }
        transaction.finish();
        let host = message.field("host").map(String::from_utf8_lossy).unwrap_or_default();
        let uri = String::from_utf8_lossy(message.target);
        let matches: Vec<Value> = transaction
            .take_matches()
            .iter()
            .map(|found| told(found, found.line(&circumstances, &host, &uri)))
            .collect();
        let denial = transaction.denial().map(|denial| {
            json!({
                "status": denial.status,
                "location": denial.location,
                "rule": denial.rule,
                "message": denial.message,
                "place": denial.place,
                "variable": denial.variable,
            })
        });
        json!({"matches": matches, "denial": denial})
    }
}

fn circumstances(asked: &Asked) -> Circumstances {
    Circumstances {
        client: asked.client.clone(),
        client_port: 0,
        server: asked.server.clone(),
        server_port: asked.server_port,
        id: asked.id.clone(),
        now_us: asked.now_us,
    }
}

fn told(found: &Match, line: String) -> Value {
    json!({
        "rule": found.rule,
        "phase": found.phase,
        "file": found.file,
        "line": found.line,
        "message": found.message,
        "data": found.data,
        "severity": found.severity,
        "tags": found.tags,
        "operator": found.operator,
        "variable": found.variable,
        "value": found.value,
        "denied": found.denied,
        "log": line,
    })
}
