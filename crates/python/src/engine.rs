//! The engine as Python sees it: a recorded exchange in, the event and the canonical request out.

use std::net::IpAddr;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_engine::State;
use stockade_gateway::offline::{Judged, Offline, Origin};
use stockade_inspect::mask;
use stockade_model::event::Record;
use stockade_model::plan::{IdentityMethodPlan, KeyPlace};
use stockade_model::{
    Client, Decision, Framing, Headers, Now, Plan, Request, RequestId, ResponseHead, Scheme, Timestamp,
};

use crate::failure::{Failure, detached};

/// Longest header value that is shown.
const SHOWN_BYTES: usize = 1024;
/// Headers whose value is never shown.
const SECRET_HEADERS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];

/// A compiled plan, and what it remembers between calls.
#[pyclass(frozen, module = "stockade.core._native")]
pub(crate) struct Engine {
    engine: Arc<stockade_engine::Engine>,
    offline: Offline,
    state: State,
}

/// Who sent the message and when; the message itself comes beside it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Circumstances {
    client: IpAddr,
    tls: bool,
    now_us: u64,
    explain: bool,
    response: Option<ResponseParts>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseParts {
    status: u16,
    headers: Vec<(String, String)>,
}

#[pymethods]
impl Engine {
    /// Compiles a plan given as JSON.
    #[new]
    fn new(py: Python<'_>, plan: &[u8]) -> PyResult<Self> {
        detached(py, || {
            let plan: Plan = serde_json::from_slice(plan)
                .map_err(|error| Failure::new("plan.json", format!("expected a plan as JSON: {error}")))?;
            let engine =
                stockade_engine::Engine::new(plan).map_err(|error| Failure::new("plan.setting", error.to_string()))?;
            let engine = Arc::new(engine);
            Ok(Self { offline: Offline::new(Arc::clone(&engine)), engine, state: State::new() })
        })
    }

    /// The version of the plan.
    #[getter]
    fn version(&self) -> u64 {
        self.engine.plan().version
    }

    /// Judges a raw HTTP/1.1 message, and the response that was given to it.
    fn judge<'py>(
        &self,
        py: Python<'py>,
        circumstances: &[u8],
        message: &[u8],
        response_body: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let answer = detached(py, || {
            let circumstances: Circumstances = serde_json::from_slice(circumstances)
                .map_err(|error| Failure::new("engine.input", format!("expected a message to judge: {error}")))?;
            serde_json::to_vec(&self.answer(circumstances, message, response_body))
                .map_err(|error| Failure::new("engine.output", error.to_string()))
        })?;
        Ok(PyBytes::new(py, &answer))
    }

    /// Replaces all decisions, given as a JSON list; answers how many are active.
    fn set_decisions(&self, py: Python<'_>, decisions: &[u8], now_us: u64) -> PyResult<usize> {
        detached(py, || {
            let decisions: Vec<Decision> = serde_json::from_slice(decisions)
                .map_err(|error| Failure::new("decisions.json", format!("expected a list of decisions: {error}")))?;
            for decision in &decisions {
                stockade_engine::check_decision(decision).map_err(|problem| {
                    Failure::new("decisions.selector", format!("decision `{}`: {problem}", decision.id))
                })?;
            }
            Ok(self.state.set_decisions(decisions, at(now_us)))
        })
    }
}

impl Engine {
    fn answer(&self, circumstances: Circumstances, message: &[u8], response_body: &[u8]) -> Value {
        let Circumstances { client, tls, now_us, explain, response } = circumstances;
        let now = at(now_us);
        let origin = Origin {
            client: Arc::new(Client { address: client, peer: client, port: 0, tls: None, certificate: None }),
            scheme: if tls { Scheme::Https } else { Scheme::Http },
            id: RequestId::new(now.wall, 0),
            now,
        };
        let response = response.map(|parts| (head_of(&parts, response_body), response_body));
        let judged = self.offline.judge(&self.state, &origin, message, response, explain);
        let canonical = judged.request.as_ref().map(|request| self.canonical(request));
        let response_headers = judged.record.response_headers.clone();
        let Judged { left_over, .. } = judged;
        let event = self.offline.event(&origin, judged, |event| json!(Record::Exchange(event)));
        json!({
            "event": event,
            "canonical": canonical,
            "response_headers": response_headers,
            "left_over_bytes": left_over,
        })
    }

    /// The canonical request with secrets masked.
    fn canonical(&self, request: &Request) -> Value {
        let headers: Vec<(String, String)> = request
            .headers
            .iter()
            .map(|(name, value)| {
                let text = String::from_utf8_lossy(value);
                let secret = SECRET_HEADERS.contains(&name) || self.is_key_header(name);
                let shown = if secret { "***".to_owned() } else { mask::text(&text, SHOWN_BYTES).into_owned() };
                (name.to_owned(), shown)
            })
            .collect();
        json!({
            "method": request.method,
            "scheme": request.scheme,
            "authority": request.authority,
            "path": mask::text(request.path.as_str(), SHOWN_BYTES * 8),
            "query": request.query.as_deref().map(mask::query),
            "version": request.version,
            "headers": headers,
            "framing": match request.framing {
                Framing::None => json!("none"),
                Framing::Length(length) => json!({"length": length}),
                Framing::Chunked => json!("chunked"),
            },
            "upgrade": request.upgrade.is_some(),
            "client": request.client.address,
        })
    }

    /// Whether some API takes keys in the header `name`.
    fn is_key_header(&self, name: &str) -> bool {
        self.engine.plan().apis.iter().flat_map(|api| &api.identity.methods).any(|method| {
            matches!(method, IdentityMethodPlan::ApiKey(keys) if keys.place == KeyPlace::Header && keys.parameter == name)
        })
    }
}

fn at(now_us: u64) -> Now {
    Now { wall: Timestamp(now_us), monotonic_us: now_us }
}

fn head_of(parts: &ResponseParts, body: &[u8]) -> ResponseHead {
    let mut headers = Headers::default();
    for (name, value) in &parts.headers {
        headers.push(name.as_bytes(), value.as_bytes());
    }
    ResponseHead { status: parts.status, headers, content_length: Some(body.len() as u64) }
}
