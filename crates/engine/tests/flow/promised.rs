//! What the contract promised of responses, and of the fields and files of requests.

use bytes::Bytes;
use serde_json::{Value, json};
use stockade_model::{Headers, ResponseHead};

use crate::play::plan::{bare, operation, plan};
use crate::play::{Play, judge};

fn play(check: &str, mode: &str) -> Play {
    let mut api = bare("api");
    api["mode"] = json!(mode);
    api["contract"]["responses"] = json!(check);
    api["contract"]["response_classes"] = json!(["card"]);
    api["schemas"] = json!({
        "User": {"type": "object", "required": ["id"], "properties": {
            "id": {"type": "integer"}, "friends": {"type": "array", "items": {"$ref": "#/$defs/User"}}, "note": {"type": "string"}
        }}
    });
    let mut get = operation("getUser", "GET", "/user", json!([]), Value::Null);
    get["responses"] = json!([
        {"status": "200", "content": [{"media_type": "application/json", "schema": {"$ref": "#/$defs/User"}}]},
        {"status": "204", "content": []},
        {"status": "4XX", "content": [{"media_type": "application/problem+json", "schema": {"type": "object"}}]}
    ]);
    api["operations"] = json!([get, operation("silent", "GET", "/silent", json!([]), Value::Null)]);
    Play::new(plan(vec![api]))
}

/// What is refused, and what is found.
fn answer(
    play: &mut Play,
    path: &str,
    status: u16,
    media_type: &str,
    body: &str,
) -> (Option<&'static str>, Vec<String>) {
    let mut headers = Headers::default();
    headers.push(b"content-type", media_type.as_bytes());
    let mut head = ResponseHead { status, headers, content_length: Some(body.len() as u64) };
    let mut cleared = play.ask(&format!("> GET {path}")).cleared.unwrap();
    let body = (play.engine.response_buffer(&cleared, &head) > 0).then_some(body.as_bytes());
    let judged = play.engine.judge_response(&play.state, &mut cleared, &mut head, body, play.now());
    let mut findings: Vec<_> =
        cleared.record().findings.iter().map(|found| format!("{} {}", found.detector, found.place)).collect();
    // Whether a JSON object keeps its order is a feature that other crates may turn on.
    findings.sort();
    (judged.err().map(|refusal| refusal.reason.code), findings)
}

#[test]
fn differences_are_reported_once_an_hour() {
    let mut play = play("report", "enforce");
    let extra = r#"{"id": 1, "password": "x", "friends": [{"id": 2, "hash": 1}, {"id": 3, "hash": 1}]}"#;
    let mut found = |status, media_type: &str, body: &str| answer(&mut play, "/user", status, media_type, body).1;
    assert_eq!(
        found(200, "application/json", extra),
        ["contract.response_field response.friends[0].hash", "contract.response_field response.password"]
    );
    assert_eq!(found(200, "application/json", extra), [""; 0], "told already");
    assert_eq!(found(200, "application/json", r#"{"id": "1"}"#), ["contract.response_body response.id"]);
    assert_eq!(found(200, "application/json", "{"), ["contract.response_body response"]);
    assert_eq!(found(200, "text/html", "<p>"), ["contract.response_media_type response.200"]);
    assert_eq!(found(302, "text/html", ""), ["contract.response_status response.302"]);
    assert_eq!(found(404, "application/problem+json", "{}"), [""; 0]);
    assert_eq!(found(500, "text/plain", "crash"), [""; 0], "a crash makes no promise");
    assert_eq!(
        found(200, "application/json", r#"{"id": 1, "note": "4111 1111 1111 1111"}"#),
        ["contract.response_class response.note"]
    );
    let deep = format!(r#"{{"id": 1, "friends": {}1{}}}"#, "[".repeat(80), "]".repeat(80));
    assert_eq!(found(200, "application/json", &deep), [""; 0], "too deep to be looked into");
    play.ask("> GET /user at 3700");
    assert_eq!(answer(&mut play, "/user", 302, "text/html", "").1, ["contract.response_status response.302"]);
    assert_eq!(answer(&mut play, "/silent", 299, "text/html", "x"), (None, vec![]), "nothing was promised there");
}

#[test]
fn differences_are_refused_when_that_is_asked_for() {
    let mut play = play("refuse", "enforce");
    let deep = format!(r#"{{"id": 1, "friends": {}1{}}}"#, "[".repeat(80), "]".repeat(80));
    for (status, media_type, body, reason) in [
        (200, "application/json", r#"{"id": 1}"#, None),
        (204, "application/json", "", None),
        (200, "application/json", r#"{"id": 1, "password": "x"}"#, Some("contract.response_field")),
        (200, "application/json", r#"{}"#, Some("contract.response_body")),
        (200, "text/html", "<p>", Some("contract.response_media_type")),
        (302, "text/html", "", Some("contract.response_status")),
        (500, "text/html", "x", None),
        (200, "application/json", &deep, Some("contract.response_unchecked")),
    ] {
        assert_eq!(answer(&mut play, "/user", status, media_type, body).0, reason, "{status} {body}");
    }
    let long = format!(r#"{{"id": 1, "note": "{}"}}"#, "x".repeat(300_000));
    assert_eq!(
        {
            let mut headers = Headers::default();
            headers.push(b"content-type", b"application/json");
            let mut head = ResponseHead { status: 200, headers, content_length: Some(long.len() as u64) };
            let mut cleared = play.ask("> GET /user").cleared.unwrap();
            assert!(play.engine.response_buffer(&cleared, &head) > 0);
            let judged = play.engine.judge_response(&play.state, &mut cleared, &mut head, None, play.now());
            judged.err().map(|refusal| refusal.reason.code)
        },
        Some("contract.response_unchecked")
    );
}

#[test]
fn in_monitor_mode_a_response_is_never_withheld() {
    let mut play = play("refuse", "monitor");
    assert_eq!(answer(&mut play, "/user", 302, "text/html", "").0, None);
}

fn upload(change: impl Fn(&mut Value)) -> Play {
    let mut api = bare("api");
    let media = json!({
        "media_type": "multipart/form-data",
        "schema": {"type": "object", "required": ["picture"], "properties": {"picture": true, "title": {"type": "string"}}},
        "parts": [{"name": "picture", "media_types": ["image/*"], "min_bytes": 1, "max_bytes": 10}]
    });
    api["operations"] =
        json!([operation("upload", "POST", "/x", json!([]), json!({"required": true, "content": [media]}))]);
    change(&mut api);
    Play::new(plan(vec![api]))
}

fn send(play: &mut Play, parts: &str) -> Result<(), (String, String)> {
    let (mut request, _) = play.request("> POST /x\n content-type: multipart/form-data; boundary=x\n | x");
    let body = parts.replace('\n', "\r\n");
    request.framing = stockade_model::Framing::Length(body.len() as u64);
    let now = play.now();
    match judge(&play.engine, &play.state, request, Bytes::from(body), now).refused {
        None => Ok(()),
        Some(refused) => Err((refused.refusal.reason.code.to_owned(), refused.refusal.detail.clone())),
    }
}

#[test]
fn files_have_a_type_and_a_size() {
    let part = |kind: &str, content: &str| {
        let head = "--x\nContent-Disposition: form-data; name=\"picture\"; filename=\"a\"\nContent-Type: ";
        format!("{head}{kind}\n\n{content}\n--x--\n")
    };
    let mut play = upload(|_| {});
    assert_eq!(send(&mut play, &part("image/png", "abc")), Ok(()));
    for (kind, content, detail) in [
        ("image/png", "12345678901", "body.picture: expected 1 to 10 bytes, got 11"),
        ("image/png", "", "body.picture: expected 1 to 10 bytes, got 0"),
        ("text/html", "<b>", "body.picture: expected image/*, got `text/html`"),
    ] {
        let refused = send(&mut play, &part(kind, content)).unwrap_err();
        assert_eq!(refused, ("contract.body".to_owned(), detail.to_owned()));
    }
}

#[test]
fn fields_that_are_not_declared_are_refused_when_that_is_asked_for() {
    let mut api = bare("api");
    api["contract"]["unknown_fields"] = json!("refuse");
    let schema = json!({"type": "object", "properties": {
        "name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "object", "properties": {"k": true}}}
    }});
    let content = json!([
        {"media_type": "application/json", "schema": schema},
        {"media_type": "application/x-www-form-urlencoded", "schema": schema}
    ]);
    api["operations"] =
        json!([operation("op", "POST", "/x", json!([]), json!({"required": true, "content": content}))]);
    let mut play = Play::new(plan(vec![api]));
    let json = "> POST /x\n content-type: application/json\n |";
    assert_eq!(play.ask(&format!(r#"{json} {{"name": "a", "tags": [{{"k": 1}}]}}"#)).told, "pass op address:192.0.2.1");
    let refused = play.ask(&format!(r#"{json} {{"name": "a", "tags": [{{"k": 1}}, {{"role": 1}}]}}"#)).refused.unwrap();
    assert_eq!(refused.refusal.reason.code, "contract.unknown_field");
    assert_eq!(refused.refusal.detail, "body.tags[1].role: expected only declared fields, got another");
    assert_eq!(refused.refusal.setting, "apis.api.contract.unknown_fields");
    let form = "> POST /x\n content-type: application/x-www-form-urlencoded\n |";
    assert_eq!(play.ask(&format!("{form} name=a")).told, "pass op address:192.0.2.1");
    assert_eq!(play.ask(&format!("{form} name=a&role=admin")).told, "400 contract.unknown_field");
}
