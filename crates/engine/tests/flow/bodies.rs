//! Bodies against the contract and the inspector.

use crate::shop_play;

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
