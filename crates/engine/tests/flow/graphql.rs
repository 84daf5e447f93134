//! GraphQL: form, size, cost, what is allowed, and who may read which field.

use serde_json::{Value, json};

use crate::play::Play;
use crate::play::plan::{bare, limit, plan};
use crate::shop_play;

fn settings() -> Value {
    json!({
        "paths": ["/graphql"], "depth": 4, "aliases": 2, "root_fields": 3, "batch": 2, "cost": 100, "words": 2000,
        "list_size": 10, "size_arguments": ["first"], "introspection": "refuse", "allow": null, "schema": null,
        "fields": []
    })
}

/// `type Query { me: User  users(first: Int, name: String): [User!]! }  type Mutation { drop: Boolean }`
/// `type User { name: String  friends(first: Int): [User]  email: String }`
fn schema() -> Value {
    let field = |kind: &str, list: bool, cost: u32, arguments: &[&str]| json!({"kind": kind, "list": list, "cost": cost, "arguments": arguments, "size_arguments": [], "list_size": null});
    json!({
        "query": "Query", "mutation": "Mutation", "subscription": null,
        "types": {
            "Query": {"me": field("User", false, 1, &[]), "users": field("User", true, 5, &["first", "name"])},
            "Mutation": {"drop": field("Boolean", false, 1, &[])},
            "User": {
                "name": field("String", false, 0, &[]), "email": field("String", false, 0, &[]),
                "friends": field("User", true, 1, &["first"])
            }
        }
    })
}

fn play(change: impl Fn(&mut Value)) -> Play {
    let mut api = bare("api");
    api["contract"]["unknown_operations"] = json!("pass");
    api["contract"]["graphql"] = settings();
    change(&mut api);
    Play::new(plan(vec![api]))
}

fn post(play: &mut Play, body: &Value) -> String {
    told(play, &format!("> POST /graphql\n content-type: application/json\n | {body}"))
}

fn told(play: &mut Play, request: &str) -> String {
    play.ask(request).told.replace(" address:192.0.2.1", "")
}

fn query(play: &mut Play, document: &str) -> String {
    post(play, &json!({"query": document}))
}

#[test]
fn requests_must_be_graphql_over_http() {
    let mut play = play(|_| {});
    assert_eq!(query(&mut play, "{ a { b } }"), "pass -");
    assert_eq!(told(&mut play, "> GET /graphql?query=%7Ba%7D"), "pass -");
    assert_eq!(told(&mut play, "> POST /graphql\n content-type: application/graphql\n | { a }"), "pass -");
    assert_eq!(post(&mut play, &json!({"query": "query A { a } query B { b }", "operationName": "B"})), "pass -");
    let form = "> POST /graphql\n content-type: multipart/form-data; boundary=x\n transfer: chunked\n";
    assert_eq!(told(&mut play, &format!("{form} | --x--")), "400 contract.graphql_request");
    for (request, reason) in [
        ("> GET /graphql", "graphql_request"),
        ("> GET /graphql?query=mutation%7Ba%7D", "graphql_request"),
        ("> GET /graphql?query=%7Ba%7D&query=%7Bb%7D", "graphql_request"),
        ("> PUT /graphql", "graphql_request"),
        ("> POST /graphql", "graphql_request"),
        ("> POST /graphql\n content-type: text/plain\n | {a}", "graphql_request"),
        ("> POST /graphql\n content-type: application/json\n | {\"query\": 1}", "graphql_request"),
        (
            "> POST /graphql\n content-type: application/json\n | {\"query\": \"{a}\", \"query\": \"{b}\"}",
            "graphql_request",
        ),
        (
            "> POST /graphql\n content-type: application/json\n | {\"query\": \"{a}\", \"variables\": []}",
            "graphql_request",
        ),
        ("> POST /graphql\n content-type: application/json\n | {\"query\": \"{a\"}", "graphql_document"),
        ("> POST /graphql\n content-type: application/json\n | {\"query\": \"{...F}\"}", "graphql_document"),
        (
            "> GET /graphql?query=%7Ba%7D&extensions=%7B%22persistedQuery%22:%7B%22sha256Hash%22:%22x%22%7D%7D",
            "graphql_request",
        ),
    ] {
        assert_eq!(told(&mut play, request), format!("400 contract.{reason}"), "{request}");
    }
    assert_eq!(told(&mut play, "> GET /other"), "pass -", "other paths are not GraphQL");
}

#[test]
fn depth_aliases_and_batches_are_bounded_with_fragments_written_out() {
    let mut play = play(|_| {});
    for (document, verdict) in [
        ("{a{b{c{d}}}}", "pass -"),
        ("{a{b{c{d{e}}}}}", "400 contract.graphql_size"),
        ("{a{...F}} fragment F on A{b{...G}} fragment G on B{c{d{e}}}", "400 contract.graphql_size"),
        ("{...F} fragment F on A{...G} fragment G on B{...F}", "400 contract.graphql_document"),
        ("{x:a y:a}", "pass -"),
        ("{x:a y:a z:a}", "400 contract.graphql_size"),
        ("{a{...F} b{...F} c{...F}} fragment F on A{x:n}", "400 contract.graphql_size"),
        ("{a b c d}", "400 contract.graphql_size"),
        ("{__schema{types{name}}}", "403 contract.graphql_introspection"),
        ("{a{... on Q{__type(name:\"x\"){name}}}}", "403 contract.graphql_introspection"),
        ("{a{__typename}}", "pass -"),
    ] {
        assert_eq!(query(&mut play, document), verdict, "{document}");
    }
    let batch = |count: usize| Value::Array(vec![json!({"query": "{a}"}); count]);
    assert_eq!(post(&mut play, &batch(2)), "pass -");
    assert_eq!(post(&mut play, &batch(3)), "400 contract.graphql_size");
    // Fragments that double each other would be 2^30 fields written out.
    let mut bomb = "{...F0}".to_owned();
    for number in 0..20 {
        bomb.push_str(&format!(" fragment F{number} on A{{...F{0} ...F{0}}}", number + 1));
    }
    bomb.push_str(" fragment F20 on A{a}");
    let started = std::time::Instant::now();
    assert_eq!(query(&mut play, &bomb), "400 contract.graphql_size");
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn cost_grows_with_the_sizes_that_are_asked_for() {
    let mut play = play(|api| api["contract"]["graphql"]["schema"] = schema());
    for (document, verdict) in [
        ("{users(first: 5) {name friends(first: 3) {name}}}", "pass -"),
        ("{users(first: 96) {name friends(first: 3) {name}}}", "400 contract.graphql_cost"),
        ("{users {friends {friends {name}}}}", "400 contract.graphql_cost"),
        ("{users(first: 99999999999999999999) {friends {name}}}", "400 contract.graphql_cost"),
        ("query($n: Int = 96) {users(first: $n) {friends {name}}}", "400 contract.graphql_cost"),
    ] {
        assert_eq!(query(&mut play, document), verdict, "{document}");
    }
    let document = "query($n: Int) {users(first: $n) {friends {name}}}";
    for (size, verdict) in
        [(json!(5), "pass -"), (json!(96), "400 contract.graphql_cost"), (json!("5"), "400 contract.graphql_cost")]
    {
        assert_eq!(post(&mut play, &json!({"query": document, "variables": {"n": size}})), verdict);
    }
    let doubled =
        json!([{"query": "{users(first: 50) {friends {name}}}"}, {"query": "{users(first: 50) {friends {name}}}"}]);
    assert_eq!(post(&mut play, &doubled), "400 contract.graphql_cost", "what a batch costs is added up");
}

#[test]
fn what_the_schema_does_not_have_is_refused() {
    let mut play = play(|api| api["contract"]["graphql"]["schema"] = schema());
    for document in [
        "{secret}",
        "{me}",
        "{me {name {x}}}",
        "{me {password}}",
        "{users(all: true) {name}}",
        "{me {... on Admin {name}}}",
        "mutation {create}",
        "subscription {me {name}}",
    ] {
        assert_eq!(query(&mut play, document), "400 contract.graphql_document", "{document}");
    }
    assert_eq!(query(&mut play, "mutation {drop}"), "pass -");
    assert_eq!(query(&mut play, "{me {... on User {name}}}"), "pass -");
}

#[test]
fn only_documents_of_the_list_run_when_there_is_one() {
    let mut play = play(|api| api["contract"]["graphql"]["allow"] = json!(["query Me { me { name } }"]));
    assert_eq!(query(&mut play, "query Me{me{name}}"), "pass -", "blanks mean nothing");
    assert_eq!(query(&mut play, "query Me{me{name email}}"), "403 contract.graphql_not_allowed");
    let persisted = |hash: &str| json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash}}});
    let hash = "3ad1cb1ce78a17ff3a4b3a1d5a9ff5e3bd26e0a9e4eb8b6ba2f5f3a1d7c0aa00";
    assert_eq!(post(&mut play, &persisted(hash)), "403 contract.graphql_not_allowed");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"query Me { me { name } }");
    let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(post(&mut play, &persisted(&hash)), "pass -");
    assert_eq!(post(&mut play, &json!({"id": hash})), "pass -");
}

#[test]
fn fields_are_for_those_whom_a_rule_permits() {
    let mut api = bare("shop");
    api["contract"]["unknown_operations"] = json!("pass");
    api["contract"]["graphql"] = settings();
    api["contract"]["graphql"]["schema"] = schema();
    api["contract"]["graphql"]["fields"] = json!([
        {"fields": ["User.email", "Mutation.*"], "roles": ["admin"], "scopes": []}
    ]);
    let shop = shop_play();
    let tokens = shop.tokens.clone();
    let mut identity = shop.engine.plan().apis[0].identity.clone();
    identity.required = false;
    identity.anonymous.clear();
    api["identity"] = serde_json::to_value(&identity).unwrap();
    let mut play = Play::new(plan(vec![api]));
    play.tokens = tokens;
    let mut ask = |token: &str, document: &str| {
        let body = json!({"query": document});
        let head = format!("> POST /graphql\n content-type: application/json\n authorization: Bearer ${token}\n");
        play.ask(&format!("{head} | {body}")).told
    };
    assert_eq!(ask("alice", "{me {name}}"), "pass - subject:alice");
    assert_eq!(ask("alice", "{me {name other: email}}"), "403 contract.graphql_field");
    assert_eq!(ask("alice", "{me {...F}} fragment F on User {email}"), "403 contract.graphql_field");
    assert_eq!(ask("alice", "mutation {drop}"), "403 contract.graphql_field");
    assert_eq!(ask("root", "{me {email}}"), "pass - subject:root");
}

#[test]
fn a_limit_counts_what_operations_cost() {
    let mut play = play(|api| {
        let mut points = limit("points", &["address"], 10, 60_000, 10, "refuse");
        points["count"] = json!({"unit": "cost", "base": 0, "points": [{"in": "graphql", "name": "", "factor_millis": 1000, "default": 1, "most": 10000}]});
        api["limits"] = json!([points]);
    });
    assert_eq!(query(&mut play, "{a{b{c}}}"), "pass -");
    assert_eq!(query(&mut play, "{a{b{c}} d{e{f}}}"), "pass -");
    assert_eq!(query(&mut play, "{a{b{c}}}"), "429 limit.reached");
    assert_eq!(query(&mut play, "{a}"), "pass -", "one point is left");
}
