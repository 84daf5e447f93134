//! How much is detected and how often ordinary values are refused, on public collections of strings.
//!
//! The collections lie beside the repository (`../shared/data/inspection`). Without them the tests say so and pass.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking and tells its figures")]

use std::path::PathBuf;
use std::sync::Arc;

use stockade_inspect::{BodyLimits, Inspector, ParsedBody, Scope};
use stockade_model::plan::{InspectPlan, LargeBody};
use stockade_model::{CanonicalPath, Client, Framing, Headers, HttpVersion, Request, RequestId, Scheme, Timestamp};

fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let near = root.join("../shared/data/inspection");
    if near.is_dir() {
        return Some(near);
    }
    println!("skipped: {} is not there", near.display());
    None
}

fn inspector() -> Inspector {
    Inspector::new(&InspectPlan {
        enabled: true,
        threshold: 0.8,
        disabled: Vec::new(),
        learn: false,
        exceptions: Vec::new(),
        body_bytes: 1 << 20,
        large_bodies: LargeBody::Stream,
        decompress_ratio: 100,
        decompressed_bytes: 10 << 20,
        values: 10_000,
    })
    .unwrap()
}

fn request(query: String) -> Request {
    let address = "192.0.2.1".parse().unwrap();
    Request {
        id: RequestId::new(Timestamp(0), 0),
        method: "GET".to_owned(),
        scheme: Scheme::Http,
        authority: "api.example".to_owned(),
        path: CanonicalPath::parse(b"/items").unwrap(),
        query: Some(query),
        version: HttpVersion::Http11,
        headers: Headers::default(),
        framing: Framing::None,
        upgrade: None,
        client: Arc::new(Client { address, peer: address, port: 1, tls: None, certificate: None }),
        received: None,
    }
}

/// The strings of a libinjection file: percent-encoded, one a line, `#` begins a comment.
fn lines(path: &PathBuf) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap();
    bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"))
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}

fn refused_in_query(inspector: &Inspector, encoded: &str) -> bool {
    let query = format!("q={}", encoded.replace('&', "%26"));
    inspector.head(&request(query), &Scope::unknown(Timestamp(0))).refuse
}

fn refused_in_json(inspector: &Inspector, text: &str) -> bool {
    let limits = BodyLimits { json_depth: 64, json_values: 20_000, decompress_ratio: 100, decompressed_bytes: 1 << 20 };
    let bytes = serde_json::json!({ "note": text }).to_string();
    let body = ParsedBody::parse(Some("application/json"), None, None, bytes.as_bytes(), true, &limits).unwrap();
    inspector.body(&body, &Scope::unknown(Timestamp(0))).refuse
}

/// The share of `strings` for which `refused` holds, printed with its name.
fn share(name: &str, strings: &[String], refused: impl Fn(&str) -> bool) -> f64 {
    let count = strings.iter().filter(|text| refused(text)).count();
    #[expect(clippy::cast_precision_loss, reason = "some ten thousand strings")]
    let share = count as f64 / strings.len() as f64;
    println!("{name}: {count} of {} ({:.2} %)", strings.len(), share * 100.0);
    share
}

#[test]
fn attack_strings_in_a_parameter_are_refused() {
    let Some(folder) = folder() else { return };
    let inspector = inspector();
    let (mut sql, mut script) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder.join("libinjection-data")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("sqli-") {
            sql.extend(lines(&path));
        } else if name.starts_with("xss-") {
            script.extend(lines(&path));
        }
    }
    let all: Vec<String> = sql.iter().chain(&script).cloned().collect();
    assert!(share("SQL injection refused", &sql, |text| refused_in_query(&inspector, text)) >= SQL_FLOOR);
    assert!(share("script refused", &script, |text| refused_in_query(&inspector, text)) >= SCRIPT_FLOOR);
    assert!(share("attacks refused", &all, |text| refused_in_query(&inspector, text)) >= ALL_FLOOR);
}

#[test]
fn strings_that_only_look_like_sql_are_let_pass() {
    let Some(folder) = folder() else { return };
    let inspector = inspector();
    let strings = lines(&folder.join("libinjection-data/false_positives.txt"));
    assert!(share("false positives refused", &strings, |text| refused_in_query(&inspector, text)) <= 0.025);
    let decoded: Vec<String> = strings
        .iter()
        .map(|text| {
            let spaced = text.replace('+', " ");
            String::from_utf8_lossy(&stockade_model::canonical::percent_decode(spaced.as_bytes())).into_owned()
        })
        .collect();
    assert!(share("false positives refused in JSON", &decoded, |text| refused_in_json(&inspector, text)) <= 0.03);
}

/// Shares that must be refused.
const SQL_FLOOR: f64 = 0.995;
const SCRIPT_FLOOR: f64 = 0.975;
const ALL_FLOOR: f64 = 0.995;

/// Marks of the attacks among the naughty strings; the rest is odd but legal.
const HOSTILE: &[&str] = &[
    "alert(",
    "alert`",
    "alert&",
    "javascript",
    "script",
    "onerror",
    "onmouse",
    "onclick",
    "onfocus",
    "onload",
    "onkey",
    "onscroll",
    "DROP TABLE",
    "OR 1=1",
    "OR '1'='1",
    "EXEC ",
    "touch /tmp",
    "ls -al",
    "<!ENTITY",
    "etc/passwd",
    "etc/hosts",
    "__class__",
    "File:///",
    "\\x61\\x6c",
    "String.fromCharCode",
    "<IMG",
    "<img",
    "<svg",
    "<iframe",
    "<a href",
    "<BODY",
    "<style",
    "<STYLE",
    "<DIV",
    "<META",
    "<OBJECT",
    "<EMBED",
    "<xss",
    "<XSS",
    "<plaintext",
    "<IFRAME",
    "<LINK",
];

#[test]
fn odd_but_legal_strings_are_let_pass() {
    let Some(folder) = folder() else { return };
    let inspector = inspector();
    let bytes = std::fs::read(folder.join("naughty-strings/blns.json")).unwrap();
    let all: Vec<String> = serde_json::from_slice(&bytes).unwrap();
    let (hostile, legal): (Vec<String>, Vec<String>) =
        all.into_iter().partition(|text| HOSTILE.iter().any(|mark| text.contains(mark)));
    assert!(share("odd but legal strings refused", &legal, |text| refused_in_json(&inspector, text)) <= 0.03);
    assert!(share("hostile naughty strings refused", &hostile, |text| refused_in_json(&inspector, text)) >= 0.9);
}
