//! Whole requests through the pipeline, as transcripts.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

#[path = "flow/access.rs"]
mod access;
#[path = "flow/bodies.rs"]
mod bodies;
#[path = "flow/constrained.rs"]
mod constrained;
#[path = "flow/contract.rs"]
mod contract;
#[path = "flow/decided.rs"]
mod decided;
#[path = "flow/graphql.rs"]
mod graphql;
#[path = "flow/grpc.rs"]
mod grpc;
#[path = "flow/limits.rs"]
mod limits;
#[path = "flow/methods.rs"]
mod methods;
#[path = "flow/plans.rs"]
mod plans;
mod play;
#[path = "flow/promised.rs"]
mod promised;
#[path = "flow/proofs.rs"]
mod proofs;
#[path = "flow/responses.rs"]
mod responses;
#[path = "flow/routing.rs"]
mod routing;
#[path = "flow/signatures.rs"]
mod signatures;
#[path = "flow/tokens.rs"]
mod tokens;

use play::Play;
use play::plan::{bare, limit, plan, shop};
use play::token::{Issuer, claims};
use serde_json::json;
use stockade_model::{Decision, DecisionAction, Timestamp};

fn shop_play() -> Play {
    shop_with(|_| {})
}

fn shop_with(change: impl FnOnce(&mut serde_json::Value)) -> Play {
    let issuer = Issuer::new("key-1");
    let mut api = shop(vec![issuer.jwk()]);
    change(&mut api);
    Play::new(plan(vec![api]))
        .token("alice", issuer.sign(&claims("alice", &["customer"])))
        .token("root", issuer.sign(&claims("root", &["admin"])))
}

fn decision(id: &str, action: DecisionAction, selector: &[(&str, &str)], seconds: u64) -> Decision {
    Decision {
        rate: None,
        delay_ms: None,
        id: id.to_owned(),
        selector: selector.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        action,
        reason: "test".to_owned(),
        expires_at: Timestamp::from_seconds(play::START + seconds),
    }
}

#[test]
fn ordinary_calls_pass_and_are_known_by_their_actor() {
    shop_play().runs(
        "
        > GET /products?page=2
        < pass listProducts address:192.0.2.1
        > GET /orders/7
          authorization: Bearer $alice
        < pass getOrder subject:alice
        > HEAD /orders/7
          authorization: bearer $alice
        < pass getOrder subject:alice
        > GET /orders/7
          x-api-key: secret-1
        < pass getOrder subject:partner
        > DELETE /admin/users/9
          authorization: Bearer $root
        < pass deleteUser subject:root
        ",
    );
}

#[test]
fn what_the_contract_does_not_know_is_404_or_405() {
    shop_play().runs(
        "
        > GET /nothing
        < 404 route.unknown_operation
        > GET /orders/7/
          authorization: Bearer $alice
        < 404 route.unknown_operation
        > GET /Products
        < 404 route.unknown_operation
        > GET /orders/
          authorization: Bearer $alice
        < 404 route.unknown_operation
        > PUT /orders/7
          authorization: Bearer $alice
        < 405 route.unknown_method
        > OPTIONS /orders/7
        < 405 route.unknown_method
        ",
    );
}

#[test]
fn a_405_names_the_methods_that_are_allowed() {
    let outcome = shop_play().ask("> PUT /orders/7");
    assert_eq!(outcome.record.response_headers, [("allow", "GET, HEAD".to_owned())]);
    let monitored = shop_with(|api| api["mode"] = json!("monitor")).ask("> PUT /orders/7");
    assert!(monitored.record.response_headers.is_empty(), "monitor mode never changes a response");
}

#[test]
fn a_browser_may_ask_first_without_a_credential() {
    shop_play().runs(
        "
        > OPTIONS /orders/7
          origin: https://shop.example
          access-control-request-method: GET
        < pass - address:192.0.2.1
        > OPTIONS /nothing
          origin: https://shop.example
          access-control-request-method: GET
        < 404 route.unknown_operation
        > GET /orders/7
          origin: https://shop.example
          access-control-request-method: GET
        < 401 identity.missing
        ",
    );
}

#[test]
fn a_credential_is_needed_and_a_bad_one_is_never_overlooked() {
    shop_play().runs(
        "
        > GET /orders/7
        < 401 identity.missing
        > GET /orders/7
          authorization: Basic YTpi
        < 401 identity.missing
        > GET /products
          authorization: Bearer nonsense
        < 401 identity.token_malformed
        > GET /orders/7
          x-api-key: secret-3
        < 401 identity.unknown_api_key
        > GET /orders/7
          x-api-key: secret-2
        < pass getOrder subject:partner
        > GET /orders/7 at 6
          x-api-key: secret-2
        < 401 identity.api_key_expired
        > GET /orders/7
          authorization: Bearer $alice
          authorization: Bearer $root
        < 401 identity.ambiguous
        > GET /orders/7
          x-api-key: secret-1
          x-api-key: secret-1
        < 401 identity.ambiguous
        > GET /orders/7 at 3629
          authorization: Bearer $alice
        < pass getOrder subject:alice
        > GET /orders/7 at 3631
          authorization: Bearer $alice
        < 401 identity.token_expired
        ",
    );
}

#[test]
fn a_401_carries_a_challenge() {
    let mut play = shop_play();
    let missing = play.ask("> GET /orders/7").refused.unwrap();
    assert_eq!(missing.refusal.challenge.as_deref(), Some("Bearer realm=\"shop\", ApiKey realm=\"shop\""));
    let bad = play.ask("> GET /orders/7\n authorization: Bearer x").refused.unwrap();
    assert!(bad.refusal.challenge.unwrap().contains("error=\"invalid_token\""));
}

#[test]
fn admin_operations_are_for_admins() {
    shop_play().runs(
        "
        > DELETE /admin/users/9
        < 401 identity.missing
        > DELETE /admin/users/9
          authorization: Bearer $alice
        < 403 access.denied
        > DELETE /admin/users/9
          x-api-key: secret-1
        < 403 access.denied
        ",
    );
}

#[test]
fn rules_on_paths_hold_for_operations_that_the_contract_does_not_know() {
    shop_with(|api| api["contract"]["unknown_operations"] = json!("pass")).runs(
        "
        > GET /admin/secrets
          authorization: Bearer $alice
        < 403 access.denied
        > GET /ADMIN/secrets/
          authorization: Bearer $alice
        < 403 access.denied
        > GET /admin;x=1/secrets
          authorization: Bearer $alice
        < 403 access.denied
        > GET /admin/secrets
          authorization: Bearer $root
        < pass - subject:root
        > GET /health
        < pass - address:192.0.2.1
        > GET /Health
        < 401 identity.missing
        ",
    );
}

#[test]
fn without_a_contract_everything_is_routed_to_the_api() {
    Play::new(plan(vec![bare("default")])).runs(
        "
        > PATCH /anything/at/all
        < pass - address:192.0.2.1
        > GET / from 2001:db8::7
        < pass - address:2001:db8::/64
        ",
    );
}

#[test]
fn hosts_and_base_paths_choose_the_api() {
    let api = |name: &str, hosts: &[&str], base: &str| {
        let mut api = bare(name);
        api["hosts"] = json!(hosts);
        api["base_path"] = json!(base);
        api
    };
    let mut play = Play::new(plan(vec![
        api("any-v1", &["*"], "/v1"),
        api("exact", &["api.example"], "/"),
        api("exact-v1", &["api.example"], "/v1"),
        api("suffix", &["*.example"], "/"),
        api("deep", &["*.eu.example"], "/x"),
    ]));
    let mut chosen = |text: &str| {
        let outcome = play.ask(text);
        outcome.cleared.and_then(|cleared| cleared.api().map(|api| api.name.clone())).unwrap_or(outcome.told)
    };
    assert_eq!(chosen("> GET /v1/a"), "exact-v1");
    assert_eq!(chosen("> GET /v1"), "exact-v1");
    assert_eq!(chosen("> GET /v10"), "exact");
    assert_eq!(chosen("> GET /v1\n host: api.example:8443"), "exact-v1");
    assert_eq!(chosen("> GET /v1\n host: api.example."), "exact-v1");
    assert_eq!(chosen("> GET /v1\n host: other.example"), "suffix");
    assert_eq!(chosen("> GET /x/1\n host: a.eu.example"), "deep");
    assert_eq!(chosen("> GET /y\n host: a.eu.example"), "suffix");
    assert_eq!(chosen("> GET /v1\n host: example"), "any-v1");
    assert_eq!(chosen("> GET /v2\n host: example"), "404 route.unknown_api");
}

#[test]
fn monitor_mode_records_every_refusal_and_lets_all_pass() {
    let mut play = shop_with(|api| api["mode"] = json!("monitor"));
    play.runs(
        "
        > DELETE /admin/users/9
        < would identity.missing access.no_identity
        > GET /nothing
        < would route.unknown_operation identity.missing
        > GET /products
        < pass listProducts address:192.0.2.1
        ",
    );
    let outcome = play.ask("> DELETE /admin/users/9");
    let notes: Vec<_> = outcome.record.notes.iter().map(|note| (note.stage.name(), note.outcome)).collect();
    assert!(notes.contains(&("identity", "would_refuse")) && notes.contains(&("inspect", "pass")), "{notes:?}");
}

#[test]
fn limits_count_each_actor_by_itself() {
    let mut play = shop_with(|api| {
        api["limits"] = json!([limit("per-actor", &["actor"], 1, 1000, 2, "refuse")]);
    });
    play.runs(
        "
        > GET /orders/7
          authorization: Bearer $alice
        < pass getOrder subject:alice
        > GET /orders/7
          authorization: Bearer $alice
        < pass getOrder subject:alice
        > GET /orders/7
          authorization: Bearer $alice
        < 429 limit.reached
        > GET /orders/7
          x-api-key: secret-1
        < pass getOrder subject:partner
        > GET /products
        < pass listProducts address:192.0.2.1
        > GET /orders/7 at 1
          authorization: Bearer $alice
        < pass getOrder subject:alice
        ",
    );
    let outcome = play.ask("> GET /orders/7\n authorization: Bearer $alice");
    let refusal = outcome.refused.unwrap().refusal;
    assert_eq!(refusal.retry_after_s, Some(1));
    assert_eq!(
        outcome.record.response_headers,
        [("ratelimit-policy", "\"per-actor\";q=1;w=1".to_owned()), ("ratelimit", "\"per-actor\";r=0;t=1".to_owned())]
    );
}

#[test]
fn a_limit_that_only_logs_does_not_refuse_and_lacking_attributes_are_not_counted() {
    shop_with(|api| {
        api["limits"] = json!([
            limit("watch", &["address"], 1, 60_000, 1, "log"),
            limit("tenant", &["header:x-tenant"], 1, 60_000, 1, "refuse"),
        ]);
    })
    .runs(
        "
        > GET /products
        < pass listProducts address:192.0.2.1
        > GET /products
        < would limit.reached
        > GET /products from 192.0.2.2
          x-tenant: a
        < pass listProducts address:192.0.2.2
        > GET /products from 192.0.2.3
          x-tenant: a
        < 429 limit.reached
        > GET /products from 192.0.2.4
          x-tenant: b
        < pass listProducts address:192.0.2.4
        ",
    );
}

#[test]
fn decisions_block_until_they_end() {
    let mut play = shop_play();
    let active = play.state.set_decisions(
        vec![
            decision("d1", DecisionAction::Block, &[("address", "192.0.2.0/25")], 60),
            decision("d2", DecisionAction::Block, &[("subject", "alice")], 60),
            decision("d3", DecisionAction::Block, &[("address", "2001:db8::/32"), ("method", "GET")], 60),
            decision("gone", DecisionAction::Block, &[("method", "GET")], 0),
            decision("bad", DecisionAction::Block, &[("address", "nonsense")], 60),
            decision("all", DecisionAction::Block, &[], 60),
        ],
        play.now(),
    );
    assert_eq!(active, 3);
    play.runs(
        "
        > GET /products
        < 403 decisions.blocked
        > GET /products from 192.0.2.200
        < pass listProducts address:192.0.2.200
        > GET /orders/7
          authorization: Bearer $alice
        < 403 decisions.blocked
        > GET /orders/7
          authorization: Bearer $root
        < pass getOrder subject:root
        > GET /products from 2001:db8:9::1
        < 403 decisions.blocked
        > HEAD /products
        < pass listProducts address:2001:db8:9::/64
        > GET /products from 192.0.2.1 at 61
        < pass listProducts address:192.0.2.1
        ",
    );
}

#[test]
fn an_allow_decision_overrides_a_block_also_when_the_caller_is_known_only_later() {
    let mut play = shop_play();
    play.state.set_decisions(
        vec![
            decision("block", DecisionAction::Block, &[("address", "192.0.2.0/24")], 60),
            decision("allow-net", DecisionAction::Allow, &[("address", "192.0.2.128/25")], 60),
            decision("allow-root", DecisionAction::Allow, &[("subject", "root")], 60),
        ],
        play.now(),
    );
    play.runs(
        "
        > GET /products
        < 403 decisions.blocked
        > GET /products from 192.0.2.130
        < pass listProducts address:192.0.2.130
        > GET /orders/7 from 192.0.2.1
          authorization: Bearer $root
        < pass getOrder subject:root
        > GET /orders/7
          authorization: Bearer $alice
        < 403 decisions.blocked
        ",
    );
}

#[test]
fn a_monitored_api_is_not_blocked_by_decisions() {
    let mut play = shop_with(|api| api["mode"] = json!("monitor"));
    play.state.set_decisions(vec![decision("d", DecisionAction::Block, &[("address", "0.0.0.0/0")], 60)], play.now());
    play.runs(
        "
        > GET /products
        < would decisions.blocked
        ",
    );
}

#[test]
fn the_credential_is_taken_out_when_the_plan_says_so() {
    let mut play = shop_with(|api| {
        api["identity"]["strip_credential"] = json!(true);
        api["contract"]["unknown_parameters"] = json!("pass");
        api["identity"]["methods"][1]["place"] = json!("query");
        api["identity"]["methods"][1]["parameter"] = json!("api_key");
    });
    let bearer = play.ask("> GET /orders/7\n authorization: Bearer $alice\n accept: a/b").cleared.unwrap();
    assert!(!bearer.request().headers.contains("authorization") && bearer.request().headers.contains("accept"));
    let query = play.ask("> GET /orders/7?a=1&api_key=secret-1&b=2").cleared.unwrap();
    assert_eq!(query.request().target(), "/orders/7?a=1&b=2");
}

#[test]
fn explanation_tells_what_each_stage_saw() {
    let mut play = shop_play();
    let (request, _) = play.request("> GET /orders/7\n authorization: Bearer $alice");
    let admitted = play.engine.judge_head(&play.state, request, true, play.now()).unwrap();
    let notes = &admitted.record().notes;
    let told = |stage: &str| notes.iter().find(|note| note.stage.name() == stage).unwrap().detail.clone();
    assert!(told("route").contains("getOrder"));
    assert!(told("identity").contains("alice"));
    assert_eq!(notes.len(), 7, "{notes:?}");
}
