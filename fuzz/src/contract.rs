//! Any bytes as a GraphQL document, a gRPC message, a JSON value of a request and its answer, and a schema.

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use stockade_engine::{Engine, State};
use stockade_gateway::offline::{Offline, Origin};
use stockade_model::plan::{OperationPlan, Plan, ResponseCheck};
use stockade_model::{Headers, Now, RequestId, ResponseHead, Scheme, Timestamp};

use crate::testing;

const NODE: &str = "#/$defs/Node";

fn operation(schema: &Value) -> OperationPlan {
    let content = json!([{"media_type": "application/json", "schema": schema}]);
    serde_json::from_value(json!({
        "id": "save", "method": "POST", "path": "/notes", "tags": [], "deprecated": false, "parameters": [],
        "body": {"required": true, "content": content}, "responses": [{"status": "200", "content": content}]
    }))
    .expect("an operation as the plan has it")
}

fn plan(schema: &Value) -> Plan {
    let mut plan = testing::plan("127.0.0.1:1");
    for api in &mut plan.apis {
        api.operations = vec![operation(schema)];
        api.contract.responses = ResponseCheck::Report;
        api.contract.response_classes = vec!["card".to_owned(), "email".to_owned()];
        api.response.body_bytes = 1 << 16;
        if let Value::Object(named) = json!({
            "Node": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string", "maxLength": 20}, "kids": {"type": "array", "items": {"$ref": NODE}},
                "either": {"oneOf": [{"$ref": NODE}, {"type": ["string", "null"], "format": "date"}]}
            }, "unevaluatedProperties": {"type": "integer"}}
        }) {
            api.schemas = named;
        }
        let field = |kind: &str, list: bool| json!({"kind": kind, "list": list, "cost": 1, "arguments": ["first"], "size_arguments": [], "list_size": null});
        api.contract.graphql = serde_json::from_value(json!({
            "paths": ["/graphql"], "depth": 10, "aliases": 10, "root_fields": 10, "batch": 3, "cost": 1000, "words": 500,
            "list_size": 10, "size_arguments": ["first"], "introspection": "refuse", "allow": null,
            "schema": {"query": "Query", "mutation": null, "subscription": null, "types": {
                "Query": {"a": field("Query", true), "b": field("Int", false)}
            }},
            "fields": [{"fields": ["Query.b"], "roles": ["x"], "scopes": []}]
        }))
        .expect("GraphQL as the plan has it");
        api.contract.grpc = serde_json::from_value(json!({
            "methods": {"/s.S/M": {"input": "s.A", "client_streaming": false}},
            "messages": {"s.A": {"is_open": false, "fields": {
                "1": {"kind": "text", "message": null, "repeated": false},
                "2": {"kind": "varint", "message": null, "repeated": true},
                "3": {"kind": "message", "message": "s.A", "repeated": true},
                "4": {"kind": "group", "message": "s.A", "repeated": false}
            }}},
            "message_bytes": 4096, "depth": 8, "values": 500, "unknown_fields": "pass"
        }))
        .expect("gRPC as the plan has it");
        api.mode = stockade_model::Mode::Monitor;
    }
    plan
}

static OFFLINE: LazyLock<Offline> =
    LazyLock::new(|| Offline::new(Arc::new(Engine::new(plan(&json!({"$ref": NODE}))).expect("the plan compiles"))));

fn judge(offline: &Offline, path: &str, media_type: &str, body: &[u8]) {
    let client = testing::client("192.0.2.1");
    let now = Now { wall: Timestamp(1_790_000_000_000_000), ..Now::default() };
    let origin = Origin { client, scheme: Scheme::Http, id: RequestId::new(now.wall, 0), now };
    let mut message = format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    message.extend_from_slice(body);
    let mut headers = Headers::default();
    headers.push(b"content-type", b"application/json");
    let head = ResponseHead { status: 200, headers, content_length: Some(body.len() as u64) };
    let judged = offline.judge(&State::default(), &origin, &message, Some((head, body)), true);
    assert!(judged.record.findings.iter().all(|finding| finding.place.len() <= 500 && finding.note.len() <= 600));
    assert!(offline.event(&origin, judged, |event| serde_json::to_vec(&event).is_ok()));
}

/// The first byte says what the others are.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind % 4 {
        0 => {
            let document = json!({"query": String::from_utf8_lossy(rest), "variables": {"n": 3}});
            judge(&OFFLINE, "/graphql", "application/json", document.to_string().as_bytes());
        }
        1 => {
            let length = u32::try_from(rest.len()).unwrap_or_default().to_be_bytes();
            judge(&OFFLINE, "/s.S/M", "application/grpc", &[&[0][..], &length, rest].concat());
        }
        2 => judge(&OFFLINE, "/notes", "application/json", rest),
        _ => {
            let Ok(schema) = serde_json::from_slice::<Value>(rest) else { return };
            // A schema that does not compile is refused with a reason; one that does judges any value.
            if let Ok(engine) = Engine::new(plan(&schema)) {
                judge(
                    &Offline::new(Arc::new(engine)),
                    "/notes",
                    "application/json",
                    br#"{"name": "a", "kids": [1, "x"]}"#,
                );
            }
        }
    }
}
