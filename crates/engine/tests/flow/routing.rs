//! Properties of routing: what fits one operation fits it however many others there are.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::play::Play;
use crate::play::plan::{bare, operation, plan};

fn routed(operations: Vec<Value>, request: &str) -> String {
    let mut api = bare("api");
    api["hosts"] = json!(["api.example"]);
    api["operations"] = json!(operations);
    Play::new(plan(vec![api])).ask(request).told
}

fn get(id: &str, path: &str) -> Value {
    operation(id, "GET", path, json!([]), Value::Null)
}

#[test]
fn forms_of_paths_pass_where_an_api_wants_them() {
    let asked = |forms: Value, request: &str| {
        let mut wants = bare("wants");
        wants["base_path"] = json!("/git");
        wants["path_forms"] = forms;
        Play::new(plan(vec![wants, bare("other")])).ask(request).told
    };
    let slash = || json!(["encoded_slash"]);
    assert!(asked(slash(), "> GET /git/projects/group%2fshop").starts_with("pass"));
    assert_eq!(asked(slash(), "> GET /other/group%2fshop"), "400 route.path_form");
    assert_eq!(asked(json!(["encoded_slash", "empty_segment"]), "> GET /other//shop"), "400 route.path_form");
}

#[test]
fn literals_win_over_parameters_and_methods_decide_among_paths() {
    let operations = || {
        vec![
            get("one", "/users/{id}"),
            get("me", "/users/me"),
            operation("remove", "DELETE", "/users/{id}", json!([]), Value::Null),
            get("deep", "/a/{x}/c"),
            get("side", "/a/b/d"),
            get("file", "/files/{name}.json"),
            get("any-file", "/files/{name}"),
            get("pair", "/pairs/{a}-{b}"),
            operation("head", "HEAD", "/users/{id}", json!([]), Value::Null),
        ]
    };
    for (request, expected) in [
        ("> GET /users/me", "pass me"),
        ("> GET /users/7", "pass one"),
        ("> DELETE /users/me", "pass remove"),
        ("> HEAD /users/7", "pass head"),
        ("> HEAD /a/b/d", "pass side"),
        ("> GET /a/b/c", "pass deep"),
        ("> GET /files/a.json", "pass file"),
        ("> GET /files/a.txt", "pass any-file"),
        ("> GET /files/.json", "pass any-file"),
        ("> GET /pairs/x-y", "pass pair"),
        ("> GET /pairs/xy", "404 route.unknown_operation"),
        ("> POST /users/7", "405 route.unknown_method"),
        ("> GET /users", "404 route.unknown_operation"),
        ("> GET /users/7/", "404 route.unknown_operation"),
        ("> get /users/7", "405 route.unknown_method"),
    ] {
        let told = routed(operations(), request);
        assert!(told.starts_with(expected), "{request}: expected {expected}, got {told}");
    }
}

/// An engine routes among ten thousand operations and hosts as it does among one, and a host matches in its only form.
#[test]
fn neither_ten_thousand_operations_nor_as_many_hosts_change_the_match() {
    for count in [1_usize, 10, 1000, 10_000] {
        let path = |number: usize| format!("/r{number}/{{id}}/x{}", number % 7);
        let operations: Vec<Value> = (0..count).map(|number| get(&format!("op{number}"), &path(number))).collect();
        let mut api = bare("api");
        api["operations"] = json!(operations);
        let hosts: Vec<String> = (0..count).map(|number| format!("h{number}.example")).collect();
        api["hosts"] = json!([hosts, vec!["*.wild.example".to_owned()]].concat());
        let mut play = Play::new(plan(vec![api]));
        for wanted in [0, count / 2, count - 1] {
            let ask = |host: String| format!("> GET /r{wanted}/7/x{}\nhost: {host}", wanted % 7);
            for host in [format!("h{wanted}.example"), format!("h{wanted}.example."), format!("a{wanted}.wild.example")]
            {
                assert_eq!(play.ask(&ask(host)).told, format!("pass op{wanted} address:192.0.2.1"), "{count}");
            }
            let told = play.ask(&ask(format!("h{count}.example"))).told;
            assert_eq!(told, "404 route.unknown_api", "{count}");
        }
        let told = play.ask(&format!("> GET /r{count}/7/x0\nhost: h0.example")).told;
        assert_eq!(told, "404 route.unknown_operation", "{count}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_match_is_the_same_among_one_or_a_thousand(count in 1_usize..1000, wanted in 0_usize..1000, value in "[a-z0-9]{1,8}") {
        let wanted = wanted % count;
        let operations: Vec<Value> = (0..count)
            .map(|number| get(&format!("op{number}"), &format!("/r{number}/{{id}}/x{}", number % 7)))
            .collect();
        let request = format!("> GET /r{wanted}/{value}/x{}", wanted % 7);
        let expected = format!("pass op{wanted} address:192.0.2.1");
        prop_assert_eq!(&routed(operations.clone(), &request), &expected);
        prop_assert_eq!(routed(operations, &request.to_uppercase()), "404 route.unknown_operation");
        let alone = get(&format!("op{wanted}"), &format!("/r{wanted}/{{id}}/x{}", wanted % 7));
        prop_assert_eq!(routed(vec![alone], &request), expected);
    }

    #[test]
    fn no_query_or_cookie_makes_parameters_panic(query in "[ -~]{0,60}", cookie in "[ -~]{0,60}", style in 0_usize..4) {
        let style = ["form", "spaceDelimited", "pipeDelimited", "deepObject"][style];
        let object = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
        let parameters = json!([
            {"name": "p", "in": "query", "required": false, "style": style, "explode": false, "schema": object},
            {"name": "c", "in": "cookie", "required": false, "style": "form", "explode": false,
             "schema": {"type": "array", "items": {"type": "number"}}}
        ]);
        let mut api = bare("api");
        api["operations"] = json!([operation("op", "GET", "/x", parameters, Value::Null)]);
        let mut play = Play::new(plan(vec![api]));
        let (mut request, body) = play.request("> GET /x");
        request.query = Some(query);
        request.headers.push(b"cookie", cookie.as_bytes());
        let now = play.now();
        let told = crate::play::judge(&play.engine, &play.state, request, body, now).told;
        prop_assert!(!told.contains("stage_failed"), "{}", told);
    }
}
