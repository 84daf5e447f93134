//! Judges any bytes as a message, and its body as the answer, by an engine with every stage that reads them: contract,
//! SecLang rules, inspection, field protection and the search for leaks.

use std::sync::{Arc, LazyLock};

use stockade_engine::{Engine, State};
use stockade_gateway::offline::{Offline, Origin};
use stockade_model::plan::{OperationPlan, ProtectPlan};
use stockade_model::{Headers, Now, RequestId, ResponseHead, Scheme, Timestamp};

use crate::testing;

fn operations() -> Vec<OperationPlan> {
    let text = serde_json::json!({"type": "string", "maxLength": 50});
    let note = serde_json::json!({"type": "object", "required": ["note"], "properties": {"note": text, "n": {"type": "integer"},
        "list": {"type": "array", "items": {"type": ["string", "null"], "pattern": "^[a-z]*$"}}}});
    let parameter = |name: &str, place: &str, style: &str, schema: &serde_json::Value| {
        serde_json::json!({"name": name, "in": place, "required": place == "path", "style": style,
            "explode": false, "schema": schema})
    };
    serde_json::from_value(serde_json::json!([{
        "id": "save", "method": "POST", "path": "/notes/{id}", "tags": [], "deprecated": false,
        "parameters": [
            parameter("id", "path", "simple", &serde_json::json!({"type": "integer"})),
            parameter("tags", "query", "form", &serde_json::json!({"type": "array", "items": {"type": "string"}})),
            parameter("x-kind", "header", "simple", &serde_json::json!({"enum": ["a", "b"]})),
            parameter("seen", "cookie", "form", &serde_json::json!({"type": "boolean"})),
        ],
        "body": {"required": false, "content": [
            {"media_type": "application/json", "schema": note},
            {"media_type": "application/x-www-form-urlencoded", "schema": note},
            {"media_type": "multipart/form-data", "schema": note},
            {"media_type": "*/*", "schema": null},
        ]},
    }]))
    .expect("operations as the plan has them")
}

static OFFLINE: LazyLock<Offline> = LazyLock::new(|| {
    let mut plan = testing::plan("127.0.0.1:1");
    for api in &mut plan.apis {
        api.operations = operations();
        api.inspect.enabled = true;
        api.response.leaks = true;
        api.response.body_bytes = 1 << 16;
        api.seclang = Some(Box::new(crate::seclang::plan()));
        // Everything is noted and nothing ends an exchange, so that every stage sees every message.
        api.mode = stockade_model::Mode::Monitor;
        api.protect = ProtectPlan::default();
    }
    Offline::new(Arc::new(Engine::new(plan).expect("the plan compiles")))
});

/// Judges any bytes as a message, and its body as the answer to it.
pub fn run(data: &[u8]) {
    let client = testing::client("192.0.2.1");
    let now = Now { wall: Timestamp(1_790_000_000_000_000), ..Now::default() };
    let origin = Origin { client, scheme: Scheme::Http, id: RequestId::new(now.wall, 0), now };
    let mut headers = Headers::default();
    headers.push(b"content-type", b"text/html");
    let body = memchr::memmem::find(data, b"\r\n\r\n").and_then(|end| data.get(end + 4..)).unwrap_or_default();
    let head = ResponseHead { status: 200, headers, content_length: Some(body.len() as u64) };
    let judged = OFFLINE.judge(&State::default(), &origin, data, Some((head, body)), true);
    assert!(judged.record.findings.len() <= 200);
    assert!(judged.record.findings.iter().all(|finding| finding.evidence.len() <= 200 && finding.place.len() <= 500));
    assert!(OFFLINE.event(&origin, judged, |event| serde_json::to_vec(&event).is_ok()));
}
