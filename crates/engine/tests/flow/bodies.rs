//! Bodies against the contract and the inspector.

use serde_json::json;
use stockade_engine::Body;
use stockade_model::HttpVersion;
use stockade_model::plan::LargeBody;

use crate::play::Play;
use crate::play::plan::{bare, plan};
use crate::{shop_play, shop_with};

#[test]
fn json_bodies_are_checked_against_their_schema() {
    shop_play().runs(
        r#"
        > POST /orders
          authorization: Bearer $alice
          content-type: application/json; charset=utf-8
          | {"product":"550e8400-e29b-41d4-a716-446655440000","quantity":2,"note":"gift"}
        < pass createOrder subject:alice
        > POST /orders
          authorization: Bearer $alice
          content-type: application/json
          | {"product":"550e8400","quantity":2}
        < 400 contract.body
        > POST /orders
          authorization: Bearer $alice
          content-type: application/json
          | {"product":"550e8400-e29b-41d4-a716-446655440000","quantity":2,"price":1}
        < 400 contract.body
        > POST /orders
          authorization: Bearer $alice
          content-type: application/json
          | {"quantity":2}
        < 400 contract.body
        > POST /orders
          authorization: Bearer $alice
          content-type: text/plain
          | hello
        < 415 contract.media_type
        > POST /orders
          authorization: Bearer $alice
          | hello
        < 415 contract.media_type
        > POST /orders
          authorization: Bearer $alice
        < 400 contract.missing_body
        > POST /orders
          authorization: Bearer $alice
          transfer: chunked
        < 400 contract.missing_body
        > GET /orders/7
          authorization: Bearer $alice
          | hello
        < 400 contract.unexpected_body
        > GET /orders/7
          authorization: Bearer $alice
          transfer: chunked
        < pass getOrder subject:alice
        "#,
    );
}

#[test]
fn form_bodies_are_checked_against_their_schema() {
    shop_play().runs(
        "
        > POST /login
          content-type: application/x-www-form-urlencoded
          | user=alice&age=30
        < pass login address:192.0.2.1
        > POST /login
          content-type: application/x-www-form-urlencoded
          | user=alice&age=old
        < 400 contract.body
        > POST /login
          content-type: application/x-www-form-urlencoded
          | user=alice&user=root
        < 400 contract.body
        > POST /login
          content-type: application/x-www-form-urlencoded
          | age=30
        < 400 contract.body
        ",
    );
}

#[test]
fn a_fault_in_a_body_names_its_place_and_what_was_expected() {
    let mut play = shop_play();
    let body = r#"{"product":"550e8400-e29b-41d4-a716-446655440000","quantity":1000}"#;
    let text = format!("> POST /orders\n authorization: Bearer $alice\n content-type: application/json\n | {body}");
    let refusal = play.ask(&text).refused.unwrap().refusal;
    assert!(refusal.detail.starts_with("body.quantity:") && refusal.detail.contains("100"), "{}", refusal.detail);
    assert_eq!(refusal.setting, "apis.shop.spec.createOrder");
}

#[test]
fn a_grpc_media_type_is_no_way_around_the_contract_or_inspection() {
    let stream = |text: &str, version: HttpVersion, change: &dyn Fn(&mut serde_json::Value)| {
        let mut play = shop_with(|api| change(api));
        let (mut request, _) = play.request(text);
        request.version = version;
        let admitted = play.engine.judge_head(&play.state, request, false, play.now()).unwrap();
        admitted.body_policy().stream
    };
    let call = "> POST /orders\n authorization: Bearer $alice\n content-type: application/grpc\n transfer: chunked";
    let unknown =
        "> POST /pkg.Service/Call\n authorization: Bearer $alice\n content-type: application/grpc\n transfer: chunked";
    let open = |api: &mut serde_json::Value| api["contract"]["unknown_operations"] = json!("pass");
    let http1 = |api: &mut serde_json::Value| {
        api["contract"]["unknown_operations"] = json!("pass");
        api["upstream"]["protocol"] = json!("http1");
    };
    assert!(!stream(call, HttpVersion::Http2, &|_| {}));
    assert!(stream(unknown, HttpVersion::Http2, &open));
    assert!(!stream(unknown, HttpVersion::Http11, &open));
    assert!(!stream(unknown, HttpVersion::Http2, &http1));
    let mut play = shop_play();
    assert_eq!(play.ask(call).told, "400 contract.missing_body");
}

#[test]
fn a_body_that_goes_on_is_refused_where_its_schema_speaks_of_the_whole() {
    let mut play = shop_play();
    let (request, body) = play
        .request("> POST /orders\n authorization: Bearer $alice\n content-type: application/json\n | {\"product\":");
    let admitted = play.engine.judge_head(&play.state, request, false, play.now()).unwrap();
    assert_eq!(admitted.body_policy().beyond, LargeBody::Refuse);
    let part = Body { bytes: body, complete: false };
    let refused = play.engine.judge_body(&play.state, admitted, part, play.now()).unwrap_err();
    assert_eq!(refused.refusal.reason.code, "contract.body_too_long");
}

#[test]
fn content_codings_on_several_lines_are_read_as_one_list() {
    let told = |codings: &[&str]| {
        let lines: String = codings.iter().map(|coding| format!("\n content-encoding: {coding}")).collect();
        Play::new(plan(vec![bare("default")])).ask(&format!("> POST /a{lines}\n content-type: text/plain\n | abc")).told
    };
    assert_eq!(told(&["identity"]), "pass - address:192.0.2.1");
    assert_eq!(told(&["identity", "gzip"]), "400 inspect.encoding_broken");
    assert_eq!(told(&["identity", "rot13"]), "415 inspect.encoding_unknown");
    assert_eq!(told(&["gzip", "gzip", "gzip"]), "413 inspect.encoding_chain");
}

#[test]
fn attacks_are_refused_with_the_exception_that_would_let_them_pass() {
    let mut play = shop_play();
    let outcome = play.ask(
        "> POST /orders\n authorization: Bearer $alice\n content-type: application/json\n \
         | {\"product\":\"550e8400-e29b-41d4-a716-446655440000\",\"quantity\":1,\"note\":\"x' OR '1'='1' --\"}",
    );
    let refusal = outcome.refused.unwrap().refusal;
    assert_eq!(refusal.reason.code, "inspect.attack");
    let exception = refusal.exception.unwrap();
    assert!(exception.contains("operation: createOrder, place: body.note, detector: sql_injection"), "{exception}");
    assert!(exception.contains("apis.shop.inspect.exceptions"), "{exception}");
    assert!(!outcome.record.findings.is_empty());
}
