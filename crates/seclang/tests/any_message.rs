//! Whatever a message holds, the rules of the fuzz target run over it: no panic, bounded time, lines that are lines.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails loudly")]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use stockade_seclang::{Circumstances, Match, Memory, Message, RuleSet, Transaction};

static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
    let plan = serde_json::from_str(include_str!("../../../fuzz/src/seclang.json")).unwrap();
    Arc::new(RuleSet::new(&plan).unwrap())
});
static MEMORY: LazyLock<Arc<Memory>> = LazyLock::new(Arc::default);

fn run(raw: &[u8]) -> Vec<Match> {
    let circumstances = Circumstances {
        client: "192.0.2.1".to_owned(),
        client_port: 1,
        server: "192.0.2.2".to_owned(),
        server_port: 80,
        id: "x".to_owned(),
        now_us: 1_790_000_000_000_000,
    };
    let (message, rest) = Message::parse(raw);
    let body = message.body(rest);
    let mut transaction = Transaction::new(Arc::clone(&RULES), Arc::clone(&MEMORY), circumstances);
    transaction.request_head(&message);
    transaction.request_body(&body, true);
    let html = [(&b"content-type"[..], &b"text/html"[..])];
    transaction.response_head(200, html.into_iter(), None, 1_790_000_000_000_001);
    transaction.response_body(Some(&body));
    transaction.finish();
    let matches = transaction.take_matches();
    for found in &matches {
        assert!(!found.line(transaction.circumstances(), "h", "/").contains('\n'));
    }
    matches
}

fn message(kind: &str, body: &[u8]) -> Vec<u8> {
    [format!("POST /a?b=c HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\nContent-Type: {kind}\r\n\r\n").as_bytes(), body]
        .concat()
}

const KINDS: [&str; 5] = [
    "application/x-www-form-urlencoded",
    "application/json",
    "text/xml",
    "multipart/form-data; boundary=x",
    "text/plain",
];

proptest! {
    #[test]
    fn bytes_of_any_kind_are_judged(raw in proptest::collection::vec(any::<u8>(), 0..200), kind in 0..5_usize) {
        run(&raw);
        run(&message(KINDS[kind], &raw));
    }

    #[test]
    fn texts_that_look_like_bodies_are_judged(
        body in "([{}\\[\\]\":,a0<>/=&%+;'() -]|--x\r\n|Content-Disposition: form-data; name=\"a\"\r\n\r\n|%2[57]|\\\\u00[0-7]a){0,60}",
        kind in 0..5_usize,
    ) {
        run(&message(KINDS[kind], body.as_bytes()));
    }
}

#[test]
fn attacks_are_found_in_every_kind_of_body() {
    let attack = "1' or '1'='1";
    for (kind, body) in KINDS.iter().zip([
        "a=1%27+or+%271%27%3d%271".to_owned(),
        format!("{{\"a\": [\"{attack}\"]}}"),
        format!("<a>{attack}</a>"),
        format!("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{attack}\r\n--x--\r\n"),
    ]) {
        let found = run(&message(kind, body.as_bytes()));
        assert!(
            found.iter().any(|one| one.rule == 5),
            "{kind}: {:?}",
            found.iter().map(|one| one.rule).collect::<Vec<_>>()
        );
    }
}

#[test]
fn bombs_end_soon() {
    let bombs: [(&str, Vec<u8>); 5] = [
        ("application/json", [vec![b'['; 200_000], vec![b']'; 200_000]].concat()),
        ("application/json", format!("[{}1]", "\"a\",".repeat(100_000)).into_bytes()),
        ("application/x-www-form-urlencoded", "a=b&".repeat(100_000).into_bytes()),
        ("text/xml", "<a>".repeat(100_000).into_bytes()),
        ("application/x-www-form-urlencoded", [b"a=".to_vec(), vec![b'a'; 100_000]].concat()),
    ];
    for (kind, body) in bombs {
        let start = Instant::now();
        run(&message(kind, &body));
        // Unoptimised and beside other tests; optimised it is a fiftieth of that.
        assert!(start.elapsed() < Duration::from_secs(5), "{kind}: {:?}", start.elapsed());
    }
}
