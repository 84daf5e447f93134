//! Responses: what is taken out, and what does not leave.

use bytes::Bytes;
use serde_json::json;
use stockade_model::{Headers, Refusal, ResponseHead};

use crate::shop_with;

const TRACE: &str = "Traceback (most recent call last):\n  File \"/srv/app/main.py\", line 12, in <module>\n    run()\n  \
                     File \"/srv/app/db.py\", line 3, in run\n    raise ValueError(\"no\")\nValueError: no\n";

fn answer(mode: &str, refuse: bool, body: &str) -> (Result<Option<Bytes>, Box<Refusal>>, ResponseHead, usize) {
    let mut play = shop_with(|api| {
        api["mode"] = json!(mode);
        api["response"]["refuse"] = json!(refuse);
    });
    let mut cleared = play.ask("> GET /products").cleared.unwrap();
    let mut headers = Headers::default();
    headers.push(b"content-type", b"text/plain");
    headers.push(b"server", b"secret/1.0");
    let mut head = ResponseHead { status: 500, headers, content_length: Some(body.len() as u64) };
    assert!(play.engine.response_buffer(&cleared, &head) > 0);
    let judged = play.engine.judge_response(&play.state, &mut cleared, &mut head, Some(body.as_bytes()), play.now());
    let findings = cleared.record().findings.len();
    (judged, head, findings)
}

#[test]
fn a_leak_is_refused_and_headers_are_taken_out() {
    let (judged, head, findings) = answer("enforce", true, TRACE);
    let refusal = judged.unwrap_err();
    assert_eq!((refusal.status, refusal.reason.code), (502, "response.leak"));
    assert!(!head.headers.contains("server"));
    assert!(findings > 0);
    assert!(answer("enforce", true, "all is well").0.is_ok());
}

#[test]
fn a_leak_is_only_recorded_when_the_plan_or_the_mode_says_so() {
    let (judged, _, findings) = answer("enforce", false, TRACE);
    assert!(judged.is_ok() && findings > 0);
    let (judged, head, findings) = answer("monitor", true, TRACE);
    assert!(judged.is_ok() && findings > 0);
    assert!(head.headers.contains("server"), "monitor mode never changes a response");
}
