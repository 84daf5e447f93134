//! What rules cost: microseconds of all phases for ordinary traffic, and of the request phases for bombs. Plain timing,
//! best of several runs. `STOCKADE_RULES` names a rule set, as the plan has it in JSON; the first argument chooses one
//! payload.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stockade_seclang::{Circumstances, Memory, Message, RuleSet, Transaction};

const HEAD: &str = "Host: 127.0.0.1:8080\r\nUser-Agent: shop-app/4.2 (Android 15; Pixel 9)\r\nAccept: application/json\r\n\
    Accept-Language: de-DE,de;q=0.9,en;q=0.8\r\nAuthorization: Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImsxIn0.\
    eyJzdWIiOiJhbGljZSIsImF1ZCI6InNob3AiLCJleHAiOjE3OTAwMDAwMDB9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbi1pcy1sb25n\r\n";

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\n{HEAD}\r\n").into_bytes()
}

fn post(kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST /orders HTTP/1.1\r\n{HEAD}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn ordinary() -> Vec<(&'static str, Vec<u8>)> {
    let small = r#"{"customer":"6f9619ff-8b86-d011-b42d-00c04fc964ff","note":"Please ring twice, the bell is old","items":[{"sku":"A-1044-BLUE","quantity":2,"gift":false},{"sku":"B-7","quantity":1}],"address":{"street":"12 St. Stephen's Green","city":"Dublin","country":"IE"}}"#;
    let form: Vec<String> = (0..30).map(|number| format!("field_{number}=value+number+{number}+of+the+form")).collect();
    let leaf = |number: u32| {
        format!(
            r#"{{"id": {number}, "sku": "A-{number}-BLUE", "quantity": 2, "price": 12.5, "city": "Dublin", "status": "open and paid"}}"#
        )
    };
    let large = format!("{{\"orders\": [{}]}}", (0..100).map(leaf).collect::<Vec<_>>().join(", "));
    vec![
        ("get", get("/orders?limit=20&sort=-created_at&status=open&q=blue+chair")),
        ("json-300", post("application/json", small.as_bytes())),
        ("form-30", post("application/x-www-form-urlencoded", form.join("&").as_bytes())),
        ("json-12k", post("application/json", large.as_bytes())),
    ]
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let text = |unit: &str| format!("{{\"a\":\"{}\"}}", unit.repeat(1_000_000 / unit.len())).into_bytes();
    let keys: Vec<String> = (0..10_000).map(|number| format!("\"key{number}\":{number}")).collect();
    vec![
        ("string-1m-a", post("application/json", &text("a"))),
        ("string-1m-prose", post("application/json", &text("The quick brown fox jumps over the lazy dog. "))),
        (
            "string-1m-base64",
            post("application/json", &text("TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24s")),
        ),
        ("string-1m-sql", post("application/json", &text("select a from b where c = 'd' union "))),
        ("string-1m-tags", post("application/json", &text("<a b=c>d</a>"))),
        ("string-1m-percent", post("application/json", &text("%2527%u0041"))),
        ("form-1m", post("application/x-www-form-urlencoded", &[b"a=".to_vec(), b"b ".repeat(500_000)].concat())),
        ("nested", post("application/json", &[vec![b'['; 1 << 19], vec![b']'; 1 << 19]].concat())),
        ("keys-10k", post("application/json", format!("{{{}}}", keys.join(",")).as_bytes())),
        ("arguments-10k", post("application/x-www-form-urlencoded", "a=b&".repeat(10_000).as_bytes())),
    ]
}

fn run(rules: &Arc<RuleSet>, memory: &Arc<Memory>, raw: &[u8]) -> usize {
    let circumstances = Circumstances {
        client: "127.0.0.1".to_owned(),
        client_port: 40000,
        server: "127.0.0.1".to_owned(),
        server_port: 8080,
        id: "01JDG8Z5J0000000000000000A".to_owned(),
        now_us: 1_790_000_000_000_000,
    };
    let (message, rest) = Message::parse(raw);
    let mut transaction = Transaction::new(Arc::clone(rules), Arc::clone(memory), circumstances);
    transaction.request_head(&message);
    if transaction.denial().is_none() {
        transaction.request_body(rest, true);
    }
    if transaction.denial().is_none() {
        let fields =
            [(&b"content-type"[..], &b"application/json"[..]), (b"server", b"nginx"), (b"content-length", b"120")];
        transaction.response_head(200, fields.into_iter(), Some(120), 1_790_000_000_000_500);
        transaction.response_body(None);
    }
    transaction.finish();
    transaction.take_matches().len()
}

/// A run that is measured: a name of its own, so that a profiler can leave out the first run, which builds patterns.
#[inline(never)]
fn timed(rules: &Arc<RuleSet>, memory: &Arc<Memory>, raw: &[u8]) -> usize {
    run(rules, memory, raw)
}

#[expect(clippy::print_stdout, reason = "a benchmark tells its figures")]
fn main() -> ExitCode {
    let plan = std::env::var("STOCKADE_RULES").ok().and_then(|file| std::fs::read(file).ok());
    let Some(rules) =
        plan.and_then(|plan| serde_json::from_slice(&plan).ok()).and_then(|plan| RuleSet::new(&plan).ok())
    else {
        println!("set STOCKADE_RULES to a rule set, as the plan has it in JSON");
        return ExitCode::SUCCESS;
    };
    let (rules, memory) = (Arc::new(rules), Arc::new(Memory::new()));
    let wanted = std::env::args().nth(1).filter(|argument| !argument.starts_with('-'));
    let rounds: u32 = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(0);
    for (few, (name, raw)) in
        ordinary().into_iter().map(|one| (false, one)).chain(bombs().into_iter().map(|one| (true, one)))
    {
        if wanted.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let matches = run(&rules, &memory, &raw);
        let per_run = match (rounds, few) {
            (0, false) => 300,
            (0, true) => 3,
            (rounds, _) => rounds,
        };
        let best = (0..if rounds > 0 { 1 } else { 7 }).map(|_| {
            let start = Instant::now();
            for _ in 0..per_run {
                black_box(timed(&rules, &memory, black_box(&raw)));
            }
            start.elapsed() / per_run
        });
        let best = best.min().unwrap_or(Duration::ZERO);
        println!("{name:<20} {:>10.1} us  {matches} matches", best.as_secs_f64() * 1e6);
    }
    ExitCode::SUCCESS
}
