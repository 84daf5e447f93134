//! What limits count, and what happens above each tier.

use serde_json::{Value, json};
use stockade_engine::{Record, Spent, Told};
use stockade_model::Now;

use crate::play::plan::{bare, limit, plan, shop, tier};
use crate::play::token::Issuer;
use crate::play::{Outcome, Play};

fn counting(count: Value, by: &[&str], tiers: Value) -> Value {
    json!({"name": "l", "by": by, "select": null, "count": count, "shared": "local", "tiers": tiers})
}

/// An API without a contract and with these limits.
fn open(limits: Value) -> Play {
    let mut api = bare("open");
    api["limits"] = limits;
    Play::new(plan(vec![api]))
}

/// The shop, open to everybody, with these limits.
fn shop_open(limits: Value) -> Play {
    let mut api = shop(vec![Issuer::new("key-1").jwk()]);
    api["identity"] = json!({"methods": [], "required": false, "anonymous": [], "strip_credential": false});
    api["access"] = json!({"rules": []});
    api["limits"] = limits;
    Play::new(plan(vec![api]))
}

fn settle(play: &Play, outcome: Outcome, spent: Spent) -> Record {
    let Outcome { cleared, refused, .. } = outcome;
    let (_, mut record) = match (cleared, refused) {
        (Some(cleared), _) => cleared.into_parts(),
        (None, Some(refused)) => (refused.request, refused.record),
        (None, None) => panic!("neither cleared nor refused"),
    };
    play.state.settle(&mut record, &spent, play.now());
    *record
}

fn status(status: u16) -> Spent {
    Spent { status: Some(status), ..Spent::default() }
}

fn field(outcome: &Outcome, name: &str) -> String {
    let fields = outcome.record.response_headers.iter();
    fields.filter(|(known, _)| *known == name).map(|(_, value)| value.clone()).collect()
}

#[test]
fn what_runs_is_counted_until_it_ends_whatever_way_it_ends() {
    let mut play =
        open(json!([counting(json!({"unit": "concurrency"}), &["address"], json!([tier(2, 0, 2, "refuse")]))]));
    let one = play.ask("> GET /a");
    assert_eq!(field(&one, "ratelimit-policy"), "\"l\";q=2;qu=\"concurrent-requests\"");
    assert_eq!(field(&one, "ratelimit"), "\"l\";r=1");
    let two = play.ask("> GET /a");
    assert_eq!(play.ask("> GET /a").told, "429 limit.reached");
    assert!(play.ask("> GET /a from 192.0.2.9").told.starts_with("pass"));
    settle(&play, one, status(200));
    let three = play.ask("> GET /a from 192.0.2.1");
    assert!(three.told.starts_with("pass"));
    // Broken off: nobody settles it, it is only dropped.
    drop(two);
    assert!(play.ask("> GET /a").told.starts_with("pass"));
}

#[test]
fn bytes_are_charged_when_they_are_known_and_owed_until_the_rate_has_worked_them_off() {
    for (unit, used) in [
        ("bytes_out", Spent { status: Some(200), bytes_in: 0, bytes_out: 3_000 }),
        ("bytes_in", Spent { status: Some(200), bytes_in: 3_000, bytes_out: 0 }),
    ] {
        let mut play =
            open(json!([counting(json!({"unit": unit}), &["address"], json!([tier(1_000, 1_000, 1_000, "refuse")]))]));
        let first = play.ask("> GET /big");
        assert_eq!(field(&first, "ratelimit-policy"), "\"l\";q=1000;w=1;qu=\"content-bytes\"");
        settle(&play, first, used);
        let refused = play.ask("> GET /big at 1");
        assert_eq!(refused.told, "429 limit.reached");
        assert_eq!(refused.refused.unwrap().refusal.retry_after_s, Some(2));
        assert_eq!(play.ask("> GET /big at 2").told, "429 limit.reached");
        assert!(play.ask("> GET /big at 2.01").told.starts_with("pass"), "{unit}");
    }
}

#[test]
fn different_objects_are_counted_and_the_same_one_is_not() {
    let count = json!({"unit": "distinct", "object": ["path:order_id"]});
    let mut play = shop_open(json!([counting(count, &["address"], json!([tier(2, 60_000, 2, "refuse")]))]));
    play.runs(
        "
        > GET /orders/1
        < pass getOrder address:192.0.2.1
        > GET /orders/2
        < pass getOrder address:192.0.2.1
        > GET /orders/1
        < pass getOrder address:192.0.2.1
        > GET /products
        < pass listProducts address:192.0.2.1
        > GET /orders/3
        < 429 limit.reached
        > GET /orders/2
        < pass getOrder address:192.0.2.1
        > GET /orders/3 from 192.0.2.2
        < pass getOrder address:192.0.2.2
        > GET /orders/3 from 192.0.2.1 at 61
        < pass getOrder address:192.0.2.1
        ",
    );
}

#[test]
fn only_failures_count_and_trying_many_at_once_does_not_help() {
    let count = json!({"unit": "failures", "statuses": [{"first": 401, "last": 401}, {"first": 500, "last": 599}]});
    let limits = json!([counting(count, &["address"], json!([tier(2, 60_000, 2, "refuse")]))]);
    let mut play = open(limits.clone());
    for _ in 0..10 {
        let good = play.ask("> POST /login");
        assert!(good.record.response_headers.is_empty(), "how many failures are left is told to nobody");
        settle(&play, good, status(200));
    }
    for failure in [401, 503] {
        let bad = play.ask("> POST /login");
        settle(&play, bad, status(failure));
    }
    assert_eq!(play.ask("> POST /login").told, "429 limit.reached");

    let mut play = open(limits);
    let running: Vec<Outcome> = (0..2).map(|_| play.ask("> POST /login")).collect();
    assert_eq!(play.ask("> POST /login").told, "429 limit.reached", "two are running that may fail");
    for one in running {
        settle(&play, one, status(200));
    }
    assert!(play.ask("> POST /login").told.starts_with("pass"));
}

#[test]
fn credentials_that_identity_refuses_are_failures_too() {
    let count = json!({"unit": "failures", "statuses": [{"first": 401, "last": 401}]});
    let mut api = shop(vec![Issuer::new("key-1").jwk()]);
    api["limits"] = json!([counting(count, &["network"], json!([tier(2, 60_000, 2, "refuse")]))]);
    let mut play = Play::new(plan(vec![api]));
    for address in ["192.0.2.1", "192.0.2.77"] {
        let guess = play.ask(&format!("> GET /orders/1 from {address}\n x-api-key: guess"));
        assert_eq!(guess.told, "401 identity.unknown_api_key");
        settle(&play, guess, status(401));
    }
    let guess = play.ask("> GET /orders/1 from 192.0.2.200\n x-api-key: secret-1");
    assert_eq!(guess.told, "429 limit.reached", "the right key is not told from a wrong one any more");
    assert_eq!(play.ask("> GET /orders/1 from 198.51.100.1\n x-api-key: guess").told, "401 identity.unknown_api_key");
}

#[test]
fn requests_cost_what_they_ask_for() {
    let points = json!([
        {"in": "query", "name": "limit", "factor_millis": 100, "default": 10, "most": 1000},
        {"in": "body", "name": "/items", "factor_millis": 1000, "default": 0, "most": 100}
    ]);
    let count = json!({"unit": "cost", "base": 1, "points": points});
    let mut play = open(json!([counting(count, &["address"], json!([tier(100, 60_000, 100, "refuse")]))]));
    let left = |outcome: &Outcome| field(outcome, "ratelimit").split(['=', ';']).nth(2).map(str::to_owned);
    // 1 + 10 * 0.1
    assert_eq!(left(&play.ask("> GET /a")).as_deref(), Some("98"));
    // 1 + 500 * 0.1
    assert_eq!(left(&play.ask("> GET /a?limit=500")).as_deref(), Some("47"));
    // The dearest of two counts: 1 + 200 * 0.1
    assert_eq!(left(&play.ask("> GET /a?limit=1&limit=200")).as_deref(), Some("26"));
    let json = " content-type: application/json\n | {\"items\": [1, 2, 3, 4]}";
    assert_eq!(left(&play.ask(&format!("> POST /a\n{json}"))).as_deref(), Some("20"));
    let refused = play.ask("> GET /a?limit=999999999999999999999999");
    assert_eq!(refused.told, "429 limit.reached");
    let refusal = refused.refused.unwrap().refusal;
    assert!(refusal.detail.contains("more than may come at once"), "{}", refusal.detail);
    assert_eq!(refusal.retry_after_s, None);
}

#[test]
fn tiers_log_then_slow_down_then_refuse() {
    let tiers = json!([tier(1, 1_000, 1, "log"), tier(1, 1_000, 2, "slow_down"), tier(1, 1_000, 4, "refuse")]);
    let mut play = open(json!([counting(json!({"unit": "requests"}), &["address"], tiers)]));
    let mut waits = Vec::new();
    let mut told = Vec::new();
    for _ in 0..5 {
        let outcome = play.ask("> GET /a");
        told.push(outcome.told);
        if let Some(mut cleared) = outcome.cleared {
            waits.push(cleared.take_wait_ms());
        }
    }
    assert_eq!(told[0], "pass - address:192.0.2.1");
    assert_eq!(told[1..4], ["would limit.reached"; 3]);
    assert_eq!(told[4], "429 limit.reached");
    // Each waits until the rate would have admitted it.
    assert_eq!(waits, [0, 0, 1_000, 2_000]);
}

#[test]
fn in_monitor_mode_nothing_waits_and_nothing_is_announced() {
    let mut api = bare("open");
    api["mode"] = json!("monitor");
    let tiers = json!([tier(1, 1_000, 1, "slow_down"), tier(1, 1_000, 1, "refuse")]);
    api["limits"] = json!([counting(json!({"unit": "requests"}), &["address"], tiers)]);
    let mut play = Play::new(plan(vec![api]));
    play.ask("> GET /a");
    let outcome = play.ask("> GET /a");
    assert_eq!(outcome.told, "would limit.reached");
    assert!(outcome.record.response_headers.is_empty());
    assert_eq!(outcome.cleared.unwrap().take_wait_ms(), 0);
}

#[test]
fn a_request_that_one_limit_refuses_costs_nothing_in_the_others() {
    let mut play = open(json!([
        limit("wide", &["api"], 5, 60_000, 5, "refuse"),
        limit("narrow", &["address"], 1, 60_000, 1, "refuse"),
    ]));
    play.ask("> GET /a");
    for _ in 0..10 {
        assert_eq!(play.ask("> GET /a").told, "429 limit.reached");
    }
    let other = play.ask("> GET /a from 192.0.2.2");
    assert!(other.told.starts_with("pass"));
    assert!(field(&other, "ratelimit").starts_with("\"wide\";r=3;"), "{}", field(&other, "ratelimit"));
}

#[test]
fn a_wall_clock_that_jumps_opens_and_closes_nothing() {
    let play = open(json!([limit("l", &["address"], 1, 60_000, 1, "refuse")]));
    let mut asking = open(json!([]));
    let ask = |asking: &mut Play, now: Now| {
        let (request, _) = asking.request("> GET /a");
        play.engine.judge_head(&play.state, request, false, now).is_ok()
    };
    let now = play.now();
    assert!(ask(&mut asking, now));
    let forward = stockade_model::Timestamp(now.wall.0 + 86_400_000_000);
    assert!(!ask(&mut asking, Now { wall: forward, monotonic_us: now.monotonic_us + 1 }));
    let back = stockade_model::Timestamp(0);
    assert!(ask(&mut asking, Now { wall: back, monotonic_us: now.monotonic_us + 60_000_001 }));
}

#[test]
fn what_the_shared_store_decides_is_asked_for_and_taken() {
    let mut exact = limit("exact", &["address"], 10, 1_000, 10, "refuse");
    exact["shared"] = json!("exact");
    let mut play = open(json!([exact]));
    let judge = |play: &mut Play, told: Option<&[Told]>| {
        let (request, _) = play.request("> GET /a");
        let admitted = play.engine.judge_head(&play.state, request, false, play.now()).unwrap();
        let asks = admitted.asks().to_vec();
        (asks, play.engine.judge_counts(&play.state, admitted, told, play.now()).is_ok())
    };
    assert!(judge(&mut play, None).0.is_empty(), "without a store nobody is asked");

    play.state.set_sharing(5, true);
    let admitted = Told { admitted: true, ahead_ns: 100_000_000 };
    let (asks, passed) = judge(&mut play, Some(&[admitted]));
    assert!(passed);
    assert_eq!((asks.len(), asks[0].cost_ns, asks[0].room_ns, asks[0].must), (1, 100_000_000, 1_000_000_000, true));
    assert!(!judge(&mut play, Some(&[Told { admitted: false, ahead_ns: 1_000_000_000 }])).1);

    // No answer: this gateway admits its share, 2 of 10.
    assert!(judge(&mut play, None).1 && judge(&mut play, None).1 && !judge(&mut play, None).1);
    let mut other = open(play.engine.plan().apis[0].limits.iter().map(|limit| json!(limit)).collect());
    other.state.set_sharing(5, true);
    let (request, _) = other.request("> GET /a");
    let same = other.engine.judge_head(&other.state, request, false, other.now()).unwrap();
    assert_eq!(same.asks()[0].key, asks[0].key, "all gateways must mean the same count");
}

#[test]
fn without_the_store_each_gateway_admits_its_share_and_with_it_the_whole() {
    let mut approximate = limit("near", &["address"], 9, 60_000, 9, "refuse");
    approximate["shared"] = json!("approximate");
    let passed = |play: &mut Play| (0..20).filter(|_| play.ask("> GET /a").told.starts_with("pass")).count();
    let mut play = open(json!([approximate.clone()]));
    assert_eq!(passed(&mut play), 9);
    let mut play = open(json!([approximate.clone()]));
    play.state.set_sharing(3, true);
    assert_eq!(passed(&mut play), 9);
    let told = play.state.take_charges();
    assert_eq!(told.len(), 1);
    let nine = 9 * 6_666_666_667_i64;
    assert_eq!(told[0].1, nine);
    let mut play = open(json!([approximate]));
    play.state.set_sharing(3, false);
    assert_eq!(passed(&mut play), 3);
}
