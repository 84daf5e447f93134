//! What the contract lets pass and what it does not.

use serde_json::{Value, json};

use crate::play::Play;
use crate::play::plan::{bare, operation, parameter, plan};
use crate::shop_play;

#[test]
fn parameters_are_typed_and_checked() {
    shop_play().runs(
        "
        > GET /products?page=0
        < 400 contract.parameter
        > GET /products?page=x
        < 400 contract.parameter
        > GET /products?page=1&page=2
        < 400 contract.parameter
        > GET /products?page=%31
        < pass listProducts address:192.0.2.1
        > GET /products?page=%ff
        < 400 contract.parameter
        > GET /products?sort=price
        < pass listProducts address:192.0.2.1
        > GET /products?sort=secret
        < 400 contract.parameter
        > GET /products?debug=1
        < 400 contract.unknown_parameter
        > GET /products?de%62ug=1
        < 400 contract.unknown_parameter
        > GET /orders/x
          authorization: Bearer $alice
        < 400 contract.parameter
        > GET /orders/%37
          authorization: Bearer $alice
        < pass getOrder subject:alice
        ",
    );
}

#[test]
fn a_fault_names_the_place_and_what_was_expected_but_not_the_value() {
    let mut play = shop_play();
    let refusal = play.ask("> GET /products?page=hunter2").refused.unwrap().refusal;
    assert!(
        refusal.detail.contains("query parameter `page`") && refusal.detail.contains("integer"),
        "{}",
        refusal.detail
    );
    assert!(!refusal.detail.contains("hunter2"), "{}", refusal.detail);
}

fn one(name: &str, place: &str, style: &str, explode: bool, schema: Value) -> Play {
    let mut parameter = parameter(name, place, true, schema);
    parameter["style"] = json!(style);
    parameter["explode"] = json!(explode);
    let path = if place == "path" { format!("/x/{{{name}}}") } else { "/x".to_owned() };
    let mut api = bare("api");
    api["operations"] = json!([operation("op", "GET", &path, json!([parameter]), Value::Null)]);
    Play::new(plan(vec![api]))
}

fn passes(play: &mut Play, request: &str) -> bool {
    let told = play.ask(request).told;
    assert!(told.starts_with("pass op") || told.starts_with("400 contract."), "{told}");
    told.starts_with("pass")
}

#[test]
fn every_style_is_read_as_it_is_written() {
    let list = || json!({"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3});
    let color = || {
        json!({
            "type": "object", "required": ["R", "G"], "additionalProperties": false,
            "properties": {"R": {"type": "integer"}, "G": {"type": "integer"}}
        })
    };
    for (place, style, explode, schema, good, bad) in [
        ("path", "simple", false, list(), "> GET /x/3,4,5", "> GET /x/3,4,x"),
        ("path", "simple", false, color(), "> GET /x/R,100,G,200", "> GET /x/R,100,G"),
        ("path", "simple", true, color(), "> GET /x/R=100,G=200", "> GET /x/R=100,G=200,B=1"),
        ("path", "label", false, list(), "> GET /x/.3,4,5", "> GET /x/3,4,5"),
        ("path", "label", true, list(), "> GET /x/.3.4.5", "> GET /x/.3.4"),
        ("path", "label", true, color(), "> GET /x/.R=100.G=200", "> GET /x/.R=100"),
        ("path", "matrix", false, list(), "> GET /x/;p=3,4,5", "> GET /x/;q=3,4,5"),
        ("path", "matrix", true, list(), "> GET /x/;p=3;p=4;p=5", "> GET /x/;p=3;p=4;q=5"),
        ("path", "matrix", true, color(), "> GET /x/;R=100;G=200", "> GET /x/;R=100;R=200"),
        ("query", "form", true, list(), "> GET /x?p=3&p=4&p=5", "> GET /x?p=3&p=4"),
        ("query", "form", false, list(), "> GET /x?p=3,4,5", "> GET /x?p=3%2C4,5"),
        ("query", "form", false, list(), "> GET /x?p=3%2C4%2c5", "> GET /x?p=3%2C4"),
        ("query", "form", true, color(), "> GET /x?R=100&G=200", "> GET /x?R=100&G=200&B=3"),
        ("query", "form", false, color(), "> GET /x?p=R,100,G,200", "> GET /x?p=R,100,R,200"),
        ("query", "spaceDelimited", false, list(), "> GET /x?p=3%204%205", "> GET /x?p=3%204"),
        ("query", "spaceDelimited", false, list(), "> GET /x?p=3+4+5", "> GET /x?p=3,4,5"),
        ("query", "pipeDelimited", false, list(), "> GET /x?p=3|4%7C5", "> GET /x?p=3|4|x"),
        ("query", "deepObject", true, color(), "> GET /x?p[R]=100&p[G]=200", "> GET /x?p[R]=100&p[G][x]=2"),
        ("query", "deepObject", true, color(), "> GET /x?p%5BR%5D=1&p%5BG%5D=2", "> GET /x?p[R]=100"),
        ("header", "simple", false, list(), "> GET /x\n p: 3, 4,5", "> GET /x\n p: 3"),
        ("header", "simple", false, list(), "> GET /x\n p: 3,4\n p: 5", "> GET /x"),
        ("header", "simple", true, color(), "> GET /x\n p: R=1,G=2", "> GET /x\n p: R=1"),
        ("cookie", "form", false, list(), "> GET /x\n cookie: a=b; p=3,4,5", "> GET /x\n cookie: p=3,4,5; p=1"),
    ] {
        let mut play = one("p", place, style, explode, schema);
        assert!(passes(&mut play, good), "{style} in {place}: {good}");
        assert!(!passes(&mut play, bad), "{style} in {place}: {bad}");
    }
}

#[test]
fn formats_are_asserted() {
    for (format, good, bad) in [
        ("uuid", "550e8400-e29b-41d4-a716-446655440000", "550e8400"),
        ("date", "2026-11-24", "2026-13-24"),
        ("date-time", "2026-11-24T15:00:00Z", "2026-11-24"),
        ("email", "a@b.example", "a"),
        ("ipv4", "192.0.2.1", "192.0.2.256"),
        ("ipv6", "2001:db8::1", "2001:db8::x"),
        ("uri", "https://a.example/b", "/b"),
        ("byte", "YQ==", "YQ"),
    ] {
        let mut play = one("p", "query", "form", true, json!({"type": "string", "format": format}));
        assert!(passes(&mut play, &format!("> GET /x?p={good}")), "{format}");
        assert!(!passes(&mut play, &format!("> GET /x?p={bad}")), "{format}");
    }
}

#[test]
fn a_value_may_be_of_either_type_of_a_union() {
    let schema = json!({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[a-z]+$"}]});
    let mut play = one("p", "query", "form", true, schema);
    assert!(passes(&mut play, "> GET /x?p=12"));
    assert!(passes(&mut play, "> GET /x?p=ab"));
    assert!(!passes(&mut play, "> GET /x?p=AB"));
    let digits = json!({"type": ["string", "integer"], "pattern": "^[0-9]{3}$", "maximum": 5});
    let mut play = one("p", "query", "form", true, digits);
    assert!(passes(&mut play, "> GET /x?p=123"), "as a string");
}

#[test]
fn patterns_take_linear_time_or_are_cut_off() {
    let started = std::time::Instant::now();
    for pattern in ["^(a+)+$", "^(?=a)(a+)+$"] {
        let mut play = one("p", "query", "form", true, json!({"type": "string", "pattern": pattern}));
        assert!(passes(&mut play, "> GET /x?p=aaaa"));
        assert!(!passes(&mut play, &format!("> GET /x?p={}!", "a".repeat(4000))));
    }
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn a_parameter_may_be_a_json_text() {
    let schema = json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}});
    for (place, good, bad) in [
        ("query", "> GET /x?p=%7B%22a%22%3A1%7D", "> GET /x?p=%7B%22a%22%3A%22b%22%7D"),
        ("query", "> GET /x?p=%7B%22a%22:1%7D", "> GET /x?p=%7B%22a%22:1,%22a%22:1%7D"),
        ("header", "> GET /x\n p: {\"a\": 1}", "> GET /x\n p: a=1"),
        ("cookie", "> GET /x\n cookie: p=%7B%22a%22:1%7D", "> GET /x\n cookie: p=1"),
    ] {
        let mut play = one("p", place, "json", true, schema.clone());
        assert!(passes(&mut play, good), "{good}");
        assert!(!passes(&mut play, bad), "{bad}");
    }
}

#[test]
fn named_schemas_are_shared_and_may_refer_to_each_other() {
    let mut api = bare("api");
    let reference = json!({"$ref": "#/$defs/Tree"});
    let body =
        |schema: &Value| json!({"required": true, "content": [{"media_type": "application/json", "schema": schema}]});
    api["schemas"] = json!({
        "Tree": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "kid": reference}}
    });
    api["operations"] = json!([
        operation("one", "POST", "/one", json!([]), body(&reference)),
        operation("many", "POST", "/many", json!([]), body(&json!({"type": "array", "items": reference}))),
    ]);
    Play::new(plan(vec![api])).runs(
        r#"
        > POST /one
          content-type: application/json
          | {"name": "a", "kid": {"name": "b"}}
        < pass one address:192.0.2.1
        > POST /one
          content-type: application/json
          | {"name": "a", "kid": {"name": 1}}
        < 400 contract.body
        > POST /many
          content-type: application/json
          | [{"name": "a"}]
        < pass many address:192.0.2.1
        > POST /many
          content-type: application/json
          | {"name": "a"}
        < 400 contract.body
        "#,
    );
}

#[test]
fn formats_say_nothing_when_they_are_not_asserted() {
    let mut api = bare("api");
    api["contract"]["formats"] = json!(false);
    let parameter = parameter("p", "query", true, json!({"type": "string", "format": "uuid"}));
    api["operations"] = json!([operation("op", "GET", "/x", json!([parameter]), Value::Null)]);
    let mut play = Play::new(plan(vec![api]));
    assert!(passes(&mut play, "> GET /x?p=1"));
    // What is not asserted does not spare a value the search for attacks either.
    let told = play.ask("> GET /x?p=1%27%20or%201=1--%20-").told;
    assert!(told.starts_with("403 inspect."), "{told}");
}

#[test]
fn a_cookie_field_that_is_not_text_is_not_overlooked() {
    let mut play = one("p", "cookie", "form", false, json!({"type": "integer"}));
    let (mut request, body) = play.request("> GET /x\n cookie: p=1");
    request.headers.push(b"cookie", b"p=1\xff");
    let now = play.now();
    let told = crate::play::judge(&play.engine, &play.state, request, body, now).told;
    assert_eq!(told, "400 contract.parameter");
}

fn body_of(media_type: &str, schema: &Value) -> Play {
    let body = json!({"required": true, "content": [{"media_type": media_type, "schema": schema}]});
    let mut api = bare("api");
    api["operations"] = json!([operation("op", "POST", "/x", json!([]), body)]);
    Play::new(plan(vec![api]))
}

#[test]
fn of_several_alternatives_the_fault_of_the_one_that_was_meant_is_told() {
    let pet = |kind: &str, property: &str| {
        json!({
            "type": "object", "required": ["kind", property],
            "properties": {"kind": {"const": kind}, property: {"type": "integer", "minimum": 1}}
        })
    };
    let schema = json!({"anyOf": [{"type": "null"}, {"oneOf": [pet("cat", "lives"), pet("dog", "tricks")]}]});
    let mut play = body_of("application/json", &schema);
    for (body, told) in [
        (r#"{"kind":"cat","lives":0}"#, "body.lives: the value is less than the minimum of 1"),
        (r#"{"kind":"dog"}"#, "body: \"tricks\" is a required property"),
        (r#"{"kind":"cow"}"#, "body: the value is not valid under any of the schemas listed in the 'oneOf' keyword"),
        ("7", "body: the value is not valid under any of the schemas listed in the 'oneOf' keyword"),
    ] {
        let refusal =
            play.ask(&format!("> POST /x\n content-type: application/json\n | {body}")).refused.unwrap().refusal;
        assert_eq!(refusal.detail, told, "{body}");
    }
}

#[test]
fn an_object_in_a_form_is_json() {
    let schema = json!({
        "type": "object",
        "properties": {"meta": {"type": "object", "required": ["w"], "properties": {"w": {"type": "integer"}}}}
    });
    let mut play = body_of("application/x-www-form-urlencoded", &schema);
    let head = "> POST /x\n content-type: application/x-www-form-urlencoded\n | ";
    assert!(passes(&mut play, &format!("{head}meta=%7B%22w%22%3A1%7D")));
    assert!(!passes(&mut play, &format!("{head}meta=%7B%22w%22%3A%22x%22%7D")));
    assert!(!passes(&mut play, &format!("{head}meta=w")));
}
