//! Several methods: in order, by route, with an explicit anonymous; keys that overlap, passwords, sessions by cookie.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stockade_engine::{Admitted, LookUp, LookedUp, Wanted};

use crate::play::plan::{plan, sha256, shop};
use crate::play::token::{Issuer, claims};
use crate::play::{Play, START};

/// Of "open sesame".
const HASH: &str = "$argon2id$v=19$m=7168,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$W8rcgVak+3K9G3HA4bISPSh6Ju39OiQbLtbcMZ1QtPM";

fn key(id: &str, secret: &str) -> Value {
    json!({"id": id, "sha256": sha256(secret), "subject": id, "roles": [], "scopes": [], "expires_at": null})
}

fn basic() -> Value {
    let user = |user: &str| json!({"user": user, "argon2id": HASH, "subject": user, "roles": ["reader"], "scopes": []});
    json!({"kind": "basic", "name": "basic", "users": [user("ali"), user("baba")], "remember_ms": 60_000, "wait_ms": 1000})
}

fn with(change: impl FnOnce(&mut Value)) -> Play {
    let issuer = Issuer::new("key-1");
    let mut api = shop(vec![issuer.jwk()]);
    change(&mut api["identity"]);
    let login = |text: &str| format!("Basic {}", STANDARD.encode(text));
    Play::new(plan(vec![api]))
        .token("alice", issuer.sign(&claims("alice", &[])))
        .token("good", login("ali:open sesame"))
        .token("wrong", login("ali:open barley"))
        .token("nobody", login("nobody:open sesame"))
        .token("odd", "Basic !")
}

#[test]
fn a_route_has_methods_of_its_own_and_says_who_may_be_anonymous() {
    let select = |paths: &[&str]| json!([{"operations": [], "tags": [], "methods": [], "paths": paths}]);
    with(|identity| {
        identity["routes"] = json!([
            {"select": select(&["/orders"]), "methods": ["partner"], "anonymous": false},
            {"select": select(&["/orders/*"]), "methods": ["partner", "jwt"], "anonymous": true},
            {"select": [{"operations": ["listProducts"], "tags": [], "methods": [], "paths": []}],
             "methods": ["jwt"], "anonymous": false},
        ]);
    })
    .runs(
        "
        > POST /orders
          authorization: Bearer $alice
        < 401 identity.missing
        > GET /orders/7
        < pass getOrder address:192.0.2.1
        > GET /orders/7
          authorization: Bearer $alice
        < pass getOrder subject:alice
        > GET /orders/7
          authorization: Bearer $alice
          x-api-key: secret-1
        < pass getOrder subject:partner
        > GET /orders/7
          authorization: Bearer x.y.z
        < 401 identity.token_malformed
        > GET /products
        < 401 identity.missing
        > GET /products
          x-api-key: secret-1
        < 401 identity.missing
        > GET /products
          authorization: Bearer $alice
        < pass listProducts subject:alice
        > DELETE /admin/users/9
          x-api-key: secret-1
        < 403 access.denied
        ",
    );
}

#[test]
fn a_refusal_names_the_route_and_offers_its_methods_alone() {
    let mut play = with(|identity| {
        identity["routes"] = json!([{
            "select": [{"operations": [], "tags": [], "methods": [], "paths": ["/orders/*"]}],
            "methods": ["partner"], "anonymous": false
        }]);
    });
    let refusal = play.ask("> GET /orders/7").refused.unwrap().refusal;
    assert_eq!(refusal.setting, "apis.shop.identity.routes[0]");
    assert_eq!(refusal.challenge.as_deref(), Some("ApiKey realm=\"shop\""));
    assert!(refusal.detail.contains("x-api-key"), "{}", refusal.detail);
}

#[test]
fn methods_that_share_a_place_take_what_is_theirs() {
    let (ours, theirs) = (Issuer::new("key-1"), Issuer::new("key-1"));
    let mut api = shop(vec![ours.jwk()]);
    let mut other = api["identity"]["methods"][0].clone();
    other["name"] = json!("staff");
    other["issuers"] = json!(["https://staff.example"]);
    other["keys"] = json!({"keys": [theirs.jwk()]});
    let keys = |name: &str, prefix: &str, secret: &str| {
        json!({"kind": "api_key", "name": name, "place": "header", "parameter": "x-api-key", "prefix": prefix,
               "keys": [key(name, secret)]})
    };
    api["identity"]["methods"] =
        json!([api["identity"]["methods"][0], other, keys("live", "live_", "live_1"), keys("test", "test_", "test_1")]);
    let mut staff = claims("bob", &[]);
    staff["iss"] = json!("https://staff.example");
    Play::new(plan(vec![api]))
        .token("alice", ours.sign(&claims("alice", &[])))
        .token("bob", theirs.sign(&staff))
        .token("forged", ours.sign(&staff))
        .runs(
            "
            > GET /orders/7
              authorization: Bearer $alice
            < pass getOrder subject:alice
            > GET /orders/7
              authorization: Bearer $bob
            < pass getOrder subject:bob
            > GET /orders/7
              authorization: Bearer $forged
            < 401 identity.token_signature
            > GET /orders/7
              authorization: Bearer opaque
            < 401 identity.token_malformed
            > GET /orders/7
              x-api-key: live_1
            < pass getOrder subject:live
            > GET /orders/7
              x-api-key: test_1
            < pass getOrder subject:test
            > GET /orders/7
              x-api-key: other_1
            < 401 identity.unknown_api_key
            ",
        );
}

#[test]
fn a_token_may_come_in_a_cookie() {
    let mut play = with(|identity| identity["methods"][0]["cookie"] = json!("session"));
    play.runs(
        "
        > GET /orders/7
          cookie: a=b; session=$alice
        < pass getOrder subject:alice
        > GET /orders/7
          cookie: session=$alice; session=x
        < 401 identity.ambiguous
        > GET /orders/7
          authorization: Bearer $alice
        < 401 identity.missing
        ",
    );
    let stripped = with(|identity| {
        identity["methods"][0]["cookie"] = json!("session");
        identity["strip_credential"] = json!(true);
    })
    .ask("> GET /orders/7\n cookie: a=b; session=$alice");
    assert_eq!(stripped.cleared.unwrap().request().headers.get("cookie"), Some(&b"a=b"[..]));
}

#[test]
fn the_key_before_goes_on_until_its_end() {
    let mut play = with(|identity| {
        let mut entry = key("partner-1", "new-secret");
        entry["previous"] = json!({"sha256": sha256("old-secret"), "expires_at": (START + 10) * 1_000_000});
        identity["methods"][1]["keys"] = json!([entry]);
    });
    play.runs(
        "
        > GET /orders/7
          x-api-key: old-secret
        < pass getOrder subject:partner-1
        > GET /orders/7
          x-api-key: new-secret
        < pass getOrder subject:partner-1
        > GET /orders/7 at 10
          x-api-key: old-secret
        < 401 identity.api_key_expired
        > GET /orders/7
          x-api-key: new-secret
        < pass getOrder subject:partner-1
        ",
    );
}

#[test]
fn a_password_is_checked_once_and_remembered_for_a_while() {
    let mut play = with(|identity| identity["methods"] = json!([basic()]));
    play.runs(
        "
        > GET /orders/7
          authorization: $good
        < pass getOrder subject:ali
        > GET /orders/7
          authorization: $wrong
        < 401 identity.wrong_password
        > GET /orders/7
          authorization: $nobody
        < 401 identity.wrong_password
        > GET /orders/7
          authorization: $odd
        < 401 identity.basic_malformed
        > GET /orders/7
          authorization: Bearer $alice
        < 401 identity.missing
        ",
    );
    let head = |play: &mut Play, name: &str| {
        let (request, _) = play.request(&format!("> GET /orders/7\n authorization: ${name}"));
        play.engine.judge_head(&play.state, request, false, play.now()).map_err(|refused| refused.refusal.reason.code)
    };
    assert!(head(&mut play, "good").unwrap().look_up().is_none());
    assert_eq!(head(&mut play, "wrong").unwrap_err(), "identity.wrong_password");
    play.ask("> GET /products at 61");
    let asked = |admitted: &Admitted| {
        matches!(admitted.look_up(), Some(LookUp { wanted: Wanted::Password { .. }, wait_ms: 1000 }))
    };
    assert!(asked(&head(&mut play, "good").unwrap()));
    let unknown = head(&mut play, "nobody").unwrap();
    assert!(asked(&unknown), "an unknown user costs as much as a known one");
    // Nor does a right guess at the decoy make anybody of a user who is not there.
    let judged = play.engine.judge_answer(&play.state, unknown, Some(LookedUp::Password(true)), play.now());
    assert_eq!(judged.unwrap_err().refusal.reason.code, "identity.wrong_password");
}

#[test]
fn what_nobody_could_check_is_under_the_fail_mode() {
    for (mode, told) in [("closed", "503 identity.unavailable"), ("open", "pass getOrder address:192.0.2.1")] {
        let issuer = Issuer::new("key-1");
        let mut api = shop(vec![issuer.jwk()]);
        api["identity"]["methods"] = json!([basic()]);
        api["fail"]["identity"] = json!(mode);
        let login = format!("Basic {}", STANDARD.encode("ali:open sesame"));
        let mut play = Play::new(plan(vec![api])).token("good", login);
        play.silent = true;
        let outcome = play.ask("> GET /orders/7\n authorization: $good");
        assert_eq!(outcome.told, told);
        assert_eq!(outcome.record.failed_open.len(), usize::from(mode == "open"));
    }
}

#[test]
fn the_session_cookie_is_known_by_its_hash() {
    let mut play = with(|identity| identity["session_cookies"] = json!(["sid", "JSESSIONID"]));
    let session =
        |play: &mut Play, cookie: &str| play.ask(&format!("> GET /products\n cookie: {cookie}")).record.session;
    assert_eq!(session(&mut play, "a=b; sid=s-1").as_deref(), Some(&sha256("s-1")[..32]));
    assert_eq!(session(&mut play, "JSESSIONID=s-2").as_deref(), Some(&sha256("s-2")[..32]));
    assert_eq!(session(&mut play, "sid=; other=1"), None);
    let outcome = play.ask("> GET /orders/7\n authorization: Bearer $alice\n cookie: sid=s-1");
    assert_eq!(outcome.record.session.as_deref(), Some(&sha256("s-1")[..32]));
}

#[test]
fn a_key_that_a_fetched_set_lacks_is_asked_for_once_in_a_while() {
    let (old, fresh) = (Issuer::new("old"), Issuer::new("fresh"));
    let mut api = shop(vec![old.jwk()]);
    api["identity"]["methods"][0]["fetched"] = json!({"until": (START + 60) * 1_000_000, "wait_ms": 500});
    let mut play = Play::new(plan(vec![api]))
        .token("old", old.sign(&claims("alice", &[])))
        .token("fresh", fresh.sign(&claims("bob", &[])))
        .token("nameless", fresh.sign_raw(r#"{"alg":"ES256"}"#, &claims("carol", &[]).to_string()));
    let text = |name: &str| format!("> GET /orders/7\n authorization: Bearer ${name}");
    let told = |play: &mut Play, name: &str, wanted: Option<&str>, keys: &Value| {
        let (request, body) = play.request(&text(name));
        let asked = std::cell::Cell::new(false);
        let answer = |look_up: &LookUp| {
            let Wanted::Keys { key, .. } = &look_up.wanted else { panic!("{look_up:?}") };
            assert_eq!((Some(key.as_str()), look_up.wait_ms), (wanted, 500));
            asked.set(true);
            Some(LookedUp::Keys(keys.clone()))
        };
        let told = crate::play::judge_with(&play.engine, &play.state, request, body, play.now(), answer).told;
        assert_eq!(asked.get(), wanted.is_some(), "{name}");
        told
    };
    let (none, all) = (json!({"keys": []}), json!({"keys": [old.jwk(), fresh.jwk()]}));
    assert_eq!(told(&mut play, "old", None, &none), "pass getOrder subject:alice");
    assert_eq!(told(&mut play, "fresh", Some("fresh"), &none), "401 identity.token_unknown_key");
    assert_eq!(told(&mut play, "fresh", None, &none), "401 identity.token_unknown_key", "it was asked a moment ago");
    assert_eq!(told(&mut play, "nameless", Some(""), &all), "pass getOrder subject:carol");
    play.ask("> GET /products at 11");
    assert_eq!(told(&mut play, "fresh", Some("fresh"), &all), "pass getOrder subject:bob");
    assert_eq!(told(&mut play, "fresh", None, &none), "pass getOrder subject:bob", "it is remembered");
    play.ask("> GET /products at 60");
    assert_eq!(
        told(&mut play, "old", None, &none),
        "503 identity.unavailable",
        "nobody confirmed the set for too long"
    );
}
