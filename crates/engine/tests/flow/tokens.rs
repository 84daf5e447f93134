//! Attacks on bearer tokens, each by its name, and the tokens that must pass.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::play::plan::{plan, shop};
use crate::play::token::{Issuer, b64, claims};
use crate::play::{Play, START};

const HEADER: &str = r#"{"alg":"ES256","typ":"JWT","kid":"key-1"}"#;

fn good() -> String {
    claims("alice", &[]).to_string()
}

/// What a token comes to: `pass`, or the reason.
fn verdict(keys: Vec<Value>, algorithms: &[&str], token: &str) -> String {
    let mut api = shop(keys);
    api["identity"]["methods"][0]["algorithms"] = json!(algorithms);
    let mut play = Play::new(plan(vec![api])).token("t", token);
    play.ask("> GET /orders/7\n authorization: Bearer $t").told
}

fn of(issuer: &Issuer, token: &str) -> String {
    verdict(vec![issuer.jwk()], &["ES256"], token)
}

fn header(header: &str) -> String {
    let issuer = Issuer::new("key-1");
    of(&issuer, &issuer.sign_raw(header, &good()))
}

fn with_claims(change: impl FnOnce(&mut Value)) -> String {
    let issuer = Issuer::new("key-1");
    let mut claims = claims("alice", &[]);
    change(&mut claims);
    of(&issuer, &issuer.sign(&claims))
}

static RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap());

fn rsa_jwk(pair: &RsaKeyPair) -> Value {
    let public = aws_lc_rs::rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    json!({"kty": "RSA", "kid": "rsa-1", "n": b64(public.n), "e": b64(public.e)})
}

fn signed_by_rsa(algorithm: &str, padding: &'static dyn signature::RsaEncoding) -> String {
    let signed = format!("{}.{}", b64(json!({"alg": algorithm, "kid": "rsa-1"}).to_string()), b64(good()));
    let mut signature = vec![0; RSA.public_modulus_len()];
    RSA.sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", b64(signature))
}

fn signed_by_hmac(algorithm: &str, hash: hmac::Algorithm, secret: &[u8]) -> String {
    let signed = format!("{}.{}", b64(json!({"alg": algorithm}).to_string()), b64(good()));
    let tag = hmac::sign(&hmac::Key::new(hash, secret), signed.as_bytes());
    format!("{signed}.{}", b64(tag))
}

#[test]
fn every_algorithm_verifies_its_own_tokens() {
    for (name, padding) in [
        ("RS256", &signature::RSA_PKCS1_SHA256 as &'static dyn signature::RsaEncoding),
        ("RS384", &signature::RSA_PKCS1_SHA384),
        ("RS512", &signature::RSA_PKCS1_SHA512),
        ("PS256", &signature::RSA_PSS_SHA256),
        ("PS384", &signature::RSA_PSS_SHA384),
        ("PS512", &signature::RSA_PSS_SHA512),
    ] {
        let told = verdict(vec![rsa_jwk(&RSA)], &[name], &signed_by_rsa(name, padding));
        assert_eq!(told, "pass getOrder subject:alice", "{name}");
    }
    for (name, hash) in [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)] {
        let key = json!({"kty": "oct", "k": b64([7; 64])});
        assert_eq!(verdict(vec![key], &[name], &signed_by_hmac(name, hash, &[7; 64])), "pass getOrder subject:alice");
    }
    let issuer = Issuer::new("key-1");
    assert_eq!(of(&issuer, &issuer.sign_raw(HEADER, &good())), "pass getOrder subject:alice");

    let pair = EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let key = json!({"kty": "EC", "crv": "P-384", "x": b64(&point[1..49]), "y": b64(&point[49..97])});
    let signed = format!("{}.{}", b64(r#"{"alg":"ES384"}"#), b64(good()));
    let token = format!("{signed}.{}", b64(pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap()));
    assert_eq!(verdict(vec![key], &["ES384"], &token), "pass getOrder subject:alice");

    let pair = Ed25519KeyPair::generate().unwrap();
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": b64(pair.public_key().as_ref())});
    let signed = format!("{}.{}", b64(r#"{"alg":"EdDSA"}"#), b64(good()));
    let token = format!("{signed}.{}", b64(pair.sign(signed.as_bytes())));
    assert_eq!(verdict(vec![key], &["EdDSA"], &token), "pass getOrder subject:alice");
}

#[test]
fn alg_none_is_refused_in_any_spelling() {
    let issuer = Issuer::new("key-1");
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let token = format!("{}.{}.", b64(json!({"alg": name}).to_string()), b64(good()));
        assert_eq!(of(&issuer, &token), "401 identity.token_algorithm", "{name}");
    }
}

#[test]
fn a_token_without_signature_is_refused() {
    let issuer = Issuer::new("key-1");
    let token = issuer.sign_raw(HEADER, &good());
    let (signed, _) = token.rsplit_once('.').unwrap();
    assert_eq!(of(&issuer, &format!("{signed}.")), "401 identity.token_signature");
    assert_eq!(of(&issuer, signed), "401 identity.token_malformed");
}

#[test]
fn a_public_rsa_key_is_never_an_hmac_secret() {
    let key = rsa_jwk(&RSA);
    for secret in [key["n"].as_str().unwrap().as_bytes().to_vec(), key.to_string().into_bytes()] {
        let token = signed_by_hmac("HS256", hmac::HMAC_SHA256, &secret);
        assert_eq!(verdict(vec![key.clone()], &["RS256"], &token), "401 identity.token_algorithm");
        let secrets = json!({"kty": "oct", "kid": "other", "k": b64([9; 32])});
        let told = verdict(vec![key.clone(), secrets], &["RS256", "HS256"], &token);
        assert_eq!(told, "401 identity.token_signature");
    }
}

#[test]
fn an_algorithm_that_is_not_listed_is_refused() {
    let token = signed_by_rsa("RS512", &signature::RSA_PKCS1_SHA512);
    assert_eq!(verdict(vec![rsa_jwk(&RSA)], &["RS256"], &token), "401 identity.token_algorithm");
    assert_eq!(header(r#"{"alg":"es256"}"#), "401 identity.token_algorithm");
    assert_eq!(header(r#"{"typ":"JWT"}"#), "401 identity.token_algorithm");
    assert_eq!(header(r#"{"alg":["ES256"]}"#), "401 identity.token_algorithm");
}

#[test]
fn a_key_is_only_used_for_the_algorithm_it_names() {
    let mut key = rsa_jwk(&RSA);
    key["alg"] = json!("PS256");
    let token = signed_by_rsa("RS256", &signature::RSA_PKCS1_SHA256);
    assert_eq!(verdict(vec![key], &["RS256", "PS256"], &token), "401 identity.token_unknown_key");
}

#[test]
fn ecdsa_signatures_of_zeros_are_refused() {
    let issuer = Issuer::new("key-1");
    let signed = format!("{}.{}", b64(HEADER), b64(good()));
    for signature in [vec![0; 64], vec![0; 0], vec![0; 63], vec![0xff; 64]] {
        assert_eq!(of(&issuer, &format!("{signed}.{}", b64(signature))), "401 identity.token_signature");
    }
}

#[test]
fn a_signature_in_asn1_form_is_refused() {
    let issuer = Issuer::new("key-1");
    let der = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let point = der.public_key().as_ref();
    let key = json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..65])});
    let signed = format!("{}.{}", b64(r#"{"alg":"ES256"}"#), b64(good()));
    let token = format!("{signed}.{}", b64(der.sign(&SystemRandom::new(), signed.as_bytes()).unwrap()));
    assert_eq!(verdict(vec![key, issuer.jwk()], &["ES256"], &token), "401 identity.token_signature");
}

#[test]
fn changed_claims_or_header_are_refused() {
    let issuer = Issuer::new("key-1");
    let token = issuer.sign_raw(HEADER, &good());
    let parts: Vec<&str> = token.split('.').collect();
    let root = b64(claims("root", &["admin"]).to_string());
    assert_eq!(of(&issuer, &format!("{}.{root}.{}", parts[0], parts[2])), "401 identity.token_signature");
    let other = b64(r#"{"alg":"ES256","kid":"key-1"}"#);
    assert_eq!(of(&issuer, &format!("{other}.{}.{}", parts[1], parts[2])), "401 identity.token_signature");
}

#[test]
fn another_issuers_key_is_refused() {
    let (ours, theirs) = (Issuer::new("key-1"), Issuer::new("key-1"));
    assert_eq!(of(&ours, &theirs.sign_raw(HEADER, &good())), "401 identity.token_signature");
}

#[test]
fn keys_are_chosen_by_kid() {
    let (one, other) = (Issuer::new("key-1"), Issuer::new("key-2"));
    let keys = vec![one.jwk(), other.jwk()];
    let token = other.sign_raw(HEADER, &good());
    assert_eq!(verdict(keys.clone(), &["ES256"], &token), "401 identity.token_signature");
    let token = other.sign_raw(r#"{"alg":"ES256","kid":"key-2"}"#, &good());
    assert_eq!(verdict(keys.clone(), &["ES256"], &token), "pass getOrder subject:alice");
    let token = other.sign_raw(r#"{"alg":"ES256"}"#, &good());
    assert_eq!(verdict(keys.clone(), &["ES256"], &token), "pass getOrder subject:alice");
    let token = one.sign_raw(r#"{"alg":"ES256","kid":"../../dev/null"}"#, &good());
    assert_eq!(verdict(keys, &["ES256"], &token), "401 identity.token_unknown_key");
}

#[test]
fn at_most_eight_keys_are_tried() {
    let issuers: Vec<Issuer> = (0..9).map(|_| Issuer::new("x")).collect();
    let keys: Vec<Value> = issuers.iter().map(Issuer::jwk).collect();
    let token = |issuer: &Issuer| issuer.sign_raw(r#"{"alg":"ES256"}"#, &good());
    assert_eq!(verdict(keys.clone(), &["ES256"], &token(&issuers[7])), "pass getOrder subject:alice");
    assert_eq!(verdict(keys, &["ES256"], &token(&issuers[8])), "401 identity.token_signature");
}

#[test]
fn keys_in_the_token_are_neither_used_nor_fetched() {
    let (ours, theirs) = (Issuer::new("key-1"), Issuer::new("evil"));
    for extra in [
        json!({"alg": "ES256", "kid": "evil", "jwk": theirs.jwk()}),
        json!({"alg": "ES256", "kid": "evil", "jku": "http://127.0.0.1:1/keys"}),
        json!({"alg": "ES256", "kid": "evil", "x5u": "http://127.0.0.1:1/chain", "x5c": ["AAAA"]}),
    ] {
        assert_eq!(of(&ours, &theirs.sign_raw(&extra.to_string(), &good())), "401 identity.token_unknown_key");
    }
    let ignored = json!({"alg": "ES256", "kid": "key-1", "jku": "http://127.0.0.1:1/keys", "jwk": theirs.jwk()});
    assert_eq!(of(&ours, &ours.sign_raw(&ignored.to_string(), &good())), "pass getOrder subject:alice");
}

#[test]
fn critical_extensions_and_unencoded_payloads_are_refused() {
    assert_eq!(header(r#"{"alg":"ES256","crit":["exp"]}"#), "401 identity.token_malformed");
    assert_eq!(header(r#"{"alg":"ES256","crit":[]}"#), "401 identity.token_malformed");
    assert_eq!(header(r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#), "401 identity.token_malformed");
    assert_eq!(header(r#"{"alg":"ES256","b64":false}"#), "401 identity.token_malformed");
    assert_eq!(header(r#"{"alg":"ES256","b64":0}"#), "401 identity.token_malformed");
}

#[test]
fn keys_that_come_twice_are_refused() {
    let issuer = Issuer::new("key-1");
    assert_eq!(header(r#"{"alg":"none","alg":"ES256"}"#), "401 identity.token_malformed");
    assert_eq!(header(r#"{"alg":"ES256","kid":"a","\u006bid":"key-1"}"#), "401 identity.token_malformed");
    let twice = good().replacen('{', r#"{"sub":"root","#, 1);
    assert_eq!(of(&issuer, &issuer.sign_raw(HEADER, &twice)), "401 identity.token_malformed");
}

#[test]
fn base64_is_strict() {
    let issuer = Issuer::new("key-1");
    let token = issuer.sign_raw(HEADER, &good());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for bad in [
        format!("{token}="),
        format!("{signed}=.{signature}"),
        format!("{signed}.{signature}\n"),
        format!("{signed}.{}+/", &signature[..signature.len() - 2]),
        format!(" {signed}. {signature}"),
        format!("{token}."),
        format!("{token}.x"),
        format!(".{token}"),
        "..".to_owned(),
        String::new(),
        ".".repeat(5000),
    ] {
        let told = of(&issuer, &bad);
        // The transport may trim; what is left must be refused or be the very token.
        assert!(told.starts_with("401 identity.token_") || bad.trim() == token, "{bad}: {told}");
    }
    // The last character of a 64-byte signature carries two unused bits: only one spelling is good.
    let last = signature.chars().last().unwrap();
    let respelled: Vec<String> = "BCDEFHIJ".chars().map(|end| format!("{signed}.{}{end}", &signature[..85])).collect();
    assert!(respelled.iter().all(|token| token.ends_with(last) || of(&issuer, token).starts_with("401")));
}

#[test]
fn five_part_tokens_and_other_purposes_are_refused() {
    let issuer = Issuer::new("key-1");
    assert_eq!(of(&issuer, "a.b.c.d.e"), "401 identity.token_malformed");
    for kind in ["logout+jwt", "dpop+jwt", "JWE", "id+token"] {
        assert_eq!(header(&json!({"alg": "ES256", "typ": kind}).to_string()), "401 identity.token_malformed");
    }
    for kind in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        assert_eq!(header(&json!({"alg": "ES256", "typ": kind}).to_string()), "pass getOrder subject:alice");
    }
}

#[test]
fn huge_and_deep_tokens_are_refused() {
    let issuer = Issuer::new("key-1");
    let deep = format!("{{\"alg\":\"ES256\",\"x\":{}{}}}", "[".repeat(900), "]".repeat(900));
    assert_eq!(header(&deep), "401 identity.token_malformed");
    let mut claims = claims("alice", &[]);
    claims["x"] = json!("x".repeat(20_000));
    assert_eq!(of(&issuer, &issuer.sign(&claims)), "401 identity.token_malformed");
    let wide = json!({"alg": "ES256", "x": "x".repeat(4000)}).to_string();
    assert_eq!(header(&wide), "401 identity.token_malformed");
}

#[test]
fn payloads_that_are_no_objects_are_refused() {
    let issuer = Issuer::new("key-1");
    for payload in ["", "null", "[]", "\"a\"", "{", "{}x", "\u{feff}{}"] {
        assert_eq!(of(&issuer, &issuer.sign_raw(HEADER, payload)), "401 identity.token_malformed", "{payload}");
    }
}

#[test]
fn times_are_checked_with_the_skew() {
    assert_eq!(with_claims(|claims| claims["exp"] = json!(START - 29)), "pass getOrder subject:alice");
    assert_eq!(with_claims(|claims| claims["exp"] = json!(START - 30)), "401 identity.token_expired");
    assert_eq!(with_claims(|claims| claims["exp"] = json!(-1)), "401 identity.token_expired");
    assert_eq!(with_claims(|claims| claims["exp"] = json!(0.5)), "401 identity.token_expired");
    assert_eq!(with_claims(|claims| claims["exp"] = json!("9999999999")), "401 identity.token_claim");
    assert_eq!(with_claims(|claims| claims["exp"] = json!(true)), "401 identity.token_claim");
    assert_eq!(with_claims(|claims| claims["exp"] = json!(1e30)), "pass getOrder subject:alice");
    assert_eq!(with_claims(|claims| claims["nbf"] = json!(START + 30)), "pass getOrder subject:alice");
    assert_eq!(with_claims(|claims| claims["nbf"] = json!(START + 31)), "401 identity.token_not_yet_valid");
    assert_eq!(with_claims(|claims| claims["iat"] = json!(START + 31)), "401 identity.token_not_yet_valid");
    let gone = with_claims(|claims| drop(claims.as_object_mut().unwrap().remove("exp")));
    assert_eq!(gone, "401 identity.token_claim");
}

#[test]
fn issuer_and_audience_are_checked() {
    assert_eq!(with_claims(|claims| claims["iss"] = json!("https://evil.example")), "401 identity.token_claim");
    assert_eq!(with_claims(|claims| claims["iss"] = json!("https://id.example/")), "401 identity.token_claim");
    assert_eq!(with_claims(|claims| claims["iss"] = json!(["https://id.example"])), "401 identity.token_claim");
    assert_eq!(with_claims(|claims| claims["aud"] = json!("other")), "401 identity.token_claim");
    assert_eq!(with_claims(|claims| claims["aud"] = json!(["other", "shop"])), "pass getOrder subject:alice");
    assert_eq!(with_claims(|claims| claims["aud"] = json!([["shop"]])), "401 identity.token_claim");
    assert_eq!(with_claims(|claims| claims["aud"] = Value::Null), "401 identity.token_claim");
    assert_eq!(with_claims(|claims| claims["sub"] = json!(7)), "401 identity.token_claim");
}

#[test]
fn a_remembered_token_is_not_good_for_longer_or_under_other_keys() {
    let issuer = Issuer::new("key-1");
    let token = issuer.sign(&claims("alice", &[]));
    let mut play = Play::new(plan(vec![shop(vec![issuer.jwk()])])).token("t", token.clone());
    let text = "> GET /orders/7\n authorization: Bearer $t";
    assert_eq!(play.ask(text).told, "pass getOrder subject:alice");
    assert_eq!(play.ask(text).told, "pass getOrder subject:alice");
    assert_eq!(play.ask(&text.replace("/7", "/7 at 3631")).told, "401 identity.token_expired");
    // The same state under a plan with other keys, as after a reload.
    let mut other = Play::new(plan(vec![shop(vec![Issuer::new("key-1").jwk()])])).token("t", token);
    std::mem::swap(&mut other.state, &mut play.state);
    assert_eq!(other.ask(text).told, "401 identity.token_signature");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_token_makes_the_parser_panic_or_passes_unsigned(
        header in "[ -~]{0,40}", payload in "[ -~]{0,40}", tail in "[A-Za-z0-9_.=-]{0,90}",
    ) {
        let issuer = Issuer::new("key-1");
        for token in [format!("{}.{}.{tail}", b64(&header), b64(&payload)), tail.clone(), format!("{header}{tail}")] {
            prop_assert!(of(&issuer, token.trim()).starts_with("401"), "{token}");
        }
    }
}
