//! What proving the caller costs: `cargo bench -p stockade-engine --bench identity`.
//!
//! Prints nanoseconds a request for a whole head through an API with identity alone, each method beside the same API
//! without any, with tokens that are remembered and with tokens that are seen for the first time.

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

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use play::plan::{bare, plan, sha256};
use play::token::{Issuer, b64, claims};
use play::{Play, START};
use serde_json::{Value, json};
use stockade_model::Request;

const ROUNDS: usize = 5_000;
const SECRET: [u8; 32] = [7; 32];

fn with(methods: Value, hand_on: Value) -> Play {
    let mut api = bare("api");
    api["contract"]["unknown_operations"] = json!("pass");
    api["inspect"]["enabled"] = json!(false);
    api["identity"] = json!({"methods": methods, "required": false, "anonymous": [], "strip_credential": false});
    if !hand_on.is_null() {
        api["identity"]["hand_on"] = hand_on;
    }
    Play::new(plan(vec![api]))
}

fn jwt(issuer: &Issuer) -> Value {
    json!({
        "kind": "jwt", "name": "jwt", "keys": {"keys": [issuer.jwk()]}, "algorithms": ["ES256"],
        "issuers": ["https://id.example"], "audiences": ["shop"], "skew_s": 30,
        "roles_claim": "roles", "scopes_claim": "scope", "required_claims": ["exp"]
    })
}

/// Nanoseconds for one of `requests`, head to cleared; the best of five runs, since other work only adds.
fn measure(play: &Play, requests: &[Request]) -> f64 {
    let now = play.now();
    let run = || {
        let mut total = 0;
        for request in requests.iter().cycle().take(ROUNDS.max(requests.len())) {
            let request = request.clone();
            let before = Instant::now();
            let admitted = play.engine.judge_head(&play.state, request, false, now).expect("head passes");
            let body = stockade_engine::Body { complete: true, ..Default::default() };
            black_box(play.engine.judge_body(&play.state, admitted, body, now).expect("body passes"));
            total += before.elapsed().as_nanos();
        }
        total as f64 / ROUNDS.max(requests.len()) as f64
    };
    // A request that is good only once can be measured only once.
    let runs = if requests.len() >= ROUNDS { 1 } else { 5 };
    (0..runs).map(|_| run()).fold(f64::INFINITY, f64::min)
}

fn one(play: &mut Play, lines: &str) -> Vec<Request> {
    vec![play.request(&format!("> GET /orders/7\n {lines}")).0]
}

fn many(play: &mut Play, lines: impl Fn(usize) -> String) -> Vec<Request> {
    (0..ROUNDS).map(|number| play.request(&format!("> GET /orders/7\n {}", lines(number))).0).collect()
}

fn signed(number: usize) -> String {
    let input = format!("(\"@method\" \"@path\");created={START};keyid=\"k\";nonce=\"{number}\"");
    let base = format!("\"@method\": GET\n\"@path\": /orders/7\n\"@signature-params\": {input}");
    let tag = STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), base.as_bytes()));
    format!("signature-input: s={input}\n signature: s=:{tag}:")
}

fn main() {
    let issuer = Issuer::new("key-1");
    let token = |number: usize| {
        let mut claims = claims("alice", &["customer"]);
        claims["jti"] = json!(number.to_string());
        issuer.sign(&claims)
    };
    let bare_ns = {
        let mut play = with(json!([]), Value::Null);
        let requests = one(&mut play, "accept: */*");
        measure(&play, &requests)
    };
    println!("no identity                       {bare_ns:>8.0} ns a request, head to cleared");
    let tell = |name: &str, ns: f64| println!("{name:<33} {:>8.0} ns more", ns - bare_ns);

    let mut play = with(json!([jwt(&issuer)]), Value::Null);
    let requests = one(&mut play, &format!("authorization: Bearer {}", token(0)));
    tell("ES256 token, remembered", measure(&play, &requests));
    let requests = many(&mut play, |number| format!("authorization: Bearer {}", token(number + 1)));
    tell("ES256 token, seen first", measure(&play, &requests));

    let key =
        json!({"id": "k", "sha256": sha256("secret"), "subject": "s", "roles": [], "scopes": [], "expires_at": null});
    let keys = json!({"kind": "api_key", "name": "k", "place": "header", "parameter": "x-api-key", "keys": [key]});
    let mut play = with(json!([keys]), Value::Null);
    let requests = one(&mut play, "x-api-key: secret");
    tell("API key", measure(&play, &requests));

    let jwk = json!({"kty": "oct", "k": b64(SECRET)}).to_string();
    let key = json!({"id": "k", "algorithm": "hmac-sha256", "key": jwk, "subject": "s", "roles": [], "scopes": [],
                     "expires_at": null});
    let signatures = json!({"kind": "signature", "name": "s", "keys": [key], "cover": ["@method", "@path"], "digest": true,
                            "tag": null, "window_s": 300, "skew_s": 30});
    let mut play = with(json!([signatures]), Value::Null);
    let requests = many(&mut play, signed);
    tell("signed request (HMAC)", measure(&play, &requests));

    let signed = json!({"header": "x-identity", "algorithm": "EdDSA", "key": "07".repeat(32), "key_id": "k",
                        "issuer": "stockade", "audience": "shop", "lifetime_s": 60});
    for (name, hand_on) in [
        (
            "remembered, two headers handed on",
            json!({"headers": {"x-user": "subject", "x-roles": "roles"}, "signed": null}),
        ),
        ("remembered, signed for upstream", json!({"headers": {}, "signed": signed})),
    ] {
        let mut play = with(json!([jwt(&issuer)]), hand_on);
        let requests = one(&mut play, &format!("authorization: Bearer {}", token(0)));
        tell(name, measure(&play, &requests));
    }
}
