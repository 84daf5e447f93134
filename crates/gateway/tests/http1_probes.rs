//! The public HTTP/1.1 probes: at least 97 % of the scored ones pass, and no smuggling probe fails.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by a panic"
)]

#[path = "../src/testing.rs"]
mod testing;

mod support;

use std::path::Path;
use std::time::Duration;

use support::{End, Gateway, origin};

const BAR: f64 = 0.97;

fn ok(_: &str) -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned()
}

/// Whether a reply is one of those that `expected` names, by its status or by the end of the connection; a warning does
/// not count.
fn passes(expected: &str, status: Option<u16>, end: End) -> bool {
    let wanted = expected.split("(pass)").next().unwrap_or(expected);
    if let Some(unwanted) = wanted.strip_prefix('!') {
        return status.map(|status| status.to_string()).as_deref() != Some(unwanted);
    }
    if wanted == "2xx + close" {
        return status.is_some_and(|status| status / 100 == 2) && end == End::Closed;
    }
    let words: Vec<&str> = wanted.split([' ', '/', ',']).collect();
    let told = status.is_some_and(|status| {
        words.contains(&status.to_string().as_str()) || words.contains(&format!("{}xx", status / 100).as_str())
    });
    told || (end == End::Closed && words.contains(&"close"))
        || (status.is_none() && end == End::Silent && words.contains(&"timeout"))
}

#[test]
fn the_public_probes_are_answered_as_they_expect() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/http11/probes.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: expected the public probes at {}", file.display());
        return;
    };
    let mut plan = testing::plan(&origin(ok).to_string());
    plan.gateway.timeouts.head_ms = 300;
    plan.gateway.timeouts.body_ms = 300;
    let gateway = Gateway::start(plan);
    let probes: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (mut scored, mut failed, mut smuggling) = (0_u32, Vec::new(), Vec::new());
    for probe in probes.as_array().unwrap() {
        let field = |name: &str| probe[name].as_str().unwrap_or_default();
        let raw: Vec<u8> = field("rawRequest").chars().map(|character| character as u32 as u8).collect();
        let (reply, end) = gateway.talk(&raw, Duration::from_millis(600));
        let reply = String::from_utf8_lossy(&reply);
        let status =
            reply.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|digits| digits.parse().ok());
        let counts = probe["scored"].as_bool().unwrap_or_default();
        scored += u32::from(counts);
        if !passes(field("expected"), status, end) {
            let line = format!("{}: expected {}, got {status:?} {end:?}", field("id"), field("expected"));
            if field("category") == "Smuggling" {
                smuggling.push(line.clone());
            }
            if counts {
                failed.push(line);
            }
        }
    }
    let share = 1.0 - failed.len() as f64 / f64::from(scored);
    println!("{} of {scored} scored probes passed ({:.1} %)", scored as usize - failed.len(), share * 100.0);
    println!("{}", failed.join("\n"));
    assert!(smuggling.is_empty(), "{smuggling:?}");
    assert!(share >= BAR, "{failed:?}");
}
