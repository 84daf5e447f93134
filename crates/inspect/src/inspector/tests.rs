//! Whole requests: places, exceptions, budgets.

use std::sync::Arc;

use proptest::prelude::*;
use stockade_model::plan::{Exception, LargeBody};
use stockade_model::{CanonicalPath, Client, Framing, Headers, HttpVersion, RequestId, Scheme};

use super::*;
use crate::{BodyLimits, Part};

const LIMITS: BodyLimits =
    BodyLimits { json_depth: 64, json_values: 20_000, decompress_ratio: 100, decompressed_bytes: 1 << 20 };

fn plan() -> InspectPlan {
    InspectPlan {
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
    }
}

fn request(path: &str, query: Option<&str>, headers: &[(&str, &str)]) -> Request {
    let mut fields = Headers::default();
    for (name, value) in headers {
        fields.push(name.as_bytes(), value.as_bytes());
    }
    let address = "192.0.2.1".parse().unwrap();
    Request {
        id: RequestId::new(Timestamp(0), 0),
        method: "GET".to_owned(),
        scheme: Scheme::Http,
        authority: "api.example".to_owned(),
        path: CanonicalPath::parse(path.as_bytes()).unwrap(),
        query: query.map(str::to_owned),
        version: HttpVersion::Http11,
        headers: fields,
        framing: Framing::None,
        upgrade: None,
        client: Arc::new(Client { address, peer: address, port: 1, tls: None, certificate: None }),
        received: None,
    }
}

fn places(inspection: &Inspection) -> Vec<(&'static str, &str)> {
    inspection
        .findings
        .iter()
        .filter(|finding| finding.confidence >= 0.8)
        .map(|finding| (finding.detector, finding.place.as_str()))
        .collect()
}

fn head(path: &str, query: Option<&str>, headers: &[(&str, &str)]) -> Inspection {
    let inspector = Inspector::new(&plan()).unwrap();
    inspector.head(&request(path, query, headers), &Scope::unknown(Timestamp(0)))
}

fn body(media_type: &str, bytes: &str) -> Inspection {
    let parsed = ParsedBody::parse(Some(media_type), Some(media_type), None, bytes.as_bytes(), true, &LIMITS).unwrap();
    Inspector::new(&plan()).unwrap().body(&parsed, &Scope::unknown(Timestamp(0)))
}

#[test]
fn findings_name_their_place() {
    let sql = "1%27%20OR%20%271%27=%271";
    for (inspection, expected) in [
        (head(&format!("/a/{sql}"), None, &[]), ("sql_injection", "path.1")),
        (head("/a", Some("x=1&id=1'+OR+'1'='1"), &[]), ("sql_injection", "query.id")),
        (head("/a", Some("%3Cscript%3Ealert(1)%3C/script%3E"), &[]), ("xss", "query")),
        (head("/a", None, &[("X-Name", "${jndi:ldap://x/a}")]), ("jndi", "header.x-name")),
        (head("/a", None, &[("User-Agent", "sqlmap/1.8")]), ("scanner", "header.user-agent")),
        (head("/a", None, &[("Cookie", "a=b; id=1' OR '1'='1")]), ("sql_injection", "cookie.id")),
        (
            head("/a", None, &[("Authorization", "Basic YWRtaW4nIG9yIDE9MS0tOng=")]),
            ("sql_injection", "header.authorization"),
        ),
        (body("application/json", r#"{"a":{"b":[1,"<script>alert(1)</script>"]}}"#), ("xss", "body.a.b[1]")),
        (body("application/json", r#"{"a":"x' OR 1=1--","a":"fine"}"#), ("sql_injection", "body")),
        (body("application/json", r#"{"user":{"$ne":null}}"#), ("nosql_injection", "body.user.$ne")),
        (body("application/x-www-form-urlencoded", "name=;cat+/etc/passwd"), ("command_injection", "body.name")),
        (
            body("text/plain", "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///x\">]><a/>"),
            ("xxe", "body"),
        ),
        (body("application/xml", "<a><b>1' OR '1'='1</b></a>"), ("sql_injection", "body")),
        (
            body("application/json", r#"{"query":"query { user(id: \"1' OR '1'='1\") { name } }"}"#),
            ("sql_injection", "body.query"),
        ),
    ] {
        assert!(places(&inspection).contains(&expected), "{expected:?}: {:?}", inspection.findings);
        assert!(inspection.refuse);
    }
}

#[test]
fn an_attack_cut_up_over_equal_names_is_seen_whole() {
    for pieces in [["admin'", "'x'='x"], ["1+procedure+analyse(1", "2)"]] {
        let [first, second] = pieces;
        let apart = format!("q={first}&page=2&other={second}");
        let cut = format!("q={first}&page=2&Q={second}");
        assert!(!head("/a", Some(&apart), &[]).refuse, "{apart}");
        assert!(!body("application/x-www-form-urlencoded", &apart).refuse, "{apart}");
        assert_eq!(places(&head("/a", Some(&cut), &[])), [("sql_injection", "query.q")], "{cut}");
        assert_eq!(places(&body("application/x-www-form-urlencoded", &cut)), [("sql_injection", "body.q")], "{cut}");
    }
    let part = |name: &str, value: &str| Part {
        name: name.to_owned(),
        file_name: None,
        media_type: None,
        content: value.as_bytes().to_vec(),
    };
    for (name, refuse) in [("q", true), ("r", false)] {
        let parsed = ParsedBody::Multipart(vec![part("q", "admin'"), part(name, "'x'='x")]);
        assert_eq!(Inspector::new(&plan()).unwrap().body(&parsed, &Scope::unknown(Timestamp(0))).refuse, refuse);
    }
}

#[test]
fn ordinary_repeated_parameters_pass_and_are_counted() {
    let query = "id=1&id=2&id=3&tag=red&tag=blue&sort=-a&sort=b&status[]=open&status[]=closed";
    let inspection = head("/a", Some(query), &[]);
    assert_eq!(inspection.findings, []);
    // 9 names, 9 values, 4 joined, and no path segment or field.
    assert_eq!(inspection.values, 22);
}

#[test]
fn encoded_values_show_their_steps() {
    let inspection = head("/a", Some("q=%253Cscript%253Ealert(1)%253C/script%253E"), &[]);
    assert_eq!(inspection.findings[0].steps, ["percent"]);
    let inspection = body("application/json", r#"{"a":"eyJxIjoiPHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0PiJ9"}"#);
    assert_eq!(inspection.findings[0].steps, ["base64"]);
    assert!(inspection.findings[0].evidence.contains("<script"));
}

#[test]
fn ordinary_requests_have_no_findings() {
    let inspection = head(
        "/v1/orders/0190b7a4-5c3f-7d55-9c1e-0f6a5b1c2d3e",
        Some("page=2&sort=-created_at&q=O%27Brien+%26+sons&fields=id,name&since=2024-01-31T10:00:00Z"),
        &[
            (
                "User-Agent",
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
            ),
            ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"),
            ("Accept-Language", "en-GB,en;q=0.5"),
            ("Authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"),
            ("Cookie", "session=Zk8sP2mQ9xR4tV7wY1aB3cD5; theme=dark; _ga=GA1.2.123.456"),
            ("Referer", "https://shop.example/search?q=select+a+shoe&page=2"),
            ("Sec-Ch-Ua", "\"Not_A Brand\";v=\"8\", \"Chromium\";v=\"120\""),
        ],
    );
    assert_eq!(inspection.findings, []);
    let graphql = r#"{"query":"query Find($first: Int!, $name: String) { users(first: $first, name: \"O'Brien\") { id ... on Admin { level } } }","variables":{"first":10}}"#;
    assert_eq!(body("application/json", graphql).findings, []);
}

#[test]
fn exceptions_let_pass_what_they_name_until_they_end() {
    let plan = InspectPlan {
        exceptions: vec![Exception {
            operation: Some("save".to_owned()),
            place: Some("body.items[*].note".to_owned()),
            detector: Some("xss".to_owned()),
            reason: "notes are shown escaped".to_owned(),
            expires_at: Some(Timestamp(100)),
        }],
        ..plan()
    };
    let inspector = Inspector::new(&plan).unwrap();
    let bytes = br#"{"items":[{"note":"<script>alert(1)</script>"}]}"#;
    let parsed = ParsedBody::parse(Some("application/json"), None, None, bytes, true, &LIMITS).unwrap();
    assert!(!inspector.body(&parsed, &Scope { operation: Some("save"), ..Scope::unknown(Timestamp(50)) }).refuse);
    assert!(inspector.body(&parsed, &Scope { operation: Some("save"), ..Scope::unknown(Timestamp(100)) }).refuse);
    assert!(inspector.body(&parsed, &Scope { operation: Some("load"), ..Scope::unknown(Timestamp(50)) }).refuse);
}

#[test]
fn restricted_places_are_not_searched() {
    let inspector = Inspector::new(&plan()).unwrap();
    let request = request("/a", Some("id=1'+OR+'1'='1"), &[]);
    assert!(
        !inspector
            .head(&request, &Scope { restricted: &|place| place == "query.id", ..Scope::unknown(Timestamp(0)) })
            .refuse
    );
}

#[test]
fn disabled_detectors_do_not_run_and_unknown_ones_are_refused() {
    let inspector = Inspector::new(&InspectPlan { disabled: vec!["sql_injection".to_owned()], ..plan() }).unwrap();
    let request = request("/a", Some("id=1'+OR+'1'='1"), &[]);
    assert!(!inspector.head(&request, &Scope::unknown(Timestamp(0))).refuse);
    let (setting, problem) = Inspector::new(&InspectPlan { disabled: vec!["sqli".to_owned()], ..plan() }).unwrap_err();
    assert_eq!(setting, "disabled");
    assert!(problem.contains("sql_injection") && problem.contains("`sqli`"));
}

#[test]
fn budgets_end_an_inspection() {
    let inspector = Inspector::new(&InspectPlan { values: 3, ..plan() }).unwrap();
    let request = request("/a", Some("a=1&b=2&c=3"), &[]);
    let inspection = inspector.head(&request, &Scope::unknown(Timestamp(0)));
    assert_eq!(inspection.problem.unwrap().0.code, "inspect.values");
    let bomb = format!("[{}]", vec![format!("\"{}\"", "%2525".repeat(4000)); 300].join(","));
    let inspection = body("application/json", &bomb);
    assert_eq!(inspection.problem.unwrap().0.code, "inspect.decoding");
}

#[test]
fn a_crowd_of_repeated_keys_hides_nothing() {
    let bytes = format!(r#"{{{}"a":"1' OR '1'='1","a":"ok"}}"#, r#""z":1,"#.repeat(1500));
    let inspection = body("application/json", &bytes);
    assert!(inspection.refuse || inspection.problem.is_some());
}

#[test]
fn evidence_is_masked() {
    let inspection = head("/a", Some("q=password=hunter2%27+OR+%271%27=%271"), &[]);
    assert!(inspection.refuse);
    assert!(!inspection.findings.iter().any(|finding| finding.evidence.contains("hunter2")));
}

#[test]
fn hostile_bodies_take_bounded_time() {
    // All together take a second without optimisation; time that is not linear takes minutes.
    let start = std::time::Instant::now();
    let inspector = Inspector::new(&plan()).unwrap();
    for unit in ["<", "<a", "'or(", "&#60;", "${", "/*", "((", "<a onx=", "\\u003c"] {
        let text = unit.repeat((128 << 10) / unit.len());
        for body in [
            ParsedBody::Text(text.clone()),
            ParsedBody::Json { value: text.into(), duplicate_keys: 0, shadowed: Vec::new() },
        ] {
            let _ = inspector.body(&body, &Scope::unknown(Timestamp(0)));
        }
    }
    assert!(start.elapsed().as_secs() < 20);
}

proptest! {
    #[test]
    fn no_query_makes_it_panic(query in "(%[0-9a-f]{2}|['\"<>;|&=(){}$#/*\\\\-]|union|select| or |\\$\\{|jndi:|\\.\\./|<script|on=|\u{e9}){0,24}") {
        let _ = head("/a", Some(&query), &[("cookie", &query), ("x-a", &query)]);
    }

    #[test]
    fn no_body_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for media_type in ["application/json", "application/x-www-form-urlencoded", "text/plain", "application/xml"] {
            if let Ok(parsed) = ParsedBody::parse(Some(media_type), None, None, &bytes, true, &LIMITS) {
                let _ = Inspector::new(&plan()).unwrap().body(&parsed, &Scope::unknown(Timestamp(0)));
            }
        }
    }
}
