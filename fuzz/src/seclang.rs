//! Runs any message through a small rule set that uses every body processor and many transformations and operators.

use std::sync::{Arc, LazyLock};

use stockade_model::plan::SecLangPlan;
use stockade_seclang::{Circumstances, Memory, Message, RuleSet, Transaction, fuzzing};

/// The rule set.
///
/// # Panics
/// The file beside this one is no plan.
#[must_use]
pub fn plan() -> SecLangPlan {
    serde_json::from_str(include_str!("seclang.json")).expect("the plan beside this file")
}

fn rules() -> RuleSet {
    RuleSet::new(&plan()).expect("rules that compile")
}

static RULES: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(rules()));
static UNFILTERED: LazyLock<Arc<RuleSet>> = LazyLock::new(|| fuzzing::unfiltered(rules()));

/// Runs any message through the rules, with and without their search for texts: both find the same.
pub fn run(data: &[u8]) {
    let (filtered, unfiltered) = (Arc::new(Memory::new()), Arc::new(Memory::new()));
    assert_eq!(judge(&RULES, &filtered, data), judge(&UNFILTERED, &unfiltered, data));
}

/// What a rule set finds in a message that is answered with its own body.
#[must_use]
pub fn judge(rules: &Arc<RuleSet>, memory: &Arc<Memory>, data: &[u8]) -> Vec<String> {
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
    let mut transaction = Transaction::new(Arc::clone(rules), Arc::clone(memory), circumstances);
    transaction.request_head(&message);
    transaction.request_body(&body, true);
    let fields = std::iter::once((&b"content-type"[..], &b"text/html"[..]));
    transaction.response_head(200, fields, None, 1_790_000_000_000_001);
    transaction.response_body(Some(&body));
    transaction.finish();
    let matches = transaction.take_matches();
    let lines: Vec<String> = matches.iter().map(|one| one.line(transaction.circumstances(), "h", "/")).collect();
    assert!(lines.iter().all(|line| !line.contains('\n')));
    lines
}
