//! Access on three levels: operations, objects, fields.

use serde_json::{Value, json};
use stockade_model::{Headers, ResponseHead};

use crate::play::Play;
use crate::play::plan::{operation, parameter, plan, shop};
use crate::play::token::{Issuer, claims};

fn play(change: impl FnOnce(&mut Value)) -> Play {
    let issuer = Issuer::new("key-1");
    let mut api = shop(vec![issuer.jwk()]);
    // Without a contract, so that access alone decides.
    api["operations"] = json!([]);
    api["contract"]["unknown_operations"] = json!("pass");
    api["contract"]["unknown_parameters"] = json!("pass");
    api["identity"]["methods"][0]["claims"] = json!(["groups", "tenant"]);
    api["identity"]["anonymous"] =
        json!([{"operations": [], "tags": [], "methods": [], "paths": ["/health", "/public/**"]}]);
    api["access"]["body_bytes"] = json!(1_048_576);
    change(&mut api);
    let with = |subject: &str, more: Value| {
        let mut claims = claims(subject, &["customer"]);
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        issuer.sign(&claims)
    };
    Play::new(plan(vec![api]))
        .token("alice", with("3", json!({"groups": ["staff", "helpdesk"], "tenant": 7})))
        .token("bob", with("4", json!({"tenant": 8})))
        .token("root", issuer.sign(&claims("1", &["admin"])))
}

fn selector(paths: &[&str]) -> Value {
    json!({"operations": [], "tags": [], "methods": [], "paths": paths})
}

fn kind(path: &str, owner: Value, caller: &str) -> Value {
    let id = path.rsplit(['{', '}']).nth(1).unwrap();
    json!({"path": path, "owner": owner, "caller": caller, "unless_roles": ["admin"], "unknown": "refuse",
           "id_fields": [id, "id"]})
}

/// Asks, and has the upstream answer with JSON; what the caller gets.
fn told(play: &mut Play, who: &str, asked: &str, status: u16, body: &Value) -> String {
    answered(play, who, asked, status, "application/json", &body.to_string())
}

fn answered(play: &mut Play, who: &str, asked: &str, status: u16, media_type: &str, body: &str) -> String {
    let (asked, sent) = asked.split_once(" | ").map_or((asked, None), |(asked, sent)| (asked, Some(sent)));
    let mut text = format!("> {asked}\n authorization: Bearer ${who}");
    if let Some(sent) = sent {
        text.push_str(&format!("\n content-type: application/json\n | {sent}"));
    }
    let outcome = play.ask(&text);
    let Some(mut cleared) = outcome.cleared else { return outcome.told };
    let mut headers = Headers::default();
    headers.push(b"content-type", media_type.as_bytes());
    let mut head = ResponseHead { status, headers, content_length: Some(body.len() as u64) };
    let seen = play.engine.response_buffer(&cleared, &head) >= body.len() as u64;
    let seen = seen.then_some(body.as_bytes());
    match play.engine.judge_response(&play.state, &mut cleared, &mut head, seen, play.now()) {
        Err(refusal) => format!("{} {}", refusal.status, refusal.reason.code),
        Ok(Some(changed)) => String::from_utf8(changed.to_vec()).unwrap(),
        Ok(None) => status.to_string(),
    }
}

#[test]
fn roles_come_from_claims_and_what_no_rule_permits_is_denied() {
    let mut play = play(|api| {
        api["access"]["roles"] = json!([{"role": "support", "from": "claim:groups", "is": "helpdesk"}]);
        api["access"]["deny_others"] = json!(true);
        let rules = api["access"]["rules"].as_array_mut().unwrap();
        let rule = |name: &str, paths: &[&str], roles: Value, anyone: bool| json!({"name": name, "select": selector(paths), "roles": roles, "scopes": [], "anyone": anyone});
        rules.push(rule("tickets", &["/tickets/**"], json!(["support"]), false));
        rules.push(rule("open", &["/public/**", "/tickets/open", "/admin/x"], json!([]), true));
    });
    play.runs(
        "
        > GET /tickets/1
          authorization: Bearer $alice
        < pass - subject:3
        > GET /tickets/1
          authorization: Bearer $bob
        < 403 access.denied
        > GET /TICKETS/1/
          authorization: Bearer $bob
        < 403 access.denied
        > GET /anything
          authorization: Bearer $root
        < 403 access.denied
        > GET /health
        < 401 access.no_identity
        > GET /public/prices
        < pass - address:192.0.2.1
        > GET /public/prices
          authorization: Bearer $bob
        < pass - subject:4
        > GET /tickets/open
          authorization: Bearer $bob
        < 403 access.denied
        > GET /admin/x
          authorization: Bearer $bob
        < 403 access.denied
        > GET /admin/x
          authorization: Bearer $root
        < pass - subject:1
        ",
    );
}

#[test]
fn an_object_whose_id_is_the_caller_is_the_callers_alone() {
    let mut play = play(|api| {
        api["access"]["objects"] = json!([
            kind("users/{user_id}", json!({"by": "id"}), "subject"),
            kind("tenants/{tenant}", json!({"by": "id"}), "claim:tenant"),
        ]);
    });
    play.runs(
        "
        > GET /users/3
          authorization: Bearer $alice
        < pass - subject:3
        > PATCH /users/%33/settings/
          authorization: Bearer $alice
        < pass - subject:3
        > GET /users/3
          authorization: Bearer $bob
        < 403 access.not_owner
        > DELETE /Users/3/settings
          authorization: Bearer $bob
        < 403 access.not_owner
        > GET /users/4;x=3
          authorization: Bearer $alice
        < 403 access.owner_unknown
        > GET /users/3
          authorization: Bearer $root
        < pass - subject:1
        > GET /users
          authorization: Bearer $bob
        < pass - subject:4
        > GET /tenants/7/invoices
          authorization: Bearer $alice
        < pass - subject:3
        > GET /tenants/7/invoices
          authorization: Bearer $bob
        < 403 access.not_owner
        > GET /tenants/7
          x-api-key: secret-1
        < 403 access.not_owner
        ",
    );
}

#[test]
fn the_response_tells_the_owner_before_it_leaves() {
    let mut play = play(|api| {
        let mut orders = kind("orders/{order_id}", json!({"by": "response", "field": "customer.id"}), "subject");
        orders["unless_roles"] = json!(["admin"]);
        api["access"]["objects"] = json!([orders]);
    });
    let order = |owner: Value| json!({"id": 9, "total": 1, "customer": {"id": owner}});
    let bob = "bob";
    assert_eq!(told(&mut play, "alice", "DELETE /orders/9", 204, &json!({})), "403 access.owner_unknown");
    assert_eq!(told(&mut play, bob, "GET /orders/9", 200, &order(json!(3))), "403 access.not_owner");
    assert_eq!(told(&mut play, bob, "GET /orders/9", 200, &json!({"id": 9})), "403 access.owner_unknown");
    assert_eq!(told(&mut play, bob, "GET /orders/9", 404, &order(json!(3))), "404", "an error shows nothing");
    assert_eq!(answered(&mut play, bob, "GET /orders/9", 200, "text/csv", "9,3"), "403 access.owner_unknown");
    assert_eq!(answered(&mut play, bob, "GET /orders/9", 200, "application/json", "{"), "502 access.unreadable");
    assert_eq!(told(&mut play, "root", "GET /orders/9", 200, &order(json!(3))), "200");
    assert_eq!(told(&mut play, "alice", "GET /orders/9", 200, &order(json!("3"))), "200", "3 and \"3\" are the same");
    assert_eq!(told(&mut play, "alice", "DELETE /orders/9", 200, &json!({})), "200", "known by now");
    assert_eq!(told(&mut play, "alice", "GET /orders/9/lines", 200, &json!([])), "200");
    assert_eq!(told(&mut play, bob, "DELETE /orders/9", 200, &json!({})), "403 access.not_owner");
    assert_eq!(told(&mut play, bob, "GET /orders/9/lines", 200, &json!([])), "403 access.not_owner");
    assert_eq!(told(&mut play, bob, "HEAD /orders/9", 200, &json!([])), "403 access.not_owner");
    // A list that holds what is somebody else's does not leave either; a larger one than is read neither.
    assert_eq!(told(&mut play, bob, "GET /orders", 200, &json!({"items": [order(json!(4))]})), "200");
    let mixed = json!([order(json!(4)), order(json!(3))]);
    assert_eq!(told(&mut play, bob, "GET /orders", 200, &mixed), "403 access.not_owner");
    let large = json!({"customer": {"id": 4}, "padding": "x".repeat(1_100_000)});
    assert_eq!(told(&mut play, bob, "GET /orders/9", 200, &large), "502 access.unreadable");
    // Given away: the API's own word counts.
    assert_eq!(told(&mut play, bob, "GET /orders/9", 200, &order(json!(4))), "200");
    assert_eq!(told(&mut play, "alice", "PATCH /orders/9", 200, &json!({})), "403 access.not_owner");
}

#[test]
fn owners_are_learned_from_what_was_made_for_whom_and_listed_to_whom() {
    let mut play = play(|api| {
        let learned = || json!({"by": "learned"});
        api["access"]["objects"] = json!([
            kind("orders/{order_id}", learned(), "subject"),
            kind("payments/{payment_id}", learned(), "subject"),
        ]);
    });
    let made = json!({"id": 9, "items": [{"id": 77}]});
    assert_eq!(told(&mut play, "alice", "GET /orders/9", 200, &made), "403 access.owner_unknown");
    assert_eq!(told(&mut play, "alice", "POST /orders | {}", 201, &made), "201");
    assert_eq!(told(&mut play, "alice", "GET /orders/9", 200, &made), "200");
    assert_eq!(told(&mut play, "alice", "GET /orders/77", 200, &made), "403 access.owner_unknown", "a line, no order");
    assert_eq!(told(&mut play, "bob", "GET /orders/9", 200, &made), "403 access.not_owner");
    assert_eq!(told(&mut play, "bob", "POST /orders/9/payments | {}", 201, &json!({})), "403 access.not_owner");
    // Taking an id over by making it again does not work.
    assert_eq!(told(&mut play, "bob", "POST /orders | {\"id\":9}", 201, &made), "201");
    assert_eq!(told(&mut play, "bob", "DELETE /orders/9", 204, &json!({})), "403 access.not_owner");
    assert_eq!(told(&mut play, "alice", "POST /orders/9/payments | {}", 201, &json!({"id": 5, "order_id": 9})), "201");
    assert_eq!(told(&mut play, "alice", "GET /payments/5", 200, &json!({})), "200");
    assert_eq!(told(&mut play, "bob", "GET /payments/5", 200, &json!({})), "403 access.not_owner");
    // A list that the API gives teaches; an error, a failed call and an administrator do not.
    let list = json!({"total": 1, "items": [{"id": "o-1", "lines": [{"id": "o-2"}]}]});
    assert_eq!(told(&mut play, "bob", "GET /orders", 500, &list), "500");
    assert_eq!(told(&mut play, "root", "GET /orders", 200, &list), "200");
    assert_eq!(told(&mut play, "bob", "GET /orders/o-1", 200, &json!({})), "403 access.owner_unknown");
    assert_eq!(told(&mut play, "bob", "GET /orders?page=1", 200, &list), "200");
    assert_eq!(told(&mut play, "bob", "GET /orders/o-1", 200, &json!({})), "200");
    assert_eq!(told(&mut play, "bob", "GET /orders/o-2", 200, &json!({})), "403 access.owner_unknown");
    assert_eq!(told(&mut play, "alice", "GET /orders/o-1", 200, &json!({})), "403 access.not_owner");
}

#[test]
fn an_operation_of_the_contract_is_no_object_where_its_path_has_no_parameter() {
    let mut play = play(|api| {
        let id = || json!([parameter("user_id", "path", true, json!({"type": "string"}))]);
        api["operations"] = json!([
            operation("getMe", "GET", "/users/me", json!([]), Value::Null),
            operation("getUser", "GET", "/users/{user_id}", id(), Value::Null),
        ]);
        api["access"]["objects"] = json!([kind("users/{id}", json!({"by": "id"}), "subject")]);
    });
    play.runs(
        "
        > GET /users/me
          authorization: Bearer $bob
        < pass getMe subject:4
        > GET /users/4
          authorization: Bearer $bob
        < pass getUser subject:4
        > GET /users/me2
          authorization: Bearer $bob
        < 403 access.not_owner
        ",
    );
}

#[test]
fn fields_are_refused_in_requests_and_taken_out_of_responses() {
    let mut play = play(|api| {
        api["access"]["fields"] = json!([
            {"name": "privileges", "select": null, "fields": ["role", "user.flags"], "send": ["admin"], "see": null},
            {"name": "prices", "select": selector(&["/products/**"]), "fields": ["items[*].cost", "$.cost"],
             "send": null, "see": ["admin"]},
        ]);
    });
    let none = json!({});
    for (sent, status) in [
        (r#"{"name":"x"}"#, "200"),
        (r#"{"role":"admin"}"#, "403 access.field"),
        (r#"{"a":[{"b":{"role":1}}]}"#, "403 access.field"),
        (r#"{"user":{"flags":[]}}"#, "403 access.field"),
        (r#"{"flags":[]}"#, "200"),
        (r#"{"a":{"role":1},"a":{}}"#, "403 access.field"),
        (r#"{"\u0072ole":1}"#, "403 access.field"),
    ] {
        assert_eq!(told(&mut play, "bob", &format!("PATCH /users/4 | {sent}"), 200, &none), status, "{sent}");
        assert_eq!(told(&mut play, "root", &format!("PATCH /users/4 | {sent}"), 200, &none), "200", "{sent}");
    }
    for (media_type, sent) in [
        ("application/x-www-form-urlencoded", "name=x&role=admin"),
        ("application/x-www-form-urlencoded", "user%5Bflags%5D=1"),
        ("text/plain", r#"{"role":"admin"}"#),
        ("text/plain", "role=admin"),
        ("application/octet-stream", r#"{"role":"admin"}"#),
    ] {
        let asked = format!("> POST /users\n authorization: Bearer $bob\n content-type: {media_type}\n | {sent}");
        assert_eq!(play.ask(&asked).told, "403 access.field", "{media_type}: {sent}");
    }
    let query = "> PATCH /users/4?role=admin\n authorization: Bearer $bob\n content-type: application/json\n | {}";
    assert_eq!(play.ask(query).told, "403 access.field");
    assert_eq!(play.ask("> GET /users?role=admin\n authorization: Bearer $bob").told, "pass - subject:4");

    let products = r#"{"items":[{"id":1,"cost":5, "price":9.50},{"cost":1}],"cost":2,"x":{"cost":3}}"#;
    let shown = r#"{"items":[{"id":1, "price":9.50},{}],"x":{"cost":3}}"#;
    assert_eq!(answered(&mut play, "bob", "GET /products/", 200, "application/json", products), shown);
    assert_eq!(answered(&mut play, "root", "GET /products/", 200, "application/json", products), "200");
    assert_eq!(answered(&mut play, "bob", "GET /other", 200, "application/json", products), "200");
    assert_eq!(answered(&mut play, "bob", "GET /products/1", 200, "application/json", "{"), "502 access.unreadable");
}

#[test]
fn monitor_mode_says_what_it_would_refuse_and_changes_nothing() {
    let mut play = play(|api| {
        api["mode"] = json!("monitor");
        api["access"]["objects"] = json!([kind("users/{user_id}", json!({"by": "id"}), "subject")]);
        api["access"]["fields"] = json!([{"name": "f", "select": null, "fields": ["cost"], "send": [], "see": []}]);
    });
    assert_eq!(play.ask("> GET /users/3\n authorization: Bearer $bob").told, "would access.not_owner");
    assert_eq!(told(&mut play, "bob", "GET /products", 200, &json!({"cost": 1})), "200");
}
