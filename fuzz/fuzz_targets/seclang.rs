//! Runs any message through a small rule set that uses every body processor and many transformations and operators.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use stockade_seclang::{Circumstances, Memory, Message, RuleSet, Transaction};

const PLAN: &str = include_str!("seclang.json");

static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| {
    let plan = serde_json::from_str(PLAN).expect("the plan beside this file");
    Arc::new(RuleSet::new(&plan).expect("rules that compile"))
});
static MEMORY: LazyLock<Arc<Memory>> = LazyLock::new(Arc::default);

fuzz_target!(|data: &[u8]| {
    let circumstances = Circumstances {
        client: "192.0.2.1".to_owned(),
        client_port: 1,
        server: "192.0.2.2".to_owned(),
        server_port: 80,
        id: "fuzz".to_owned(),
        now_us: 1_790_000_000_000_000,
    };
    let (message, rest) = Message::parse(data);
    let body = message.body(rest);
    let mut transaction = Transaction::new(Arc::clone(&RULES), Arc::clone(&MEMORY), circumstances);
    transaction.request_head(&message);
    transaction.request_body(&body, true);
    transaction.response_head(200, std::iter::once((&b"content-type"[..], &b"text/html"[..])), None, 1_790_000_000_000_001);
    transaction.response_body(Some(&body));
    transaction.finish();
    for found in transaction.take_matches() {
        let line = found.line(transaction.circumstances(), "h", "/");
        assert!(!line.contains('\n'));
    }
});
