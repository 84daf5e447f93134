//! What inspection costs: nanoseconds a request for ordinary traffic, and for an attack. Plain timing, best of nine runs.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use stockade_inspect::tokenise::Tokeniser;
use stockade_inspect::{BodyLimits, Inspector, ParsedBody, Scope, mask};
use stockade_model::plan::{InspectPlan, LargeBody};
use stockade_model::{CanonicalPath, Client, Framing, Headers, HttpVersion, Request, RequestId, Scheme, Timestamp};

const LIMITS: BodyLimits =
    BodyLimits { json_depth: 64, json_values: 20_000, decompress_ratio: 100, decompressed_bytes: 10 << 20 };
const HEADERS: &[(&str, &str)] = &[
    ("host", "api.example.com"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    ),
    ("accept", "application/json, text/plain, */*"),
    ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("content-type", "application/json"),
    ("authorization", "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhbGljZSIsImF1ZCI6InNob3AifQ.c2lnbmF0dXJl"),
    ("origin", "https://shop.example.com"),
    ("referer", "https://shop.example.com/cart?step=2"),
    ("cookie", "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; _ga=GA1.2.1234567.7654321"),
    ("x-request-id", "0190b7a4-5c3f-7d55-9c1e-0f6a5b1c2d3e"),
];

fn json() -> String {
    let item = r#"{"sku":"A-1044-BLUE","name":"Walking shoe, blue","quantity":2,"price":{"amount":"129.90","currency":"EUR"}}"#;
    format!(
        r#"{{"customer":{{"name":"Siobhan O'Brien","email":"siobhan@example.com","phone":"+353 1 496 0000"}},"address":{{"street":"12 St. Stephen's Green","city":"Dublin","country":"IE"}},"items":[{item},{item}],"note":"Please leave the parcel with the neighbour (no. 14) if nobody is in; thanks & best wishes","coupon":null,"gift":false}}"#
    )
}

fn request() -> Request {
    let mut headers = Headers::default();
    for (name, value) in HEADERS {
        headers.push(name.as_bytes(), value.as_bytes());
    }
    let address = std::net::IpAddr::from([192, 0, 2, 1]);
    Request {
        id: RequestId::new(Timestamp(0), 0),
        method: "POST".to_owned(),
        scheme: Scheme::Https,
        authority: "api.example.com".to_owned(),
        path: CanonicalPath::parse(b"/v1/orders/0190b7a4-5c3f-7d55-9c1e-0f6a5b1c2d3e")
            .unwrap_or_else(|_| std::process::abort()),
        query: Some("page=2&sort=-created_at&q=red+shoes&expand=items,customer".to_owned()),
        version: HttpVersion::Http11,
        headers,
        framing: Framing::None,
        upgrade: None,
        client: Arc::new(Client { address, peer: address, port: 1, tls: None, certificate: None }),
        received: None,
    }
}

fn time(name: &str, mut run: impl FnMut()) {
    const ROUNDS: u32 = 2000;
    let best = (0..9)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                run();
            }
            start.elapsed() / ROUNDS
        })
        .min()
        .unwrap_or_default();
    #[expect(clippy::print_stdout, reason = "a benchmark tells its figures")]
    {
        println!("{name:<40} {:>9} ns", best.as_nanos());
    }
}

fn main() {
    let plan = InspectPlan {
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
    };
    let Ok(inspector) = Inspector::new(&plan) else { return };
    let now = Timestamp(0);
    let request = request();
    let attack = Request { query: Some("id=1'+OR+'1'='1'--+".to_owned()), ..request.clone() };
    let text = json();
    let parse = |bytes: &[u8]| {
        ParsedBody::parse(Some("application/json"), Some("application/json"), None, bytes, true, &LIMITS)
    };
    let Ok(parsed) = parse(text.as_bytes()) else { return };
    let large = format!("[{}]", vec![text.clone(); 20].join(","));
    let Ok(large_parsed) = parse(large.as_bytes()) else { return };
    let prose =
        "It was the best of times; it was the worst of times (or so they say) and nobody's plan survived. ".repeat(100);

    time("head: 11 headers, path, query", || drop(black_box(inspector.head(&request, &Scope::unknown(now)))));
    time("head with an SQL injection", || drop(black_box(inspector.head(&attack, &Scope::unknown(now)))));
    time(&format!("parse JSON, {} bytes", text.len()), || drop(black_box(parse(text.as_bytes()))));
    time(&format!("inspect JSON, {} bytes", text.len()), || {
        drop(black_box(inspector.body(&parsed, &Scope::unknown(now))))
    });
    time(&format!("parse and inspect JSON, {} bytes", large.len()), || {
        let _ = black_box(parse(large.as_bytes()));
        drop(black_box(inspector.body(&large_parsed, &Scope::unknown(now))));
    });
    let prose_body = ParsedBody::Text(prose);
    time("inspect text, 9800 bytes", || drop(black_box(inspector.body(&prose_body, &Scope::unknown(now)))));
    let query = request.query.clone().unwrap_or_default();
    time("mask a query", || drop(black_box(mask::query(&query))));
    time("mask a user agent", || drop(black_box(mask::text(HEADERS.get(1).map_or("", |header| header.1), 256))));
    let Some(tokeniser) = Tokeniser::new(&[7; 32]) else { return };
    time("token of a card number", || drop(black_box(tokeniser.token("4111 1111 1111 1111"))));
    time("classes in a sentence", || drop(black_box(mask::classes("please write to alice@example.com about it"))));
}
