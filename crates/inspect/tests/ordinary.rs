//! Ordinary traffic, odd as it may look, is let pass at the default settings.
//!
//! `ordinary.jsonl` holds one value a line and where it stands: `text` (a string in a JSON body), `query`, `header`
//! or a whole `body` with its media type.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::sync::Arc;

use serde::Deserialize;
use stockade_inspect::{BodyLimits, Inspection, Inspector, ParsedBody};
use stockade_model::plan::{InspectPlan, LargeBody};
use stockade_model::{CanonicalPath, Client, Framing, Headers, HttpVersion, Request, RequestId, Scheme, Timestamp};

#[derive(Deserialize)]
#[serde(tag = "in", rename_all = "lowercase")]
enum Ordinary {
    Text { value: String },
    Query { value: String },
    Header { name: String, value: String },
    Body { r#type: String, value: String },
}

fn inspector() -> Inspector {
    Inspector::new(&InspectPlan {
        enabled: true,
        threshold: 0.8,
        disabled: Vec::new(),
        exceptions: Vec::new(),
        body_bytes: 1 << 20,
        large_bodies: LargeBody::Stream,
        decompress_ratio: 100,
        decompressed_bytes: 10 << 20,
        values: 10_000,
    })
    .unwrap()
}

fn head(inspector: &Inspector, query: Option<String>, headers: Headers) -> Inspection {
    let address = "192.0.2.1".parse().unwrap();
    let request = Request {
        id: RequestId::new(Timestamp(0), 0),
        method: "GET".to_owned(),
        scheme: Scheme::Http,
        authority: "api.example".to_owned(),
        path: CanonicalPath::parse(b"/items").unwrap(),
        query,
        version: HttpVersion::Http11,
        headers,
        framing: Framing::None,
        upgrade: None,
        client: Arc::new(Client { address, peer: address, port: 1, tls: None, certificate: None }),
        received: None,
    };
    inspector.head(&request, None, &|_| false, Timestamp(0))
}

fn body(inspector: &Inspector, media_type: &str, text: &str) -> Inspection {
    let limits = BodyLimits { json_depth: 64, json_values: 20_000, decompress_ratio: 100, decompressed_bytes: 1 << 20 };
    let parsed = ParsedBody::parse(Some(media_type), None, None, text.as_bytes(), true, &limits).unwrap();
    inspector.body(&parsed, None, &|_| false, Timestamp(0))
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        write!(out, "%{byte:02X}").unwrap();
        out
    })
}

fn inspect(inspector: &Inspector, ordinary: &Ordinary) -> Inspection {
    match ordinary {
        Ordinary::Text { value } => {
            body(inspector, "application/json", &serde_json::json!({ "note": value }).to_string())
        }
        Ordinary::Query { value } => head(inspector, Some(format!("q={}", percent_encoded(value))), Headers::default()),
        Ordinary::Header { name, value } => {
            let mut headers = Headers::default();
            headers.push(name.as_bytes(), value.as_bytes());
            head(inspector, None, headers)
        }
        Ordinary::Body { r#type, value } => body(inspector, r#type, value),
    }
}

#[test]
fn ordinary_traffic_is_let_pass() {
    let inspector = inspector();
    let mut refused = String::new();
    for line in include_str!("ordinary.jsonl").lines() {
        let inspection = inspect(&inspector, &serde_json::from_str(line).unwrap());
        if inspection.refuse || inspection.problem.is_some() {
            for finding in inspection.findings.iter().filter(|finding| finding.confidence >= 0.8) {
                write!(refused, "{} {:.2} {} ", finding.detector, finding.confidence, finding.note).unwrap();
            }
            writeln!(refused, "{:?}\n    {line}", inspection.problem).unwrap();
        }
    }
    assert!(refused.is_empty(), "refused:\n{refused}");
}
