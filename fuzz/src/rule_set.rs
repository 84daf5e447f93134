//! Compiles any bytes as the plan of a rule set: what compiles can be run.

use std::sync::Arc;

use stockade_seclang::{Memory, RuleSet};

/// Compiles any bytes as the plan of a rule set, or as a pattern in one: what compiles can be run.
pub fn run(data: &[u8]) {
    if let Ok(plan) = serde_json::from_slice(data) {
        judge(&plan);
    }
    let mut plan = crate::seclang::plan();
    if let (Ok(text), Some(link)) = (
        std::str::from_utf8(data),
        plan.phases.get_mut(1).and_then(|rules| rules.iter_mut().find_map(|rule| rule.links.first_mut())),
    ) {
        link.operator = serde_json::from_value(serde_json::json!({"name": "rx", "argument": [text]})).ok();
        judge(&plan);
    }
}

fn judge(plan: &stockade_model::plan::SecLangPlan) {
    if let Ok(rules) = RuleSet::new(plan) {
        let message = b"POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n\r\n{\"a\": \"b c\"}";
        let _ = crate::seclang::judge(&Arc::new(rules), &Arc::new(Memory::new()), message);
    }
}
