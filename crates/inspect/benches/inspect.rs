//! What inspection costs: nanoseconds a request for ordinary traffic, and for an attack, best of many short runs, so that
//! other work on the machine shows little; and microseconds for requests that are made to cost.

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
    const ROUNDS: u32 = 20;
    let best = (0..2000)
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

/// Requests that are made to cost: the best of seven runs, in microseconds, with what was answered.
fn bombs(inspector: &Inspector) {
    let scope = Scope::unknown(Timestamp(0));
    let keys: String = (0..10_000).map(|index| format!("\"k{index}\":\"v{index}\",")).collect();
    let zip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let _ = std::io::Write::write_all(&mut encoder, &vec![b'a'; 32 << 20]);
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, encoder.finish().unwrap_or_default())
    };
    let percent = |text: String| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let five = (0..5).fold("' OR 1=1 -- ".repeat(12), |text, _| percent(text));
    let text = |text: &str| serde_json::json!({ "a": text }).to_string();
    let bodies = [
        ("1 MB of nested JSON", "[".repeat(1 << 20)),
        ("10,000 keys", format!("{{{}\"z\":1}}", keys)),
        ("1 MB of `<a `", text(&"<a ".repeat(350_000))),
        ("1 MB of quotes", text(&"'\"`".repeat(350_000))),
        ("1 MB of `(a=`", text(&"(a=".repeat(350_000))),
        ("1 MB of ` or 1=`", text(&" or 1=".repeat(175_000))),
        ("1 MB of `;cat `", text(&";cat ".repeat(210_000))),
        ("1 MB of `{{ ${ `", text(&"{{ ${ ".repeat(175_000))),
        ("1 MB of `../`", text(&"../".repeat(350_000))),
        ("1 MB of `%25`", text(&"%25".repeat(350_000))),
        ("32 MB in Base64 and gzip", text(&zip)),
        ("5 layers of percent escapes", text(&five)),
    ];
    for (name, body) in bodies {
        let judge = || {
            let start = Instant::now();
            let parsed = ParsedBody::parse(Some("application/json"), None, None, body.as_bytes(), true, &LIMITS);
            let told = match &parsed {
                Ok(parsed) => {
                    let inspection = inspector.body(parsed, &scope);
                    let best = inspection.findings.first().filter(|_| inspection.refuse).map(|first| first.detector);
                    inspection.problem.map(|(reason, _)| reason.code).or(best).unwrap_or("let pass")
                }
                Err(error) => error.reason.code,
            };
            (start.elapsed().as_micros(), told)
        };
        if let Some((micros, told)) = (0..7).map(|_| judge()).min() {
            tell(name, micros, told);
        }
    }
    let arguments: String = (0..10_000).map(|index| format!("a{index}={index}&")).collect();
    let request = Request { query: Some(arguments), ..request() };
    let start = Instant::now();
    let inspection = inspector.head(&request, &scope);
    tell(
        "10,000 arguments",
        start.elapsed().as_micros(),
        inspection.problem.map_or("let pass", |(reason, _)| reason.code),
    );
}

#[expect(clippy::print_stdout, reason = "a benchmark tells its figures")]
fn tell(name: &str, micros: u128, told: &str) {
    println!("{name:<40} {micros:>9} us  {told}");
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
    let get = Request {
        method: "GET".to_owned(),
        query: Some("page=2&sort=-created_at&q=red+shoes&limit=20".to_owned()),
        ..request.clone()
    };
    time("GET: 4 arguments, bearer token", || drop(black_box(inspector.head(&get, &Scope::unknown(now)))));
    let small = r#"{"name":"Walking shoe, blue","quantity":2,"note":"Please leave it with the neighbour (no. 14), thanks","tags":["a","b","c"],"price":{"amount":"129.90","currency":"EUR"},"address":{"street":"12 St. Stephen's Green","city":"Dublin","country":"IE"},"gift":false,"coupon":null,"ref":"0190b7a4-5c3f-7d55"}"#;
    time(&format!("parse and inspect JSON, {} bytes", small.len()), || {
        if let Ok(parsed) = parse(small.as_bytes()) {
            drop(black_box(inspector.body(&parsed, &Scope::unknown(now))));
        }
    });
    let record = r#"{"id":17,"name":"Siobhan O'Brien","mail":"s@example.com","city":"Dublin","score":4.5,"note":"likes tea; and cake"}"#;
    let leaves = format!("[{}]", vec![record; 100].join(","));
    time(&format!("parse and inspect JSON, {} bytes, 600 leaves", leaves.len()), || {
        if let Ok(parsed) = parse(leaves.as_bytes()) {
            drop(black_box(inspector.body(&parsed, &Scope::unknown(now))));
        }
    });
    bombs(&inspector);
    let query = request.query.clone().unwrap_or_default();
    time("mask a query", || drop(black_box(mask::query(&query))));
    time("mask a user agent", || drop(black_box(mask::text(HEADERS.get(1).map_or("", |header| header.1), 256))));
    let Some(tokeniser) = Tokeniser::new(&[7; 32]) else { return };
    time("token of a card number", || drop(black_box(tokeniser.token("4111 1111 1111 1111"))));
    time("classes in a sentence", || drop(black_box(mask::classes("please write to alice@example.com about it"))));
}
