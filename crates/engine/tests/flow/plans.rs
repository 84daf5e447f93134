//! Plans that do not compile say where, what was expected and what came.

use serde_json::{Value, json};
use stockade_engine::{Engine, PlanError};

use crate::play::plan::{limit, plan, shop};
use crate::play::token::{Issuer, b64};

fn error(change: impl FnOnce(&mut Value)) -> PlanError {
    let mut plan = plan(vec![shop(vec![Issuer::new("key-1").jwk()])]);
    change(&mut plan);
    Engine::new(serde_json::from_value(plan).unwrap()).unwrap_err()
}

fn setting(change: impl FnOnce(&mut Value)) -> String {
    error(|plan| change(&mut plan["apis"][0])).setting
}

#[test]
fn another_format_is_refused() {
    assert_eq!(error(|plan| plan["format"] = json!(2)).setting, "format");
}

#[test]
fn every_bad_setting_is_named() {
    let limit = |change: &dyn Fn(&mut Value)| {
        let mut limit = limit("l", &["actor"], 1, 1000, 1, "refuse");
        change(&mut limit);
        setting(|api| api["limits"] = json!([limit]))
    };
    assert_eq!(limit(&|limit| limit["by"] = json!(["adress"])), "apis.shop.limits.l.by");
    assert_eq!(limit(&|limit| limit["by"] = json!([])), "apis.shop.limits.l.by");
    assert_eq!(limit(&|limit| limit["tiers"][0]["period_ms"] = json!(0)), "apis.shop.limits.l.period");
    assert_eq!(limit(&|limit| limit["tiers"][0]["amount"] = json!(0)), "apis.shop.limits.l.amount");
    assert_eq!(limit(&|limit| limit["tiers"][0]["burst"] = json!(0)), "apis.shop.limits.l.burst");
    assert_eq!(limit(&|limit| limit["tiers"][0]["period_ms"] = json!(u64::MAX)), "apis.shop.limits.l.period");
    assert_eq!(limit(&|limit| limit["tiers"][0]["delay_ms"] = json!(1)), "apis.shop.limits.l.delay");
    assert_eq!(limit(&|limit| limit["tiers"] = json!([])), "apis.shop.limits.l.tiers");
    assert_eq!(limit(&|limit| limit["by"] = json!(["path:nothing"])), "apis.shop.limits.l.by");
    let count = |count: Value| limit(&|limit| limit["count"] = count.clone());
    assert_eq!(count(json!({"unit": "concurrency"})), "apis.shop.limits.l.period");
    assert_eq!(count(json!({"unit": "failures", "statuses": []})), "apis.shop.limits.l.statuses");
    assert_eq!(count(json!({"unit": "distinct", "object": ["nothing"]})), "apis.shop.limits.l.object");
    let point = json!({"in": "body", "name": "size", "factor_millis": 1, "default": 1, "most": 9});
    assert_eq!(count(json!({"unit": "cost", "base": 1, "points": [point]})), "apis.shop.limits.l.cost");

    assert_eq!(setting(|api| api["hosts"] = json!([])), "apis.shop.hosts");
    for host in ["API.example", "a b", "*.*", "a:80", "", "*a.example"] {
        assert_eq!(setting(|api| api["hosts"] = json!([host])), "apis.shop.hosts", "{host}");
    }
    for base in ["", "v1", "/v1/", "/a/../b", "/a//b"] {
        assert_eq!(setting(|api| api["base_path"] = json!(base)), "apis.shop.base_path", "{base}");
    }
    assert_eq!(setting(|api| api["name"] = json!("a\"b")), "apis");
    assert_eq!(setting(|api| api["operations"][1]["id"] = json!("listProducts")), "apis.shop.operations.listProducts");
    assert_eq!(
        setting(|api| api["operations"][1]["path"] = json!("/orders/{a}{b}")),
        "apis.shop.operations.getOrder.path"
    );
    assert_eq!(
        setting(|api| api["access"]["rules"][0]["select"]["operations"] = json!(["nothing"])),
        "apis.shop.access.rules.admin-tag.operations"
    );
    assert_eq!(
        setting(|api| api["access"]["rules"][1]["select"]["paths"] = json!(["admin"])),
        "apis.shop.access.rules.admin-path.paths"
    );
    assert_eq!(setting(|api| api["inspect"]["disabled"] = json!(["sqli"])).split('.').nth(2), Some("inspect"));
    assert_eq!(setting(|api| api["inspect"]["threshold"] = json!(2.0)), "apis.shop.inspect.threshold");
    assert_eq!(
        setting(|api| api["operations"][0]["parameters"][0]["schema"] = json!({"type": "intiger"})),
        "apis.shop.operations.listProducts.parameters.page.schema"
    );
    for schema in [json!({"$ref": "https://evil.example/s.json"}), json!({"$ref": "file:///etc/passwd"})] {
        let told = setting(|api| api["operations"][0]["parameters"][0]["schema"] = schema);
        assert_eq!(told, "apis.shop.operations.listProducts.parameters.page.schema");
    }
    assert_eq!(setting(|api| api["identity"]["methods"] = json!([])), "apis.shop.identity.required");
    assert_eq!(
        setting(|api| api["response"]["remove_headers"] = json!(["Server"])),
        "apis.shop.response.remove_headers"
    );
}

#[test]
fn keys_that_cannot_be_used_are_refused() {
    let good = Issuer::new("key-1").jwk();
    let key = |key: Value, algorithms: Value| {
        error(|plan| {
            plan["apis"][0]["identity"]["methods"][0]["keys"] = json!({"keys": [key]});
            plan["apis"][0]["identity"]["methods"][0]["algorithms"] = algorithms;
        })
    };
    let mut short = good.clone();
    short["x"] = json!("AAAA");
    let mut private = good.clone();
    private["d"] = json!("AAAA");
    let mut off_curve = good.clone();
    off_curve["x"] = json!(b64([1; 32]));
    off_curve["y"] = json!(b64([1; 32]));
    for (bad, algorithms) in [
        (short, json!(["ES256"])),
        (private, json!(["ES256"])),
        (off_curve, json!(["ES256"])),
        (json!({"kty": "RSA", "n": b64([255; 128]), "e": "AQAB"}), json!(["RS256"])),
        (json!({"kty": "oct", "k": b64([1; 31])}), json!(["HS256"])),
        (json!({"kid": "x"}), json!(["ES256"])),
        (json!("x"), json!(["ES256"])),
    ] {
        let told = key(bad, algorithms);
        assert_eq!(told.setting, "apis.shop.identity.methods.jwt.keys[0]", "{told}");
    }
    for (algorithms, place) in [
        (json!(["none"]), "algorithms"),
        (json!(["es256"]), "algorithms"),
        (json!([]), "algorithms"),
        (json!(["RS256"]), "keys"),
        (json!(["HS256"]), "keys"),
    ] {
        let told = key(good.clone(), algorithms);
        assert_eq!(told.setting, format!("apis.shop.identity.methods.jwt.{place}"), "{told}");
    }
}
