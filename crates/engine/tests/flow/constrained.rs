//! Tokens that only one caller may show, and tokens that were taken back.

use std::sync::Arc;

use serde_json::{Value, json};
use stockade_model::{Binding, ClientCertificate, DecisionAction};

use crate::decision;
use crate::play::Play;
use crate::play::plan::{plan, sha256, shop};
use crate::play::token::{Issuer, b64, claims};

const ASK: &str = "> GET /orders/7\n authorization: Bearer $t";

fn certificate(hash: u8) -> Option<Arc<ClientCertificate>> {
    Some(Arc::new(ClientCertificate {
        sha256: [hash; 32],
        subject: "CN=billing".to_owned(),
        uris: vec!["spiffe://example.org/ns/shop/sa/billing".to_owned()],
        dns_names: vec!["billing.example.org".to_owned()],
        ..ClientCertificate::default()
    }))
}

fn with_claims(change: impl FnOnce(&mut Value)) -> (Play, String) {
    let issuer = Issuer::new("key-1");
    let mut claims = claims("alice", &[]);
    change(&mut claims);
    let token = issuer.sign(&claims);
    (Play::new(plan(vec![shop(vec![issuer.jwk()])])).token("t", token.clone()), token)
}

#[test]
fn a_certificate_bound_token_needs_its_certificate() {
    let (mut play, _) = with_claims(|claims| claims["cnf"] = json!({"x5t#S256": b64([7; 32])}));
    assert_eq!(play.ask(ASK).told, "401 identity.token_bound");
    play.certificate = certificate(8);
    assert_eq!(play.ask(ASK).told, "401 identity.token_bound");
    play.certificate = certificate(7);
    let outcome = play.ask(ASK);
    assert_eq!(outcome.told, "pass getOrder subject:alice");
    assert_eq!(outcome.record.identity.unwrap().bound, Some(Binding::Certificate));
    play.certificate = None;
    assert_eq!(play.ask(ASK).told, "401 identity.token_bound", "also when the token is remembered");
}

#[test]
fn a_confirmation_that_is_not_understood_is_refused() {
    for bad in
        [json!({"kid": "x"}), json!("x"), json!({"x5t#S256": "AAAA"}), json!({"x5t#S256": 7}), json!({"jwk": {}})]
    {
        let (mut play, _) = with_claims(|claims| claims["cnf"] = bad);
        play.certificate = certificate(7);
        assert_eq!(play.ask(ASK).told, "401 identity.token_claim");
    }
}

#[test]
fn a_token_is_revoked_by_its_id_by_its_hash_and_by_its_session() {
    let (mut play, token) = with_claims(|claims| {
        claims["jti"] = json!("t-1");
        claims["sid"] = json!("s-1");
    });
    assert_eq!(play.ask(ASK).told, "pass getOrder subject:alice");
    let hash = sha256(&token);
    for (name, value) in
        [("token", "t-1"), ("token", &hash), ("token", &hash[..32]), ("session", "s-1"), ("key", "key-1")]
    {
        let revoked = decision("d", DecisionAction::Block, &[(name, value)], 60);
        assert_eq!(play.state.set_decisions(vec![revoked], play.now()), 1);
        assert_eq!(play.ask(ASK).told, "403 decisions.blocked", "{name}={value}");
    }
    play.state.set_decisions(vec![decision("d", DecisionAction::Block, &[("token", "t-2")], 60)], play.now());
    assert_eq!(play.ask(ASK).told, "pass getOrder subject:alice");
}
