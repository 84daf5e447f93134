//! What one request costs in the engine: `cargo bench -p stockade-engine`.
//!
//! Prints nanoseconds a request for two ordinary calls with every stage on and warm caches, then what each stage adds:
//! the difference to the same plan with that stage off.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench is run by people, and fails loudly"
)]

#[path = "../tests/play/mod.rs"]
mod play;

use std::hint::black_box;
use std::time::Instant;

use play::Play;
use play::plan::{bare, limit, operation, parameter, plan, shop};
use play::token::{Issuer, claims};
use serde_json::{Value, json};
use stockade_engine::Body;
use stockade_model::{Decision, DecisionAction, Timestamp};

const ROUNDS: u32 = 20_000;

fn get() -> String {
    "> GET /orders/7\n authorization: Bearer $alice\n user-agent: Mozilla/5.0 (X11; Linux x86_64)\n accept: application/json"
        .to_owned()
}

fn post() -> String {
    let note = "Please leave the parcel with the neighbours if nobody is at home. ".repeat(8);
    let body = json!({
        "product": "550e8400-e29b-41d4-a716-446655440000", "quantity": 2, "note": note.get(..500)
    });
    let text = body.to_string();
    format!(
        "> POST /orders\n authorization: Bearer $alice\n user-agent: Mozilla/5.0 (X11; Linux x86_64)\n \
         content-type: application/json\n | {text}"
    )
}

fn everything() -> (Value, String) {
    let issuer = Issuer::new("key-1");
    let mut api = shop(vec![issuer.jwk()]);
    api["limits"] = json!([
        limit("per-actor", &["actor"], 4_000_000, 1000, 4_000_000, "refuse"),
        limit("per-address", &["address"], 4_000_000, 1000, 4_000_000, "refuse"),
        limit("per-operation", &["actor", "operation"], 4_000_000, 1000, 4_000_000, "refuse"),
    ]);
    (api, issuer.sign(&claims("alice", &["customer"])))
}

/// Nanoseconds for one request through `change`d stages; the best of five runs, since other work only adds.
fn measure(text: &str, decisions: usize, change: impl Fn(&mut Value)) -> f64 {
    let (mut api, token) = everything();
    change(&mut api);
    let mut play = Play::new(plan(vec![api])).token("alice", token);
    let blocks = (0..decisions).map(|number| Decision {
        id: number.to_string(),
        selector: [("address".to_owned(), format!("10.{}.{}.9", number / 256, number % 256))].into(),
        action: DecisionAction::Block,
        rate: None,
        delay_ms: None,
        reason: "bench".to_owned(),
        expires_at: Timestamp(u64::MAX),
    });
    play.state.set_decisions(blocks.collect(), play.now());
    let (request, body) = play.request(text);
    let mut now = play.now();
    let mut run = || {
        let started = Instant::now();
        let mut clones = 0;
        for _ in 0..ROUNDS {
            now.monotonic_us += 20;
            let before = Instant::now();
            let request = black_box(request.clone());
            clones += before.elapsed().as_nanos();
            let admitted = play.engine.judge_head(&play.state, request, false, now).expect("head passes");
            let body = Body { bytes: body.clone(), complete: true };
            black_box(play.engine.judge_body(&play.state, admitted, body, now).expect("body passes"));
        }
        (started.elapsed().as_nanos() - clones) as f64 / f64::from(ROUNDS)
    };
    (0..5).map(|_| run()).fold(f64::INFINITY, f64::min)
}

/// A contract of `count` operations, each with a body and a response that share named schemas.
fn large(count: usize) -> Value {
    let mut api = bare("large");
    api["inspect"]["enabled"] = json!(false);
    let schema = |number: usize| {
        json!({
            "type": "object", "required": ["id", "name"],
            "properties": {
                "id": {"type": "string", "format": "uuid"}, "name": {"type": "string", "maxLength": 100},
                "state": {"enum": ["new", "paid", "sent"]}, "count": {"type": "integer", "minimum": 0},
                "parts": {"type": "array", "items": {"$ref": format!("#/$defs/S{}", (number + 1) % 500)}}
            }
        })
    };
    api["schemas"] =
        (0..500).map(|number| (format!("S{number}"), schema(number))).collect::<serde_json::Map<_, _>>().into();
    let operations = (0..count).map(|number| {
        let content = json!([{
            "media_type": "application/json", "schema": {"$ref": format!("#/$defs/S{}", number % 500)}
        }]);
        let path = format!("/v1/service{}/things{}/{{id}}/parts/{{part}}", number % 40, number / 40);
        let parameters = json!([
            parameter("id", "path", true, json!({"type": "integer"})),
            parameter("part", "path", true, json!({"type": "string", "maxLength": 40})),
        ]);
        let mut one =
            operation(&format!("op{number}"), "PUT", &path, parameters, json!({"required": true, "content": content}));
        one["responses"] = json!([{"status": "200", "content": content}]);
        one
    });
    api["operations"] = operations.collect();
    api
}

/// Nanoseconds for the head of a request among `count` operations, and milliseconds to compile them.
fn routed(count: usize) -> (f64, f64) {
    let text = plan(vec![large(count)]).to_string();
    let started = Instant::now();
    let mut play = Play::new(serde_json::from_str(&text).unwrap());
    let compiled = started.elapsed().as_secs_f64() * 1000.0;
    let head = "> PUT /v1/service0/things0/7/parts/abc\n content-type: application/json\n | {}";
    let (request, _) = play.request(head);
    let now = play.now();
    let run = || {
        let mut nanoseconds = 0;
        for _ in 0..ROUNDS {
            let request = black_box(request.clone());
            let before = Instant::now();
            black_box(play.engine.judge_head(&play.state, request, false, now).expect("head passes"));
            nanoseconds += before.elapsed().as_nanos();
        }
        nanoseconds as f64 / f64::from(ROUNDS)
    };
    ((0..5).map(|_| run()).fold(f64::INFINITY, f64::min), compiled)
}

/// 20 policies over the shop: one permits, the others look at caller, request and object and stay silent.
fn policies() -> Value {
    let text = |kind: &str| json!({"type": kind});
    let texts = json!({"type": "Set", "element": {"type": "String"}});
    let record = |attributes: Value| json!({"type": "Record", "attributes": attributes});
    let context = record(json!({
        "address": {"type": "Extension", "name": "ipaddr"}, "now": {"type": "Extension", "name": "datetime"},
        "hour": text("Long"), "weekday": text("Long"), "tls": text("Boolean"),
        "path": record(json!({})), "query": record(json!({})),
        "body": {"type": "Record", "required": false, "attributes": {"quantity": {"type": "Long", "required": false}}}
    }));
    let action = json!({
        "memberOf": [],
        "appliesTo": {"principalTypes": ["Caller"], "resourceTypes": ["Resource"], "context": context}
    });
    let methods =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"].map(|name| format!("method:{name}"));
    let operations = ["listProducts", "getOrder", "createOrder", "login", "deleteUser"].map(str::to_owned);
    let actions: serde_json::Map<_, _> =
        methods.into_iter().chain(operations).map(|name| (name, action.clone())).collect();
    let caller = record(json!({
        "known": text("Boolean"), "subject": text("String"), "method": text("String"),
        "issuer": {"type": "String", "required": false}, "client": {"type": "String", "required": false},
        "key": {"type": "String", "required": false}, "roles": texts, "scopes": texts, "claims": record(json!({}))
    }));
    let resource = record(json!({
        "path": text("String"), "own": text("Boolean"), "kind": {"type": "String", "required": false},
        "id": {"type": "String", "required": false}, "owner": {"type": "String", "required": false}
    }));
    let mut policies =
        vec!["permit (principal in Role::\"customer\", action, resource) when { context.tls };".to_owned()];
    for number in 0..19 {
        policies.push(match number % 4 {
            0 => format!("forbid (principal, action, resource) when {{ context.hour == {} }};", 30 + number),
            1 => format!("forbid (principal, action == Action::\"createOrder\", resource) when {{ context has body && context.body has quantity && context.body.quantity > {} }};", 1000 + number),
            2 => format!("permit (principal in Role::\"role-{number}\", action, resource) when {{ principal.scopes.contains(\"x\") }};"),
            _ => format!("forbid (principal, action, resource) when {{ context.address.isInRange(ip(\"10.{number}.0.0/16\")) }};"),
        });
    }
    let policies: Vec<Value> = policies
        .into_iter()
        .enumerate()
        .map(|(line, text)| json!({"file": "bench.cedar", "line": line + 1, "text": text}))
        .collect();
    let schema = json!({"": {
        "entityTypes": {"Role": {}, "Caller": {"memberOfTypes": ["Role"], "shape": caller}, "Resource": {"shape": resource}},
        "actions": actions
    }});
    json!({"schema": schema, "policies": policies})
}

fn main() {
    let ((one, _), (many, compiled)) = (routed(1), routed(1000));
    println!("1,000 operations: compiled in {compiled:.0} ms; a head {many:.0} ns, {one:.0} ns with one operation");
    for (name, text) in [("GET with an ES256 token", get()), ("POST of JSON with an ES256 token", post())] {
        let all = measure(&text, 0, |_| {});
        println!(
            "{name}: {all:.0} ns, every stage on ({} bytes of body)",
            text.split_once("| ").map_or(0, |(_, body)| body.len())
        );
        let without = |stage: &str, change: &dyn Fn(&mut Value)| {
            println!("  {stage:<10} {:>6.0} ns", all - measure(&text, 0, change));
        };
        without("identity", &|api| {
            api["identity"]["methods"] = json!([]);
            api["identity"]["required"] = json!(false);
        });
        without("contract", &|api| {
            for operation in api["operations"].as_array_mut().unwrap() {
                operation["parameters"] = json!([]);
                if let Some(body) = operation["body"].as_object_mut() {
                    body["content"][0]["schema"] = Value::Null;
                }
            }
        });
        without("access", &|api| api["access"]["rules"] = json!([]));
        let policies = measure(&text, 0, |api| api["access"]["policies"] = policies());
        println!("  policies   {:>6.0} ns more with 20 of them in Cedar", policies - all);
        without("inspect", &|api| api["inspect"]["enabled"] = json!(false));
        without("limit", &|api| api["limits"] = json!([]));
        println!("  decisions  {:>6.0} ns more with 10,000 of them", measure(&text, 10_000, |_| {}) - all);
    }
}
