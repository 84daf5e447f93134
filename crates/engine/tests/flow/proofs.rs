//! Proofs of possession: the examples of RFC 9449 and RFC 8705, what is no proof, and what upstreams are told.

use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::signature::KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stockade_engine::{LookUp, LookedUp, Wanted};
use stockade_model::{Binding, ClientCertificate, Now, Timestamp};

use crate::play::plan::{bare, plan, shop};
use crate::play::token::{Issuer, b64, claims};
use crate::play::{Outcome, Play, START, judge_with};

fn at(seconds: u64) -> Now {
    Now { wall: Timestamp::from_seconds(seconds), monotonic_us: 1 }
}

pub(crate) fn ask(play: &mut Play, text: &str, seconds: u64, told: &Value) -> Outcome {
    let (request, body) = play.request(text);
    let answer = |look_up: &LookUp| {
        assert!(matches!(look_up.wanted, Wanted::Token { .. }));
        Some(LookedUp::Token(told.clone()))
    };
    judge_with(&play.engine, &play.state, request, body, at(seconds), answer)
}

fn introspection() -> Value {
    json!({
        "kind": "introspection", "name": "opaque", "issuers": [], "audiences": [], "skew_s": 30,
        "roles_claim": "roles", "scopes_claim": "scope", "required_claims": [], "remember_ms": 1000, "wait_ms": 1000
    })
}

pub(crate) fn with_methods(methods: &[Value]) -> Play {
    let mut api = bare("api");
    api["contract"]["unknown_operations"] = json!("pass");
    api["identity"] = json!({"methods": methods, "required": true, "anonymous": [], "strip_credential": false});
    Play::new(plan(vec![api]))
}

/// RFC 9449 7.1: the token, and the proof that comes with it.
const RFC_9449_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const RFC_9449_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik\
VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR\
nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE\
QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIj\
oiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z\
WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF\
c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E\
OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";

#[test]
fn the_example_of_rfc_9449_is_accepted_once() {
    let answer = json!({
        "active": true, "sub": "someone@example.com", "iss": "https://server.example.com", "nbf": 1_562_262_611,
        "exp": 1_562_266_216, "cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}
    });
    let text = |scheme: &str| {
        format!(
            "> GET /protectedresource?a=1\n host: resource.example.org\n authorization: {scheme} $token\n dpop: $proof"
        )
    };
    let fresh = || with_methods(&[introspection()]).token("token", RFC_9449_TOKEN).token("proof", RFC_9449_PROOF);
    let mut play = fresh();
    let outcome = ask(&mut play, &text("DPoP"), 1_562_262_618, &answer);
    assert_eq!(outcome.told, "pass - subject:someone@example.com");
    assert_eq!(outcome.record.identity.unwrap().bound, Some(Binding::Dpop));
    assert_eq!(ask(&mut play, &text("DPoP"), 1_562_262_619, &answer).told, "401 identity.proof_replayed");
    // Its time, its method, its place.
    assert_eq!(ask(&mut fresh(), &text("DPoP"), 1_562_262_587, &answer).told, "401 identity.dpop_proof");
    assert_eq!(ask(&mut fresh(), &text("DPoP"), 1_562_262_709, &answer).told, "401 identity.dpop_proof");
    assert_eq!(ask(&mut fresh(), &text("Bearer"), 1_562_262_618, &answer).told, "401 identity.token_bound");
    for (from, to) in [("GET", "HEAD"), ("/protectedresource", "/other"), ("resource.example", "evil.example")] {
        let told = ask(&mut fresh(), &text("DPoP").replacen(from, to, 1), 1_562_262_618, &answer).told;
        assert_eq!(told, "401 identity.dpop_proof", "{to}");
    }
    let mut without = answer.clone();
    without.as_object_mut().unwrap().remove("cnf");
    assert_eq!(ask(&mut fresh(), &text("DPoP"), 1_562_262_618, &without).told, "401 identity.token_bound");
}

/// A proof by `holder`, as `change` has changed header and claims.
fn proof(holder: &Issuer, token: &str, change: impl FnOnce(&mut Value, &mut Value)) -> String {
    let mut key = holder.jwk();
    key.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "kid" | "use"));
    let mut header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key});
    let hash = b64(digest::digest(&digest::SHA256, token.as_bytes()));
    let url = "https://api.example/orders/7";
    let mut claims = json!({"jti": "p-1", "htm": "GET", "htu": url, "iat": START, "ath": hash});
    change(&mut header, &mut claims);
    holder.sign_raw(&header.to_string(), &claims.to_string())
}

fn thumbprint(holder: &Issuer) -> String {
    let key = holder.jwk();
    let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, key["x"], key["y"]);
    b64(digest::digest(&digest::SHA256, text.as_bytes()))
}

fn told(change: impl FnOnce(&mut Value, &mut Value)) -> String {
    let (issuer, holder) = (Issuer::new("key-1"), Issuer::new("holder"));
    let mut claims = claims("alice", &[]);
    claims["cnf"] = json!({"jkt": thumbprint(&holder)});
    let token = issuer.sign(&claims);
    let proof = proof(&holder, &token, change);
    let mut play = Play::new(plan(vec![shop(vec![issuer.jwk()])])).token("t", token).token("proof", proof);
    play.ask("> GET /orders/7\n authorization: DPoP $t\n dpop: $proof").told
}

#[test]
fn a_proof_is_for_one_request_one_token_and_one_moment() {
    assert_eq!(told(|_, _| {}), "pass getOrder subject:alice");
    assert_eq!(
        told(|_, claims| claims["htu"] = json!("HTTPS://API.example:443/orders/7?x=1#f")),
        "pass getOrder subject:alice"
    );
    assert_eq!(told(|_, claims| claims["iat"] = json!(START - 89)), "pass getOrder subject:alice");
    type Change<'a> = &'a dyn Fn(&mut Value, &mut Value);
    let bad: [Change<'_>; 18] = [
        &|_, claims| claims["htm"] = json!("POST"),
        &|_, claims| claims["htm"] = json!("get"),
        &|_, claims| claims["htu"] = json!("http://api.example/orders/7"),
        &|_, claims| claims["htu"] = json!("https://api.example:8443/orders/7"),
        &|_, claims| claims["htu"] = json!("https://api.example/orders/8"),
        &|_, claims| claims["htu"] = json!("/orders/7"),
        &|_, claims| claims["ath"] = json!("x"),
        &|_, claims| drop(claims.as_object_mut().unwrap().remove("ath")),
        &|_, claims| drop(claims.as_object_mut().unwrap().remove("jti")),
        &|_, claims| claims["jti"] = json!("x".repeat(257)),
        &|_, claims| claims["iat"] = json!(START - 91),
        &|_, claims| claims["iat"] = json!(START + 31),
        &|_, claims| claims["iat"] = json!("now"),
        &|header, _| header["typ"] = json!("JWT"),
        &|header, _| header["alg"] = json!("none"),
        &|header, _| header["alg"] = json!("HS256"),
        &|header, _| header["crit"] = json!([]),
        &|header, _| header["jwk"]["d"] = json!("AAAA"),
    ];
    for (place, change) in bad.iter().enumerate() {
        assert_eq!(told(change), "401 identity.dpop_proof", "{place}");
    }
    let other = Issuer::new("other");
    assert_eq!(told(|header, _| header["jwk"] = other.jwk()), "401 identity.dpop_proof");
}

#[test]
fn a_proof_by_another_key_or_none_at_all_is_refused_with_its_own_challenge() {
    let (issuer, holder, thief) = (Issuer::new("key-1"), Issuer::new("holder"), Issuer::new("thief"));
    let mut claims = claims("alice", &[]);
    claims["cnf"] = json!({"jkt": thumbprint(&holder)});
    let token = issuer.sign(&claims);
    let stolen = proof(&thief, &token, |_, _| {});
    let good = proof(&holder, &token, |_, _| {});
    let mut play =
        Play::new(plan(vec![shop(vec![issuer.jwk()])])).token("t", token).token("stolen", stolen).token("good", good);
    play.runs(
        "
        > GET /orders/7
          authorization: DPoP $t
          dpop: $stolen
        < 401 identity.dpop_proof
        > GET /orders/7
          authorization: DPoP $t
          dpop: $good
          dpop: $good
        < 401 identity.dpop_proof
        > GET /orders/7
          authorization: DPoP $t
          dpop: a.b.c
        < 401 identity.dpop_proof
        ",
    );
    let refusal = play.ask("> GET /orders/7\n authorization: DPoP $t").refused.unwrap().refusal;
    assert_eq!(refusal.reason.code, "identity.dpop_proof");
    assert!(refusal.challenge.unwrap().starts_with("DPoP realm=\"shop\", error=\"invalid_dpop_proof\", algs=\"ES256"));
}

#[test]
fn tokens_may_have_to_be_bound() {
    let issuer = Issuer::new("key-1");
    let mut api = shop(vec![issuer.jwk()]);
    api["identity"]["methods"][0]["binding"] = json!({"required": true, "proof_s": 60});
    let mut play = Play::new(plan(vec![api])).token("t", issuer.sign(&claims("alice", &[])));
    assert_eq!(play.ask("> GET /orders/7\n authorization: Bearer $t").told, "401 identity.token_bound");
}

/// RFC 8705 appendix A; and 3.1, which writes its example with bits behind the last byte.
#[test]
fn the_examples_of_rfc_8705_are_accepted() {
    let der = STANDARD.decode("MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=").unwrap();
    let of_der: [u8; 32] = digest::digest(&digest::SHA256, &der).as_ref().try_into().unwrap();
    let lenient = base64::engine::GeneralPurpose::new(
        &base64::alphabet::URL_SAFE,
        base64::engine::general_purpose::NO_PAD.with_decode_allow_trailing_bits(true),
    );
    let second = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";
    let of_second: [u8; 32] = lenient.decode(second).unwrap().try_into().unwrap();
    for (told, sha256) in [("A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0", of_der), (second, of_second)] {
        let issuer = Issuer::new("key-1");
        let mut claims = claims("ty.webb@example.com", &[]);
        claims["cnf"] = json!({"x5t#S256": told});
        let mut play = Play::new(plan(vec![shop(vec![issuer.jwk()])])).token("t", issuer.sign(&claims));
        let text = "> GET /orders/7\n authorization: Bearer $t";
        assert_eq!(play.ask(text).told, "401 identity.token_bound");
        play.certificate = Some(Arc::new(ClientCertificate { sha256, ..ClientCertificate::default() }));
        assert_eq!(play.ask(text).told, "pass getOrder subject:ty.webb@example.com");
    }
}

#[test]
fn certificates_are_known_by_spiffe_id_name_or_subject() {
    let method = |subject: &str, names: &[&str]| {
        let callers =
            if names.is_empty() { json!([]) } else { json!([{"names": names, "roles": ["robot"], "scopes": []}]) };
        json!({"kind": "certificate", "name": "certificate", "subject": subject, "callers": callers})
    };
    let told = |method: Value, change: &dyn Fn(&mut ClientCertificate)| {
        let mut shown = ClientCertificate {
            sha256: [7; 32],
            subject: "CN=billing,O=Example".to_owned(),
            uris: vec!["spiffe://example.org/ns/shop/sa/billing".to_owned()],
            dns_names: vec!["billing.example.org".to_owned()],
            not_after: Timestamp::from_seconds(START + 60),
            ..ClientCertificate::default()
        };
        change(&mut shown);
        let mut play = with_methods(&[method]);
        play.certificate = Some(Arc::new(shown));
        play.ask("> GET /a").told
    };
    let same = |_: &mut ClientCertificate| {};
    let id = "spiffe://example.org/ns/shop/sa/billing";
    assert_eq!(told(method("spiffe", &["spiffe://example.org/ns/shop/**"]), &same), format!("pass - subject:{id}"));
    assert_eq!(
        told(method("spiffe", &["spiffe://example.org/ns/*/sa/billing"]), &same),
        format!("pass - subject:{id}")
    );
    assert_eq!(told(method("dns", &["*.example.org"]), &same), "pass - subject:billing.example.org");
    assert_eq!(told(method("subject", &[]), &same), "pass - subject:CN=billing,O=Example");
    for (name, change) in [
        ("spiffe://example.com/**", &same as &dyn Fn(&mut ClientCertificate)),
        ("spiffe://example.org/ns/shop", &same),
        ("spiffe://example.org/**", &|shown| shown.uris.push("https://example.org".to_owned())),
        ("spiffe://example.org/**", &|shown| shown.uris = vec!["spiffe://example.org/a/../b".to_owned()]),
        ("spiffe://example.org/**", &|shown| shown.not_after = Timestamp::from_seconds(START)),
    ] {
        assert_eq!(told(method("spiffe", &[name]), change), "401 identity.certificate_holder", "{name}");
    }
    assert_eq!(with_methods(&[method("subject", &[])]).ask("> GET /a").told, "401 identity.missing");
}

#[test]
fn the_upstream_is_told_who_calls_and_by_nobody_else() {
    let issuer = Issuer::new("key-1");
    let mut api = shop(vec![issuer.jwk()]);
    api["identity"]["methods"][0]["claims"] = json!(["tenant"]);
    api["identity"]["hand_on"] = json!({
        "headers": {"x-user": "subject", "x-roles": "roles", "x-tenant": "claim:tenant", "x-key": "key"},
        "signed": {
            "header": "authorization", "algorithm": "EdDSA", "key": "07".repeat(32), "key_id": "k1",
            "issuer": "stockade", "audience": "shop", "lifetime_s": 60
        }
    });
    let mut claims = claims("alice\u{e9}", &["a,b", "c"]);
    claims["tenant"] = json!("t 1");
    let mut play = Play::new(plan(vec![api])).token("t", issuer.sign(&claims));
    let forged = " x-user: root\n x_user: root\n X-Roles: admin\n x-tenant: other\n x-other: kept";
    let told = |outcome: Outcome| {
        let cleared = outcome.cleared.unwrap();
        let fields: Vec<(String, String)> = cleared
            .request()
            .headers
            .iter()
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        fields
    };
    let fields = told(play.ask(&format!("> GET /orders/7\n authorization: Bearer $t\n{forged}")));
    let value = |name: &str| {
        let all: Vec<&str> =
            fields.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
        assert_eq!(all.len(), 1, "{name}: {all:?}");
        all[0].to_owned()
    };
    assert_eq!(value("x-user"), "alice%C3%A9");
    assert_eq!(value("x-roles"), "a%2Cb,c");
    assert_eq!(value("x-tenant"), "t%201");
    assert_eq!(value("x-other"), "kept");
    assert!(!fields.iter().any(|(name, _)| name == "x_user"));

    let token = value("authorization").strip_prefix("Bearer ").unwrap().to_owned();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public =
        aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, pair.public_key().as_ref());
    let decode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap();
    public.verify(signed.as_bytes(), &decode(signature)).unwrap();
    let claims: Value = serde_json::from_slice(&decode(signed.split_once('.').unwrap().1)).unwrap();
    assert_eq!(claims["sub"], "alice\u{e9}");
    assert_eq!(claims["aud"], "shop");
    assert_eq!(claims["exp"], START + 60);
    assert_eq!(claims["tenant"], "t 1");

    let anonymous = told(play.ask(&format!("> GET /products\n{forged}")));
    let names: Vec<&str> = anonymous.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-other"]);
}
