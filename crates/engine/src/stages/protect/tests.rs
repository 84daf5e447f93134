//! Rules against bodies, queries and findings.

use proptest::prelude::*;
use stockade_model::plan::{ProtectAction, ProtectRulePlan};

use super::*;

const BODY: &str = r#"{"id":7,"card":"4111 1111 1111 1111","note":"to alice@example.com","items":[{"iban":"DE89370400440532013000"},{"card":5500005555555559,"iban":null}],"owner":{"name":"Al"}}"#;

fn rule(fields: &[&str], action: ProtectAction) -> ProtectRulePlan {
    ProtectRulePlan {
        name: "r".to_owned(),
        fields: fields.iter().map(ToString::to_string).collect(),
        classes: Vec::new(),
        action,
        keep_last: 0,
        unless_roles: Vec::new(),
        in_events: true,
        in_responses: true,
    }
}

fn about(classes: &[&str], action: ProtectAction) -> ProtectRulePlan {
    ProtectRulePlan { classes: classes.iter().map(ToString::to_string).collect(), ..rule(&[], action) }
}

fn protect(plans: &[ProtectRulePlan]) -> Protect {
    let rules = plans.iter().map(|plan| Rule::new(plan).unwrap()).collect();
    Protect { rules, tokeniser: Tokeniser::new(&[3; 32]), body_bytes: 1000, in_responses: true, in_events: true }
}

fn edited(plans: &[ProtectRulePlan], text: &str) -> String {
    let protect = protect(plans);
    let rules = protect.rules.iter().collect();
    let mut editing = Editing { rules, tokeniser: protect.tokeniser.as_ref(), chosen: None, done: 0 };
    json_text::edit(text, &mut editing).unwrap().unwrap_or_else(|| text.to_owned())
}

#[test]
fn named_fields_are_masked_wherever_they_stand_and_all_else_stays() {
    let out = edited(&[rule(&["card", "items[*].iban"], ProtectAction::Mask)], BODY);
    assert_eq!(
        out,
        r#"{"id":7,"card":"[masked]","note":"to alice@example.com","items":[{"iban":"[masked]"},{"card":"[masked]","iban":null}],"owner":{"name":"Al"}}"#
    );
}

#[test]
fn an_end_may_stay_of_values_that_are_long_enough() {
    let keeping = ProtectRulePlan { keep_last: 4, ..rule(&["card", "name"], ProtectAction::Mask) };
    let out = edited(&[keeping], BODY);
    assert!(out.contains(r#""card":"***************1111""#), "{out}");
    assert!(out.contains(r#""name":"[masked]""#), "{out}");
}

#[test]
fn fields_are_taken_out_with_all_that_is_in_them() {
    let out = edited(&[rule(&["items", "$.card", "owner"], ProtectAction::Remove)], BODY);
    assert_eq!(out, r#"{"id":7,"note":"to alice@example.com"}"#);
}

#[test]
fn tokens_have_the_shape_of_their_values_and_lead_back_to_them() {
    let out: Value = serde_json::from_str(&edited(&[rule(&["card"], ProtectAction::Tokenise)], BODY)).unwrap();
    let token = out["card"].as_str().unwrap();
    assert!(token.len() == 19 && token != "4111 1111 1111 1111");
    assert_eq!(Tokeniser::new(&[3; 32]).unwrap().value(token).as_deref(), Some("4111 1111 1111 1111"));
    assert_eq!(out["items"][1]["card"].as_str().map(str::len), Some(16), "a number becomes text of its length");
    let short = edited(&[rule(&["name", "owner"], ProtectAction::Tokenise)], r#"{"name":"Al","owner":{"a":1}}"#);
    assert_eq!(short, r#"{"name":"[masked]","owner":"[masked]"}"#, "what cannot be a token is masked");
}

#[test]
fn values_are_recognised_by_their_shape_also_within_text_and_as_numbers() {
    let out = edited(&[about(&["card", "email"], ProtectAction::Mask)], BODY);
    assert!(out.contains(r#""note":"to [masked]""#) && out.contains(r#"{"card":"[masked]","iban":null}"#), "{out}");
    assert!(out.contains("DE89370400440532013000"), "another class stays");
}

#[test]
fn the_first_rule_that_fits_is_taken() {
    let out = edited(&[rule(&["$.card"], ProtectAction::Remove), rule(&["card"], ProtectAction::Mask)], BODY);
    assert!(!out.contains("4111") && out.contains(r#"{"card":"[masked]""#), "{out}");
}

#[test]
fn callers_with_a_role_get_it_in_clear() {
    let plan = ProtectRulePlan { unless_roles: vec!["support".to_owned()], ..rule(&["card"], ProtectAction::Mask) };
    let rule = Rule::new(&plan).unwrap();
    let roles = |roles: &[&str]| stockade_model::Identity {
        roles: roles.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    assert!(rule.applies(None) && rule.applies(Some(&roles(&["user"]))));
    assert!(!rule.applies(Some(&roles(&["user", "support"]))));
}

#[test]
fn a_rule_without_fields_or_with_odd_ones_does_not_compile() {
    assert!(Rule::new(&rule(&[], ProtectAction::Mask)).is_err());
    assert!(Rule::new(&rule(&["a..b"], ProtectAction::Mask)).is_err());
    assert!(Rule::new(&about(&["colour"], ProtectAction::Mask)).is_err());
}

#[test]
fn queries_of_events_follow_the_same_rules() {
    let protect = protect(&[
        rule(&["gone"], ProtectAction::Remove),
        rule(&["card"], ProtectAction::Tokenise),
        about(&["email"], ProtectAction::Mask),
    ]);
    assert_eq!(protect.query("page=2&sort=name"), None);
    assert_eq!(protect.query("gone=1&page=2").as_deref(), Some("page=2"));
    assert_eq!(protect.query("q=to+alice%40example.com").as_deref(), Some("q=to+[masked]"));
    let query = protect.query("c%61rd=4111+1111+1111+1111&b=2").unwrap();
    assert!(query.starts_with("c%61rd=") && query.ends_with("&b=2") && !query.contains("4111+1111"), "{query}");
}

#[test]
fn evidence_from_protected_fields_does_not_stand_in_events() {
    let protect = protect(&[rule(&["note"], ProtectAction::Mask)]);
    let mut finding = stockade_model::Finding {
        detector: "x",
        place: "body.items[2].note[0]".to_owned(),
        steps: Vec::new(),
        confidence: 1.0,
        evidence: "secret words".to_owned(),
        note: String::new(),
    };
    protect.finding(&mut finding);
    assert_eq!(finding.evidence, "[masked]");
    (finding.place, finding.evidence) = ("body.other".to_owned(), "words".to_owned());
    protect.finding(&mut finding);
    assert_eq!(finding.evidence, "words");
}

proptest! {
    #[test]
    fn no_protected_value_survives_and_the_rest_is_the_same(
        value in "[a-z0-9]{6,20}",
        other in "\\PC{0,20}",
        action in prop_oneof![Just(ProtectAction::Mask), Just(ProtectAction::Remove), Just(ProtectAction::Tokenise)],
    ) {
        let secret = format!("S3{value}Q");
        let body = serde_json::json!({"a": [{"secret": secret, "other": other}], "secret": {"x": secret}}).to_string();
        let out = edited(&[rule(&["secret"], action)], &body);
        prop_assert!(!out.contains(&secret));
        let out: Value = serde_json::from_str(&out).unwrap();
        prop_assert_eq!(out["a"][0]["other"].as_str(), Some(other.as_str()));
    }

    #[test]
    fn any_query_is_taken(query in "[a-z=&%+0-9@.]{0,60}") {
        let _ = protect(&[rule(&["a"], ProtectAction::Tokenise), about(&["email"], ProtectAction::Mask)]).query(&query);
    }
}
